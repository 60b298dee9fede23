package api

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/store"
)

const (
	verifiedFor  = 5 * time.Minute
	mostVerified = 1000
)

// verified remembers for a while which passwords were right, so that a client that sends
// one with each request does not cost a slow hash each time. It keeps keyed hashes only,
// and those of a password that was changed since are of no use. Safe for concurrent use.
type verified struct {
	key [32]byte
	now func() time.Time

	mu    sync.Mutex // guards until
	until map[[32]byte]time.Time
}

func newVerified(now func() time.Time) *verified {
	v := &verified{now: now, until: make(map[[32]byte]time.Time)}
	rand.Read(v.key[:]) // never fails
	return v
}

// sum is what is kept of a password that was right: it covers the stored hash.
func (v *verified) sum(name, hash, password string) (sum [32]byte) {
	m := hmac.New(sha256.New, v.key[:])
	for _, part := range []string{name, hash, password} {
		m.Write([]byte(part))
		m.Write([]byte{0})
	}
	m.Sum(sum[:0])
	return sum
}

// knows reports whether the password was found right a short time ago. hash is empty for
// somebody who can't have one.
func (v *verified) knows(u store.User, hash, password string) bool {
	sum := v.sum(u.Name, hash, password)
	v.mu.Lock()
	defer v.mu.Unlock()
	return hash != "" && v.now().Before(v.until[sum])
}

// add remembers that a user's password was right.
func (v *verified) add(u store.User, password string) {
	sum, now := v.sum(u.Name, u.Password, password), v.now()
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, known := v.until[sum]; known && now.Before(v.until[sum]) {
		return // it is not prolonged, so that it is checked again some time
	}
	if len(v.until) >= mostVerified {
		clear(v.until)
	}
	v.until[sum] = now.Add(verifiedFor)
}
