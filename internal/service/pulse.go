package service

import (
	"context"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
)

const (
	pulseEvery    = time.Second     // an answer of the database is good for that long
	pulsePatience = 3 * time.Second // that an answer may take
)

// pulse knows whether the database answers right now. Whoever reads for the work itself is
// patient, and notices late that it does not. It asks only when it is asked, one question
// at a time however many ask. It is safe for concurrent use.
type pulse struct {
	store Lister
	mu    sync.Mutex // held while the database is asked: all wait for the one answer
	asked time.Time  // when the last answer came
	err   error      // the last answer
}

// feel returns nil when the database answers, or has within pulseEvery.
func (p *pulse) feel(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.asked.IsZero() && time.Since(p.asked) < pulseEvery {
		return p.err
	}
	ctx, cancel := context.WithTimeout(ctx, pulsePatience)
	defer cancel()
	_, err := p.store.Run(ctx, 1) // by its key, whether it is there or not
	if fault.CodeOf(err) == fault.NotFound {
		err = nil
	}
	p.asked, p.err = time.Now(), err
	return err
}
