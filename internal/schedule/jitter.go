package schedule

import (
	"hash/fnv"
	"strconv"
	"time"
)

// Jitter returns by how much an expected time of a schedule is put off: from 0 to less
// than most, in whole milliseconds, always the same for the same schedule and time.
func Jitter(id string, expected time.Time, most time.Duration) time.Duration {
	steps := uint64(most / time.Millisecond)
	if most <= 0 || steps == 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(id + "@" + strconv.FormatInt(expected.Unix(), 10))) // a hash never fails
	x := h.Sum64()
	x ^= x >> 33 // FNV's low bits vary little for texts that end alike; this is MurmurHash3's finaliser
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return time.Duration(x%steps) * time.Millisecond
}
