package scheduler

import (
	"container/heap"
	"time"

	"github.com/executionerhq/executioner/internal/schedule"
	"github.com/executionerhq/executioner/internal/workflow"
)

// entry is a schedule that is decided about here. The loop owns decided, next, behind, wake
// and place; the rest does not change.
type entry struct {
	id          string
	workflow    string
	application string
	hash        string // of what its times depend on
	def         workflow.Schedule
	spec        *schedule.Spec    // nil: it is a trigger's
	trigger     *workflow.Trigger // nil: it is a schedule's
	params      []workflow.Param  // of the workflow of a trigger

	decided time.Time // until then all is decided by this version, as far as is known here; zero: nothing is
	behind  bool      // the last decision failed

	next  time.Time // when to decide again, as decide found
	wake  time.Time // as queued
	place int       // in the queue; -1: it is not in there

	// Of a trigger of files. Scheduler.mu guards these two.
	looking bool
	lookAt  time.Duration // by the steady clock
	watch   watch
}

// wakes is a heap of schedules by when they are to be decided about.
type wakes []*entry

func (w wakes) Len() int           { return len(w) }
func (w wakes) Less(i, j int) bool { return w[i].wake.Before(w[j].wake) }

func (w wakes) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].place, w[j].place = i, j
}

// Push implements heap.Interface.
func (w *wakes) Push(x any) {
	e := x.(*entry)
	e.place = len(*w)
	*w = append(*w, e)
}

// Pop implements heap.Interface.
func (w *wakes) Pop() any {
	last := len(*w) - 1
	e := (*w)[last]
	(*w)[last] = nil
	*w = (*w)[:last]
	e.place = -1
	return e
}

// put has a schedule wake at that time; zero: never.
func (w *wakes) put(e *entry, at time.Time) {
	w.drop(e)
	if e.wake = at; !at.IsZero() {
		heap.Push(w, e)
	}
}

func (w *wakes) drop(e *entry) {
	if e.place >= 0 {
		heap.Remove(w, e.place)
	}
}
