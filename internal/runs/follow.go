package runs

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/executionerhq/executioner/internal/event"
	"github.com/executionerhq/executioner/internal/run"
)

// followRoom is how many transitions are kept for a follower that is slow. What it
// misses beyond that it reads from the store.
const followRoom = 4096

// pollEvery is how often a run that another program owns is looked at.
const pollEvery = 200 * time.Millisecond

// Follow yields the transitions of the attempt, in order, each exactly once, until its
// end. When the attempt could not be carried on to its end, the error says why. idle is
// called whenever there is nothing more to yield for now. Follow may be called once.
func (e *Execution) Follow(ctx context.Context, idle func()) iter.Seq2[run.Transition, error] {
	return func(yield func(run.Transition, error) bool) {
		after := e.after
		if e.TakenUp != nil { // what happened before is part of it
			ts, err := e.service.cfg.Store.Transitions(ctx, e.Run, after, 0)
			for i := range ts {
				after = ts[i].Seq
				if !yield(ts[i], nil) || endsRun(&ts[i]) {
					return
				}
			}
			if err != nil {
				yield(run.Transition{}, err)
				return
			}
		}
		for {
			if e.sub.Empty() {
				idle()
			}
			ts, err := e.next(ctx, after)
			if errors.Is(err, event.ErrClosed) { // the loop has ended, and not with the attempt's end
				if _, err = e.Loop.Wait(); err == nil {
					return
				}
			}
			if err != nil {
				yield(run.Transition{}, err)
				return
			}
			for i := range ts {
				if ts[i].Seq <= after {
					continue
				}
				after = ts[i].Seq
				if !yield(ts[i], nil) || endsRun(&ts[i]) {
					return
				}
			}
		}
	}
}

// next returns what was recorded next, with nothing left out after sequence number
// after; some of it may be older than that.
func (e *Execution) next(ctx context.Context, after int64) ([]run.Transition, error) {
	batch, err := e.sub.Next(ctx)
	if err != nil {
		return nil, err
	}
	if ts := batch.Transitions; len(ts) == 0 || ts[0].Seq <= after+1 {
		return ts, nil
	}
	return e.service.cfg.Store.Transitions(ctx, e.Run, after, 0)
}

// Watch yields the transitions of a run that any program may own, in order, each
// exactly once, after sequence number after, until the run's latest attempt has ended.
// A run whose program is gone is ended.
func (s *Service) Watch(ctx context.Context, id run.ID, after int64) iter.Seq2[run.Transition, error] {
	return func(yield func(run.Transition, error) bool) {
		tick := time.NewTicker(pollEvery)
		defer tick.Stop()
		for {
			ended, err := s.Ended(ctx, id) // before the transitions are read, so that these are all
			if err != nil {
				yield(run.Transition{}, err)
				return
			}
			ts, err := s.cfg.Store.Transitions(ctx, id, after, 0)
			if err != nil {
				yield(run.Transition{}, err)
				return
			}
			for i := range ts {
				after = ts[i].Seq
				if !yield(ts[i], nil) {
					return
				}
			}
			if ended {
				return
			}
			select {
			case <-ctx.Done():
				yield(run.Transition{}, ctx.Err())
				return
			case <-tick.C:
			}
		}
	}
}

func endsRun(t *run.Transition) bool { return t.Job == "" && !t.Mark() && t.To.Ended() }
