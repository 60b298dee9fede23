// Package admission decides which of the tasks that wait on a host may start now. Tasks
// of many runs share its slots, and those that name a pool the places of that pool.
//
// It is pure: it has no clock, no goroutines and no I/O. A Queue belongs to one goroutine.
//
// The order is total and fair. Who has waited longer comes first, where a run's tasks have
// waited since the run was submitted, and one step of priority counts as much as Config.Age
// of waiting. So priority goes first, and yet nobody waits for ever: of two tasks the order
// never changes, and only finitely many tasks can ever come before one that waits.
// A task for which a pool has no place does not stand in the way of others, but keeps the
// last places of its other pools from those behind it.
package admission

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// DefaultAge is how much longer a task must have waited to come before one whose priority
// is higher by one.
const DefaultAge = time.Minute

// Config says how much room there is.
type Config struct {
	// Slots is how many tasks may run at once. 0: as many as want to.
	Slots int
	// Pools is how many tasks that name a pool may run at once. A pool that is not here, or
	// has no place, has one: who names it runs alone.
	Pools map[string]int
	// Age is how much waiting one step of priority is worth. Defaults to DefaultAge.
	Age time.Duration
}

// Key identifies a task.
type Key struct {
	Run     run.ID
	Attempt int
	Job     int // index into Workflow.Jobs
	Try     int
}

// Request is a task that wants to start.
type Request struct {
	Key
	Priority int       // higher goes first
	Since    time.Time // when its run was submitted
	Pools    []string  // in which it takes a place each; a name that is repeated counts once
}

// Queue holds the tasks that wait, and knows what those that run take up.
type Queue struct {
	cfg     Config
	classes map[string]*class // that have tasks, by the pools of these
	where   map[Key]spot      // of tasks that wait
	held    map[Key]*class    // of tasks that run
	pools   map[string]*pool
	seq     uint64
}

// spot is where a task waits. An entry of a heap with another number is of an offer that
// was taken back.
type spot struct {
	class *class
	seq   uint64
}

// class is all tasks that name the same pools. Which of them is first depends on nothing
// but the order.
type class struct {
	id      string
	pools   []*pool
	tasks   int // that wait or run; a class without any is forgotten
	waiting heap
}

// pool is how many tasks run that name it.
type pool struct {
	name        string
	classes     int // that name it; a pool without any is forgotten
	size, taken int
	kept        int // places that are kept for tasks further ahead; only while Admit goes on
}

// New returns a queue in which nobody waits.
func New(cfg Config) *Queue {
	if cfg.Age <= 0 {
		cfg.Age = DefaultAge
	}
	return &Queue{
		cfg: cfg, classes: make(map[string]*class), pools: make(map[string]*pool),
		where: make(map[Key]spot), held: make(map[Key]*class),
	}
}

// Offer has a task wait. One that waits or runs already is not offered twice.
func (q *Queue) Offer(r Request) {
	if q.where[r.Key].class != nil || q.held[r.Key] != nil {
		return
	}
	c := q.class(r.Pools)
	c.tasks++
	q.compact(c)
	q.seq++
	c.waiting.push(item{key: r.Key, rank: q.rank(&r), seq: q.seq})
	q.where[r.Key] = spot{c, q.seq}
}

// Take notes a task that runs already, whether there is room for it or not.
func (q *Queue) Take(r Request) {
	if q.held[r.Key] != nil {
		return
	}
	c := q.class(r.Pools)
	c.tasks++
	q.Done(r.Key) // it waits no more
	q.hold(r.Key, c)
}

// Done forgets a task, whether it runs or waits.
func (q *Queue) Done(k Key) {
	if c := q.where[k].class; c != nil {
		delete(q.where, k) // its entry in the heap is dropped when its turn comes
		q.leave(c)
	}
	c := q.held[k]
	if c == nil {
		return
	}
	delete(q.held, k)
	for _, p := range c.pools {
		p.taken--
	}
	q.leave(c)
}

// leave notes that a task is not of a class any more. Names of pools come and go: what
// nobody uses is forgotten.
func (q *Queue) leave(c *class) {
	if c.tasks--; c.tasks > 0 {
		return
	}
	delete(q.classes, c.id)
	for _, p := range c.pools {
		if p.classes--; p.classes == 0 {
			delete(q.pools, p.name)
		}
	}
}

// Admit returns the tasks that may start now, in order, and counts them as running. It
// costs as much as there are tasks that start and different sets of pools, however many wait.
func (q *Queue) Admit() []Key {
	var admitted []Key
	for q.cfg.Slots == 0 || len(q.held) < q.cfg.Slots {
		c := q.next()
		if c == nil {
			break
		}
		k := c.waiting.pop().key
		delete(q.where, k)
		q.hold(k, c)
		admitted = append(admitted, k)
	}
	return admitted
}

