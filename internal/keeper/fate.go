package keeper

import "github.com/executionerhq/executioner/internal/run"

// Fate is what is to be done about a task that was recorded as running.
type Fate string

// The fates.
const (
	Unstarted Fate = "unstarted" // it never ran: start it
	Running   Fate = "running"   // take it up
	Ended     Fate = "ended"     // its result is known
	Lost      Fate = "lost"      // nobody can know how it went on
)

// Evidence is all that can be found out about a task of an earlier program.
type Evidence struct {
	Journal    bool // there is a journal that goes back to before the task
	SameBoot   bool // the journal was written since this host was started
	Started    bool // START is recorded: from then on it may have run
	NotStarted bool // it is recorded that the start failed
	Ended      bool // EXIT is recorded
	Identified bool // PID is recorded
	Alive      bool // that very process, or without PID one that was forked for it, is there
	Heir       bool // we get the children of its custodian: without PID and process it was not forked
}

// Resolve is the table by which an interrupted task goes on. A task whose start is
// recorded and whose end is not is never started again: it may have run.
func Resolve(e Evidence) Fate {
	switch {
	case !e.Journal:
		return Lost
	case e.Ended:
		return Ended // also of an earlier boot: an EXIT that can be read was recorded
	case !e.SameBoot:
		return Lost // what was recorded last may be missing, and no process of that time is left
	case e.NotStarted, !e.Started:
		return Unstarted
	case e.Alive:
		return Running
	case e.Heir && !e.Identified:
		return Unstarted
	default:
		return Lost // with PID: it ended when nobody looked; without: between START and PID
	}
}

// lostResult is the result of a task whose fate is Lost.
func lostResult(e Evidence) Result {
	detail := "its program and its keeper were gone when it ended"
	switch {
	case !e.Journal:
		detail = "the program that ran it is gone, and there is no journal of it"
	case !e.SameBoot:
		detail = "the host was started anew while it ran"
	case !e.Identified:
		detail = "its keeper went away while it was being started"
	}
	return Result{To: -1, Outcome: run.Failure(run.Lost, "nobody can know how it ended: "+detail)}
}
