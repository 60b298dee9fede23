package scheduler

import (
	"slices"
	"sync/atomic"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/schedule"
	"github.com/executionerhq/executioner/internal/store"
)

// What is counted of what arrives, besides decisions.
const (
	unsigned = "unsigned" // a request that is not signed as it should be, or for no trigger
	repeated = "repeated" // a request that came before
	failed   = "failed"   // it could not be recorded
)

// Arrivals are the words under which what arrives is counted.
func Arrivals() []string {
	return []string{string(schedule.Start), string(schedule.Queue), string(schedule.Replace), string(schedule.Skip), Refused, unsigned, repeated, failed}
}

// counts has a number for each word of Arrivals. It is safe for concurrent use.
type counts [8]atomic.Int64

// note counts what became of something that arrived.
func (c *counts) note(f *store.Firing, existing bool, err error) {
	word := f.Decision
	switch code := fault.CodeOf(err); {
	case code == fault.Unauthorized:
		word = unsigned
	case existing:
		word = repeated
	case word == "":
		word = failed
	}
	if i := slices.Index(Arrivals(), word); i >= 0 {
		c[i].Add(1)
	}
}

// Arrived returns how often something arrived of which that became: see Arrivals.
func (s *Scheduler) Arrived(word string) int64 {
	i := slices.Index(Arrivals(), word)
	if i < 0 {
		return 0
	}
	return s.counts[i].Load()
}
