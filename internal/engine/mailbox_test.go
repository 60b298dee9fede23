package engine

import (
	"sync"
	"testing"

	"github.com/executionerhq/executioner/internal/plan"
)

// Each of many writers' inputs comes out once and in the writer's order, though the
// box swaps two slices between the writers and the loop.
func TestMailbox(t *testing.T) {
	const writers, each = 8, 500
	m := mailbox{wake: make(chan struct{}, 1)}
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for n := range each {
				m.put(plan.CancelJob{Job: w*each + n})
			}
		})
	}
	next := make([]int, writers)
	for got := 0; got < writers*each; {
		<-m.wake
		for _, in := range m.take() {
			n := in.(plan.CancelJob).Job
			if w := n / each; n%each != next[w] {
				t.Fatalf("writer %d: got %d, want %d", w, n%each, next[w])
			}
			next[n/each]++
			got++
		}
	}
	all.Wait()
	if left := m.take(); len(left) != 0 {
		t.Errorf("%d are left", len(left))
	}
}

// What was taken stays as it is while more is put, until the next take.
func TestMailboxTakenIsNotOverwritten(t *testing.T) {
	m := mailbox{wake: make(chan struct{}, 1)}
	for round := range 5 {
		m.put(plan.CancelJob{Job: round})
		taken := m.take()
		for range 3 {
			m.put(plan.Tick{})
		}
		if len(taken) != 1 || taken[0] != (plan.CancelJob{Job: round}) {
			t.Fatalf("round %d: %+v", round, taken)
		}
		if ticks := m.take(); len(ticks) != 3 {
			t.Fatalf("round %d: %+v", round, ticks)
		}
	}
}
