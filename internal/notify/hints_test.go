package notify

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/executionerhq/executioner/internal/event"
	"github.com/executionerhq/executioner/internal/run"
)

// Only runs of which there is something new are looked at, unless these are too many to tell.
func TestHints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h hints
		hub := &event.Hub{}
		ctx, end := context.WithCancel(t.Context())
		wake := make(chan struct{}, 1)
		sub := hub.Subscribe(0, hintRoom)
		go h.listen(ctx, sub, wake)
		is := func(want []run.ID, all bool) {
			t.Helper()
			synctest.Wait()
			if got, lost := h.take(); !slices.Equal(got, want) || lost != all {
				t.Errorf("got %d runs %v, %v, want %v, %v", len(got), got, lost, want, all)
			}
		}
		is(nil, false)
		for _, id := range []run.ID{3, 1, 3} {
			hub.Publish(id, []run.Transition{{Seq: 1}})
		}
		is([]run.ID{1, 3}, false)
		<-wake
		is(nil, false)
		for id := range run.ID(pageSize + 1) {
			hub.Publish(id+1, []run.Transition{{Seq: 1}})
		}
		synctest.Wait()
		if _, all := h.take(); !all {
			t.Error("some were forgotten")
		}
		hub.Publish(7, nil)
		is([]run.ID{7}, false)
		end()
		synctest.Wait()
	})
}
