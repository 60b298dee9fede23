package keeper

import (
	"errors"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// engineLost is the result of tasks that another program looks after now.
func engineLost(why string) Result { return Result{To: -1, Outcome: run.Failure(run.EngineLost, why)} }

// resign gives all tasks a result here, those to come as well: nobody looks after them
// for this program any more.
func (c *Client) resign(r Result) {
	c.mu.Lock()
	c.last = &r
	ids := slices.Collect(maps.Keys(c.pending))
	c.mu.Unlock()
	for _, id := range ids {
		c.end(id, r)
	}
}

// takeOver makes this program the custodian of what a keeper that is gone looked after.
func (c *Client) takeOver() {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return
	}
	stand, lock, err := c.inherit()
	switch {
	case errors.Is(err, errBusy):
		c.resign(engineLost(err.Error()))
		return
	case err != nil:
		c.cfg.Notice("the keeper is gone, and what it looked after can't be taken over: " + err.Error())
		c.resign(lostResult(Evidence{}))
		return
	}
	c.cfg.Notice("the keeper is gone; its jobs go on under this program")
	c.replace(stand, lock)
	go func() {
		stand.adopting.Wait()
		c.cfg.Host.Settle()
	}()
}

// replace has a custodian of our own go on with everything that the keeper was asked.
func (c *Client) replace(stand *Custodian, lock *os.File) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stand, c.lock = stand, lock
	for id, p := range c.pending {
		stand.Start(p.spec, func(r Result) { go c.end(id, r) })
		if p.ordered != nil {
			stand.Stop(id, *p.ordered)
		}
		if p.hurried {
			stand.Kill(id)
		}
	}
}

// inherit opens the journal and makes a custodian with our shares in the pipes. The
// lock is free when the keeper has ended: its children are ours from then on. The error
// is errBusy when they are another program's.
func (c *Client) inherit() (*Custodian, *os.File, error) {
	lock, err := succeed(c.cfg.Dir)
	if err != nil {
		return nil, nil, err
	}
	book, found, other, err := openJournal(c.cfg.Dir, c.cfg.Sync)
	if err == nil && book.Epoch(c.cfg.Epoch) != nil {
		err = errors.Join(errBusy, book.Close())
	}
	if err != nil {
		return nil, nil, errors.Join(err, lock.Close())
	}
	c.mu.Lock()
	pipes := c.pipes
	c.pipes = nil
	c.mu.Unlock()
	stand := newCustodian(c.cfg.Host, book, found, pipes, c.heirOf())
	if other != Unstarted {
		stand.distrust(c.asked())
	}
	return stand, lock, nil
}

// heirOf returns the keeper that has let go of its lock if its children are ours, otherwise
// nobody. It lets go of its files before it does of its children: they come with its end.
func (c *Client) heirOf() whom {
	if c.child == nil {
		return whom{}
	}
	select {
	case <-c.gone:
		return c.keeper
	case <-time.After(closePatience):
		return whom{}
	}
}

// asked returns the tasks that the keeper was to start.
func (c *Client) asked() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Keys(c.pending))
}
