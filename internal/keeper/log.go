package keeper

import (
	"context"
	"time"

	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/mask"
)

// Waits between attempts while the host is short of something.
const (
	startWaitFirst = 50 * time.Millisecond
	startWaitMax   = 2 * time.Second
)

// OpenLog opens the log of a try, see joblog.Open. A program that has too many files
// open for the moment, or a full disk, is no failure of the job: it is tried again until
// ctx is done, whose error is returned then.
func OpenLog(ctx context.Context, path string, limit int64, m *mask.Masker) (*joblog.Writer, error) {
	for wait := startWaitFirst; ; wait = pause(ctx, wait) {
		log, err := joblog.Open(path, limit, m)
		if err == nil || !scarce(err) && !full(err) {
			return log, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// pause waits between attempts, or until ctx is done. It returns how long to wait the
// next time.
func pause(ctx context.Context, wait time.Duration) time.Duration {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return min(2*wait, startWaitMax)
}
