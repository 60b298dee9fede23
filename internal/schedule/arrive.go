package schedule

import (
	"slices"
	"time"
)

// Arrive says what becomes of what arrived at some times, by a trigger: each gets exactly one
// decision, as an expected time that has just come. Without any it says which of those that
// wait start now. Of p, Overlap, Waiting and Paused count. It depends on nothing but its
// arguments.
func Arrive(p Policy, in Input, times []time.Time) Output {
	d := decider{policy: p, in: in, out: Output{Decided: in.Decided}}
	for _, a := range in.Active {
		a.waiting = a.Run == ""
		d.active = append(d.active, a)
	}
	slices.SortStableFunc(d.active, func(a, b Active) int { return a.Time.Compare(b.Time) })
	var wanted []int
	for i, at := range times {
		one := Decision{Expected: Expected{Time: at}}
		if p.Paused {
			one.no(Skip, ForPause, "")
		} else {
			wanted = append(wanted, i)
		}
		d.add(one)
		d.out.Decided = at
	}
	d.release(wanted)
	d.overlap(wanted)
	return d.out
}
