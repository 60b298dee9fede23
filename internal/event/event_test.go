package event

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/executionerhq/executioner/internal/run"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// numbered returns transitions first to last.
func numbered(first, last int64) (ts []run.Transition) {
	for n := first; n <= last; n++ {
		ts = append(ts, run.Transition{Seq: n})
	}
	return ts
}

// got is a batch in short.
type got struct {
	id          run.ID
	first, last int64
	gap         bool
}

func short(b Batch) got {
	return got{b.Run, b.Transitions[0].Seq, b.Transitions[len(b.Transitions)-1].Seq, b.Gap}
}

// drain takes everything that is queued.
func drain(t *testing.T, s *Subscription) (all []got) {
	t.Helper()
	for !s.Empty() {
		b, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, short(b))
	}
	return all
}

func TestOrderAndChoice(t *testing.T) {
	var h Hub
	one, all, other := h.Subscribe(1, 100), h.Subscribe(0, 100), h.Subscribe(3, 100)
	h.Publish(1, numbered(1, 2))
	h.Publish(2, numbered(1, 1))
	h.Publish(1, numbered(3, 3))
	for _, tt := range []struct {
		name string
		s    *Subscription
		want []got
	}{
		{"one run", one, []got{{1, 1, 2, false}, {1, 3, 3, false}}},
		{"all runs", all, []got{{1, 1, 2, false}, {2, 1, 1, false}, {1, 3, 3, false}}},
		{"a silent run", other, nil},
	} {
		if got := drain(t, tt.s); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestASubscriptionBeginsNow(t *testing.T) {
	var h Hub
	h.Publish(1, numbered(1, 1))
	s := h.Subscribe(1, 10)
	h.Publish(1, numbered(2, 2))
	if batches := drain(t, s); !slices.Equal(batches, []got{{1, 2, 2, false}}) {
		t.Errorf("got %v", batches)
	}
}

func TestTheQueueIsBounded(t *testing.T) {
	tests := []struct {
		name  string
		room  int
		sizes []int64 // of the batches published
		want  []got
	}{
		{"just full", 3, []int64{1, 2}, []got{{1, 1, 1, false}, {1, 2, 3, false}}},
		{"one too many drops the oldest batch", 3, []int64{1, 2, 1}, []got{{1, 2, 3, true}, {1, 4, 4, false}}},
		{"a batch goes as a whole", 3, []int64{2, 1, 1}, []got{{1, 3, 3, true}, {1, 4, 4, false}}},
		{"many", 2, []int64{1, 1, 1, 1, 1}, []got{{1, 4, 4, true}, {1, 5, 5, false}}},
		{"a big batch drops all before it", 3, []int64{1, 1, 9}, []got{{1, 3, 11, true}}},
		{"the newest is kept, however big", 3, []int64{9}, []got{{1, 1, 9, false}}},
		{"no room keeps the newest", 0, []int64{1, 1}, []got{{1, 2, 2, true}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h Hub
			s := h.Subscribe(1, tt.room)
			seq := int64(0)
			for _, n := range tt.sizes {
				h.Publish(1, numbered(seq+1, seq+n))
				seq += n
			}
			if batches := drain(t, s); !slices.Equal(batches, tt.want) {
				t.Errorf("got %v, want %v", batches, tt.want)
			}
		})
	}
}

// A gap is told once, by the first batch after it, and taking makes room again.
func TestAGapIsToldOnce(t *testing.T) {
	var h Hub
	s := h.Subscribe(1, 2)
	h.Publish(1, numbered(1, 2))
	h.Publish(1, numbered(3, 4))
	h.Publish(1, nil)
	first, err := s.Next(t.Context())
	if err != nil || short(first) != (got{1, 3, 4, true}) {
		t.Fatalf("got %+v, %v", first, err)
	}
	if b, err := s.Next(t.Context()); err != nil || len(b.Transitions) != 0 || b.Gap {
		t.Fatalf("got %+v, %v", b, err)
	}
	h.Publish(1, numbered(5, 6))
	if batches := drain(t, s); !slices.Equal(batches, []got{{1, 5, 6, false}}) {
		t.Errorf("got %v", batches)
	}
}

func TestNextWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Hub
		s := h.Subscribe(1, 10)
		var seen []got
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 2 {
				b, err := s.Next(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				seen = append(seen, short(b))
			}
		}()
		for n := range int64(2) {
			synctest.Wait()
			if len(seen) != int(n) {
				t.Fatalf("it did not wait: %v", seen)
			}
			h.Publish(1, numbered(n+1, n+1))
		}
		<-done
		if want := []got{{1, 1, 1, false}, {1, 2, 2, false}}; !slices.Equal(seen, want) {
			t.Errorf("got %v, want %v", seen, want)
		}
	})
}

