package schedule

import (
	"slices"
	"time"
)

// Action says what becomes of an expected time.
type Action string

// The choices for Action.
const (
	Start   Action = "run"     // its run starts, on time
	Late    Action = "late"    // its run starts, more than Punctual after its time
	Queue   Action = "queue"   // its run starts when the others have ended: see Output.Release
	Replace Action = "cancel"  // Decision.Cancel are cancelled, and its run starts when they have ended
	Skip    Action = "skipped" // there is no run, by what the schedule says
	Miss    Action = "missed"  // there is no run, because nobody looked in time
)

// Reason says why an expected time has no run.
type Reason string

// The reasons. Those of Skip come first, then those of Miss.
const (
	ForOverlap    Reason = "overlap"     // By has not ended
	ForFullQueue  Reason = "queue_full"  // as many as may are waiting
	ForPause      Reason = "paused"      // the schedule is paused
	ForCalendar   Reason = "calendar"    // the calendar By excludes the day
	ForEnd        Reason = "ended"       // the schedule has ended before it could be caught up
	ForDown       Reason = "down"        // nothing is caught up
	ForNewer      Reason = "superseded"  // a later time is run, and of those that passed only the last one counts
	ForMany       Reason = "limit"       // more passed than are caught up
	ForLateness   Reason = "too_late"    // it is later than the limit
	ForAbsentLong Reason = "absent_long" // one of many, in one decision: see Decision.Until
)

// Decision is what becomes of one expected time; or of many, when Until is set.
type Decision struct {
	Expected
	Until  time.Time // the decision is also for all that is expected after Time and not after Until; zero: only for Time
	Action Action
	Reason Reason        // of Skip and Miss
	By     string        // the run, the expected time or the calendar that is the reason
	Cancel []string      // of Replace: the runs to be cancelled
	After  time.Duration // how late it is, counted from when jitter lets it start
}

// Active is an expected time whose run has not ended.
type Active struct {
	Time    time.Time
	Run     string // its run; empty: it waits, and has none yet
	waiting bool
}

// Input is what one schedule's decisions depend on.
type Input struct {
	ID      string    // of the schedule, unique for ever: jitter depends on it
	Now     time.Time // by a clock that is believed: see Clock
	Decided time.Time // the last expected time with a decision; at first when the schedule began, or was changed
	Active  []Active
	// Taken reports whether a time after Decided has a decision all the same: somebody made it
	// who knows another version of the schedule. Nil: none has.
	Taken func(at time.Time) bool
}

// Output is what was decided, to be recorded in one transaction before anything is done.
type Output struct {
	Decisions []Decision  // in the order of time, at most MaxDecisions
	Release   []time.Time // expected times that wait and whose runs start now
	Drop      []time.Time // expected times that wait and become Skip, ForOverlap: a later one replaces them
	Decided   time.Time   // for the next Input
	Wake      time.Time   // when to decide again if nothing happens before; zero: never
}

// MaxDecisions is how many decisions are made at once. When more times have passed, all
// but the newest get one decision together.
const MaxDecisions = 1000

// Decide says what becomes of the expected times that have come since the last decision:
// each gets exactly one. It depends on nothing but its arguments. When the clock was set
// back there is nothing to decide until it is where it was.
func Decide(s *Spec, p Policy, in Input) Output {
	d := decider{spec: s, policy: p, in: in, out: Output{Decided: in.Decided}}
	for _, a := range in.Active {
		a.waiting = a.Run == ""
		d.active = append(d.active, a)
	}
	slices.SortStableFunc(d.active, func(a, b Active) int { return a.Time.Compare(b.Time) })
	due := d.due()
	wanted := d.sort(due)
	d.release(wanted)
	d.overlap(wanted)
	d.wake()
	return d.out
}

// decider decides once.
type decider struct {
	spec   *Spec
	policy Policy
	in     Input
	active []Active // by time; those that start now are added
	out    Output
}

// due appends a decision for each time that has come, in their order, not yet decided, and
// returns the indexes of the first.
func (d *decider) due() int {
	until := d.cut()
	if !until.After(d.in.Decided) {
		return 0
	}
	after := d.newest(until)
	for e := range d.spec.Between(d.in.Decided, after) {
		if d.taken(e) {
			continue
		}
		many := Decision{Expected: e, Until: after, Action: Miss, Reason: ForAbsentLong}
		if d.policy.Paused {
			many.no(Skip, ForPause, "")
		}
		d.add(many)
		break
	}
	d.out.Decided = after
	first := len(d.out.Decisions)
	var due time.Time // a time may be held up by one before it, decided already or not
	for e := range d.spec.Between(after.Add(-d.policy.Jitter), until) {
		if own := e.Time.Add(d.jitter(e)); own.After(due) {
			due = own
		}
		if !e.Time.After(after) {
			continue
		}
		if !d.taken(e) {
			d.add(Decision{Expected: e, After: max(0, d.in.Now.Sub(due))})
		}
		d.out.Decided = e.Time
	}
	return first
}

func (d *decider) taken(e Expected) bool { return d.in.Taken != nil && d.in.Taken(e.Time) }

func (d *decider) add(one Decision) { d.out.Decisions = append(d.out.Decisions, one) }

func (d *decider) jitter(e Expected) time.Duration { return Jitter(d.in.ID, e.Time, d.policy.Jitter) }

