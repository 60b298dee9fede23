//go:build linux

package crash

import (
	"fmt"
	"sync"
	"time"
)

// longest notes which of many cases had the program that took longest.
type longest struct {
	mu   sync.Mutex
	took time.Duration
	what string
}

func (l *longest) note(took time.Duration, what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if took > l.took {
		l.took, l.what = took, what
	}
}

func (l *longest) String() string {
	return fmt.Sprintf("the longest program took %v (%s)", l.took.Round(time.Millisecond), l.what)
}