func TestNextEndsWithTheContext(t *testing.T) {
	var h Hub
	s := h.Subscribe(1, 10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.Publish(1, numbered(1, 1))
	if b, err := s.Next(ctx); err != nil || short(b) != (got{1, 1, 1, false}) {
		t.Errorf("what is there comes first: %+v, %v", b, err)
	}
	if b, err := s.Next(ctx); !errors.Is(err, context.Canceled) || b.Transitions != nil {
		t.Errorf("got %+v, %v", b, err)
	}
}

func TestClose(t *testing.T) {
	var h Hub
	s, other := h.Subscribe(1, 10), h.Subscribe(1, 10)
	h.Publish(1, numbered(1, 1))
	s.Close()
	s.Close()
	h.Publish(1, numbered(2, 2))
	if b, err := s.Next(t.Context()); err != nil || short(b) != (got{1, 1, 1, false}) {
		t.Errorf("what was queued is lost: %+v, %v", b, err)
	}
	if b, err := s.Next(t.Context()); !errors.Is(err, ErrClosed) || b.Transitions != nil {
		t.Errorf("got %+v, %v", b, err)
	}
	if n := len(drain(t, other)); n != 2 {
		t.Errorf("the other subscription got %d batches", n)
	}
	if len(h.subs) != 1 {
		t.Errorf("%d subscriptions are left", len(h.subs))
	}
}

// Close ends a Next that waits.
func TestCloseWakesNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Hub
		s := h.Subscribe(1, 10)
		ended := make(chan error)
		go func() {
			_, err := s.Next(t.Context())
			ended <- err
		}()
		synctest.Wait()
		s.Close()
		if err := <-ended; !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}

// Publishers and subscribers come and go at the same time; each run's batches keep
// their order, and nothing is lost without a gap.
func TestConcurrent(t *testing.T) {
	const publishers, each = 4, 300
	var h Hub
	var publishing, watching sync.WaitGroup
	for w := range 3 {
		room := []int{1 << 20, 50, 1}[w]
		s := h.Subscribe(0, room)
		watching.Go(func() { watch(t, s, room > publishers*each) })
		defer s.Close()
	}
	for p := range publishers {
		publishing.Go(func() {
			for n := range int64(each) {
				h.Publish(run.ID(p+1), numbered(n+1, n+1))
				h.Subscribe(run.ID(p+1), 1).Close()
			}
		})
	}
	publishing.Wait()
	for _, s := range slices.Clone(h.subs[0]) {
		s.Close()
	}
	watching.Wait()
	if len(h.subs) != 0 {
		t.Errorf("the hub still knows of %d runs", len(h.subs))
	}
}

func watch(t *testing.T, s *Subscription, all bool) {
	last := make(map[run.ID]int64)
	gap, count := false, 0
	for {
		b, err := s.Next(t.Context())
		if err != nil {
			break
		}
		gap = gap || b.Gap
		seq := b.Transitions[0].Seq
		if seq <= last[b.Run] || seq != last[b.Run]+1 && !gap {
			t.Errorf("run %d: %d after %d", b.Run, seq, last[b.Run])
		}
		last[b.Run] = seq
		count++
	}
	if all && (gap || count != 1200) {
		t.Errorf("%d batches, gap %v", count, gap)
	}
	for id := run.ID(1); id <= 4 && all; id++ {
		if last[id] != 300 {
			t.Errorf("run %d ended with %d", id, last[id])
		}
	}
}

func TestBatchNamesItsApplication(t *testing.T) {
	h := &Hub{}
	sub := h.Subscribe(0, 10)
	defer sub.Close()
	h.Of("nightly").Publish(1, numbered(1, 1))
	h.Publish(2, numbered(1, 1))
	for _, want := range []Batch{{Run: 1, Application: "nightly"}, {Run: 2}} {
		if b, err := sub.Next(t.Context()); err != nil || b.Run != want.Run || b.Application != want.Application {
			t.Errorf("got run %d of %q, %v, want %d of %q", b.Run, b.Application, err, want.Run, want.Application)
		}
	}
}
