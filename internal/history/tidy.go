package history

import (
	"context"
	"errors"
	"time"

	"github.com/executionerhq/executioner/internal/store"
)

const (
	tidyEvery = 24 * time.Hour
	tidyLimit = time.Second
)

// Tidy prunes a history as it is done beside other work: at most once a day for each
// history, whoever uses it, and for about a second. What is left then goes the next
// day. due is false when it is not time yet.
func Tidy(ctx context.Context, st store.Store, r Retention) (done Pruned, due bool, err error) {
	if r == (Retention{}) {
		return Pruned{}, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, tidyLimit)
	defer cancel()
	if due, err = st.Claim(ctx, store.ChorePrune, tidyEvery); err != nil || !due {
		return Pruned{}, false, err
	}
	done, err = Prune(ctx, st, Pruning{Retention: r, Now: time.Now(), Pause: 5 * time.Millisecond})
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		err = nil
	}
	return done, true, err
}
