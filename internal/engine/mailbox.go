package engine

import (
	"sync"

	"github.com/executionerhq/executioner/internal/plan"
)

// mailbox collects inputs for the loop. A lock and not a channel, because whoever
// tells the loop something must never wait for it: it may be in the middle of a
// commit that waits for the disk.
type mailbox struct {
	wake chan struct{} // holds a value when there is something to take

	mu     sync.Mutex
	inputs []plan.Input
	spare  []plan.Input // the slice that the loop has finished with
}

func (m *mailbox) put(in plan.Input) {
	m.mu.Lock()
	m.inputs = append(m.inputs, in)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// take returns what has come in since the last call, in order. The slice is good
// until the next call.
func (m *mailbox) take() []plan.Input {
	m.mu.Lock()
	defer m.mu.Unlock()
	taken := m.inputs
	m.inputs = m.spare[:0]
	m.spare = taken
	return taken
}
