package api

import (
	"sync"
	"time"
)

// again is how long the log is not told anew of what goes on failing.
const again = 30 * time.Second

// seldom has what fails in the same way with each request be told once in a while. The zero
// value has told nothing. It is safe for concurrent use.
type seldom struct {
	mu   sync.Mutex // guards the rest
	what string     // that was told last
	at   time.Time  // when
	more int        // that were not told since
}

// tell reports whether something is to be told now, and how many like it were not.
func (s *seldom) tell(what string, now time.Time) (more int, yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if what == s.what && now.Sub(s.at) < again {
		s.more++
		return 0, false
	}
	if what == s.what {
		more = s.more
	}
	s.what, s.at, s.more = what, now, 0
	return more, true
}
