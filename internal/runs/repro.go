package runs

import (
	"context"
	"maps"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Ran is a job as the last attempt that came to it was asked to run it.
type Ran struct {
	Workflow *workflow.Workflow // without the values of its secrets
	Options  Options
	Job      int // index into Workflow.Jobs
	View     JobView
	Task     run.TaskID        // its last try, or the first when it had none
	Handed   map[string]string // what other jobs had handed on when that try started; by variable, see workflow.OutputRef
}

// Ran returns a job of a run. An imported run is a fault Conflict.
func (s *Service) Ran(ctx context.Context, r store.Run, job run.JobID) (Ran, error) {
	d, err := s.Show(ctx, r)
	if err != nil {
		return Ran{}, err
	}
	i, err := JobIn(d.Workflow, job)
	if err != nil {
		return Ran{}, err
	}
	ran := Ran{Workflow: d.Workflow, Job: i, View: d.View.Jobs[i]}
	attempt := d.Attempts[len(d.Attempts)-1]
	for _, a := range d.Attempts {
		if a.Number == ran.View.Attempt {
			attempt = a
		}
	}
	if attempt.Hash != r.Attempt.Hash { // an attempt before ran another version
		if ran.Workflow, err = s.Workflow(ctx, attempt.Hash); err != nil {
			return ran, err
		}
		if ran.Workflow, err = grownBy(ran.Workflow, r.ID, &attempt, d.History); err != nil {
			return ran, err
		}
		if ran.Job, err = JobIn(ran.Workflow, job); err != nil {
			return ran, err
		}
	}
	ran.Task = run.TaskID{Run: r.ID, Attempt: attempt.Number, Job: job, Try: max(ran.View.Tries, 1)}
	ran.Handed = d.History.handed(ran.Workflow.OutputRefs(ran.Job), job)
	ran.Options, err = decodeOptions(attempt.Options)
	if err == nil && ran.Options.Imported {
		err = fault.New(fault.Conflict, "run %d was imported, and what its jobs saw was not recorded", r.ID).
			WithHint("run the job with its workflow file, or its command by hand: executioner runs show %d --json has it", r.ID)
	}
	return ran, err
}

// handed returns what jobs had handed on when a job started last, or by now when it never
// did: what each handed on when it ended last. That one ended in an earlier attempt is
// where it did.
func (h History) handed(refs []workflow.OutputRef, job run.JobID) map[string]string {
	if len(refs) == 0 {
		return nil
	}
	last := make(map[run.JobID]run.Values)
	atStart := last
	for i := range h.Transitions {
		switch t := &h.Transitions[i]; {
		case t.Job == job && t.To == run.Running:
			atStart = maps.Clone(last)
		case t.Outcome != nil && t.To == run.Success:
			last[t.Job] = t.Outcome.Values
		case t.Outcome != nil:
			delete(last, t.Job)
		}
	}
	known := make(map[string]string, len(refs))
	for _, ref := range refs {
		if value, ok := atStart[ref.Job].Map()[ref.Name]; ok {
			known[ref.Variable] = value
		}
	}
	return known
}

// Know returns a stored workflow with the values of all that is secret and not stored:
// secrets are read anew, secret parameters are given.
func (s *Service) Know(ctx context.Context, wf *workflow.Workflow, given []workflow.Given, now time.Time) (*workflow.Workflow, error) {
	return s.again(ctx, wf, Resume{Params: given, Now: now})
}
