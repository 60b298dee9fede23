package history

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/stats"
	"github.com/executionerhq/executioner/internal/store"
)

const (
	// countBatch is how many attempts are counted in one transaction.
	countBatch = 100
	// countEvery is how often attempts are counted beside other work.
	countEvery = time.Minute
	// countLimit is the time after which no other transaction is begun then.
	countLimit = 200 * time.Millisecond
)

// CountSoon counts attempts that have ended as it is done beside other work: for a
// moment, once a minute for each history, whoever uses it.
func CountSoon(ctx context.Context, st store.Store) error {
	due, err := st.Claim(ctx, store.ChoreCount, countEvery)
	if err != nil || !due {
		return err
	}
	_, err = count(ctx, st, countLimit)
	return err
}

// Count adds all attempts that have ended to the statistics, and returns how many it added.
// It may be interrupted, and go on later.
func Count(ctx context.Context, st store.Store) (int, error) { return count(ctx, st, 0) }

// count is Count that begins no transaction after limit, if there is one.
func count(ctx context.Context, st store.Store, limit time.Duration) (counted int, err error) {
	for began := time.Now(); ; {
		n, err := st.CountEnded(ctx, countBatch)
		counted += n
		if err != nil || n < countBatch || limit > 0 && time.Since(began) > limit {
			return counted, err
		}
	}
}

// Question is what statistics are asked for.
type Question struct {
	Application string     // exact; empty for all
	Job         run.JobID  // exact; empty for all
	Since       time.Time  // attempts that began on that day, in UTC, or later; zero for all
	By          stats.Unit // of the trend; empty for none
}

// Statistics is how things went.
type Statistics struct {
	// Names has the attempts of each application, under an empty Job, and its jobs, in
	// order. When the question was for a job, only that.
	Names []*stats.Named
	Trend []*stats.Bucket // of the attempts, or of the job that was asked for
}

// Ask answers a question. What has not been counted yet is counted for it.
func Ask(ctx context.Context, st store.Tallies, q Question) (Statistics, error) {
	var c stats.Collection
	spans := stats.Since(q.Since)
	trend := func(*store.Tally) error { return nil }
	if q.By != "" {
		trend = func(t *store.Tally) error { return c.AddAt(q.By, t.Period, t.Body) }
	}
	once := q.By == "" || slices.Equal(spans, q.By.Spans(q.Since)) // both are made of the same tallies
	err := eachTally(ctx, st, q, true, spans, func(t *store.Tally) error {
		err := c.Add(t.Application, t.Job, t.Body)
		if err == nil && once && t.Job == q.Job {
			err = trend(t)
		}
		return err
	})
	if err == nil && !once {
		err = eachTally(ctx, st, q, false, q.By.Spans(q.Since), trend)
	}
	if err != nil {
		return Statistics{}, err
	}
	return Statistics{Names: c.Names(), Trend: c.Trend()}, nil
}

// eachTally calls do with the tallies of some time, of the jobs as well or only of what the
// trend is of.
func eachTally(ctx context.Context, st store.Tallies, q Question, jobs bool, spans []stats.Span, do func(t *store.Tally) error) error {
	all, err := st.Tallies(ctx, store.TallyFilter{Application: q.Application, Job: q.Job, Jobs: jobs, Spans: spans})
	if err != nil {
		return err
	}
	for i := range all {
		if err := do(&all[i]); err != nil {
			return errStatistics(&all[i], err)
		}
	}
	return nil
}

// usualFor is how far back it is looked for what is usual.
const usualFor = 30 * day

// UsualOf returns how long a job of an application usually takes, with its retries, or a
// whole run of it when job is empty: those that began in the last 30 days and succeeded,
// or, when there are none, all. It is the zero Usual when there never was one.
func UsualOf(ctx context.Context, st store.Tallies, application string, job run.JobID, now time.Time) (stats.Usual, error) {
	if application == "" {
		return stats.Usual{}, nil // which would select all
	}
	for _, since := range []time.Time{now.Add(-usualFor), {}} {
		all, err := st.Tallies(ctx, store.TallyFilter{Application: application, Job: job, Spans: stats.Since(since)})
		if err != nil {
			return stats.Usual{}, err
		}
		var sum stats.Tally
		for i := range all {
			if err := sum.MergeEncoded(all[i].Body); err != nil {
				return stats.Usual{}, errStatistics(&all[i], err)
			}
		}
		if u := sum.Usual(); u.Count > 0 {
			return u, nil
		}
	}
	return stats.Usual{}, nil
}

func errStatistics(t *store.Tally, err error) error {
	return fault.Wrap(err, fault.Internal, "the statistics of %s %s can't be read", t.Application, t.Job)
}

// tallyKey is what an application has one tally for.
type tallyKey struct {
	job    run.JobID
	period stats.Period
}

func (k tallyKey) compare(o tallyKey) int {
	return cmp.Or(cmp.Compare(k.job, o.job), cmp.Compare(k.period, o.period))
}

// talliesOf returns all tallies of an application.
func talliesOf(ctx context.Context, st store.Store, application string) (map[tallyKey][]byte, error) {
	spans := append(stats.Since(time.Time{}), stats.Days(time.Time{})...)
	all, err := st.Tallies(ctx, store.TallyFilter{Application: application, Jobs: true, Spans: spans})
	if err != nil {
		return nil, err
	}
	sums := map[tallyKey]*stats.Tally{}
	for i := range all {
		if all[i].Application != application { // an empty name selects all
			continue
		}
		k := tallyKey{all[i].Job, all[i].Period}
		if sums[k] == nil {
			sums[k] = new(stats.Tally)
		}
		if err := sums[k].MergeEncoded(all[i].Body); err != nil {
			return nil, errStatistics(&all[i], err)
		}
	}
	bodies := make(map[tallyKey][]byte, len(sums))
	for k, sum := range sums {
		bodies[k] = sum.Encode()
	}
	return bodies, nil
}
