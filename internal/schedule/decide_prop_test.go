package schedule

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// driver does what doc.go tells a driver to do, with a database that is a map.
type driver struct {
	*rapid.T
	spec    *Spec
	policy  Policy
	begin   time.Time
	now     time.Time // the wall clock, which may be set
	decided time.Time
	rows    map[int64]*entry // by expected time
	ranges  []Decision       // for many
	runs    int
	most    int // runs that went on at once
}

// entry is the row of an expected time.
type entry struct {
	Decision
	run     string
	runs    int
	waiting bool
	ended   bool
}

func (d *driver) active() []Active {
	var all []Active
	for unix, e := range d.rows {
		if e.run != "" && !e.ended || e.waiting {
			all = append(all, Active{Time: time.Unix(unix, 0), Run: e.run})
		}
	}
	slices.SortFunc(all, func(a, b Active) int { return b.Time.Compare(a.Time) })
	return all
}

func (d *driver) start(e *entry) {
	d.runs++
	e.run, e.waiting = fmt.Sprint("run", d.runs), false
	if e.runs++; e.runs > 1 {
		d.Fatalf("%v has a second run", e.Time)
	}
}

// tick decides once and does what was decided.
func (d *driver) tick() {
	in := Input{ID: "id", Now: d.now, Decided: d.decided, Active: d.active()}
	out := Decide(d.spec, d.policy, in)
	if again := Decide(d.spec, d.policy, in); !cmp.Equal(out, again) {
		d.Fatalf("the same input gives two outputs: %s", cmp.Diff(out, again))
	}
	if len(out.Decisions) > MaxDecisions || out.Decided.Before(d.decided) {
		d.Fatalf("%d decisions, decided until %v after %v", len(out.Decisions), out.Decided, d.decided)
	}
	for _, t := range out.Drop {
		e := d.waiting(t)
		e.waiting, e.Action, e.Reason = false, Skip, ForOverlap
	}
	for _, t := range out.Release {
		d.start(d.waiting(t))
	}
	late := 0
	for _, one := range out.Decisions {
		if one.Action == Late {
			late++
		}
		d.record(one)
	}
	if late > d.policy.late() {
		d.Fatalf("%d are late, %d may be", late, d.policy.late())
	}
	d.decided = out.Decided
	d.check(out)
}

func (d *driver) waiting(t time.Time) *entry {
	e := d.rows[t.Unix()]
	if e == nil || !e.waiting {
		d.Fatalf("%v does not wait", t)
	}
	return e
}

// record writes a row, which must be a new one, and starts its run.
func (d *driver) record(one Decision) {
	d.covered(one.Time)
	if d.now.Before(one.Time.Add(Jitter("id", one.Time, d.policy.Jitter))) {
		d.Fatalf("%v is decided too early, at %v", one.Time, d.now)
	}
	if !one.Until.IsZero() {
		for unix := range d.rows {
			if unix >= one.Time.Unix() && unix <= one.Until.Unix() {
				d.Fatalf("%v is decided again, among many", time.Unix(unix, 0))
			}
		}
		d.ranges = append(d.ranges, one)
		return
	}
	e := &entry{Decision: one}
	d.rows[one.Time.Unix()] = e
	switch one.Action {
	case Start, Late:
		d.start(e)
	case Queue:
		e.waiting = true
	case Replace:
		e.waiting = true
		for _, id := range one.Cancel {
			d.end(id)
		}
	case Skip, Miss:
		if one.Reason == "" {
			d.Fatalf("%v is %s without a reason", one.Time, one.Action)
		}
	default:
		d.Fatalf("%v is not decided: %+v", one.Time, one)
	}
	if runs := e.waiting || e.run != ""; runs && (one.Excluded != "" || d.policy.Paused) {
		d.Fatalf("%v runs: %+v", one.Time, one)
	}
}

// covered fails when a time has a decision.
func (d *driver) covered(t time.Time) {
	if d.rows[t.Unix()] != nil {
		d.Fatalf("%v is decided again", t)
	}
	for _, r := range d.ranges {
		if !t.Before(r.Time) && !t.After(r.Until) {
			d.Fatalf("%v is decided again, it was among many", t)
		}
	}
}

func (d *driver) end(id string) {
	for _, e := range d.rows {
		if e.run == id {
			e.ended = true
			return
		}
	}
	d.Fatalf("there is no run %q to be cancelled", id)
}