// cut returns until when times have come: a time that jitter puts off holds up later ones.
func (d *decider) cut() time.Time {
	from := d.in.Now.Add(-d.policy.Jitter)
	if d.in.Decided.After(from) {
		from = d.in.Decided
	}
	for e := range d.spec.Between(from, d.in.Now) {
		if e.Time.Add(d.jitter(e)).After(d.in.Now) {
			return e.Time.Add(-time.Second)
		}
	}
	return d.in.Now
}

// newest returns a moment behind which less than MaxDecisions times come until another.
func (d *decider) newest(until time.Time) time.Time {
	few := func(after time.Time) bool {
		n := 0
		for range d.spec.Between(after, until) {
			if n++; n >= MaxDecisions {
				return false
			}
		}
		return true
	}
	if few(d.in.Decided) {
		return d.in.Decided
	}
	low, high := d.in.Decided, until
	for high.Sub(low) > time.Second {
		if middle := low.Add(high.Sub(low) / 2); few(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high.Truncate(time.Second)
}

// sort decides about the times from the first index on that get no run whatever else goes
// on, and returns the indexes of the others.
func (d *decider) sort(first int) []int {
	var wanted, passed []int
	ended := d.spec.Ended(d.in.Now)
	for i := first; i < len(d.out.Decisions); i++ {
		one := &d.out.Decisions[i]
		overdue := one.After > Punctual
		switch {
		case one.Excluded != "":
			one.no(Skip, ForCalendar, one.Excluded)
		case d.policy.Paused:
			one.no(Skip, ForPause, "")
		case overdue && ended:
			one.no(Skip, ForEnd, "")
		case overdue:
			passed = append(passed, i)
		default:
			wanted = append(wanted, i)
		}
	}
	return append(d.catchUp(passed, wanted), wanted...)
}

// catchUp returns which of the times that passed are run late.
func (d *decider) catchUp(passed, punctual []int) []int {
	left := d.policy.late()
	last := d.policy.CatchUp == CatchLast || d.policy.CatchUp == ""
	by := ""
	if last && len(punctual) > 0 {
		left, by = 0, stamp(d.out.Decisions[punctual[0]].Time)
	}
	var run []int
	for _, i := range slices.Backward(passed) {
		one := &d.out.Decisions[i]
		switch {
		case d.policy.CatchUp == CatchNone:
			one.no(Miss, ForDown, "")
		case d.policy.Within > 0 && one.After > d.policy.Within:
			one.no(Miss, ForLateness, "")
		case left > 0:
			left--
			by = stamp(one.Time)
			run = append(run, i)
		case last:
			one.no(Miss, ForNewer, by)
		default:
			one.no(Miss, ForMany, "")
		}
	}
	slices.Reverse(run)
	return run
}

func stamp(t time.Time) string { return t.Format(time.RFC3339) }

func (d *Decision) no(action Action, reason Reason, by string) {
	d.Action, d.Reason, d.By = action, reason, by
}

// release lets times go on that wait, where nothing is in their way any more.
func (d *decider) release(wanted []int) {
	if d.policy.Overlap == CancelOverlap && len(wanted) > 0 {
		d.active = slices.DeleteFunc(d.active, func(a Active) bool {
			if a.waiting {
				d.out.Drop = append(d.out.Drop, a.Time)
			}
			return a.waiting
		})
		return
	}
	if d.policy.Paused {
		return
	}
	running := slices.ContainsFunc(d.active, func(a Active) bool { return !a.waiting })
	for i := range d.active {
		a := &d.active[i]
		if !a.waiting || running && d.policy.Overlap != AllowOverlap {
			continue
		}
		a.waiting, running = false, true
		d.out.Release = append(d.out.Release, a.Time)
	}
}

// overlap decides about the times that shall be run, given what goes on.
func (d *decider) overlap(wanted []int) {
	for n, i := range wanted {
		one := &d.out.Decisions[i]
		if d.policy.Overlap == CancelOverlap && n < len(wanted)-1 {
			one.no(Skip, ForOverlap, stamp(d.out.Decisions[wanted[len(wanted)-1]].Time))
			continue
		}
		if len(d.active) == 0 || d.policy.Overlap == AllowOverlap {
			d.start(one)
			continue
		}
		switch d.policy.Overlap {
		case QueueOverlap:
			d.queue(one)
		case CancelOverlap:
			one.Action = Replace
			for _, a := range d.active {
				one.Cancel = append(one.Cancel, a.Run)
			}
		default:
			one.no(Skip, ForOverlap, d.blocking())
		}
	}
}

func (d *decider) start(one *Decision) {
	one.Action = Start
	if one.After > Punctual {
		one.Action = Late
	}
	d.active = append(d.active, Active{Time: one.Time})
}

func (d *decider) queue(one *Decision) {
	waiting := 0
	for _, a := range d.active {
		if a.waiting {
			waiting++
		}
	}
	if waiting >= d.policy.waiting() {
		one.no(Skip, ForFullQueue, d.blocking())
		return
	}
	one.Action = Queue
	d.active = append(d.active, Active{Time: one.Time, waiting: true})
}

// blocking names what is in the way: a run, or the expected time of one that has no name yet.
func (d *decider) blocking() string {
	for _, a := range d.active {
		if !a.waiting && a.Run != "" {
			return a.Run
		}
	}
	return stamp(d.active[0].Time)
}

// wake finds when to decide again.
func (d *decider) wake() {
	for e := range d.spec.Between(d.out.Decided, time.Time{}) {
		d.out.Wake = e.Time.Add(d.jitter(e))
		return
	}
}
