package notify

import (
	"hash/fnv"
	"strconv"
	"time"
)

// Times of the outbox.
const (
	// Patience is for how long a message is tried to be sent.
	Patience = 24 * time.Hour

	firstDelay = 5 * time.Second
	maxDelay   = 30 * time.Minute
)

// Delay returns how long to wait after the n-th failed try (from 1) of a message: twice
// as long each time, up to half an hour, and up to a quarter more or less, the same
// whenever it is asked. What the receiver asked for is waited for at least.
func Delay(id string, tries int, asked time.Duration) time.Duration {
	d := maxDelay
	if tries < 10 {
		d = min(firstDelay<<max(tries-1, 0), maxDelay)
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(id + "/" + strconv.Itoa(tries)))
	const parts = 1 << 16
	d += time.Duration(int64(d) / 2 / parts * (int64(h.Sum64()>>48) - parts/2))
	return max(d, asked)
}
