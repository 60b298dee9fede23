package access

import "time"

const (
	freeFailures = 5 // in a row, before anybody has to wait
	firstWait    = time.Minute
	longestWait  = time.Hour
	// ForgetFailures is after how long without a further failed login the failures before
	// count no more.
	ForgetFailures = 24 * time.Hour
)

// LockedUntil returns until when nobody may try to log in again after so many failures in a
// row, of which the last was at that time: not at all after four; after the fifth a minute,
// then twice as long with each, an hour at most. The zero time means that it is open.
func LockedUntil(failures int, last time.Time) time.Time {
	if failures < freeFailures {
		return time.Time{}
	}
	wait := firstWait
	for range min(failures-freeFailures, 10) {
		wait *= 2
	}
	return last.Add(min(wait, longestWait))
}
