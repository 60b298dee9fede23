package runs

import (
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Recall completes details that came from another program with what the JSON of a job does
// not have and Explain must know. It changes the jobs of d.View, and makes d.Workflow that
// of the attempt as it is.
func (d *Details) Recall() {
	d.Loaded = d.Workflow
	if opt, err := d.Options(); err == nil {
		d.Workflow = plan.Grown(d.Workflow, opt.Plan(d.View.Run, d.View.Attempt), d.History.Transitions, d.History.Overrides)
	}
	for i, known := range fold(d.Workflow, d.History, d.View.Run) {
		if i < len(d.View.Jobs) {
			d.View.Jobs[i].asked, d.View.Jobs[i].passed = known.asked, known.passed
		}
	}
}

// Over reports whether these jobs have ended for good in the latest attempt, or their run
// has.
func (d *Details) Over(jobs []run.JobID) bool {
	wanted := make(map[run.JobID]bool, len(jobs))
	for _, job := range jobs {
		wanted[job] = true
	}
	return d.View.State.Ended() || allOver(&d.View, wanted)
}

// PreviewResume returns what resuming the run would do: see Service.PreviewResume, of which
// it has all but whether somebody owns the run. usual may be nil.
func (d *Details) PreviewResume(req Resume, usual *Usual) (*Preview, error) {
	v := &d.View
	switch {
	case v.Interrupted:
		return nil, interrupted(v.Run)
	case !v.State.Ended():
		return nil, lockedByRunning(fault.New(fault.Locked, "it has not ended"), v.Run)
	}
	before, err := d.Options()
	if err != nil {
		return nil, err
	}
	opt, wf, err := req.continues(v.Run, before, func() (*workflow.Workflow, error) { return d.loaded(), nil })
	if err != nil {
		return nil, err
	}
	p := &Preview{Workflow: wf, Options: opt, Run: v.Run, Attempt: v.Attempt + 1, Usual: usual}
	restored, err := plan.Restore(untimed(wf), opt.Plan(v.Run, p.Attempt), d.History.Transitions, d.History.Overrides)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the history of run %d can't be replayed", v.Run)
	}
	if err := checkMade(wf, restored.Workflow(), opt.From, opt.Skip, opt.ForceJobs); err != nil {
		return nil, err
	}
	p.Workflow = restored.Workflow()
	return p, p.rehearse(restored)
}

// loaded returns the workflow as the attempt began with it.
func (d *Details) loaded() *workflow.Workflow {
	if d.Loaded != nil {
		return d.Loaded
	}
	return d.Workflow
}
