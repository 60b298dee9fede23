package simtest

import (
	"fmt"
	"slices"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Promise is something that holds for every attempt, whatever happens.
type Promise struct {
	Name  string
	Check func(*Played) error // nil when it is kept
}

// Promises returns the thirteen promises.
func Promises() []Promise {
	return []Promise{
		{"no start before dependencies allow it", startsWait},
		{"limits hold", limitsHold},
		{"a task starts at most once", startsOnce},
		{"tries are bounded", triesBounded},
		{"final states stay", finalStays},
		{"never stuck", neverStuck},
		{"every job ends in a final state and a skip names its cause", allEnd},
		{"nothing starts after a cancel", nothingAfterCancel},
		{"only legal transitions", onlyLegal},
		{"done exactly once", doneOnce},
		{"nothing but its wish keeps from running what cleans up", cleansUp},
		{"hooks come last, and those of one end only", hooksLast},
		{"what cleans up or waits for an ending starts beside nothing that it needs", startsBesideNothing},
	}
}

// watch follows an attempt's transitions. before is called with each of them, while
// states still hold what was before it.
func watch(p *Played, before func(s *Step, states map[run.JobID]run.Transition, t *run.Transition) error) error {
	states := make(map[run.JobID]run.Transition)
	for i := range p.Steps {
		s := &p.Steps[i]
		for k := range s.Output.Transitions {
			t := &s.Output.Transitions[k]
			if err := before(s, states, t); err != nil {
				return fmt.Errorf("step %d, transition %d, %+v: %w", i+1, k+1, *t, err)
			}
			if !t.Mark() {
				states[t.Job] = *t
			}
		}
	}
	return nil
}

func startsWait(p *Played) error {
	jobs := byID(p.Workflow)
	return watch(p, func(_ *Step, states map[run.JobID]run.Transition, t *run.Transition) error {
		if t.To != run.Running || t.Job == "" || t.Mark() {
			return nil
		}
		j := jobs[t.Job]
		for n, i := range j.Needs {
			need := &p.Workflow.Jobs[i]
			on := j.Ending(n)
			if j.Always && on == workflow.OnSuccess {
				on = workflow.OnDone
			}
			if last := states[need.ID]; !slices.Contains(endings(need, last), on) {
				return fmt.Errorf("it needs %s on %s, which is %s %s", need.ID, on, last.To, last.Reason)
			}
		}
		return nil
	})
}

func byID(wf *workflow.Workflow) map[run.JobID]*workflow.Job {
	jobs := make(map[run.JobID]*workflow.Job)
	for i := range wf.Jobs {
		jobs[wf.Jobs[i].ID] = &wf.Jobs[i]
	}
	return jobs
}

// endings returns what a job that came to that state may be waited for as.
func endings(j *workflow.Job, last run.Transition) []workflow.Ending {
	success, failure, done := workflow.OnSuccess, workflow.OnFailure, workflow.OnDone
	switch {
	case !last.To.Ended():
		return nil
	case last.To == run.Success:
		return []workflow.Ending{success, done}
	case last.To == run.Cancelled:
		return []workflow.Ending{done}
	case last.Reason == run.FailuresAllowed:
		return []workflow.Ending{success, failure, done}
	case last.To != run.Skipped || last.Reason == run.ConditionFailed:
		if j.ContinueOnError {
			return []workflow.Ending{success, failure, done}
		}
		return []workflow.Ending{failure, done}
	case last.Reason == run.SkipRequested || last.Reason == run.AlreadySucceeded || last.Reason == run.NotSelected:
		return []workflow.Ending{success, done}
	}
	return []workflow.Ending{workflow.OnSkipped, done}
}

func cleans(j *workflow.Job) bool { return j.Always || j.Hook != workflow.NoHook }

// cleansUp: a job that runs always, whatever what it needs ended as, is skipped only by its
// condition or because the user asked for that, and cancelled only by hand, by a drain, or
// by stopping the run a second time.
func cleansUp(p *Played) error {
	jobs := byID(p.Workflow)
	stops, drained := 0, false
	asked := make(map[run.JobID]bool)
	return watch(p, func(_ *Step, _ map[run.JobID]run.Transition, t *run.Transition) error {
		switch {
		case t.Mark() && t.Job != "":
			asked[t.Job] = true
			return nil
		case t.Mark() && drains(t):
			drained = true
			return nil
		case t.Mark():
			stops++
			return nil
		case t.Job == "":
			return nil
		}
		j := jobs[t.Job]
		picky := slices.Contains(j.On, workflow.OnFailure) || slices.Contains(j.On, workflow.OnSkipped)
		switch {
		case !cleans(j):
		case t.To == run.Cancelled && t.Outcome == nil && t.Reason != run.JobCancelled && !drained && stops < 2:
			return fmt.Errorf("it cleans up, and the run was stopped %d times", stops)
		case !j.Always || t.To != run.Skipped || picky:
		case t.Reason == run.StoppedOnFailure || t.Reason == run.DependencyFailed || t.Reason == run.DependencySkipped || t.Reason == run.NotNeeded:
			if !p.Options.FailedOnly {
				return fmt.Errorf("it runs always")
			}
		}
		return nil
	})
}

func drains(t *run.Transition) bool {
	return t.Reason == run.EngineStopping || t.Reason == run.EngineLost
}

// hooksLast: a hook is queued when all other jobs have ended, and no hook of the other end is.
func hooksLast(p *Played) error {
	jobs := byID(p.Workflow)
	var which workflow.Hook
	return watch(p, func(_ *Step, states map[run.JobID]run.Transition, t *run.Transition) error {
		if t.Job == "" || t.Mark() || t.To != run.Queued && t.To != run.Running {
			return nil
		}
		hook := jobs[t.Job].Hook
		if hook == workflow.NoHook {
			if which != "" {
				return fmt.Errorf("a hook was queued before it")
			}
			return nil
		}
		if which != "" && hook != which {
			return fmt.Errorf("a hook of another end was queued before it")
		}
		which = hook
		for i := range p.Workflow.Jobs {
			j := &p.Workflow.Jobs[i]
			if j.Hook != workflow.NoHook {
				continue
			}
			last := states[j.ID]
			bad := last.To == run.Failed || last.To == run.Timeout
			if !last.To.Ended() || hook == workflow.HookSuccess && bad && !j.ContinueOnError {
				return fmt.Errorf("%s is %s", j.ID, last.To)
			}
		}
		if hook == workflow.HookFailure && p.Final == run.Success {
			return fmt.Errorf("the run is %s", p.Final)
		}
		return nil
	})
}

// startsBesideNothing: when a job starts that cleans up, or waits for another ending than
// success, all that it needs, directly or not, has ended and is not repeated.
func startsBesideNothing(p *Played) error {
	jobs := byID(p.Workflow)
	asked := make(map[run.JobID]bool) // to end, which takes the next try; the run itself under its empty id
	return watch(p, func(_ *Step, states map[run.JobID]run.Transition, t *run.Transition) error {
		if t.Mark() {
			asked[t.Job] = true
		}
		if t.Job == "" || t.Mark() || t.To != run.Running {
			return nil
		}
		if j := jobs[t.Job]; !cleans(j) && j.On == nil {
			return nil
		}
		before := slices.Clone(jobs[t.Job].Needs)
		for n := 0; n < len(before); n++ {
			need := &p.Workflow.Jobs[before[n]]
			last := states[need.ID]
			if !last.To.Ended() || !last.Until.IsZero() && !asked[""] && !asked[need.ID] {
				return fmt.Errorf("%s is %s", need.ID, last.To)
			}
			before = append(before, need.Needs...)
		}
		return nil
	})
}

func limitsHold(p *Played) error {
	limit := max(p.Workflow.MaxWorkers, 1)
	if p.Options.Workers != 0 {
		limit = max(p.Options.Workers, 1)
	}
	if (p.Options.Sequential || p.Workflow.Sequential) && !p.Options.Parallel {
		limit = 1
	}
	running := 0
	return watch(p, func(_ *Step, _ map[run.JobID]run.Transition, t *run.Transition) error {
		if t.Job == "" || t.Mark() {
			return nil
		}
		if t.From == run.Running {
			running--
		}
		if t.To == run.Running {
			running++
		}
		if running > limit {
			return fmt.Errorf("%d jobs run, the limit is %d", running, limit)
		}
		return nil
	})
}

// startsOnce: what is started was recorded RUNNING in the same step, and nothing else was.
func startsOnce(p *Played) error {
	started := make(map[plan.Task]bool)
	for i := range p.Steps {
		out := &p.Steps[i].Output
		var recorded []run.Transition
		for _, t := range out.Transitions {
			if t.Job != "" && t.To == run.Running && !t.Mark() {
				recorded = append(recorded, t)
			}
		}
		if len(recorded) != len(out.Start) {
			return fmt.Errorf("step %d starts %d tasks and records %d", i+1, len(out.Start), len(recorded))
		}
		for k, task := range out.Start {
			if p.Workflow.Jobs[task.Job].ID != recorded[k].Job || task.Try != recorded[k].Try {
				return fmt.Errorf("step %d starts %+v, recorded is %+v", i+1, task, recorded[k])
			}
			if started[task] {
				return fmt.Errorf("step %d starts %+v again", i+1, task)
			}
			started[task] = true
		}
	}
	return nil
}

// triesBounded: tries are numbered from 1 without gaps, there are no more than the
// policy allows, and none starts before its time.
func triesBounded(p *Played) error {
	allowed := make(map[run.JobID]int)
	for _, j := range p.Workflow.Jobs {
		allowed[j.ID] = 1 + j.Retry.Max
		if j.Idempotent {
			allowed[j.ID] += 3 // when nobody knows how its tries ended
		}
	}
	tries := make(map[run.JobID]int)
	return watch(p, func(_ *Step, states map[run.JobID]run.Transition, t *run.Transition) error {
		if t.Job == "" || t.Mark() {
			return nil
		}
		if t.Reason == run.Retry && t.At.Before(states[t.Job].Until) {
			return fmt.Errorf("its time is %s", states[t.Job].Until)
		}
		if t.To == run.Running {
			tries[t.Job]++
		}
		if t.Try != tries[t.Job] || t.Try > allowed[t.Job] {
			return fmt.Errorf("%d tries have started, %d are allowed", tries[t.Job], allowed[t.Job])
		}
		return nil
	})
}

func finalStays(p *Played) error {
	return watch(p, func(_ *Step, states map[run.JobID]run.Transition, t *run.Transition) error {
		if end := states[""]; end.To.Ended() {
			return fmt.Errorf("the run is %s", end.To)
		}
		last := states[t.Job]
		if last.To.Ended() && !t.Mark() && last.Until.IsZero() {
			return fmt.Errorf("it is %s for good", last.To)
		}
		return nil
	})
}

// neverStuck: until the end something runs or a later time to come back is named.
func neverStuck(p *Played) error {
	running, done := 0, false
	offered := make(map[run.JobID]bool) // which will be admitted
	for i := range p.Steps {
		s := &p.Steps[i]
		for _, t := range s.Output.Transitions {
			delete(offered, t.Job)
			switch {
			case t.Reason == run.Stuck:
				return fmt.Errorf("step %d: %+v", i+1, t)
			case t.Job == "" || t.Mark():
			case t.To == run.Running:
				running++
			case t.From == run.Running:
				running--
			}
		}
		for _, t := range s.Output.Ready {
			offered[p.Workflow.Jobs[t.Job].ID] = true
		}
		done = done || s.Output.Done != nil
		wakes := s.Output.Wake.After(s.At)
		if !done && running+len(offered) == 0 && !wakes {
			return fmt.Errorf("after step %d nothing runs and nothing will happen", i+1)
		}
		if !s.Output.Wake.IsZero() && !wakes {
			return fmt.Errorf("step %d at %s wants to come back at %s", i+1, s.At, s.Output.Wake)
		}
	}
	return nil
}

func allEnd(p *Played) error {
	last := make(map[run.JobID]run.Transition)
	for _, t := range p.Transitions() {
		if !t.Mark() {
			last[t.Job] = t
		}
	}
	for _, j := range p.Workflow.Jobs {
		t := last[j.ID]
		if !t.To.Ended() {
			return fmt.Errorf("job %s is %s at the end", j.ID, t.To)
		}
		if t.To != run.Skipped {
			continue
		}
		cause, hasCause := last[t.Cause]
		again := p.Options.FailedOnly && t.Cause == "" && t.Detail == "" // as in an earlier attempt
		switch t.Reason {
		case run.DependencyFailed, run.StoppedOnFailure:
			if t.Cause == "" || !hasCause || cause.To == run.Success || cause.To == run.Skipped && cause.Reason != run.ConditionFailed {
				return fmt.Errorf("job %s was skipped because of %q, which is %s", j.ID, t.Cause, cause.To)
			}
		case run.DependencySkipped:
			if cause.To != run.Skipped && !again {
				return fmt.Errorf("job %s was skipped because of %q, which is %s", j.ID, t.Cause, cause.To)
			}
		case run.NotNeeded:
			if j.Hook == workflow.NoHook && (t.Cause == "" || !cause.To.Ended()) && !again {
				return fmt.Errorf("job %s is not needed because of %q, which is %s", j.ID, t.Cause, cause.To)
			}
		case run.ConditionFalse, run.ConditionFailed:
			if t.Detail == "" && !again {
				return fmt.Errorf("job %s was skipped by a condition, and it is not told which", j.ID)
			}
		case run.SkipRequested, run.AlreadySucceeded, run.NotSelected, run.FailuresAllowed:
		default:
			return fmt.Errorf("job %s was skipped and the reason is %q", j.ID, t.Reason)
		}
	}
	return nil
}

func nothingAfterCancel(p *Played) error {
	jobs := byID(p.Workflow)
	asked := make(map[run.JobID]bool) // the run itself under its empty id
	again := false                    // a drain, or a second stop: nothing is left that may start
	return watch(p, func(_ *Step, states map[run.JobID]run.Transition, t *run.Transition) error {
		if t.Mark() || t.Job != "" && t.To == run.Cancelled {
			again = again || t.Job == "" && (asked[""] || drains(t))
			asked[t.Job] = true
			return nil
		}
		if t.Job == "" || t.To != run.Running && t.To != run.Queued {
			return nil
		}
		if asked[t.Job] || asked[""] && (again || !cleans(jobs[t.Job])) {
			return fmt.Errorf("it was cancelled")
		}
		return nil
	})
}

// onlyLegal: each transition goes on from where the last one led, along a legal move;
// a mark stands only where something can still be stopped or prevented.
func onlyLegal(p *Played) error {
	return watch(p, func(s *Step, states map[run.JobID]run.Transition, t *run.Transition) error {
		last := states[t.Job]
		ended := t.From == run.Running && t.Job != "" && !t.Mark()
		switch {
		case t.From != last.To:
			return fmt.Errorf("it is %s", last.To)
		case !t.Mark() && !t.From.CanMove(t.To):
			return fmt.Errorf("there is no such move")
		case t.Mark() && t.From != run.Running && last.Until.IsZero():
			return fmt.Errorf("there is nothing to stop")
		case !t.At.Equal(s.At) || t.Attempt != p.Options.Attempt || t.Reason == "":
			return fmt.Errorf("it is of attempt %d at %s", p.Options.Attempt, s.At)
		case ended != (t.Outcome != nil) || ended && t.Outcome.State != t.To:
			return fmt.Errorf("the outcome is %+v", t.Outcome)
		}
		return nil
	})
}

func doneOnce(p *Played) error {
	var done *run.Summary
	counts := run.Counts{Total: len(p.Workflow.Jobs)}
	for i := range p.Steps {
		out := &p.Steps[i].Output
		if done != nil && (len(out.Transitions)+len(out.Start)+len(out.Stop) > 0 || out.Done != nil || !out.Wake.IsZero()) {
			return fmt.Errorf("step %d after the end: %+v", i+1, out)
		}
		for k := range out.Transitions {
			counts.Apply(&out.Transitions[k])
		}
		if out.Done != nil {
			done = out.Done
		}
	}
	switch {
	case done == nil:
		return fmt.Errorf("it is never done")
	case done.Counts != counts || counts.Running != 0:
		return fmt.Errorf("counted %+v, said %+v", counts, done.Counts)
	case done.State != p.Final || !done.State.Ended():
		return fmt.Errorf("said %s, the plan is %s", done.State, p.Final)
	}
	return nil
}
