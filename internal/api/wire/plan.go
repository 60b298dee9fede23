package wire

import (
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Plan is what plan --json prints. Durations are missing where they are not known.
type Plan struct {
	Application     string        `json:"application"`
	File            string        `json:"file,omitempty"`
	Run             run.ID        `json:"run,omitempty"` // that would be resumed
	Attempt         int           `json:"attempt"`
	Jobs            int           `json:"jobs"` // in the workflow
	Workers         int           `json:"workers"`
	Order           []PlannedJob  `json:"order"`
	Waves           [][]run.JobID `json:"waves"`
	CriticalPath    []run.JobID   `json:"critical_path"`
	CriticalSeconds *float64      `json:"critical_path_seconds,omitempty"`
	Seconds         *float64      `json:"expected_seconds,omitempty"`
	BasedOn         run.ID        `json:"based_on_run,omitempty"` // whose durations these are
	Skipped         []SkippedJob  `json:"skipped"`
}

// PlannedJob is a job that would run.
type PlannedJob struct {
	ID      run.JobID     `json:"id"`
	Seconds *float64      `json:"usual_seconds,omitempty"`
	When    string        `json:"when,omitempty"`
	Always  bool          `json:"always,omitempty"`
	Hook    workflow.Hook `json:"hook,omitempty"`
	MayFail bool          `json:"continue_on_error,omitempty"`
	Each    string        `json:"for_each,omitempty"` // what it becomes one job for each of, once that is known
}

// SkippedJob is a job that would not run, and why.
type SkippedJob struct {
	ID     run.JobID  `json:"id"`
	Reason run.Reason `json:"reason"`
	Why    string     `json:"why"`
}

// PlanOf returns a preview as it goes over the API.
func PlanOf(p *runs.Preview) Plan {
	v := Plan{
		Application: p.Workflow.Application, File: p.Workflow.File, Run: p.Run, Attempt: p.Attempt,
		Jobs: len(p.Workflow.Jobs), Workers: p.Workers, Waves: make([][]run.JobID, len(p.Waves)),
		CriticalPath: ids(p, p.Critical),
		Order:        make([]PlannedJob, len(p.Starts)), Skipped: SkippedOf(p),
	}
	for n, i := range p.Starts {
		j := &p.Workflow.Jobs[i]
		v.Order[n] = PlannedJob{ID: j.ID, When: j.When, Always: j.Always, Hook: j.Hook, MayFail: j.ContinueOnError}
		if j.Each != nil {
			v.Order[n].Each = string(j.Each.Job) + "." + j.Each.Output
		}
		if d, ok := p.Expected(i); ok {
			v.Order[n].Seconds = inSeconds(d)
		}
	}
	for n, wave := range p.Waves {
		v.Waves[n] = ids(p, wave)
	}
	if d, known := Critical(p); known {
		v.CriticalSeconds = inSeconds(d)
	}
	if p.Took > 0 {
		v.Seconds = inSeconds(p.Took)
	}
	if p.Usual != nil {
		v.BasedOn = p.Usual.Run
	}
	return v
}

// SkippedOf returns the jobs that would not run.
func SkippedOf(p *runs.Preview) []SkippedJob {
	all := make([]SkippedJob, len(p.Skipped))
	for n, s := range p.Skipped {
		all[n] = SkippedJob{p.Workflow.Jobs[s.Job].ID, s.Reason, SkippedWhy(p, s)}
	}
	return all
}

// SkippedWhy says why a job would not run.
func SkippedWhy(p *runs.Preview, s runs.SkippedJob) string {
	j := &p.Workflow.Jobs[s.Job]
	switch s.Reason {
	case run.SkipRequested:
		return "skipped because --skip names it; what depends on it goes on"
	case run.AlreadySucceeded:
		return "it has succeeded already"
	case run.NotSelected:
		return "left out by --failed-only: it did not fail"
	case run.FailuresAllowed:
		return "it failed, and may"
	case run.ConditionFalse:
		return "its condition did not hold, and --failed-only asks for failed jobs"
	case run.DependencySkipped:
		if s.Cause == "" {
			return "what it depends on was skipped"
		}
		return "it depends on " + string(s.Cause) + ", which would be skipped"
	case run.NotNeeded:
		return notNeeded(p.Workflow, j, s.Cause)
	default:
		return string(s.Reason)
	}
}

// notNeeded says when a job would run that waits for another ending than success.
func notNeeded(wf *workflow.Workflow, j *workflow.Job, cause run.JobID) string {
	switch {
	case j.Hook == workflow.HookFailure:
		return "at the end (on_failure): only if the run does not succeed"
	case j.Hook == workflow.HookSuccess:
		return "at the end (on_success): only if the run succeeds"
	}
	for n, need := range j.Needs {
		if wf.Jobs[need].ID == cause {
			return "only on " + string(j.Ending(n)) + " of " + string(cause)
		}
	}
	return "what it waits for ended otherwise"
}

func ids(p *runs.Preview, jobs []int) []run.JobID {
	list := make([]run.JobID, len(jobs))
	for n, i := range jobs {
		list[n] = p.Workflow.Jobs[i].ID
	}
	return list
}

func inSeconds(d time.Duration) *float64 {
	s := d.Seconds()
	return &s
}

// Critical returns how long the critical path usually takes, and whether that is known.
func Critical(p *runs.Preview) (time.Duration, bool) {
	var sum time.Duration
	for _, i := range p.Critical {
		d, ok := p.Expected(i)
		if !ok && p.Workflow.Jobs[i].Command != "" {
			return 0, false
		}
		sum += d
	}
	return sum, len(p.Critical) > 0 && p.Usual != nil
}

// Usual is how long the last good run of an application took.
type Usual struct {
	Run     run.ID                `json:"run"`
	Seconds float64               `json:"duration_seconds"`
	Jobs    map[run.JobID]float64 `json:"jobs"` // seconds, of those that ran
}

// UsualOf returns durations as they go over the API.
func UsualOf(u *runs.Usual) Usual {
	v := Usual{Run: u.Run, Seconds: u.Took.Seconds(), Jobs: make(map[run.JobID]float64, len(u.Jobs))}
	for id, d := range u.Jobs {
		v.Jobs[id] = d.Seconds()
	}
	return v
}

// Runs returns them as the use cases have them.
func (v Usual) Runs() *runs.Usual {
	u := &runs.Usual{Run: v.Run, Took: time.Duration(v.Seconds * float64(time.Second)), Jobs: make(map[run.JobID]time.Duration, len(v.Jobs))}
	for id, s := range v.Jobs {
		u.Jobs[id] = time.Duration(s * float64(time.Second))
	}
	return u
}
