// Package history looks after recorded runs as a whole: what may go and when, copies
// of everything, and whether it is all in order. What becomes of single runs is the
// business of package runs.
package history

import (
	"fmt"
	"strconv"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

const (
	// Newest is how many runs of each application are kept whatever their age.
	Newest = 10

	day = 24 * time.Hour
)

// Retention says for how long runs are kept. Zero in a field means for ever.
type Retention struct {
	KeepFor       time.Duration // runs that succeeded, since they ended
	KeepFailedFor time.Duration // all others
	KeepRuns      int           // of each application, so many that succeeded and so many that did not
	// Imported has the rules hold for runs that were brought here from elsewhere, too.
	// Without it these stay, and are not counted: they say nothing of what was made here.
	Imported bool

	KeepAudit      time.Duration // entries of the audit log
	KeepStatistics time.Duration // tallies of days and months
}

// Usual is the retention unless something else is asked for.
func Usual() Retention {
	return Retention{KeepFor: 90 * day, KeepFailedFor: 180 * day, KeepRuns: 1000}
}

// Candidate is a run that may go, and why.
type Candidate struct {
	store.Outline
	Reason string
}

// Decide returns those of all runs that may go, in the order of all, which is by id.
// Runs that have not ended, whose lease is held, or that are among the newest of their
// application stay in any case, imported ones unless they are asked for.
func (r Retention) Decide(all []store.Outline, now time.Time) []Candidate {
	newer := map[string]*seen{}
	var found []Candidate
	for i := len(all) - 1; i >= 0; i-- {
		o := &all[i]
		if o.Imported && !r.Imported {
			continue
		}
		s := newer[o.Application]
		if s == nil {
			s = new(seen)
			newer[o.Application] = s
		}
		if reason := r.reason(o, s, now); reason != "" {
			found = append(found, Candidate{*o, reason})
		}
		s.add(o)
	}
	for i, j := 0, len(found)-1; i < j; i, j = i+1, j-1 {
		found[i], found[j] = found[j], found[i]
	}
	return found
}

// seen counts the newer runs of an application.
type seen struct{ all, good, bad int }

func (s *seen) add(o *store.Outline) {
	s.all++
	switch {
	case !o.State.Ended():
	case o.State.Good():
		s.good++
	default:
		s.bad++
	}
}

// reason says why a run may go, and nothing when it stays.
func (r Retention) reason(o *store.Outline, newer *seen, now time.Time) string {
	if !o.State.Ended() || o.Held || newer.all < Newest {
		return ""
	}
	keep, same, word := r.KeepFailedFor, newer.bad, "did not succeed"
	if o.State.Good() {
		keep, same, word = r.KeepFor, newer.good, "succeeded"
	}
	if age := now.Sub(endOf(o)); keep > 0 && age > keep {
		return fmt.Sprintf("ended %s ago; runs that %s are kept for %s", Days(age), word, Days(keep))
	}
	if r.KeepRuns > 0 && same >= max(r.KeepRuns, Newest) {
		return fmt.Sprintf("%d newer runs of %s that %s", same, name(o.Application), word)
	}
	return ""
}

func endOf(o *store.Outline) time.Time {
	if o.EndedAt.IsZero() {
		return o.SubmittedAt
	}
	return o.EndedAt
}

func name(application string) string {
	if application == "" {
		return "no application"
	}
	return application
}

// Days writes a duration as whole days, or as hours when it is less than two.
func Days(d time.Duration) string {
	if d < 2*day {
		return plural(int(d/time.Hour), "hour")
	}
	return plural(int(d/day), "day")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// ids returns the numbers of candidates.
func ids(cs []Candidate) []run.ID {
	all := make([]run.ID, len(cs))
	for i := range cs {
		all[i] = cs[i].ID
	}
	return all
}