// next returns the class whose first task may start, nil when there is none.
func (q *Queue) next() *class {
	heads := q.heads()
	defer func() {
		for _, p := range q.pools {
			p.kept = 0
		}
	}()
	for _, c := range heads {
		if c.free() {
			return c
		}
		for _, p := range c.pools {
			p.kept++
		}
	}
	return nil
}

// heads returns the classes in which somebody waits, in the order of who is first there.
func (q *Queue) heads() []*class {
	heads := make([]*class, 0, len(q.classes))
	for _, c := range q.classes {
		if q.clean(c); len(c.waiting) > 0 {
			heads = append(heads, c)
		}
	}
	slices.SortFunc(heads, func(a, b *class) int { return a.waiting[0].compare(b.waiting[0]) })
	return heads
}

// clean drops the first entries of a class that do not wait any more.
func (q *Queue) clean(c *class) {
	for len(c.waiting) > 0 && q.where[c.waiting[0].key].seq != c.waiting[0].seq {
		c.waiting.pop()
	}
}

// compact drops all entries that do not wait any more, when they are most of a heap.
func (q *Queue) compact(c *class) {
	if len(c.waiting) < 2*c.tasks+64 {
		return
	}
	all := c.waiting
	c.waiting = nil
	for _, x := range all {
		if q.where[x.key].seq == x.seq {
			c.waiting.push(x)
		}
	}
}

// free reports whether each pool has a place that is not kept for somebody else.
func (c *class) free() bool {
	for _, p := range c.pools {
		if p.taken+p.kept >= p.size {
			return false
		}
	}
	return true
}

func (q *Queue) hold(k Key, c *class) {
	q.held[k] = c
	for _, p := range c.pools {
		p.taken++
	}
}

// rank is when a task with priority 0 would have had to begin to wait to be as far ahead.
func (q *Queue) rank(r *Request) int64 {
	const far = 1 << 20 // priorities beyond it are alike, and nothing overflows
	return r.Since.UnixMicro() - int64(min(max(r.Priority, -far), far))*q.cfg.Age.Microseconds()
}

// class returns the one of tasks with these pools.
func (q *Queue) class(names []string) *class {
	names = slices.Clone(names)
	slices.Sort(names)
	names = slices.Compact(names)
	id := strings.Join(names, "\x00")
	if c := q.classes[id]; c != nil {
		return c
	}
	c := &class{id: id}
	for _, name := range names {
		p := q.pool(name)
		p.classes++
		c.pools = append(c.pools, p)
	}
	q.classes[id] = c
	return c
}

func (q *Queue) pool(name string) *pool {
	p := q.pools[name]
	if p == nil {
		p = &pool{name: name, size: max(q.cfg.Pools[name], 1)}
		q.pools[name] = p
	}
	return p
}

// Why says what a task waits for, empty when it does not wait.
func (q *Queue) Why(k Key) string {
	c := q.where[k].class
	if c == nil {
		return ""
	}
	var full []string
	for _, p := range c.pools {
		if p.taken >= p.size {
			full = append(full, "pool "+p.name+": "+of(p.taken, p.size))
		}
	}
	if q.cfg.Slots > 0 && len(q.held) >= q.cfg.Slots {
		full = append(full, "a slot: "+of(len(q.held), q.cfg.Slots))
	}
	if len(full) == 0 {
		return "waits for its turn"
	}
	return "waits for " + strings.Join(full, ", ")
}

func of(taken, size int) string { return strconv.Itoa(taken) + " of " + strconv.Itoa(size) + " taken" }

// Usage is how much of the room is taken.
type Usage struct {
	Slots   Room            `json:"slots"`
	Pools   map[string]Room `json:"pools,omitempty"` // that tasks name which wait or run
	Waiting int             `json:"waiting"`         // tasks
}

// Room is how many places there are, 0 for no limit, and how many of them are taken.
type Room struct {
	Size  int `json:"size"`
	Taken int `json:"taken"`
}

// Usage returns how much of the room is taken.
func (q *Queue) Usage() Usage {
	u := Usage{Slots: Room{q.cfg.Slots, len(q.held)}, Waiting: len(q.where)}
	for name, p := range q.pools {
		if u.Pools == nil {
			u.Pools = make(map[string]Room)
		}
		u.Pools[name] = Room{p.size, p.taken}
	}
	return u
}

// item is a task that waits.
type item struct {
	key  Key
	rank int64
	seq  uint64 // of its offer: within a run they are in the order of the plan
}

// compare is the order in which tasks start. It is total.
func (a item) compare(b item) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.key.Run, b.key.Run), cmp.Compare(a.seq, b.seq))
}
