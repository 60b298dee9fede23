// Package enginetest is a made-up world for tests of engines: processes that take
// virtual time and end as they are told, and that go on when the program that started
// them is gone. It keeps a ledger of what really happened and checks, from the inside,
// that nothing is acted on before it is recorded, that no task starts twice, and that
// no job runs beside itself.
//
// A World has keepers or has none. With them the next program takes up what the one
// before left, unless its keeper died as well.
//
// It is for tests only, in a bubble of testing/synctest.
package enginetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// End is how a task ends by itself, and how long it takes to end when it is stopped.
type End struct {
	After   time.Duration // since its start
	Outcome run.Outcome
	Grace   time.Duration // since it was asked to stop
}

// Process is one task that was started.
type Process struct {
	ID      run.TaskID
	Began   time.Time
	Ended   time.Time    // zero while it runs
	Outcome run.Outcome  // how it ended
	Stop    *engine.Stop // the first that reached it
	Lost    bool         // nobody knows how it ended: its program and its keeper were gone
	end     *time.Timer
	grace   time.Duration
	over    func(run.Outcome)
	orphan  bool // nobody looks after it: its program and its keeper died
	known   bool // its program has recorded its end, and its keeper has forgotten it
}

// World holds the processes of all programs. It is safe for concurrent use.
type World struct {
	t    testing.TB
	st   store.Store // the truth, read without going through any program
	ends func(engine.Task) End
	// keeps says that programs have keepers.
	keeps bool

	mu    sync.Mutex // guards all below and the processes: timers and programs are many
	procs []*Process // in the order of their starts
	read  map[run.ID]*journal
}

// journal is what has been read of a run's transitions.
type journal struct {
	seq  int64
	last map[run.JobID]run.Transition // of each job; marks left out
}

// New returns a world without processes. ends says how each task ends.
func New(t testing.TB, st store.Store, ends func(engine.Task) End) *World {
	return &World{t: t, st: st, ends: ends, read: make(map[run.ID]*journal)}
}

// NewKept returns a world in which programs have keepers.
func NewKept(t testing.TB, st store.Store, ends func(engine.Task) End) *World {
	w := New(t, st, ends)
	w.keeps = true
	return w
}

// Remains reports whether anything is known of tasks of a program that is gone.
func (w *World) Remains(tasks []run.TaskID) bool {
	return slices.ContainsFunc(tasks, func(id run.TaskID) bool { return !w.lost(id) })
}

// lost reports whether nobody can know how a task of an earlier program went on.
func (w *World) lost(id run.TaskID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.process(id)
	return !w.keeps || p != nil && p.Lost
}

// process returns the process of a task, nil if it was never started. The caller holds mu.
func (w *World) process(id run.TaskID) *Process {
	for _, p := range w.procs {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// Ledger returns all processes there have been, in the order of their starts.
func (w *World) Ledger() []Process {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]Process, len(w.procs))
	for i, p := range w.procs {
		all[i] = *p
	}
	return all
}

// Alive returns the ids of processes that belong to tasks and still run. The n-th
// process that was started has the id n.
func (w *World) Alive(tasks []run.TaskID) []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	var pids []int
	for i, p := range w.procs {
		if p.Ended.IsZero() && slices.Contains(tasks, p.ID) {
			pids = append(pids, i+1)
		}
	}
	return pids
}

// KillAll ends the processes of tasks, as a signal from outside would.
func (w *World) KillAll(tasks []run.TaskID) {
	w.mu.Lock()
	procs := slices.Clone(w.procs)
	w.mu.Unlock()
	for _, pid := range w.Alive(tasks) {
		w.finish(procs[pid-1], run.Outcome{State: run.Failed, Reason: run.Signal, Signal: 9, ExitCode: run.NoExitCode})
	}
}

// takeUp goes on with the process of a task that was recorded as running by an earlier
// program. It is false when there is none.
func (w *World) takeUp(t engine.Task, over func(run.Outcome)) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.process(t.ID)
	if !w.keeps || p == nil {
		return false
	}
	if err := w.recorded(t.ID); err != nil {
		w.t.Errorf("%s is taken up: %v", t.ID, err)
	}
	switch {
	case p.known:
		w.t.Errorf("%s is taken up, and its end was recorded", t.ID)
	case p.Lost:
		go over(lostOutcome())
	case !p.Ended.IsZero():
		go over(p.Outcome)
	default:
		p.over, p.orphan = over, false
	}
	return true
}

// lostOutcome is the outcome of a task of which nobody knows how it ended.
func lostOutcome() run.Outcome {
	return run.Outcome{State: run.Failed, Reason: run.Lost, ExitCode: run.NoExitCode}
}

// abandon says that tasks have neither program nor keeper any more.
func (w *World) abandon(tasks []run.TaskID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range tasks {
		if p := w.process(id); p != nil && p.Ended.IsZero() {
			p.orphan = true
		}
	}
}

// forget says that the end of a task was recorded, and checks that.
func (w *World) forget(id run.TaskID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.recorded(id) == nil {
		w.t.Errorf("%s was forgotten, and is recorded as running", id)
	}
	if p := w.process(id); p != nil {
		p.known = true
	}
}

// start begins a process, after it has checked that this was recorded.
func (w *World) start(t engine.Task, over func(run.Outcome)) {
	e := w.ends(t)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.recorded(t.ID); err != nil {
		w.t.Errorf("%s started: %v", t.ID, err)
	}
	for _, p := range w.procs {
		switch {
		case p.ID == t.ID:
			w.t.Errorf("%s started twice", t.ID)
		case p.ID.Run == t.ID.Run && p.ID.Job == t.ID.Job && p.Ended.IsZero():
			w.t.Errorf("%s started while %s was still running", t.ID, p.ID)
		}
	}
	p := &Process{ID: t.ID, Began: time.Now(), grace: e.Grace, over: over}
	p.end = time.AfterFunc(e.After, func() { w.finish(p, e.Outcome) })
	w.procs = append(w.procs, p)
}

// recorded checks that the last that was recorded of a task's job is that it starts.
// The caller holds mu.
func (w *World) recorded(id run.TaskID) error {
	j := w.read[id.Run]
	if j == nil {
		j = &journal{last: make(map[run.JobID]run.Transition)}
		w.read[id.Run] = j
	}
	ts, err := w.st.Transitions(w.t.Context(), id.Run, j.seq, 0)
	if err != nil {
		return err
	}
	for _, t := range ts {
		j.seq = t.Seq
		if !t.Mark() {
			j.last[t.Job] = t
		}
	}
	if t := j.last[id.Job]; t.To != run.Running || t.Attempt != id.Attempt || t.Try != id.Try {
		return fmt.Errorf("recorded is %+v", t)
	}
	return nil
}

func (w *World) finish(p *Process, o run.Outcome) {
	w.mu.Lock()
	if !p.Ended.IsZero() {
		w.mu.Unlock()
		return
	}
	p.end.Stop()
	p.Ended, p.Outcome, p.Lost = time.Now(), o, p.orphan
	over := p.over
	w.mu.Unlock()
	over(o)
}

// stop asks a process to end.
func (w *World) stop(s engine.Stop) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.procs {
		if p.ID == s.ID && p.Ended.IsZero() && p.Stop == nil {
			p.Stop = &s
			p.end.Stop()
			p.end = time.AfterFunc(p.grace, func() { w.finish(p, stopped(s)) })
		}
	}
}

// stopped is the outcome of a task that was stopped.
func stopped(s engine.Stop) run.Outcome {
	return run.Outcome{State: s.State, Reason: s.Reason, Detail: s.Detail, ExitCode: run.NoExitCode}
}
