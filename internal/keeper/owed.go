package keeper

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/executionerhq/executioner/internal/keeper/journal"
)

// repayPause is how long after a failure what could not be recorded is tried again.
const repayPause = 250 * time.Millisecond

// owed are ends that the journal did not take. The engine is told all the same, since it
// has a record of its own; should there be none, nobody but this program knows them.
type owed struct {
	ends  map[string]journal.Exit
	again *time.Timer // nil while nothing is owed
	paid  func()      // called when nothing is owed any more; nil: nobody wants to know
}

// record writes the end of a task to the journal, now or as soon as that can be done.
func (c *Custodian) record(id string, e journal.Exit) {
	if isRecorded(c.book.Exit(id, e)) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.owed.ends == nil {
		c.owed.ends = make(map[string]journal.Exit)
	}
	c.owed.ends[id] = e
	if c.owed.again == nil {
		c.owed.again = time.AfterFunc(repayPause, c.pay)
	}
}

// isRecorded reports whether an end need not be written again: it is there, or belongs to
// nothing that the journal knows.
func isRecorded(err error) bool {
	return err == nil || errors.Is(err, journal.ErrOrder) || errors.Is(err, journal.ErrInvalid)
}

// owes reports whether anything is owed.
func (c *Custodian) owes() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.owed.ends) > 0
}

// pay tries again to record what is owed.
func (c *Custodian) pay() {
	if c.settleOwed() > 0 || c.owed.paid == nil {
		return
	}
	c.owed.paid()
}

// settleOwed records what is owed, and returns how much is left. What is left is tried
// again, unless the custodian is closed.
func (c *Custodian) settleOwed() int {
	c.mu.Lock()
	ends := maps.Clone(c.owed.ends)
	c.mu.Unlock()
	_ = c.book.Renew()        // should it be broken
	for id, e := range ends { // without the lock: a write may take its time
		if !isRecorded(c.book.Exit(id, e)) {
			delete(ends, id)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range ends {
		delete(c.owed.ends, id)
	}
	if c.owed.again != nil {
		c.owed.again.Stop()
		c.owed.again = nil
	}
	if len(c.owed.ends) > 0 && !c.closed {
		c.owed.again = time.AfterFunc(repayPause, c.pay)
	}
	return len(c.owed.ends)
}

// lastPay records what is owed before the journal is closed. done says that all of it is
// recorded elsewhere.
func (c *Custodian) lastPay(done bool) error {
	if n := c.settleOwed(); n > 0 && !done {
		return fmt.Errorf("the ends of %d processes could not be recorded", n)
	}
	return nil
}
