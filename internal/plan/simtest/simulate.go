package simtest

import (
	"fmt"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Trace is everything that went into the plans of a Case and came out of them.
type Trace struct {
	Attempts []Played
}

// Played is one attempt as it was played.
type Played struct {
	Attempt                      // its Workflow is what the plan had at the end
	Loaded    *workflow.Workflow // what it began with
	Start     time.Time
	Earlier   []run.Transition // recorded by the attempts before
	Overrides []run.Override   // made before this attempt
	Steps     []Step
	Final     run.State // of the plan at the end
}

// Step is one call of plan.Step.
type Step struct {
	At     time.Time
	Input  plan.Input
	Output plan.Output
}

// Transitions returns what the attempt recorded, in order.
func (p *Played) Transitions() []run.Transition {
	var all []run.Transition
	for i := range p.Steps {
		all = append(all, p.Steps[i].Output.Transitions...)
	}
	return all
}

// epoch is when the first attempt begins.
var epoch = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// Simulate plays a case to its end. An error means that the plan left the world with
// nothing to do although the attempt had not ended, or refused its own history.
func Simulate(c Case) (*Trace, error) {
	trace := &Trace{}
	start := epoch
	var history []run.Transition
	var overrides []run.Override
	for n, a := range c.Attempts {
		a.Options.Run, a.Options.Attempt = 7, n+1
		played := Played{Attempt: a, Start: start, Earlier: history, Overrides: overrides}
		if err := played.play(); err != nil {
			return nil, fmt.Errorf("attempt %d: %w", n+1, err)
		}
		trace.Attempts = append(trace.Attempts, played)
		history = append(history[:len(history):len(history)], played.Transitions()...)
		for _, id := range a.Overrides {
			overrides = append(overrides[:len(overrides):len(overrides)], run.Override{Attempt: n + 1, Job: id})
		}
		start = played.Steps[len(played.Steps)-1].At.Add(time.Hour)
	}
	return trace, nil
}

// play feeds the attempt's events to its plan until the end, and what is left of them after it.
func (p *Played) play() error {
	restored, err := plan.Restore(p.Workflow, p.Options, p.Earlier, p.Overrides)
	if err != nil {
		return err
	}
	w := &world{Played: p, plan: restored, running: make(map[int]*process)}
	w.add(w.beginning())
	for _, ask := range p.Asks {
		w.add(event{at: p.Start.Add(ask.After), rank: rankAsk, input: ask.Input})
	}
	for _, noise := range p.Noise {
		w.add(event{at: p.Start.Add(noise.After), rank: rankNoise, noise: &noise})
	}
	for {
		e, ok := w.next()
		if !ok {
			break
		}
		w.feed(e)
	}
	p.Final = restored.State()
	p.Loaded, p.Workflow = p.Workflow, restored.Workflow()
	if !w.done {
		return fmt.Errorf("nothing is left to happen and the run is %s: %+v", p.Final, restored.Counts())
	}
	return nil
}

// world is what surrounds a plan while an attempt is played.
type world struct {
	*Played
	plan    *plan.Plan
	events  []event // that are certain to come; unsorted
	running map[int]*process
	wake    time.Time
	last    *plan.Finished
	done    bool
}

// process is a try that runs.
type process struct {
	try     int
	ends    time.Time
	outcome run.Outcome
	stopped bool
}

// event is something that will happen. Of two at the same time the lower rank comes
// first, then the lower job, then the one that was added first.
type event struct {
	at    time.Time
	rank  int
	job   int
	input plan.Input
	noise *Noise
}

const (
	rankBegin = iota
	rankAsk
	rankLateBegin
	rankEnd
	rankAdmit
	rankNoise
	rankTick
)

func (e *event) before(f *event) bool {
	if !e.at.Equal(f.at) {
		return e.at.Before(f.at)
	}
	if e.rank != f.rank {
		return e.rank < f.rank
	}
	return e.job < f.job
}

func (w *world) beginning() event {
	e := event{at: w.Start, rank: rankBegin, input: plan.Begin{}}
	if w.Early {
		e.rank = rankLateBegin
	}
	return e
}

func (w *world) add(e event) { w.events = append(w.events, e) }

// next takes the event that happens next, if there is one.
func (w *world) next() (event, bool) {
	all := slices.Clone(w.events)
	for i, p := range w.running {
		all = append(all, event{at: p.ends, rank: rankEnd, job: i, input: plan.Finished{Job: i, Try: p.try, Outcome: p.outcome}})
	}
	if !w.wake.IsZero() {
		all = append(all, event{at: w.wake, rank: rankTick, input: plan.Tick{}})
	}
	if len(all) == 0 {
		return event{}, false
	}
	first := 0
	for i := range all {
		if all[i].before(&all[first]) {
			first = i
		}
	}
	e := all[first]
	if first < len(w.events) {
		w.events = slices.Delete(w.events, first, first+1)
	}
	return e, true
}

// feed gives one event to the plan and does what the plan says.
func (w *world) feed(e event) {
	inputs := []plan.Input{e.input}
	if e.noise != nil {
		inputs = w.inputs(e.noise)
	}
	for _, in := range inputs {
		if f, ok := in.(plan.Finished); ok && e.noise == nil {
			delete(w.running, f.Job)
			w.last = &f
		}
		w.step(e.at, in)
	}
}

func (w *world) step(now time.Time, in plan.Input) {
	out := w.plan.Step(now, in)
	w.Steps = append(w.Steps, Step{At: now, Input: in, Output: out})
	w.obey(now, &out)
}

func (w *world) obey(now time.Time, out *plan.Output) {
	for _, t := range out.Start {
		end := w.end(t.Job, t.Try)
		w.running[t.Job] = &process{try: t.Try, ends: now.Add(end.After), outcome: end.Outcome}
	}
	for _, s := range out.Stop {
		p := w.running[s.Job]
		if p == nil || p.stopped {
			continue
		}
		p.stopped = true
		if killed := now.Add(w.end(s.Job, s.Try).Grace); killed.Before(p.ends) {
			p.ends, p.outcome = killed, run.Outcome{State: s.State, Reason: s.Reason, ExitCode: run.NoExitCode}
		}
	}
	w.wake = out.Wake
	w.done = w.done || out.Done != nil
	for _, t := range out.Ready {
		w.admit(now, t)
	}
}

// admit has a task that was offered wait as long as the case says.
func (w *world) admit(now time.Time, t plan.Task) {
	in := plan.Admitted(t)
	if len(w.Admits) == 0 {
		w.step(now, in)
		return
	}
	w.add(event{at: now.Add(w.Admits[t.Job%len(w.Admits)]), rank: rankAdmit, job: t.Job, input: in})
}

// inputs returns what a noise is at this moment.
func (w *world) inputs(n *Noise) []plan.Input {
	state, try := w.plan.Job(n.Job)
	f := plan.Finished{Job: n.Job, Try: try, Outcome: run.Outcome{State: run.Success, Reason: run.Exited}}
	switch n.Kind {
	case BeginNoise:
		return []plan.Input{plan.Begin{}}
	case DuplicateNoise:
		if w.last != nil {
			return []plan.Input{*w.last}
		}
	case StaleNoise:
		f.Try--
		return []plan.Input{f}
	case FutureNoise:
		f.Try++
		return []plan.Input{f}
	case IdleNoise:
		if state != run.Running {
			return []plan.Input{f}
		}
	case NobodyNoise:
		f.Job = len(w.plan.Workflow().Jobs)
		return []plan.Input{f, plan.CancelJob{Job: f.Job}, plan.CancelJob{Job: -1}}
	}
	return []plan.Input{plan.Tick{}}
}
