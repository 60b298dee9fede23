package store

import (
	"context"
	"iter"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/stats"
)

// Tallies keeps statistics: how the attempts of each application, and its jobs, went, for
// each day and each month in UTC. They outlive the runs: Delete takes nothing from them.
// An attempt counts from its end on, on the day on which it began. It is part of every Store.
//
// An attempt that ends is first only put on a list, in the same transaction. CountEnded
// takes it from there and adds it to the tallies. Until then Tallies counts it anew each
// time, so that the answer is always whole.
type Tallies interface {
	// CountEnded adds up to limit attempts that have ended to the tallies, each exactly
	// once, and returns how many: fewer than limit when nothing is left to be counted, or
	// when another program counts at the same time.
	CountEnded(ctx context.Context, limit int) (counted int, err error)
	// Tallies returns the tallies that f selects as of one moment. Those with the same
	// application, job and period add up; the order is any.
	Tallies(ctx context.Context, f TallyFilter) ([]Tally, error)
	// SetTallies records tallies in place of those with the same application, job and
	// period; no two of all may have the same. With anew, all others are forgotten, and the
	// attempts that have ended so far are never counted.
	SetTallies(ctx context.Context, all []Tally, anew bool) error
	// PruneTallies removes the tallies of periods, and returns how many.
	PruneTallies(ctx context.Context, of []stats.Span) (int64, error)
}

// Tally is a stats.Tally of a job and a period.
type Tally struct {
	Application string
	Job         run.JobID // empty: of the attempts themselves
	Period      stats.Period
	Body        []byte // as stats.Tally.Encode returns it
}

// TallyFilter selects tallies.
type TallyFilter struct {
	Application string    // exact; empty selects all
	Job         run.JobID // exact; empty: as Jobs says
	Jobs        bool      // those of all jobs, too, and not only of the attempts themselves
	Spans       []stats.Span
}

// Selects reports whether f selects a tally.
func (f *TallyFilter) Selects(t *Tally) bool {
	if f.Application != "" && f.Application != t.Application || f.Job != "" && f.Job != t.Job ||
		f.Job == "" && !f.Jobs && t.Job != "" {
		return false
	}
	for _, s := range f.Spans {
		if s.From <= t.Period && t.Period < s.To {
			return true
		}
	}
	return false
}

// TalliesOf returns what ended attempts of a run add to the tallies. numbers are theirs,
// ts all that was recorded of the run, in order.
func TalliesOf(application string, attempts []Attempt, numbers []int, ts iter.Seq[*run.Transition]) []Tally {
	known := make([]stats.Attempt, len(attempts))
	for i := range attempts {
		a := &attempts[i]
		known[i] = stats.Attempt{
			Number: a.Number, State: a.State, Hash: a.Hash, CreatedAt: a.CreatedAt, StartedAt: a.StartedAt, EndedAt: a.EndedAt,
		}
	}
	c := stats.NewCounter(known)
	for t := range ts {
		c.Add(t)
	}
	var all []Tally
	for _, n := range numbers {
		counted := c.Count(n)
		for job, t := range counted.Jobs {
			body := t.Encode()
			for _, p := range []stats.Period{counted.Day, counted.Day.Month()} {
				all = append(all, Tally{application, job, p, body})
			}
		}
	}
	return all
}
