//go:build !linux

package scheduler

import "time"

// steady returns a clock that nobody sets. Here it may stand still while the host sleeps:
// after more than five minutes of that, it takes five more until the time is believed.
func steady() func() time.Duration {
	begun := time.Now()
	return func() time.Duration { return time.Since(begun) }
}
