package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

// TestTokensAreNotInherited looks at what jobs get of the way to a server.
func TestTokensAreNotInherited(t *testing.T) {
	c := &command{Program: Program{Environ: []string{
		"EXECUTIONER_SERVER=https://h", "EXECUTIONER_TOKEN=exe_1", "EXECUTIONER_TOKEN_FILE=token", "STAGE=test",
	}}}
	if diff := cmp.Diff([]string{"EXECUTIONER_SERVER=https://h", "STAGE=test"}, c.jobEnviron()); diff != "" {
		t.Error(diff)
	}
}

// TestSentOptions has options reach a server whole, or not at all.
func TestSentOptions(t *testing.T) {
	opt := runs.Options{
		Workers: 3, Parallel: true, ContinueOnError: true, Skip: []run.JobID{"a"},
		Env: []workflow.Var{{Name: "STAGE", Value: "test"}}, FailedOnly: true, From: []run.JobID{"b"},
		Force: true, ForceJobs: []run.JobID{"c"},
	}
	got, err := sent(opt)
	want := client.Options{
		Workers: 3, Parallel: true, ContinueOnError: true, Skip: []run.JobID{"a"}, Env: []client.Variable{{Name: "STAGE", Value: "test"}},
		Force: true, ForceJobs: []run.JobID{"c"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if _, err := sent(runs.Options{Imported: true}); fault.CodeOf(err) != fault.Unsupported { // which stands for what comes later
		t.Errorf("an option that can't be sent: %v", err)
	}
	if _, err := sent(runs.Options{}); err != nil {
		t.Error(err)
	}
}
