package api

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/executionerhq/executioner/internal/fault"
)

// mostCounted is how many users or addresses are counted at the same time. Beyond that the
// one that was seen longest ago is forgotten.
const mostCounted = 10_000

// burstTimes is how many seconds' worth of requests may come at once.
const burstTimes = 10

// limits count who asks how often.
type limits struct {
	users, addresses *counters
}

func newLimits(l Limits, now func() time.Time) *limits {
	return &limits{newCounters(l.PerUser, now), newCounters(l.PerAddress, now)}
}

// user counts n requests of a user.
func (l *limits) user(name string, n int) error { return l.users.take(name, n) }

// address counts n requests from an address that no user made.
func (l *limits) address(from string, n int) error { return l.addresses.take(from, n) }

// counters are rate limiters by name, in bounded memory. Safe for concurrent use.
type counters struct {
	perSecond float64
	now       func() time.Time

	mu     sync.Mutex // guards all below
	byName map[string]*list.Element
	recent *list.List // of *counter, the one seen last in front
}

type counter struct {
	name    string
	limiter *rate.Limiter
}

func newCounters(perSecond float64, now func() time.Time) *counters {
	return &counters{perSecond: perSecond, now: now, byName: make(map[string]*list.Element), recent: list.New()}
}

// take counts n requests, or says when there may be the next. A request that costs more
// than a whole burst is let through when nothing else is.
func (c *counters) take(name string, n int) error {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.of(name)
	n = min(n, l.Burst())
	if l.AllowN(now, n) {
		return nil
	}
	r := l.ReserveN(now, n)
	wait := r.DelayFrom(now)
	r.CancelAt(now)
	return later(wait, fault.New(fault.RateLimited, "there are too many requests").WithHint("try again in a moment; Retry-After says when"))
}

// of returns the limiter of a name. The caller holds mu.
func (c *counters) of(name string) *rate.Limiter {
	if e := c.byName[name]; e != nil {
		c.recent.MoveToFront(e)
		return e.Value.(*counter).limiter
	}
	if c.recent.Len() >= mostCounted {
		last := c.recent.Back()
		delete(c.byName, c.recent.Remove(last).(*counter).name)
	}
	l := rate.NewLimiter(rate.Limit(c.perSecond), max(1, int(burstTimes*c.perSecond)))
	c.byName[name] = c.recent.PushFront(&counter{name, l})
	return l
}

// streams count what is being followed. Safe for concurrent use.
type streams struct {
	most, mostOfOne int

	mu    sync.Mutex // guards all below
	all   int
	ofOne map[string]int
}

func newStreams(l Limits) *streams {
	return &streams{most: l.Streams, mostOfOne: l.StreamsOfOne, ofOne: make(map[string]int)}
}

// begin takes a place for a stream of a user, until end is called.
func (s *streams) begin(user string) (end func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= s.most || s.ofOne[user] >= s.mostOfOne {
		return nil, later(time.Minute, fault.New(fault.RateLimited, "too much is being followed at the same time").
			WithHint("end another stream first"))
	}
	s.all++
	s.ofOne[user]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		if s.ofOne[user]--; s.ofOne[user] == 0 {
			delete(s.ofOne, user)
		}
	}, nil
}
