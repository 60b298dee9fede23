package joblog

import (
	"cmp"
	"fmt"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// Level returns the level at which an outcome is logged.
func Level(o run.Outcome) string {
	if o.State == run.Success {
		return Info
	}
	return Error
}

// Ending is how an outcome is told in a job's log.
func Ending(o run.Outcome) string {
	s := o.State.String()
	switch o.Reason {
	case run.Exited:
		s += fmt.Sprintf(", exit code %d", o.ExitCode)
	case run.Signal:
		s += fmt.Sprintf(", signal %d", o.Signal)
	case run.TimedOut:
		return s + ", " + cmp.Or(o.Detail, string(o.Reason))
	default:
		s += ", " + string(o.Reason)
	}
	return Join(s, o.Detail)
}

// Ended is the last line of a try's log: Ending, and how long it took.
func Ended(o run.Outcome, took time.Duration) string {
	if o.Reason == run.TimedOut { // which says after how long it had to end
		return fmt.Sprintf("%s; it took %.3f s", Ending(o), took.Seconds())
	}
	return fmt.Sprintf("%s after %.3f s", Ending(o), took.Seconds())
}

// Join makes one detail of two, either of which may be empty.
func Join(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	default:
		return a + "; " + b
	}
}
