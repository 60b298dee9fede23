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
	Force           bool           `json:"force,omitempty"`      // jobs run although nothing changed: all,
	ForceJobs       []run.JobID    `json:"force_jobs,omitempty"` // or these
	// Imported marks an attempt of another program, which recorded no dependencies: its
	// stored workflow tells what ran, and can't be run.
	Imported bool `json:"imported,omitempty"`
	// Service marks an attempt that belongs to a service: while no program owns it, it waits
	// for the next one, and nobody ends it because its program is gone.
	Service bool `json:"service,omitempty"`
	// Registered is where the workflow comes from when that is no file: the name and version
	// under which it was registered, as NAME@VERSION.
	Registered string `json:"registered,omitempty"`
	// Request is the request to a service that asked for the attempt, for what logs tell of it.
	Request string `json:"request,omitempty"`
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

// spread replaces the names of jobs of the file that stand for others, such as one with
// a matrix, by the names of these. It reports the first that the workflow does not have.
func (o Options) spread(wf *workflow.Workflow) (Options, error) {
	for _, list := range []*[]run.JobID{&o.Skip, &o.From, &o.ForceJobs} {
		all, err := spreadIDs(wf, *list)
		if err != nil {
			return o, err
		}
		*list = all
	}
	return o, nil
}

func spreadIDs(wf *workflow.Workflow, ids []run.JobID) ([]run.JobID, error) {
	var all []run.JobID
	for _, id := range ids {
		if wf.Index(id) >= 0 {
			all = append(all, id)
			continue
		}
		if wf.MayMake(id) {
			all = append(all, id)
			continue
		}
		members := wf.Members(id)
		for _, i := range members {
			all = append(all, wf.Jobs[i].ID)
		}
		if _, err := JobIn(wf, id); len(members) == 0 && err != nil {
			return nil, err
		}
	}
	return all, nil
}

// JobIn returns the index of a job, or NotFound with the nearest name.
func JobIn(wf *workflow.Workflow, id run.JobID) (int, error) {
	if i := wf.Index(id); i >= 0 {
		return i, nil
	}
	if members := wf.Members(id); len(members) > 0 {
		return -1, fault.New(fault.NotFound, "%q stands for %d jobs in %s", id, len(members), wf.Application).
			WithHint("name one of them, such as %q", wf.Jobs[members[0]].ID)
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
