package api

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"

	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/event"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
)

// feed hands what is recorded of all runs to whoever follows them all. A batch is encoded
// once and kept once, however many they are, so that one who has stopped to read
// costs nothing. It listens as long as somebody follows. It is safe for concurrent use.
type feed struct {
	s *server

	mu      sync.Mutex // guards all below: one goroutine adds, those of the streams read
	streams int
	sub     *event.Subscription // nil while nobody follows
	kept    []fed
	first   int64         // the number of kept[0]
	held    int           // transitions in kept
	changed chan struct{} // closed when something is added; nil while nobody waits
}

// fed is a batch as the streams need it. It is shared, so it must not be changed.
type fed struct {
	event.Batch
	texts [][]byte // the events of the transitions, as they are sent
	err   error    // why they can't be sent
}

// position in a feed of one stream. It belongs to one goroutine.
type feedPosition struct {
	feed *feed
	at   int64
}

// join begins to follow from now on, until leave is called.
func (f *feed) join() *feedPosition {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.streams++
	if f.sub == nil {
		f.sub = f.s.Hub.Subscribe(0, f.s.Limits.Room)
		go f.listen(f.sub)
	}
	return &feedPosition{f, f.first + int64(len(f.kept))}
}

func (p *feedPosition) leave() {
	p.feed.mu.Lock()
	defer p.feed.mu.Unlock()
	if p.feed.streams--; p.feed.streams == 0 {
		p.feed.sub.Close() // which ends listen
		p.feed.sub = nil
		p.feed.drop(len(p.feed.kept))
	}
}

// listen adds what a subscription yields until it is closed.
func (f *feed) listen(sub *event.Subscription) {
	for {
		b, err := sub.Next(context.Background())
		if err != nil {
			return
		}
		f.add(sub, f.prepare(b))
	}
}

// prepare does what is the same for all streams.
func (f *feed) prepare(b event.Batch) fed {
	of := fed{Batch: b, texts: make([][]byte, len(b.Transitions))}
	for i := range b.Transitions {
		t := &b.Transitions[i]
		if of.texts[i], of.err = sse(nil, wire.EventTransition, runEventID(b.Run, t.Seq), f.s.event(context.Background(), b.Run, t)); of.err != nil {
			return of
		}
	}
	return of
}

// add keeps a batch and, to make room for it, forgets the oldest, but never the newest.
func (f *feed) add(sub *event.Subscription, b fed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sub != sub { // all of its streams have gone
		return
	}
	f.kept = append(f.kept, b)
	f.held += len(b.Transitions)
	for f.held > f.s.Limits.Room && len(f.kept) > 1 {
		f.drop(1)
	}
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

// drop forgets the oldest n batches. The caller holds mu.
func (f *feed) drop(n int) {
	for i := range n {
		f.held -= len(f.kept[i].Transitions)
		f.kept[i] = fed{} // let the memory go
	}
	f.kept = f.kept[n:]
	f.first += int64(n)
}

// next returns the next batch, waiting for one if need be. gap says that batches before it
// were forgotten, because this stream or the feed was slow. The error is ctx's.
func (p *feedPosition) next(ctx context.Context) (b fed, gap bool, err error) {
	for {
		b, gap, changed := p.take()
		if changed == nil {
			return b, gap, nil
		}
		select {
		case <-ctx.Done():
			return fed{}, false, ctx.Err()
		case <-changed:
		}
	}
}

// take returns the next batch, or what is closed when there may be one.
func (p *feedPosition) take() (b fed, gap bool, changed <-chan struct{}) {
	f := p.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := p.at - f.first; i < int64(len(f.kept)) {
		b = f.kept[max(i, 0)]
		p.at = max(p.at, f.first) + 1
		return b, i < 0 || b.Gap, nil
	}
	if f.changed == nil {
		f.changed = make(chan struct{})
	}
	return fed{}, false, f.changed
}

// runEventID is the id of an event in a stream about all runs.
func runEventID(id run.ID, seq int64) string { return id.String() + "-" + strconv.FormatInt(seq, 10) }

// sse appends an event to b, as it is sent. id may be empty.
func sse(b []byte, name, id string, v any) ([]byte, error) {
	data, err := json.Marshal(v) // has no line breaks
	if err != nil {
		return b, fault.Wrap(err, fault.Internal, "an event can't be written")
	}
	if id != "" {
		b = append(append(append(b, "id: "...), id...), '\n')
	}
	b = append(append(append(b, "event: "...), name...), "\ndata: "...)
	return append(append(b, data...), "\n\n"...), nil
}
