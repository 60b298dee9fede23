package runs_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
)

// sorted returns lines of things that happened at the same moment, in any order.
func sorted(lines []string) []string { return slices.Sorted(slices.Values(lines)) }

// recorded returns what was recorded of an attempt.
func (c *cluster) recorded(id run.ID, attempt int) (ts []run.Transition) {
	c.Helper()
	all, err := c.st.Transitions(c.Context(), id, 0, 0)
	c.must(err)
	for _, t := range all {
		if t.Attempt == attempt {
			ts = append(ts, t)
		}
	}
	return ts
}

func TestFollow(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.fails("b/1")
		p := c.program()
		var id run.ID
		for attempt := range 2 {
			var e *runs.Execution
			if attempt == 0 {
				e = p.submit(flow("a", "b: a"), runs.Options{})
			} else {
				e = p.resume(id, runs.Resume{})
			}
			id = e.Run
			var seen []run.Transition
			idle := 0
			for tr, err := range e.Follow(p.ctx, func() { idle++ }) {
				c.must(err)
				seen = append(seen, tr)
			}
			if !reflect.DeepEqual(seen, c.recorded(id, attempt+1)) {
				t.Errorf("attempt %d: seen %+v", attempt+1, seen)
			}
			if idle == 0 {
				t.Error("it was never idle")
			}
			p.wait(e)
			for tr, err := range e.Follow(p.ctx, func() {}) { // nothing is left
				t.Errorf("once more: %+v, %v", tr, err)
			}
		}
	})
}

// A follower that is too slow for what is kept for it reads the rest from the store:
// each transition once, in order.
func TestFollowReadsAgainWhatItMissed(t *testing.T) {
	const jobs = 3000 // 9,003 transitions, of which 4,096 are kept
	names := make([]string, jobs)
	for i := range names {
		names[i] = fmt.Sprintf("j%d", i)
	}
	for _, slow := range []int{0, 1, 5000} { // begins late; stops early; stops in the middle
		bubble(t, func(c *cluster) {
			p := c.program()
			e := p.submit(flow(names...), runs.Options{Workers: 100})
			if slow == 0 {
				time.Sleep(time.Hour)
			}
			var seen []run.Transition
			for tr, err := range e.Follow(p.ctx, func() {}) {
				c.must(err)
				if seen = append(seen, tr); len(seen) == slow {
					time.Sleep(time.Hour)
				}
			}
			if want := c.recorded(e.Run, 1); len(want) != 3*jobs+3 || !reflect.DeepEqual(seen, want) {
				t.Errorf("%d recorded, %d seen", len(want), len(seen))
			}
			p.wait(e)
		})
	}
}

func TestFollowThatCantReadAgain(t *testing.T) {
	names := make([]string, 3000)
	for i := range names {
		names[i] = fmt.Sprintf("j%d", i)
	}
	bubble(t, func(c *cluster) {
		p := c.program()
		e := p.submit(flow(names...), runs.Options{})
		p.wait(e)
		c.must(c.st.Close())
		n := 0
		for _, err := range e.Follow(p.ctx, func() {}) {
			if n++; fault.CodeOf(err) != fault.Unavailable {
				t.Errorf("got %v", err)
			}
		}
		if n != 1 {
			t.Errorf("yielded %d times", n)
		}
	})
}

// A follower may leave before the end, and its context may end.
func TestFollowerThatLeaves(t *testing.T) {
	bubble(t, func(c *cluster) {
		p := c.program()
		e := p.submit(flow("a"), runs.Options{})
		for range e.Follow(p.ctx, func() {}) {
			break
		}
		ctx, cancel := context.WithCancel(p.ctx)
		var last error
		for _, err := range e.Follow(ctx, cancel) {
			last = err
		}
		if !errors.Is(last, context.Canceled) {
			t.Errorf("got %v", last)
		}
		p.wait(e)
	})
}

