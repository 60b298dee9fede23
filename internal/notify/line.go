package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/incident"
	"github.com/executionerhq/executioner/internal/store"
)

const (
	// parcelTime is how long sending may take in all.
	parcelTime = 2 * time.Minute
	// leaseTime is how long nobody else sends what is being sent.
	leaseTime = parcelTime + time.Minute
	// settleTime is how long recording what became of it may take once we are to stop.
	settleTime = 5 * time.Second
	// maxPause is how long a receiver that does not work is left alone.
	maxPause = time.Minute
)

// line is the queue of one notifier, which is worked off one by one: a receiver that is
// slow or dead keeps nobody else waiting. All is owned by the goroutine in work.
type line struct {
	name   string
	sender Sender
	cfg    *Config
	wake   chan struct{}
	fails  int           // in a row
	rest   time.Duration // that the receiver asked for
}

// work sends what is due until ctx ends.
func (l *line) work(ctx context.Context) {
	for {
		sent, err := l.next(ctx)
		l.cfg.report(ctx, "the outbox can't be read", err)
		switch {
		case l.fails > 0:
			if pause(ctx, nil, l.pause()) {
				return
			}
		case !sent:
			if pause(ctx, l.wake, l.cfg.Poll) {
				return
			}
		case ctx.Err() != nil:
			return
		}
	}
}

// pause is how long a receiver that does not work is left alone: twice as long each time.
func (l *line) pause() time.Duration {
	return max(min(l.cfg.Poll<<min(l.fails-1, 6), maxPause), l.rest)
}

// next sends what is due first. It reports whether there was something.
func (l *line) next(ctx context.Context) (found bool, err error) {
	now := l.cfg.Now()
	all, err := l.cfg.Records.ClaimNotices(ctx, l.name, now, now.Add(leaseTime), maxMessages)
	if err != nil || len(all) == 0 {
		l.fails = 0
		return false, err
	}
	slices.SortFunc(all, func(a, b store.Notice) int { return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID)) })
	r := l.send(ctx, all, now)
	settled := l.settle(ctx, all, r)
	after, stop := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer stop()
	return true, l.cfg.Records.Settle(after, settled)
}

// send hands claimed notices over at once.
func (l *line) send(ctx context.Context, all []store.Notice, now time.Time) Receipt {
	p := Parcel{ID: all[0].ID, At: now}
	for i := range all {
		var m incident.Message
		if err := json.Unmarshal(all[i].Body, &m); err != nil {
			return Receipt{Err: fault.Wrap(err, fault.Internal, "notice %s can't be read", all[i].ID), Permanent: true}
		}
		p.Messages = append(p.Messages, m)
	}
	ctx, cancel := context.WithTimeout(ctx, parcelTime)
	defer cancel()
	return l.sender.Send(ctx, p)
}

// settle says what is to be recorded of notices that were sent together.
func (l *line) settle(ctx context.Context, all []store.Notice, r Receipt) []store.Settlement {
	now := l.cfg.Now()
	settled := make([]store.Settlement, len(all))
	for i := range all {
		settled[i] = Settled(&all[i], r, ctx.Err() != nil, now)
		if settled[i].State == store.NoticeGivenUp {
			l.cfg.Log.Error("a message is given up", "notice", all[i].ID, "notifier", l.name, "tries", all[i].Tries+1, "error", r.Err)
		}
	}
	switch {
	case r.Err == nil || r.Permanent:
		l.fails, l.rest = 0, 0
	default:
		l.rest = r.RetryAfter
		if l.fails++; l.fails == 1 && ctx.Err() == nil {
			l.cfg.Log.Warn("a message can't be sent now", "notifier", l.name, "error", r.Err)
		}
	}
	return settled
}

// Settled returns what becomes of a notice that was tried: sent, to be tried again, or
// given up. One that we interrupted ourselves is tried as soon as somebody can.
func Settled(n *store.Notice, r Receipt, interrupted bool, now time.Time) store.Settlement {
	s := store.Settlement{ID: n.ID, Lease: n.Lease, State: store.NoticeSent, At: now}
	if r.Err == nil {
		return s
	}
	s.State, s.Error = store.NoticeGivenUp, clip(r.Err.Error(), maxDetail)
	switch {
	case interrupted:
		s.State, s.Due, s.Error = store.NoticePending, now, "interrupted: this program was stopped"
	case !r.Permanent:
		if due := now.Add(Delay(n.ID, n.Tries+1, r.RetryAfter)); !due.After(n.Until) {
			s.State, s.Due = store.NoticePending, due
		}
	}
	return s
}
