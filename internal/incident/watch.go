package incident

import (
	"fmt"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// minRuns is how many earlier ones it takes to say what is usual.
const minRuns = 5

// Expect is what is expected of the runs of an application. What is 0 is not expected.
type Expect struct {
	Application string         // empty for all
	FinishBy    Clock          // the first such time after a run began is when it is to be finished
	Zone        *time.Location // of FinishBy; nil is UTC
	Within      time.Duration  // from its beginning to its end
	Stuck       time.Duration  // the longest time without any change
	Slower      float64        // how many times the 95th percentile of earlier ones something may take
}

// Clock is a time of day.
type Clock struct {
	Given        bool
	Hour, Minute int
}

// Usual is how long earlier ones took.
type Usual struct {
	Median, P95 time.Duration
	Runs        int // that this was learned from
}

// Watched is a run that goes on.
type Watched struct {
	Application string
	Run         run.ID
	Attempt     int
	Started     time.Time // zero until it began
	Changed     time.Time // when the last transition was
	Usual       Usual
	Jobs        []WatchedJob // that run now
}

// WatchedJob is a job that runs.
type WatchedJob struct {
	Job     run.JobID
	Try     int
	Started time.Time
	Usual   Usual
}

// Watch returns what is wrong with a run that goes on. It says the same as long as it is so.
func Watch(all []Expect, w *Watched, now time.Time) (found []Event) {
	if w.Started.IsZero() {
		return nil
	}
	for i := range all {
		x := &all[i]
		if x.Application != "" && x.Application != w.Application {
			continue
		}
		if by := x.deadline(w.Started); !by.IsZero() && now.After(by) {
			found = append(found, w.event(Late, now, "it should have finished by "+by.Format("2006-01-02 15:04 MST")))
		}
		if x.Stuck > 0 && now.Sub(w.Changed) > x.Stuck {
			found = append(found, w.event(Stuck, now, "nothing has happened since "+w.Changed.UTC().Format(time.RFC3339)))
		}
		found = append(found, x.slow(w, now)...)
	}
	return found
}

// deadline returns when a run that began then is to be finished, zero for never.
func (x *Expect) deadline(started time.Time) (by time.Time) {
	if x.Within > 0 {
		by = started.Add(x.Within)
	}
	if !x.FinishBy.Given {
		return by
	}
	zone := x.Zone
	if zone == nil {
		zone = time.UTC
	}
	local := started.In(zone)
	y, m, d := local.Date()
	at := time.Date(y, m, d, x.FinishBy.Hour, x.FinishBy.Minute, 0, 0, zone)
	if !at.After(started) {
		at = time.Date(y, m, d+1, x.FinishBy.Hour, x.FinishBy.Minute, 0, 0, zone)
	}
	if by.IsZero() || at.Before(by) {
		by = at
	}
	return by
}

func (x *Expect) slow(w *Watched, now time.Time) (found []Event) {
	if x.Slower <= 0 {
		return nil
	}
	if long := now.Sub(w.Started); w.Usual.exceeded(long, x.Slower) {
		e := w.event(Slow, now, w.Usual.text(long))
		e.Usual = w.Usual.Median
		found = append(found, e)
	}
	for i := range w.Jobs {
		j := &w.Jobs[i]
		if long := now.Sub(j.Started); j.Usual.exceeded(long, x.Slower) {
			e := w.event(Slow, now, j.Usual.text(long))
			e.Job, e.Try, e.Duration, e.Usual = j.Job, j.Try, long, j.Usual.Median
			found = append(found, e)
		}
	}
	return found
}

func (u Usual) exceeded(long time.Duration, times float64) bool {
	return u.Runs >= minRuns && u.P95 > 0 && float64(long) > times*float64(u.P95)
}

func (u Usual) text(long time.Duration) string {
	return fmt.Sprintf("it has been running for %s; of the last %d, 95 of 100 took %s at most",
		long.Round(time.Second), u.Runs, u.P95.Round(time.Second))
}

func (w *Watched) event(k Kind, now time.Time, detail string) Event {
	return Event{
		Kind: k, Application: w.Application, Run: w.Run, Attempt: w.Attempt, Detail: detail, Duration: now.Sub(w.Started), At: now,
	}
}
