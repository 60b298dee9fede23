package keeper

import (
	"encoding/json"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/cgroup"
	"github.com/executionerhq/executioner/internal/keeper/journal"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/run"
)

var _ Keeper = (*Custodian)(nil)

// Custodian runs processes in this program.
type Custodian struct {
	host    *process.Host
	book    *journal.Writer
	custody func(id string, pipe int) // gives the engine a share in a pipe; nil: nobody wants one
	self    whom                      // this process
	leaves  *cgroup.Tree              // gives each try a control group; nil where this host does not
	busy    sync.WaitGroup            // tasks that are not over
	// starting makes one start of the time from its record to that of the process. Should
	// we be killed in between, the marks of what we forked tell whose it is; those of forks
	// at the same moment do not. An upgrade does not come between them either.
	starting sync.Mutex
	// adopting counts the processes of earlier custodians that are being taken up.
	adopting sync.WaitGroup

	mu      sync.Mutex // guards the rest: tasks come and go on goroutines of their own
	tasks   map[string]*task
	earlier map[string]record // of earlier keepers, not taken up yet
	maskers map[*Setting]*mask.Masker
	closed  bool
	orphans int // processes that an upgrade left and no engine has asked for yet
	owed    owed
}

// record is what an earlier keeper wrote down of a task.
type record struct {
	Evidence
	started intent
	handle  process.Handle
	result  Result
	rest    bool     // result lacks what the pipe still holds
	pipe    *os.File // a share in its pipe, which is ours now; nil for none
}

// intent is what the journal says of a start: enough to take the process up, and
// neither environment nor command, which may hold secrets.
type intent struct {
	Cookie string    `json:"cookie"`
	From   int64     `json:"from"`           // where in the log the output begins
	Pipe   uint64    `json:"pipe"`           // the inode of the output's pipe
	Mark   uint64    `json:"mark"`           // see process.FindMarked
	Leaf   string    `json:"leaf,omitempty"` // its control group, empty for none
	whom             // the custodian's
	At     time.Time `json:"-"`
}

// whom is the process of a custodian, as long as this host was not started anew.
type whom struct {
	By    int    `json:"by"`    // its number,
	Since uint64 `json:"since"` // and when it was started
}

// newCustodian returns a custodian that writes to book, which it closes, and goes on
// from what the journal said. pipes are shares in pipes of its processes, by ID. heirOf is
// the custodian before it when its children are ours now, zero when they are not.
func newCustodian(host *process.Host, book *journal.Writer, found journal.State, pipes map[string]*os.File, heirOf whom) *Custodian {
	c := &Custodian{
		host: host, book: book,
		tasks: make(map[string]*task), maskers: make(map[*Setting]*mask.Masker),
		earlier: recall(found, pipes, heirOf),
		self:    self(),
	}
	c.leaves, _ = cgroup.Open(cgroup.Config{})
	return c
}

// self returns what this process is to a successor.
func self() (w whom) {
	_, _, w.By, w.Since = process.SelfIdentity()
	return w
}

// Start implements Keeper.
func (c *Custodian) Start(s Spec, done func(Result)) {
	c.mu.Lock()
	t := c.tasks[s.ID]
	known := t != nil
	if !known && !c.closed {
		t = newTask(c, s, c.masker(&s))
		c.tasks[s.ID] = t
		c.busy.Add(1)
	}
	old := c.earlier[s.ID]
	delete(c.earlier, s.ID)
	if t != nil && !known && old.fate() == Running {
		c.adopting.Add(1)
	}
	c.mu.Unlock()
	if t == nil {
		done(lostResult(Evidence{Journal: true, SameBoot: true}))
		return
	}
	t.tell(done)
	if !known {
		go func() {
			defer c.busy.Done()
			t.live(old)
		}()
	}
}

// masker returns what hides the secrets of a spec. Call it with mu held.
func (c *Custodian) masker(s *Spec) *mask.Masker {
	if s.Setting == nil {
		return mask.New(s.Secrets)
	}
	m := c.maskers[s.Setting]
	if m == nil {
		m = mask.New(s.Setting.Secrets)
		c.maskers[s.Setting] = m
	}
	return m
}

// Fate implements Keeper.
func (c *Custodian) Fate(id string) Fate {
	if f, known := c.fates()[id]; known {
		return f
	}
	return Unstarted
}

// fates returns all that is known.
func (c *Custodian) fates() map[string]Fate {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string]Fate, len(c.tasks)+len(c.earlier))
	for id, old := range c.earlier {
		all[id] = Resolve(old.Evidence)
	}
	for id, t := range c.tasks {
		all[id] = t.fate()
	}
	return all
}

// Stop implements Keeper.
func (c *Custodian) Stop(id string, o Order) {
	if t := c.task(id); t != nil {
		t.stop(o)
	}
}

// Kill implements Keeper.
func (c *Custodian) Kill(id string) {
	if t := c.task(id); t != nil {
		t.kill()
	}
}

