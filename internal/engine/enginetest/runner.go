package enginetest

import (
	"slices"
	"sync"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/run"
)

var _ engine.Runner = (*Runner)(nil)

// Runner is what one program has of a World. It is safe for concurrent use.
type Runner struct {
	world *World
	tasks sync.WaitGroup

	mu    sync.Mutex // guards all below: tasks end while others start
	mine  map[run.TaskID]bool
	kills int
	gone  bool
}

// Runner returns the handle of a new program.
func (w *World) Runner() *Runner { return &Runner{world: w, mine: make(map[run.TaskID]bool)} }

// Crash ends the program: whatever it asks for from now on does nothing, and it hears
// of nothing any more. Its processes go on.
func (r *Runner) Crash() { r.crash(false) }

// CrashBoth ends the program and its keeper.
func (r *Runner) CrashBoth() { r.crash(true) }

func (r *Runner) crash(both bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return
	}
	r.gone = true
	if both {
		r.world.abandon(r.ids())
	}
	for range r.mine {
		r.tasks.Done()
	}
}

// Start implements engine.Runner.
func (r *Runner) Start(t engine.Task, done func(run.Outcome)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return
	}
	r.mine[t.ID] = true
	r.tasks.Add(1)
	over := func(o run.Outcome) {
		if r.forget(t.ID) {
			done(o)
			r.tasks.Done()
		}
	}
	if !t.Again || !r.world.takeUp(t, over) {
		r.world.start(t, over)
	}
}

// Recorded implements engine.Runner.
func (r *Runner) Recorded(id run.TaskID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.gone {
		r.world.forget(id)
	}
}

// Lost implements runs.Runner: without keepers nobody knows anything.
func (r *Runner) Lost(id run.TaskID) bool { return r.world.lost(id) }

// forget reports whether the program is still there to hear of the end of its task.
func (r *Runner) forget(id run.TaskID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return false
	}
	delete(r.mine, id)
	return true
}

// Stop implements engine.Runner.
func (r *Runner) Stop(s engine.Stop) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mine[s.ID] && !r.gone {
		r.world.stop(s)
	}
}

// Kill implements engine.Runner.
func (r *Runner) Kill() {
	r.mu.Lock()
	if r.gone {
		r.mu.Unlock()
		return
	}
	r.kills++
	mine := r.ids()
	r.mu.Unlock()
	r.world.killStopped(mine)
}

// Kills returns how often Kill was called.
func (r *Runner) Kills() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kills
}

// Close waits for the program's tasks.
func (r *Runner) Close(bool) error {
	r.tasks.Wait()
	return nil
}

// ids returns the program's running tasks. The caller holds mu.
func (r *Runner) ids() []run.TaskID {
	ids := make([]run.TaskID, 0, len(r.mine))
	for id := range r.mine {
		ids = append(ids, id)
	}
	return ids
}

// killStopped ends at once those of the tasks that were asked to stop.
func (w *World) killStopped(tasks []run.TaskID) {
	w.mu.Lock()
	var hit []*Process
	for _, p := range w.procs {
		if p.Stop != nil && p.Ended.IsZero() && slices.Contains(tasks, p.ID) {
			hit = append(hit, p)
		}
	}
	w.mu.Unlock()
	for _, p := range hit {
		w.finish(p, stopped(*p.Stop))
	}
}
