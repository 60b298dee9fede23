package sqlstore

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"github.com/executionerhq/executioner/internal/run"
)

// maxHints is how many runs are remembered for somebody who does not listen at once.
const maxHints = 256

// watch tells those who watch which runs have changed. There is one connection that
// listens for all of them, from the first call of Watch to the end of the store.
type watch struct {
	mu       sync.Mutex // guards all below
	watchers map[*watcher]struct{}
	ready    bool               // nothing is missed just now
	stop     context.CancelFunc // of the goroutine that listens; nil before there is one
	done     chan struct{}      // closed when it has ended
	closed   bool
	feeding  sync.WaitGroup // a goroutine for each watcher
}

// Watch returns a channel of runs that have changed, whoever changed them on whatever
// host: a hint to read them again. Run 0 means that any may have changed. It comes
// first, when the watch has begun, and whenever something may have been missed: after
// the connection was lost, or when the channel was not read for long. The channel is
// closed when ctx or the store ends. Where a database can't tell, it is nil: such a
// channel never says anything, and its reader looks now and then, as it should anyway.
func (s *Store) Watch(ctx context.Context) (<-chan run.ID, error) {
	if s.d.listen == nil {
		return nil, nil //nolint:nilnil // as documented
	}
	w := &watcher{wake: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(ctx)
	if !s.watch.add(w, cancel, s.d.listen) {
		cancel()
		return nil, errClosed()
	}
	out := make(chan run.ID)
	go func() {
		defer s.watch.feeding.Done()
		defer close(out)
		defer s.watch.remove(w)
		w.feed(ctx, out)
	}()
	return out, nil
}

// add begins to listen with the first one who watches.
func (h *watch) add(w *watcher, cancel context.CancelFunc, listen listener) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	w.cancel = cancel
	h.feeding.Add(1)
	if h.watchers == nil {
		h.watchers = map[*watcher]struct{}{}
	}
	h.watchers[w] = struct{}{}
	if h.ready {
		w.add(0)
	}
	if h.stop == nil {
		var ctx context.Context
		ctx, h.stop = context.WithCancel(context.Background())
		h.done = make(chan struct{})
		go h.listen(ctx, listen)
	}
	return true
}

func (h *watch) remove(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w.cancel()
	delete(h.watchers, w)
}

// listener is the listen of a dialect.
type listener = func(ctx context.Context, ready func(), hear func(ids string)) error

// listen goes on whatever happens to the connection.
func (h *watch) listen(ctx context.Context, listen listener) {
	defer close(h.done)
	for wait := (backoff{}); ; {
		_ = listen(ctx, func() { wait = backoff{}; h.tell(true, 0) }, func(ids string) { h.tell(true, parseIDs(ids)...) })
		h.tell(false)
		if ctx.Err() != nil || !wait.pause(ctx.Done()) {
			return
		}
	}
}

// tell passes ids on, and remembers whether what follows will be heard of.
func (h *watch) tell(ready bool, ids ...run.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ready = ready
	for w := range h.watchers {
		w.add(ids...)
	}
}

// close ends all watches and waits for their goroutines.
func (h *watch) close() {
	h.mu.Lock()
	h.closed = true
	for w := range h.watchers {
		w.cancel()
	}
	stop, done := h.stop, h.done
	h.mu.Unlock()
	if stop != nil {
		stop()
		<-done
	}
	h.feeding.Wait()
}

// parseIDs reads what idList wrote. What it did not write stands for any run.
func parseIDs(ids string) (all []run.ID) {
	for id := range strings.SplitSeq(ids, ",") {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			return []run.ID{0}
		}
		all = append(all, run.ID(n))
	}
	return all
}

// watcher is somebody who watches.
type watcher struct {
	cancel context.CancelFunc
	wake   chan struct{} // holds one token when something is pending

	mu      sync.Mutex
	pending []run.ID // each once; run 0 alone when there were too many
}

// add never waits.
func (w *watcher) add(ids ...run.ID) {
	if len(ids) == 0 {
		return
	}
	w.mu.Lock()
	w.pending = merge(w.pending, ids)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func merge(pending, ids []run.ID) []run.ID {
	for _, id := range ids {
		switch {
		case contains(pending, 0):
			return pending
		case id == 0, len(pending) == maxHints && !contains(pending, id):
			return append(pending[:0], 0)
		case !contains(pending, id):
			pending = append(pending, id)
		}
	}
	return pending
}

func contains(ids []run.ID, id run.ID) bool {
	for _, have := range ids {
		if have == id {
			return true
		}
	}
	return false
}

// feed sends what is pending until ctx ends.
func (w *watcher) feed(ctx context.Context, out chan<- run.ID) {
	for {
		id, ok := w.next()
		if !ok {
			select {
			case <-w.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		select {
		case out <- id:
		case <-ctx.Done():
			return
		}
	}
}

func (w *watcher) next() (run.ID, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pending) == 0 {
		return 0, false
	}
	id := w.pending[0]
	w.pending = w.pending[1:]
	return id, true
}
