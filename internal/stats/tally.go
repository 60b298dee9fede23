package stats

import (
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// Tally is how a job went in the attempts of some period, or how the attempts themselves
// went. The zero value is empty.
type Tally struct {
	Success, Failed, Timeout, Cancelled int64 // how they ended
	Skipped                             int64 // jobs that were not run; what an earlier attempt settled is not counted

	Resumed int64 // of attempts: those that are not the first of their run
	Started int64 // jobs that started
	Tries   int64 // starts of jobs: the first ones, and repetitions
	Flaky   int64 // that succeeded after they had failed, with the same workflow

	// Took is how long those took that succeeded: a job from its first start to the end of
	// its last try, a run from its start to its end. Attempts that went on with a run are
	// not among them, and neither are jobs that had nothing to do.
	Took Histogram
	// Queued is how long each try waited for a place after all that it needs had ended, or
	// how long an attempt waited for a program.
	Queued Histogram

	Measured int64         // of how many CPU and Memory are known
	CPU      time.Duration // all together
	Memory   int64         // in bytes, of the largest process
}

// Ended returns how many ended in one of the four ways.
func (t *Tally) Ended() int64 { return t.Success + t.Failed + t.Timeout + t.Cancelled }

// Retries returns how many tries were repetitions.
func (t *Tally) Retries() int64 { return t.Tries - t.Started }

// FailureRate returns which part failed of those that succeeded or failed, from 0 to 1.
func (t *Tally) FailureRate() float64 {
	bad := t.Failed + t.Timeout
	return rate(bad, bad+t.Success)
}

// FlakyRate returns which part of those that succeeded had failed before, from 0 to 1.
func (t *Tally) FlakyRate() float64 { return rate(t.Flaky, t.Success) }

func rate(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// end counts how something ended.
func (t *Tally) end(s run.State) {
	switch s {
	case run.Success:
		t.Success++
	case run.Failed:
		t.Failed++
	case run.Timeout:
		t.Timeout++
	case run.Cancelled:
		t.Cancelled++
	case run.Skipped:
		t.Skipped++
	}
}

// use counts what something used of the host.
func (t *Tally) use(cpu time.Duration, memory int64) {
	t.Measured++
	t.CPU += cpu
	t.Memory = max(t.Memory, memory)
}

// Merge adds all that o has. o is not changed.
func (t *Tally) Merge(o *Tally) {
	to, from := t.counts(), o.counts()
	for i := range to {
		*to[i] += *from[i]
	}
	t.CPU += o.CPU
	t.Memory = max(t.Memory, o.Memory)
	t.Took.Merge(&o.Took)
	t.Queued.Merge(&o.Queued)
}

// counts are the fields that add up, in the order in which they are written. Their order
// is fixed.
func (t *Tally) counts() [10]*int64 {
	return [...]*int64{
		&t.Success, &t.Failed, &t.Timeout, &t.Cancelled, &t.Skipped, &t.Resumed, &t.Started, &t.Tries, &t.Flaky, &t.Measured,
	}
}

// Usual is how long something usually takes. All is 0 when it is not known.
type Usual struct {
	Count       int64 // durations that this is known from
	Median, P95 time.Duration
}

// Usual returns how long those took that succeeded.
func (t *Tally) Usual() Usual {
	return Usual{Count: t.Took.Count(), Median: t.Took.Percentile(50), P95: t.Took.Percentile(95)}
}
