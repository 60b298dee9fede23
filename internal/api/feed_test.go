package api

import (
	"context"
	"maps"
	"testing"

	"github.com/executionerhq/executioner/internal/event"
	"github.com/executionerhq/executioner/internal/run"
)

// A stream that is slow skips what was forgotten, is told so once, and misses nothing else.
func TestFeed(t *testing.T) {
	f := &feed{s: &server{Config: Config{Hub: &event.Hub{}, Limits: Limits{Room: 3}}}}
	slow := f.join()
	quick := f.join()
	give := func(id run.ID, n int) {
		f.add(f.sub, fed{Batch: event.Batch{Run: id, Transitions: make([]run.Transition, n)}})
	}
	takes := func(p *feedPosition, id run.ID, gap bool) {
		t.Helper()
		b, told, err := p.next(t.Context())
		if b.Run != id || told != gap || err != nil {
			t.Errorf("got %d, %v, %v, want %d, %v", b.Run, told, err, id, gap)
		}
	}
	for id := range run.ID(5) {
		give(id+1, 1)
		takes(quick, id+1, false)
	}
	takes(slow, 3, true)
	takes(slow, 4, false)
	give(6, 9) // is kept, however big
	takes(slow, 6, true)
	takes(quick, 6, false)
	late := f.join() // hears of what comes from now on
	ended, end := context.WithCancel(t.Context())
	end()
	if _, _, err := late.next(ended); err == nil {
		t.Error("there is something already")
	}
	old := f.sub
	for _, p := range []*feedPosition{slow, quick, late} {
		p.leave()
	}
	f.add(old, fed{})
	if len(f.kept) != 0 || f.held != 0 || f.sub != nil {
		t.Errorf("it keeps %d batches, %d transitions", len(f.kept), f.held)
	}
	again := f.join()
	give(7, 1)
	takes(again, 7, false)
	again.leave()
}

// A stream about all runs lasts for as long as the service: it must not keep one for each
// run that there was.
func TestStreamForgetsRunsThatEnded(t *testing.T) {
	a := &allRuns{known: make(map[run.ID]int64)}
	a.know(1, &run.Transition{Seq: 4, Job: "a", To: run.Failed})
	a.know(1, &run.Transition{Seq: 3, To: run.Running}) // what was sent before it was read of the store
	a.know(2, &run.Transition{Seq: 9, To: run.Running})
	a.know(2, &run.Transition{Seq: 10, To: run.Success})
	if want := map[run.ID]int64{1: 4}; !maps.Equal(a.known, want) {
		t.Errorf("it knows %v, want %v", a.known, want)
	}
}
