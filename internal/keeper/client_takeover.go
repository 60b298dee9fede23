package keeper

import (
	"errors"
	"maps"
	"math"
	"os"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/process"
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

// distrust makes the journal's silence about tasks mean nothing: they may have been
// started all the same.
func (c *Custodian) distrust(ids []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		if _, known := c.earlier[id]; !known {
			c.earlier[id] = record{Evidence: Evidence{Journal: true, SameBoot: true, Started: true}}
		}
	}
}

// inherit settles what became of tasks that dead was starting when it died: of those
// of custodians before it, whose children went elsewhere, nothing is proven. What it forked is ours, and nobody has reaped it: as many zombies as such tasks
// are theirs, and if all ended alike it does not matter whose is which. Without any
// none of them was forked. With some, nobody can know which.
func inherit(all map[string]record, dead whom) {
	var strays []process.Handle
	var open []string
	var alike, unborn bool
	for deadline := time.Now().Add(birthPatience); ; <-time.After(time.Millisecond) {
		var from, to uint64
		var taken map[int]bool
		if open, taken, from, to = unfound(all, dead); len(open) == 0 {
			return
		}
		if strays, alike, unborn = process.Strays(from, to, taken); !unborn || time.Now().After(deadline) {
			break
		}
	}
	for i, id := range open {
		r := all[id]
		r.Heir = len(strays) == 0 && !unborn
		if alike && len(strays) == len(open) {
			r.handle, r.Alive = strays[i], true
			r.handle.Started = r.started.At
		}
		all[id] = r
	}
}

// unfound looks again for the processes of tasks that dead was starting. It returns
// those that have none, the processes of all others, and the range of their marks.
func unfound(all map[string]record, dead whom) (open []string, taken map[int]bool, from, to uint64) {
	taken = make(map[int]bool, len(all))
	from = math.MaxUint64
	for id, r := range all {
		if r.SameBoot && !r.NotStarted && !r.Ended && !r.Identified && !r.Alive && r.started.Mark != 0 && r.started.whom == dead {
			r.Alive = r.find()
			all[id] = r
			if !r.Alive {
				open = append(open, id)
				from, to = min(from, r.started.Mark), max(to, r.started.Mark+1)
			}
		}
		taken[r.handle.PID] = true
	}
	return open, taken, from, to
}

// succeed makes this program the custodian of a directory that has had one.
func succeed(dir string) (*os.File, error) { return lockDir(dir, 0) }
