package scheduler

import (
	"context"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// Times is where it is read what became of times and their runs: see store.Store.
type Times interface {
	Firings(ctx context.Context, f store.FiringFilter) ([]store.Firing, error)
	Run(ctx context.Context, id run.ID) (store.Run, error)
}

// History returns what became of times of a schedule, the latest first. A time whose run has
// ended is over, also before the schedule's next time, when that is recorded.
func History(ctx context.Context, st Times, f store.FiringFilter) ([]store.Firing, error) {
	all, err := st.Firings(ctx, f)
	for i := range all {
		if err != nil {
			return nil, err
		}
		var over bool
		if over, err = ended(ctx, st, &all[i]); over {
			all[i].State = store.FiringOver
		}
	}
	return all, err
}

// ended reports whether the run of a time was going on when that was looked at last, and is
// no more.
func ended(ctx context.Context, st Times, f *store.Firing) (bool, error) {
	if f.State != store.FiringRunning {
		return false, nil
	}
	r, err := st.Run(ctx, f.Run)
	if fault.CodeOf(err) == fault.NotFound {
		return true, nil
	}
	return err == nil && r.Attempt.State.Ended(), err
}
