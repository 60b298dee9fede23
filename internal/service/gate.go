package service

import (
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/admission"
	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Gates gives tasks of many runs leave to start as there is room. It is safe for
// concurrent use.
type Gates struct {
	mu    sync.Mutex // guards all below: a loop of each run comes, and tasks end on goroutines of their own
	queue *admission.Queue
	waits map[admission.Key]waiter // of tasks that wait
}

// waiter is a task that waits.
type waiter struct {
	of    *gate
	admit func()
}

// NewGates returns gates for that much room.
func NewGates(cfg admission.Config) *Gates {
	return &Gates{queue: admission.New(cfg), waits: make(map[admission.Key]waiter)}
}

// Usage returns how much of the room is taken.
func (g *Gates) Usage() admission.Usage {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.queue.Usage()
}

// Gate returns the gate of one attempt.
func (g *Gates) Gate(a runs.Attempt) engine.Gate {
	return &gate{all: g, wf: a.Workflow, key: admission.Key{Run: a.Run, Attempt: a.Number}, since: a.Submitted, waiting: make(map[admission.Key]bool), given: make(map[admission.Key]bool)}
}

// Why says what a job of an attempt waits for, empty when it does not wait here.
func (g *Gates) Why(id run.ID, attempt, job, try int) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.queue.Why(admission.Key{Run: id, Attempt: attempt, Job: job, Try: try})
}

// change changes the queue, and gives leave to whom that makes room for.
func (g *Gates) change(do func(q *admission.Queue)) {
	g.mu.Lock()
	do(g.queue)
	var leave []func()
	for _, k := range g.queue.Admit() {
		w := g.waits[k]
		leave = append(leave, w.admit)
		g.forget(k)
		if w.of != nil {
			w.of.given[k] = true
		}
	}
	g.mu.Unlock()
	for _, admit := range leave {
		admit()
	}
}

// forget notes that a task does not wait any more. Call it with mu held.
func (g *Gates) forget(k admission.Key) {
	if w, ok := g.waits[k]; ok {
		delete(w.of.waiting, k)
		delete(g.waits, k)
	}
}

// gate is that of one attempt.
type gate struct {
	all   *Gates
	wf    *workflow.Workflow
	key   admission.Key // of its tasks, but for job and try
	since time.Time

	// Tasks that wait for leave, and that have it and have neither started nor given it
	// back. Guarded by all.mu.
	waiting, given map[admission.Key]bool
}

func (g *gate) request(job, like, try int) admission.Request {
	k := g.key
	k.Job, k.Try = job, try
	j := &g.wf.Jobs[like]
	return admission.Request{Key: k, Priority: j.Priority, Since: g.since, Pools: j.Pools}
}

// Offer implements engine.Gate.
func (g *gate) Offer(job, like, try int, admit func()) {
	r := g.request(job, like, try)
	g.all.change(func(q *admission.Queue) {
		q.Offer(r)
		g.all.waits[r.Key] = waiter{g, admit}
		g.waiting[r.Key] = true
	})
}

// Take implements engine.Gate.
func (g *gate) Take(job, like, try int) {
	r := g.request(job, like, try)
	g.all.change(func(q *admission.Queue) {
		delete(g.given, r.Key)
		q.Take(r)
	})
}

// Done implements engine.Gate.
func (g *gate) Done(job, try int) {
	k := g.key
	k.Job, k.Try = job, try
	g.all.change(func(q *admission.Queue) {
		delete(g.given, k)
		q.Done(k)
		g.all.forget(k)
	})
}

// Close implements engine.Gate. What runs keeps its place until it has ended.
func (g *gate) Close() {
	g.all.change(func(q *admission.Queue) {
		for k := range g.waiting {
			q.Done(k)
			g.all.forget(k)
		}
		for k := range g.given { // the loop ended before it heard of it
			q.Done(k)
		}
		clear(g.given)
	})
}