// A run that was taken over has no last transition here. Its follower used to wait for
// that for ever.
func TestFollowEndsWithTheLoop(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.slow()
		p, other := c.program(), c.program()
		e := p.submit(flow("a"), runs.Options{})
		var last error
		n := 0
		followed := make(chan struct{})
		go func() {
			defer close(followed)
			for _, err := range e.Follow(p.ctx, func() {}) {
				n++
				last = err
			}
		}()
		synctest.Wait()
		c.mu.Lock()
		c.dead[p.owner.PID] = true // it is taken for dead, though it is not
		c.mu.Unlock()
		c.must(other.Reconcile(other.ctx))
		<-followed
		_, err := e.Wait(p.ctx)
		if fault.CodeOf(err) != fault.Locked || !errors.Is(last, err) || n != 5 {
			t.Errorf("%d yielded, last %v; the loop says %v", n, last, err)
		}
		c.is(e.Run, 1, run.Failed, run.EngineLost)
		for _, process := range c.world.Ledger() {
			if process.Ended.IsZero() {
				t.Errorf("%s still runs", process.ID)
			}
		}
	})
}

// watch collects what Watch yields.
func (p *program) watch(id run.ID, after int64) (seen []run.Transition) {
	p.c.Helper()
	for tr, err := range p.Watch(p.ctx, id, after) {
		p.c.must(err)
		seen = append(seen, tr)
	}
	return seen
}

func TestWatch(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.fails("b/1")
		p, other := c.program(), c.program()
		e := p.submit(flow("a", "b: a"), runs.Options{})
		if seen := other.watch(e.Run, 0); !reflect.DeepEqual(seen, c.recorded(e.Run, 1)) {
			t.Errorf("seen %+v", seen)
		}
		id := p.wait(e)
		ended := c.run(id).Seq
		if seen := other.watch(id, ended); seen != nil { // it used to wait for ever
			t.Errorf("after the end: %+v", seen)
		}

		// From the beginning over both attempts, while the second goes on.
		e = p.resume(id, runs.Resume{})
		seen := other.watch(id, 0)
		if all := append(c.recorded(id, 1), c.recorded(id, 2)...); !reflect.DeepEqual(seen, all) {
			t.Errorf("seen %d transitions of %d", len(seen), len(all))
		}
		if seen = other.watch(id, ended); !reflect.DeepEqual(seen, c.recorded(id, 2)) {
			t.Errorf("seen %+v", seen)
		}
		p.wait(e)
	})
}

// The program of a watched run dies: the run is ended, and the watch with it.
func TestWatchOfALostRun(t *testing.T) {
	bubble(t, func(c *cluster) {
		p, other := c.program(), c.program()
		e := p.submit(flow("a", "b: a"), runs.Options{})
		time.AfterFunc(1500*time.Millisecond, p.crash)
		seen := other.watch(e.Run, 0)
		if last := seen[len(seen)-1]; last.To != run.Failed || last.Reason != run.EngineLost || last.Job != "" {
			t.Errorf("the last is %+v", last)
		}
		_, _ = e.Wait(p.ctx)
	})
}

func TestWatchEnds(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.slow()
		p, other := c.program(), c.program()
		e := p.submit(flow("a"), runs.Options{})
		synctest.Wait()
		for range other.Watch(other.ctx, e.Run, 0) {
			break
		}
		ctx, cancel := context.WithTimeout(other.ctx, time.Second)
		defer cancel()
		var last error
		for _, err := range other.Watch(ctx, e.Run, 2) {
			last = err
		}
		if !errors.Is(last, context.DeadlineExceeded) {
			t.Errorf("got %v", last)
		}
		for _, err := range other.Watch(other.ctx, 99, 0) {
			last = err
		}
		if fault.CodeOf(last) != fault.NotFound {
			t.Errorf("got %v", last)
		}
		p.end()
		_, _ = e.Wait(p.ctx)
	})
}
