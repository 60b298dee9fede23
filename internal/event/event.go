// Package event hands transitions to whoever watches, after they are committed.
// Events are hints: a watcher that is too slow loses them, is told so by a gap, and
// reads the store again from the last sequence number that it has seen.
package event

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/run"
)

var (
	_ engine.Publisher = (*Hub)(nil)
	_ engine.Publisher = source{}
)

// ErrClosed is what Next returns of a subscription that was closed and has nothing left.
var ErrClosed = errors.New("the subscription is closed")

// Hub fans transitions out to its subscriptions. The zero value is ready to use.
// It is safe for concurrent use.
type Hub struct {
	mu   sync.Mutex                 // a lock, because publishers and subscribers are many and hold it for a copy only
	subs map[run.ID][]*Subscription // by the run that they watch; 0 is all of them
}

// Batch is what was committed together. It is shared, so it must not be changed.
type Batch struct {
	Run         run.ID
	Application string // of the run; empty where the publisher did not say
	Transitions []run.Transition
	// Gap says that transitions before these were dropped, because the subscriber was
	// slow. They are in the store.
	Gap bool
}

// Subscription is one watcher's bounded queue. Close is safe for concurrent use; all
// else is for one goroutine.
type Subscription struct {
	hub    *Hub
	run    run.ID
	room   int
	wake   chan struct{} // holds a value when something may have come in
	closed chan struct{} // closed by Close, under hub.mu

	mu    sync.Mutex // guards all below: publishers put, the watcher takes
	queue []Batch
	held  int  // transitions in queue
	gap   bool // something was dropped that no batch has told of yet
}

// Of returns what publishes for runs of an application.
func (h *Hub) Of(application string) engine.Publisher { return source{h, application} }

// source publishes for runs of one application.
type source struct {
	hub         *Hub
	application string
}

// Publish implements engine.Publisher.
func (s source) Publish(id run.ID, ts []run.Transition) { s.hub.publish(id, s.application, ts) }

// Publish queues what was committed for every subscription. It never blocks.
func (h *Hub) Publish(id run.ID, ts []run.Transition) { h.publish(id, "", ts) }

func (h *Hub) publish(id run.ID, application string, ts []run.Transition) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, watchers := range [][]*Subscription{h.subs[id], h.subs[0]} {
		for _, s := range watchers {
			s.put(Batch{Run: id, Application: application, Transitions: ts})
		}
	}
}

// Subscribe watches one run, or all when id is 0. At most room transitions are kept
// for the watcher; beyond that the oldest batches are dropped, but never the newest.
func (h *Hub) Subscribe(id run.ID, room int) *Subscription {
	s := &Subscription{hub: h, run: id, room: room, wake: make(chan struct{}, 1), closed: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.subs == nil {
		h.subs = make(map[run.ID][]*Subscription)
	}
	h.subs[id] = append(h.subs[id], s)
	return s
}

// Close ends the subscription. What has been queued can still be taken. It is idempotent.
func (s *Subscription) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	watchers := s.hub.subs[s.run]
	i := slices.Index(watchers, s)
	if i < 0 {
		return
	}
	if len(watchers) == 1 {
		delete(s.hub.subs, s.run) // or the map grows with every run that there ever was
	} else {
		s.hub.subs[s.run] = slices.Delete(watchers, i, i+1)
	}
	close(s.closed)
}

func (s *Subscription) put(b Batch) {
	s.mu.Lock()
	s.queue = append(s.queue, b)
	s.held += len(b.Transitions)
	for s.held > s.room && len(s.queue) > 1 {
		s.drop()
		s.gap = true
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// drop removes the oldest batch and returns it. The caller holds mu.
func (s *Subscription) drop() Batch {
	b := s.queue[0]
	s.queue[0] = Batch{} // let the transitions go
	s.queue = s.queue[1:]
	s.held -= len(b.Transitions)
	return b
}

// Next returns the next batch, waiting for one if need be. The error is ctx's, or
// ErrClosed.
func (s *Subscription) Next(ctx context.Context) (Batch, error) {
	for {
		if b, ok := s.take(); ok {
			return b, nil
		}
		select {
		case <-ctx.Done():
			return Batch{}, ctx.Err()
		case <-s.closed:
			if b, ok := s.take(); ok { // published just before
				return b, nil
			}
			return Batch{}, ErrClosed
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
	b := s.drop()
	b.Gap, s.gap = s.gap, false
	return b, true
}