// Forget implements Keeper.
func (c *Custodian) Forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tasks[id]
	old, was := c.earlier[id]
	if t != nil && t.fate() != Ended || t == nil && !was {
		return
	}
	if old.fate() == Running {
		c.claimed()
	}
	delete(c.tasks, id)
	delete(c.earlier, id)
	delete(c.owed.ends, id)
	_ = c.book.Ack(id) // kept too long is no harm
}

func (c *Custodian) task(id string) *task {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tasks[id]
}

// all returns the tasks that are not forgotten.
func (c *Custodian) all() []*task {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*task, 0, len(c.tasks))
	for _, t := range c.tasks {
		list = append(list, t)
	}
	return list
}

// idle reports whether nothing runs, and all that has ended is recorded.
func (c *Custodian) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.orphans > 0 || len(c.owed.ends) > 0 {
		return false
	}
	for _, t := range c.tasks {
		if t.fate() != Ended {
			return false
		}
	}
	return true
}

// empty reports whether everything that can be known has been recorded elsewhere.
func (c *Custodian) empty() bool {
	for _, f := range c.fates() {
		if f != Lost {
			return false
		}
	}
	return true
}

// unclaimed returns the shares in pipes of processes that no engine has asked for yet.
func (c *Custodian) unclaimed() map[string]*os.File {
	c.mu.Lock()
	defer c.mu.Unlock()
	pipes := make(map[string]*os.File)
	for id, old := range c.earlier {
		if old.pipe != nil {
			pipes[id] = old.pipe
		}
	}
	return pipes
}

// dropPipes closes shares in pipes of processes that nobody asked for.
func (c *Custodian) dropPipes() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, old := range c.earlier {
		_ = old.pipe.Close() // nil is no harm
	}
}

// Close implements Keeper. It waits for processes that still run.
func (c *Custodian) Close(done bool) error {
	c.mu.Lock()
	closed := c.closed
	c.closed = true
	c.mu.Unlock()
	if closed {
		return nil
	}
	c.busy.Wait()
	c.dropPipes()
	c.leaves.Tidy()
	c.leaves.Close()
	return errors.Join(c.lastPay(done), c.book.Close())
}

// more is what a journal keeps of a Result beside the outcome.
type more struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// recall makes of a journal what is known of its tasks. heirOf is as for newCustodian.
func recall(found journal.State, pipes map[string]*os.File, heirOf whom) map[string]record {
	all := make(map[string]record, len(found.Tasks))
	for i := range found.Tasks {
		all[found.Tasks[i].ID] = remember(&found.Tasks[i], found.Whole)
	}
	if heirOf != (whom{}) {
		inherit(all, heirOf)
	}
	for id, r := range all {
		if Resolve(r.Evidence) == Running || r.rest {
			r.pipe = pipes[id]
			all[id] = r
			delete(pipes, id)
		}
	}
	for _, f := range pipes { // of nothing that still writes
		_ = f.Close()
	}
	return all
}

// remember makes of what is recorded of a task what is known of it. That it was not
// started is no proof unless the journal is whole: a later start may be what is missing.
func remember(e *journal.Task, whole bool) record {
	var r record
	r.Evidence = Evidence{Journal: true, SameBoot: e.SameBoot, Started: true, NotStarted: e.NotStarted && whole, Ended: e.Exit != nil}
	_ = json.Unmarshal(e.Spec, &r.started) // what is missing is zero
	r.started.At = e.At
	r.Identified = json.Unmarshal(e.Handle, &r.handle) == nil
	switch {
	case e.Exit != nil:
		r.result = Result{Outcome: e.Exit.Outcome, Head: e.Exit.Head}
		if e.Exit.Outcome.Reason != run.Lost { // that was when it was found out
			r.result.At = e.Exit.At
		}
		var m more
		_ = json.Unmarshal(e.Exit.More, &m)
		r.result.From, r.result.To = m.From, m.To
	case e.Ending != nil:
		r.Ended, r.rest = true, true
		r.result = Result{Outcome: *e.Ending, From: r.started.From, To: -1}
	case r.SameBoot && !r.NotStarted:
		r.Alive = r.find()
	}
	return r
}

// birthPatience is how long a child may take from its fork to its program.
const birthPatience = 5 * time.Second

// settleWhenAdopted tells the host when everything that is to be adopted has been.
func (c *Custodian) settleWhenAdopted() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.orphans = 0
	for _, r := range c.earlier {
		if Resolve(r.Evidence) == Running {
			c.orphans++
		}
	}
	if c.orphans == 0 {
		c.host.Settle()
	}
}

// adopted notes that a process was taken up, or is gone.
func (c *Custodian) adopted() {
	c.adopting.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.claimed()
}

// claimed counts one orphan less. Call it with mu held.
func (c *Custodian) claimed() {
	if c.orphans--; c.orphans == 0 {
		c.host.Settle()
	}
}
