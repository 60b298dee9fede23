// Package event hands transitions to whoever watches, after they are committed.
// Events are hints: a watcher that is too slow loses them, is told so by a gap, and
// reads the store again from the last sequence number that it has seen.
package event

import (
	"context"
	"slices"
	"sync"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/run"
)

var _ engine.Publisher = (*Hub)(nil)

// Hub fans transitions out to its subscriptions. The zero value is ready to use.
// It is safe for concurrent use.
type Hub struct {
	mu   sync.Mutex // a lock, because publishers and subscribers are many and hold it for a copy only
	subs []*Subscription
}

// Batch is what was committed together.
type Batch struct {
	Run         run.ID
	Transitions []run.Transition
	// Gap says that transitions before these were dropped, because the subscriber was
	// slow. They are in the store.
	Gap bool
}

// Subscription is one watcher's bounded queue.
type Subscription struct {
	hub  *Hub
	run  run.ID
	room int
	wake chan struct{}

	mu    sync.Mutex
	queue []Batch
	held  int  // transitions in queue
	gap   bool // something was dropped that no batch has told of yet
}

// Publish queues what was committed for every subscription. It never blocks.
func (h *Hub) Publish(id run.ID, ts []run.Transition) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.subs {
		if s.run == 0 || s.run == id {
			s.put(Batch{Run: id, Transitions: ts})
		}
	}
}

// Subscribe watches one run, or all when id is 0. At most room transitions are kept
// for the watcher; beyond that the oldest are dropped.
func (h *Hub) Subscribe(id run.ID, room int) *Subscription {
	s := &Subscription{hub: h, run: id, room: room, wake: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.subs = append(h.subs, s)
	return s
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.hub.subs = slices.DeleteFunc(s.hub.subs, func(other *Subscription) bool { return other == s })
}

func (s *Subscription) put(b Batch) {
	s.mu.Lock()
	s.queue = append(s.queue, b)
	s.held += len(b.Transitions)
	for s.held > s.room && len(s.queue) > 1 {
		s.held -= len(s.queue[0].Transitions)
		s.queue[0] = Batch{} // let the transitions go
		s.queue = s.queue[1:]
		s.gap = true
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Next returns the next batch, waiting for one if need be. The error is ctx's.
func (s *Subscription) Next(ctx context.Context) (Batch, error) {
	for {
		if b, ok := s.take(); ok {
			return b, nil
		}
		select {
		case <-ctx.Done():
			return Batch{}, ctx.Err()
		case <-s.wake:
		}
	}
}

// Empty reports whether Next would have to wait.
func (s *Subscription) Empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue) == 0
}

func (s *Subscription) take() (Batch, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return Batch{}, false
	}
	b := s.queue[0]
	s.queue[0] = Batch{}
	s.queue = s.queue[1:]
	s.held -= len(b.Transitions)
	b.Gap, s.gap = s.gap, false
	return b, true
}
