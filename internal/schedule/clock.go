package schedule

import "time"

const (
	// Leap is by how much the clock may go forward at once without being asked about.
	Leap = 5 * time.Minute
	// Confirmed is how long a clock that leapt must go on before it is believed.
	Confirmed = 5 * time.Minute
)

// Clock tells a clock that was set from time that passed. A wrong clock is mostly set
// right soon; what was decided by it can't be taken back. The zero value has seen nothing.
type Clock struct {
	wall   time.Time     // when it was last believed
	steady time.Duration // by the steady clock, then
	leapt  time.Duration // by the steady clock, when it was found to have leapt
	asking bool
}

// See looks at the wall clock and at a steady one that also counts the time that the host
// sleeps (CLOCK_BOOTTIME). It returns what to call See on next, and whether the wall clock
// is to be believed: not in the first minutes after it leapt forward. One that was set back
// is believed at once: nothing is decided again by it.
func (c Clock) See(wall time.Time, steady time.Duration) (Clock, bool) {
	wall = wall.Round(0) // without Go's own steady clock
	ahead := wall.Sub(c.wall) - (steady - c.steady)
	switch {
	case c.wall.IsZero() || ahead <= Leap:
		return Clock{wall: wall, steady: steady}, true
	case !c.asking:
		c.asking, c.leapt = true, steady
		return c, false
	case steady-c.leapt >= Confirmed:
		return Clock{wall: wall, steady: steady}, true
	}
	return c, false
}