// check looks at what must always hold.
func (d *driver) check(out Output) {
	running, waiting := 0, 0
	for _, a := range d.active() {
		if a.Run != "" {
			running++
		} else {
			waiting++
		}
	}
	if d.most = max(d.most, running); running > 1 && d.policy.Overlap != AllowOverlap {
		d.Fatalf("%d runs at once with overlap %q", running, d.policy.Overlap)
	}
	if limit := max(1, d.policy.waiting()); waiting > limit {
		d.Fatalf("%d wait", waiting)
	}
	if next, ok := first1(d.spec.Between(d.decided, time.Time{})); ok {
		if due := next.Time.Add(Jitter("id", next.Time, d.policy.Jitter)); !due.After(d.now) || !out.Wake.Equal(due) {
			d.Fatalf("%v has come at %v, and wakes at %v", next, d.now, out.Wake)
		}
	} else if !out.Wake.IsZero() {
		d.Fatalf("wakes at %v for nothing", out.Wake)
	}
}

func first1(all func(func(Expected) bool)) (Expected, bool) {
	for e := range all {
		return e, true
	}
	return Expected{}, false
}

// everything: each expected time until the last decided one has exactly one decision, and
// no other time has one.
func (d *driver) everything() {
	n := 0
	count := func(after, until time.Time) {
		for e := range d.spec.Between(after, until) {
			if n++; d.rows[e.Time.Unix()] == nil {
				d.Fatalf("%v has no decision", e.Time)
			}
		}
	}
	after := d.begin
	for _, r := range d.ranges { // in the order of time
		count(after, r.Time.Add(-time.Second))
		if first, ok := first1(d.spec.Between(after, r.Until)); !ok || first.Time.After(r.Time) {
			d.Fatalf("nothing is expected at %v, the first of many", r.Time)
		}
		after = r.Until
	}
	count(after, d.decided)
	if n != len(d.rows) {
		d.Fatalf("%d rows for %d times", len(d.rows), n)
	}
}

// TestEachTimeHasOneDecision: whatever the schedule, the policy, the clock and the runs do.
func TestEachTimeHasOneDecision(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		d := &driver{T: t, rows: map[int64]*entry{}, begin: time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC)}
		d.spec = anySpec(t, berlin)
		d.policy = Policy{
			Overlap: rapid.SampledFrom([]Overlap{"", SkipOverlap, AllowOverlap, QueueOverlap, CancelOverlap}).Draw(t, "overlap"),
			CatchUp: rapid.SampledFrom([]CatchUp{"", CatchLast, CatchNone, CatchAll}).Draw(t, "catch up"),
			Most:    rapid.IntRange(0, 200).Draw(t, "most"),
			Waiting: rapid.IntRange(0, 3).Draw(t, "waiting"),
			Within:  rapid.SampledFrom([]time.Duration{0, time.Hour, 48 * time.Hour}).Draw(t, "within"),
			Jitter:  rapid.SampledFrom([]time.Duration{0, time.Second, 5 * time.Minute, time.Hour}).Draw(t, "jitter"),
		}
		d.now, d.decided = d.begin, d.begin
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			step(d)
		}
		d.everything()
	})
}

func anySpec(t *rapid.T, zone *time.Location) *Spec {
	s := &Spec{Zone: zone}
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		s.Every = time.Duration(rapid.IntRange(30, 100_000).Draw(t, "every")) * time.Second
	case 1:
		s.At, _ = ParseMoment(rapid.SampledFrom([]string{"2026-03-29T02:30", "2026-10-25T02:30", "2027-01-01T00:00Z"}).Draw(t, "at"))
	default:
		var err error
		text := rapid.SampledFrom([]string{"* * * * *", "*/7 * * * *", "30 2 * * *", "0 0,2,3 * * *", "0 12 29 2 *", "0 4 * * SAT#2", "*/20 1-3 L * *"}).Draw(t, "cron")
		if s.Cron, err = ParseCron(text); err != nil {
			t.Fatal(err)
		}
	}
	if rapid.Bool().Draw(t, "exclude") {
		c, _, _ := NewCalendar("spring", []string{"03-29", "2026-04-02..2026-04-20"})
		s.Exclude = []*Calendar{c}
	}
	if rapid.IntRange(0, 3).Draw(t, "end") == 0 {
		s.End, _ = ParseMoment("2026-04-05")
	}
	return s
}

// step lets something happen, then decides.
func step(d *driver) {
	switch rapid.IntRange(0, 9).Draw(d.T, "what") {
	case 0: // the clock is set, or the host was down
		jump := rapid.SampledFrom([]time.Duration{-366 * 24 * time.Hour, -time.Hour, time.Hour, 25 * time.Hour, 366 * 24 * time.Hour}).Draw(d.T, "jump")
		d.now = d.now.Add(jump)
	case 1, 2:
		for _, e := range d.rows {
			e.ended = e.ended || e.run != ""
		}
	case 3:
		d.policy.Paused = !d.policy.Paused
	default:
		d.now = d.now.Add(time.Duration(rapid.IntRange(0, 10_000).Draw(d.T, "seconds")) * time.Second)
	}
	d.tick()
}
