package scheduler

import (
	"time"

	"golang.org/x/sys/unix"
)

// steady returns a clock that also counts while the host sleeps.
func steady() func() time.Duration {
	begun := time.Now()
	return func() time.Duration {
		var since unix.Timespec
		if unix.ClockGettime(unix.CLOCK_BOOTTIME, &since) != nil {
			return time.Since(begun)
		}
		return time.Duration(since.Nano())
	}
}
