package stats

import (
	"cmp"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// Summary is a tally in numbers that people read. Its JSON is part of the program's
// interface. Durations are in seconds, null where there are none.
type Summary struct {
	Ended       int64               `json:"ended"` // in any of the states but SKIPPED
	States      map[run.State]int64 `json:"states"`
	FailureRate float64             `json:"failure_rate"` // 0 to 1
	Resumed     int64               `json:"resumed,omitempty"`
	Tries       int64               `json:"tries"`
	Retries     int64               `json:"retries"`
	Flaky       int64               `json:"flaky"`
	FlakyRate   float64             `json:"flaky_rate"` // 0 to 1
	Durations   Spread              `json:"duration_seconds"`
	Queued      Spread              `json:"queue_seconds"`
	CPU         *float64            `json:"cpu_seconds"` // mean
	Memory      *int64              `json:"max_rss_bytes"`
}

// Spread is how durations are spread, in seconds.
type Spread struct {
	Count  int64    `json:"count"`
	Mean   *float64 `json:"mean"`
	Median *float64 `json:"median"`
	P95    *float64 `json:"p95"`
	Max    *float64 `json:"max"`
}

// Summary returns the numbers of a tally.
func (t *Tally) Summary() Summary {
	s := Summary{
		Ended: t.Ended(), States: t.states(), FailureRate: t.FailureRate(), Resumed: t.Resumed, Tries: t.Tries,
		Retries: t.Retries(), Flaky: t.Flaky, FlakyRate: t.FlakyRate(), Durations: t.Took.spread(), Queued: t.Queued.spread(),
	}
	if t.Measured > 0 {
		cpu, memory := (t.CPU / time.Duration(t.Measured)).Seconds(), t.Memory
		s.CPU, s.Memory = &cpu, &memory
	}
	return s
}

// states returns how many there are in each state, without those in which there are none.
func (t *Tally) states() map[run.State]int64 {
	all := map[run.State]int64{}
	for state, n := range map[run.State]int64{
		run.Success: t.Success, run.Failed: t.Failed, run.Timeout: t.Timeout, run.Cancelled: t.Cancelled, run.Skipped: t.Skipped,
	} {
		if n > 0 {
			all[state] = n
		}
	}
	return all
}

func (h *Histogram) spread() Spread {
	if h.n == 0 {
		return Spread{}
	}
	in := func(d time.Duration) *float64 {
		s := d.Seconds()
		return &s
	}
	return Spread{h.n, in(h.Mean()), in(h.Percentile(50)), in(h.Percentile(95)), in(h.Max())}
}

// Named is the tally of a job, or of the attempts of an application when Job is empty.
type Named struct {
	Application string
	Job         run.JobID
	Tally       Tally
}

func compareNames(a, b *Named) int {
	return cmp.Or(cmp.Compare(a.Application, b.Application), cmp.Compare(a.Job, b.Job))
}

// Slowest returns the n jobs that usually take the longest, by their median, the slowest
// first. Those of which no duration is known are left out.
func Slowest(all []*Named, n int) []*Named {
	return top(all, n, func(t *Tally) float64 {
		if t.Took.Count() == 0 {
			return -1
		}
		return t.Took.Percentile(50).Seconds()
	}, 0)
}

// Flakiest returns the n jobs of whose successes most had failed before, the flakiest
// first. Those that never did are left out.
func Flakiest(all []*Named, n int) []*Named {
	const least = 1e-12 // more than never
	return top(all, n, (*Tally).FlakyRate, least)
}

// top returns the n with the highest score, which must be at least least.
func top(all []*Named, n int, score func(*Tally) float64, least float64) []*Named {
	type scored struct {
		*Named
		score float64
	}
	var found []scored
	for _, one := range all {
		if s := score(&one.Tally); s >= least {
			found = append(found, scored{one, s})
		}
	}
	slices.SortFunc(found, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.Tally.Ended(), a.Tally.Ended()), compareNames(a.Named, b.Named))
	})
	names := make([]*Named, 0, min(n, len(found)))
	for _, f := range found[:min(n, len(found))] {
		names = append(names, f.Named)
	}
	return names
}

// Bucket is the tally of one unit of time of a trend.
type Bucket struct {
	Begin time.Time
	Tally Tally
}

// Collection adds up tallies by their names, and by time. The zero value is ready to use.
type Collection struct {
	named   map[[2]string]*Named
	buckets map[int64]*Bucket
}

// Add adds an encoded tally under its name.
func (c *Collection) Add(application string, job run.JobID, body []byte) error {
	key := [2]string{application, string(job)}
	one := c.named[key]
	if one == nil {
		if c.named == nil {
			c.named = map[[2]string]*Named{}
		}
		one = &Named{Application: application, Job: job}
		c.named[key] = one
	}
	return one.Tally.MergeEncoded(body)
}

// AddAt adds an encoded tally to the bucket that its period is in.
func (c *Collection) AddAt(u Unit, p Period, body []byte) error {
	begin := u.Begin(p)
	one := c.buckets[begin.Unix()]
	if one == nil {
		if c.buckets == nil {
			c.buckets = map[int64]*Bucket{}
		}
		one = &Bucket{Begin: begin}
		c.buckets[begin.Unix()] = one
	}
	return one.Tally.MergeEncoded(body)
}

// Names returns the sums by name, in order of application and job.
func (c *Collection) Names() []*Named {
	all := make([]*Named, 0, len(c.named))
	for _, one := range c.named {
		all = append(all, one)
	}
	slices.SortFunc(all, compareNames)
	return all
}

// Trend returns the sums by time, oldest first. Units without anything are left out.
func (c *Collection) Trend() []*Bucket {
	all := make([]*Bucket, 0, len(c.buckets))
	for _, one := range c.buckets {
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b *Bucket) int { return a.Begin.Compare(b.Begin) })
	return all
}
