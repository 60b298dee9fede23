package sqlstore

import (
	"context"
	"math/rand/v2"
	"time"
)

// Pauses between tries while the database is away.
const (
	pauseFirst = 20 * time.Millisecond
	pauseMax   = 500 * time.Millisecond
)

// backoff counts pauses. There is none before the first new try: a connection that
// was cut while nobody used it is nearly always replaced at once.
type backoff struct{ next time.Duration }

// pause waits, and reports false when stop was closed.
func (b *backoff) pause(stop <-chan struct{}) bool {
	d := b.next
	b.next = min(max(pauseFirst, 2*d), pauseMax)
	if d > 0 {
		d = d/2 + rand.N(d) //nolint:gosec // so that many programs don't come back at the same moment
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-stop:
		return false
	case <-t.C:
		return true
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
