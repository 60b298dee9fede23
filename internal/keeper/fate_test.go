package keeper

import (
	"fmt"
	"testing"

	"github.com/executionerhq/executioner/internal/keeper/journal"
	"github.com/executionerhq/executioner/internal/run"
)

func TestFate(t *testing.T) {
	known := Evidence{Journal: true, SameBoot: true}
	with := func(change func(*Evidence)) Evidence {
		e := known
		change(&e)
		return e
	}
	for _, tt := range []struct {
		name string
		e    Evidence
		want Fate
	}{
		{"no journal", Evidence{}, Lost},
		{"no journal, and yet a process with its cookie", Evidence{SameBoot: true, Alive: true}, Lost},
		{"never started", known, Unstarted},
		{"the start failed", with(func(e *Evidence) { e.Started, e.NotStarted = true, true }), Unstarted},
		{"about to be started", with(func(e *Evidence) { e.Started = true }), Lost},
		{"about to be started, and there it is", with(func(e *Evidence) { e.Started, e.Alive = true, true }), Running},
		{"about to be started, and nothing was forked", with(func(e *Evidence) { e.Started, e.Heir = true, true }), Unstarted},
		{"ended unobserved, though we get the children", with(func(e *Evidence) { e.Started, e.Identified, e.Heir = true, true, true }), Lost},
		{"running", with(func(e *Evidence) { e.Started, e.Identified, e.Alive = true, true, true }), Running},
		{"ended unobserved", with(func(e *Evidence) { e.Started, e.Identified = true, true }), Lost},
		{"ended", with(func(e *Evidence) { e.Started, e.Identified, e.Ended = true, true, true }), Ended},
		{"ended before the host was started anew", Evidence{Journal: true, Started: true, Identified: true, Ended: true}, Ended},
		{"running before the host was started anew", Evidence{Journal: true, Started: true, Identified: true}, Lost},
		{"not mentioned, before the host was started anew", Evidence{Journal: true}, Lost},
		{"not started before the host was started anew", Evidence{Journal: true, Started: true, NotStarted: true}, Lost},
	} {
		if got := Resolve(tt.e); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestFateOfAllEvidence compares the table with the rules, whatever comes together.
func TestFateOfAllEvidence(t *testing.T) {
	for bits := range 256 {
		b := func(n int) bool { return bits>>n&1 == 1 }
		e := Evidence{Journal: b(0), SameBoot: b(1), Started: b(2), NotStarted: b(3), Ended: b(4), Identified: b(5), Alive: b(6), Heir: b(7)}
		got := Resolve(e)
		notForked := e.Heir && !e.Identified && !e.Alive // all children are here, and it is not among them
		mayHaveRun := e.Started && !e.NotStarted && !notForked
		certain := e.Journal && e.SameBoot // everything that happened is recorded
		for _, rule := range []struct {
			name  string
			holds bool
		}{
			{"what may have run is not started", got != Unstarted || !mayHaveRun},
			{"nothing is started without a complete record", got != Unstarted || certain},
			{"what certainly never ran is started", !certain || mayHaveRun || e.Ended || got == Unstarted},
			{"a recorded end is the end", !e.Journal || !e.Ended || got == Ended},
			{"there is no end but a recorded one", got != Ended || e.Journal && e.Ended},
			{"nothing of an earlier boot runs", got != Running || e.SameBoot},
			{"what runs is taken up", !certain || !mayHaveRun || e.Ended || !e.Alive || got == Running},
			{"nothing is taken up that is not there or never ran", got != Running || e.Alive && mayHaveRun},
			{"nothing is known without a journal", e.Journal || got == Lost},
		} {
			if !rule.holds {
				t.Errorf("%+v is %s: %s", e, got, rule.name)
			}
		}
	}
}

func TestLostResult(t *testing.T) {
	for e, why := range map[Evidence]string{
		{}: "the program that ran it is gone, and there is no journal of it",
		{Journal: true, Started: true, Identified: true}:                 "the host was started anew while it ran",
		{Journal: true, SameBoot: true, Started: true}:                   "its keeper went away while it was being started",
		{Journal: true, SameBoot: true, Started: true, Identified: true}: "its program and its keeper were gone when it ended",
	} {
		want := run.Outcome{State: run.Failed, Reason: run.Lost, ExitCode: run.NoExitCode, Detail: "nobody can know how it ended: " + why}
		r := lostResult(e)
		same(t, fmt.Sprintf("%+v", e), r.Outcome, want)
		same(t, "where its output ends", r.To, -1)
	}
}

// TestNotStartedIsNoProof when the journal is damaged: a later start may be missing.
func TestNotStartedIsNoProof(t *testing.T) {
	for whole, want := range map[bool]Fate{true: Unstarted, false: Lost} {
		all := recall(journal.State{Whole: whole, Tasks: []journal.Task{{ID: "a", SameBoot: true, NotStarted: true}}}, nil, whom{})
		same(t, "fate", Resolve(all["a"].Evidence), want)
	}
}
