package enginetest

import (
	"reflect"
	"sync"
	"testing"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

var _ engine.Publisher = (*Publisher)(nil)

// Publisher keeps what it is told and checks that it was committed before. It is safe
// for concurrent use.
type Publisher struct {
	t  testing.TB
	st store.Store

	mu  sync.Mutex // guards all: tests read while a loop publishes
	all []run.Transition
}

// NewPublisher returns a publisher that compares with st.
func NewPublisher(t testing.TB, st store.Store) *Publisher { return &Publisher{t: t, st: st} }

// Publish implements engine.Publisher.
func (p *Publisher) Publish(id run.ID, ts []run.Transition) {
	stored, err := p.st.Transitions(p.t.Context(), id, ts[0].Seq-1, len(ts))
	if err != nil || !reflect.DeepEqual(stored, ts) {
		p.t.Errorf("published %+v\nrecorded  %+v, %v", ts, stored, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, ts...)
}

// Published returns everything so far.
func (p *Publisher) Published() []run.Transition {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]run.Transition(nil), p.all...)
}
