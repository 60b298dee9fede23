package api

import (
	"net/http"
	"sync/atomic"

	"github.com/executionerhq/executioner/internal/fault"
)

// maxBodies is how many bytes the bodies of all requests may take together while they are
// read and answered.
const maxBodies = 256 << 20

// bodies counts the bytes of the bodies that are held. The zero value is ready to use. It is
// safe for concurrent use.
type bodies struct{ held atomic.Int64 }

// take makes room for n bytes, which give gives back. RateLimited: there is none now.
func (b *bodies) take(n int64) error {
	if b.held.Add(n) <= maxBodies || n == 0 {
		return nil
	}
	b.held.Add(-n)
	return refuse(http.StatusServiceUnavailable, fault.New(fault.RateLimited, "too many large requests at the same time").
		WithHint("try again in a moment"))
}

// give gives back what take took.
func (b *bodies) give(n int64) { b.held.Add(-n) }
