package runs

import (
	"context"
	"iter"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// followRoom is how many transitions are kept for a follower that is slow. What it
// misses beyond that it reads from the store.
const followRoom = 4096

// pollEvery is how often a run that another program owns is looked at.
const pollEvery = 200 * time.Millisecond

// Follow yields the transitions of the attempt, in order, each exactly once, until its
// end. idle is called whenever there is nothing more to yield for now. Follow may be
// called once.
func (e *Execution) Follow(ctx context.Context, idle func()) iter.Seq2[run.Transition, error] {
	return func(yield func(run.Transition, error) bool) {
		after := e.after
		for {
			if e.sub.Empty() {
				idle()
			}
			batch, err := e.sub.Next(ctx)
			if err != nil {
				yield(run.Transition{}, err)
				return
			}
			ts := batch.Transitions
			if batch.Gap || len(ts) > 0 && ts[0].Seq != after+1 {
				if ts, err = e.service.cfg.Store.Transitions(ctx, e.Run, after, 0); err != nil {
					yield(run.Transition{}, err)
					return
				}
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

// Watch yields the transitions of a run that any program may own, in order, each
// exactly once, from sequence number after on, until the run's attempt ends.
func (s *Service) Watch(ctx context.Context, id run.ID, after int64) iter.Seq2[run.Transition, error] {
	return func(yield func(run.Transition, error) bool) {
		tick := time.NewTicker(pollEvery)
		defer tick.Stop()
		for {
			ts, err := s.cfg.Store.Transitions(ctx, id, after, 0)
			if err != nil {
				yield(run.Transition{}, err)
				return
			}
			for i := range ts {
				after = ts[i].Seq
				if !yield(ts[i], nil) || endsRun(&ts[i]) {
					return
				}
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
