package runs

import (
	"encoding/json"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/nearest"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Options say how an attempt differs from what its workflow says. They are stored
// with the attempt, so that what happened can be told and repeated.
type Options struct {
	Workers         int            `json:"workers,omitempty"`
	Parallel        bool           `json:"parallel,omitempty"`
	Sequential      bool           `json:"sequential,omitempty"`
	ContinueOnError bool           `json:"continue_on_error,omitempty"`
	Skip            []run.JobID    `json:"skip,omitempty"`
	Env             []workflow.Var `json:"env,omitempty"`
	FailedOnly      bool           `json:"failed_only,omitempty"`
	From            []run.JobID    `json:"from,omitempty"`
	// Imported marks an attempt of another program, which recorded no dependencies: its
	// stored workflow tells what ran, and can't be run.
	Imported bool `json:"imported,omitempty"`
}

// Plan returns the options that the plan of an attempt is made with.
func (o Options) Plan(id run.ID, attempt int) plan.Options {
	return plan.Options{
		Run: id, Attempt: attempt, Workers: o.Workers, Parallel: o.Parallel, Sequential: o.Sequential,
		ContinueOnError: o.ContinueOnError, Skip: o.Skip, FailedOnly: o.FailedOnly, From: o.From,
	}
}

func (o Options) encode() ([]byte, error) {
	b, err := json.Marshal(o)
	return b, fault.Wrap(err, fault.Internal, "encode options")
}

// StoredOptions returns how the latest attempt of a run was asked to run.
func StoredOptions(r store.Run) (Options, error) { return decodeOptions(r.Attempt.Options) }

func decodeOptions(b []byte) (Options, error) {
	var o Options
	if len(b) == 0 {
		return o, nil
	}
	err := json.Unmarshal(b, &o)
	return o, fault.Wrap(err, fault.Internal, "read the options of an attempt")
}

// check reports the first named job that the workflow does not have.
func (o Options) check(wf *workflow.Workflow) error {
	for _, list := range [][]run.JobID{o.Skip, o.From} {
		for _, id := range list {
			if _, err := JobIn(wf, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// JobIn returns the index of a job, or NotFound with the nearest name.
func JobIn(wf *workflow.Workflow, id run.JobID) (int, error) {
	if i := wf.Index(id); i >= 0 {
		return i, nil
	}
	err := fault.New(fault.NotFound, "there is no job %q in %s", id, wf.Application)
	names := make([]string, len(wf.Jobs))
	for i := range wf.Jobs {
		names[i] = string(wf.Jobs[i].ID)
	}
	if near := nearest.Of(string(id), names); near != "" {
		return -1, err.WithHint("did you mean %q?", near)
	}
	return -1, err.WithHint("its jobs are listed by: executioner plan FILE, and those of a run by: executioner runs show RUN")
}
