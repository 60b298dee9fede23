package api

import (
	"context"
	"errors"

	"github.com/executionerhq/executioner/internal/event"
	"github.com/executionerhq/executioner/internal/run"
)

// page is how many transitions are read from the store at once.
const page = 1000

// follower yields what is recorded of one run, in order, each transition once, whichever
// program owns the run. Events are hints: what they leave out is read from the store. It
// belongs to one goroutine.
type follower struct {
	s      *server
	id     run.ID
	after  int64 // the last that was yielded
	sub    *event.Subscription
	behind bool // the store may have more
	ours   bool // events come in, so that there is no need to look often
}

// follow begins to follow a run behind a sequence number. It must be closed.
func (s *server) follow(id run.ID, after int64) *follower {
	return &follower{s: s, id: id, after: after, sub: s.Hub.Subscribe(id, s.Limits.Room), behind: true}
}

func (f *follower) close() { f.sub.Close() }

// next yields what has been recorded since, waiting a while when there is nothing. over
// says that the run's latest attempt has ended and all of it was yielded. emit may be nil.
func (f *follower) next(ctx context.Context, emit func([]run.Transition) error) (over bool, err error) {
	if f.behind {
		return f.read(ctx, emit)
	}
	wait := f.s.Limits.Poll
	if f.ours {
		wait = f.s.Limits.Heartbeat
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	batch, err := f.sub.Next(waiting)
	switch {
	case err != nil && ctx.Err() != nil:
		return false, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		f.behind = true
		return false, nil
	case err != nil:
		return false, err
	}
	return f.take(batch, emit)
}

// take yields a batch of events, unless something is missing before it.
func (f *follower) take(batch event.Batch, emit func([]run.Transition) error) (over bool, err error) {
	ts := batch.Transitions
	for len(ts) > 0 && ts[0].Seq <= f.after {
		ts = ts[1:]
	}
	if len(ts) == 0 {
		return false, nil
	}
	if ts[0].Seq != f.after+1 {
		f.behind = true
		return false, nil
	}
	f.ours = true
	return f.yield(ts, emit)
}

// read yields what the store has.
func (f *follower) read(ctx context.Context, emit func([]run.Transition) error) (over bool, err error) {
	r, err := f.s.History.Run(ctx, f.id) // before the transitions, so that these are all up to then
	if err != nil {
		return false, err
	}
	ts, err := f.s.History.Transitions(ctx, f.id, f.after, page)
	if err != nil {
		return false, err
	}
	f.behind = len(ts) == page
	if _, err := f.yield(ts, emit); err != nil {
		return false, err
	}
	return !f.behind && r.Attempt.State.Ended() && f.after == max(r.Seq, f.after), nil
}

func (f *follower) yield(ts []run.Transition, emit func([]run.Transition) error) (over bool, err error) {
	if len(ts) == 0 {
		return false, nil
	}
	if emit != nil {
		if err := emit(ts); err != nil {
			return false, err
		}
	}
	last := &ts[len(ts)-1]
	f.after = last.Seq
	return last.Job == "" && !last.Mark() && last.To.Ended(), nil
}
