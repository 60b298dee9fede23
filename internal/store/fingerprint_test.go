package store

import (
	"testing"

	"github.com/executionerhq/executioner/internal/run"
)

// TestNormalHasNoFingerprints: they are no part of a run's record.
func TestNormalHasNoFingerprints(t *testing.T) {
	a := Archive{
		Attempts:    []Attempt{{Number: 1}},
		Transitions: []run.Transition{{Seq: 1, Attempt: 1, Job: "a", Outcome: &run.Outcome{Fingerprint: "found"}}},
	}
	if got := a.Normal().Transitions[0].Outcome.Fingerprint; got != "" || a.Transitions[0].Outcome.Fingerprint != "found" {
		t.Errorf("%q, before %q", got, a.Transitions[0].Outcome.Fingerprint)
	}
}
