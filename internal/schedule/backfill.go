package schedule

import (
	"time"

	"github.com/executionerhq/executioner/internal/fault"
)

// MaxBackfill is how many runs one backfill may make.
const MaxBackfill = 10_000

// Backfill returns the expected times from one moment to before another, excluded days
// left out, for which runs are to be made. More than limit is a fault Usage, and so is a
// range that ends before it begins. A limit of 0 is MaxBackfill.
func Backfill(s *Spec, from, to time.Time, limit int) ([]Expected, error) {
	if limit <= 0 || limit > MaxBackfill {
		limit = MaxBackfill
	}
	if !from.Before(to) {
		return nil, fault.New(fault.Usage, "the range ends before it begins: %s to %s", from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	var all []Expected
	for e := range s.Between(from.Add(-time.Nanosecond), to.Add(-time.Nanosecond)) {
		if e.Excluded != "" {
			continue
		}
		if len(all) == limit {
			return nil, fault.New(fault.Usage, "from %s to %s there are more than %d expected times", from.Format(time.RFC3339), to.Format(time.RFC3339), limit).
				WithHint("take a shorter range")
		}
		all = append(all, e)
	}
	return all, nil
}
