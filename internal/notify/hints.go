package notify

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/executionerhq/executioner/internal/event"
	"github.com/executionerhq/executioner/internal/run"
)

// hintRoom is how many transitions wait to be hints. Beyond that all runs are looked at.
const hintRoom = 4096

// hints are the runs of which something was published. They are safe for concurrent use.
type hints struct {
	mu   sync.Mutex // guards both: one goroutine listens, another looks
	runs map[run.ID]bool
	lost bool // some
}

// listen collects hints, and wakes whoever looks.
func (h *hints) listen(ctx context.Context, sub *event.Subscription, wake chan struct{}) {
	defer sub.Close()
	for {
		b, err := sub.Next(ctx)
		if err != nil {
			return
		}
		h.mu.Lock()
		h.lost = h.lost || b.Gap || len(h.runs) >= pageSize
		if h.runs == nil {
			h.runs = map[run.ID]bool{}
		}
		if !h.lost {
			h.runs[b.Run] = true
		}
		h.mu.Unlock()
		nudge(wake)
	}
}

// take returns the runs of which there are hints, and whether all are to be looked at.
func (h *hints) take() (ids []run.ID, all bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ids, all = slices.Sorted(maps.Keys(h.runs)), h.lost
	h.runs, h.lost = nil, false
	return ids, all
}
