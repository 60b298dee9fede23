package history

import (
	"context"

	"github.com/executionerhq/executioner/internal/store"
)

// copySchedules copies how far schedules were decided about and what became of their times,
// and returns how many times that are. What the target has stays as it is.
func copySchedules(ctx context.Context, from, to store.Store) (n int64, err error) {
	all, err := from.Schedules(ctx)
	if err != nil {
		return 0, err
	}
	for _, s := range all {
		f := store.FiringFilter{Schedule: s.ID, Limit: page}
		for {
			some, err := from.Firings(ctx, f)
			if err == nil {
				_, err = to.ImportSchedule(ctx, s, some)
			}
			if err != nil {
				return n, err
			}
			n += int64(len(some))
			if len(some) < page {
				break
			}
			f.Before = some[len(some)-1].Time
		}
	}
	return n, nil
}
