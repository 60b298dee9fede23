// Package keeper looks after the processes of tries, so that they outlive the engine
// that asked for them. A Custodian starts them, writes their logs and records in a
// journal what becomes of each, before it tells anybody. It works in a small process of
// its own, the keeper: Serve is that process, Client is the engine's end of the
// conversation. Where there can be no such process the engine has a Custodian itself.
//
// The engine and its keeper have custody of each other's charges. When the engine ends,
// however suddenly, the keeper goes on, and the next engine takes up the conversation.
// When the keeper ends, its processes become children of the engine, which holds the
// pipes they write to as well, reads the journal, and goes on as their custodian.
//
// The package uses no database, network, workflow or plan.
package keeper

import (
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// Spec is a process to run for a try. Its ID is the key by which it is started once:
// to start a known one again means to be told how it ends.
type Spec struct {
	ID   string
	Path string // see process.Spec
	Args []string
	Env  []string // NAME=value, in addition to the Setting's
	Dir  string
	// Cookie marks the descendants, see process.Spec.
	Cookie       string
	Timeout      time.Duration // 0: none
	Grace        time.Duration // 0: process.DefaultGrace
	KillLeftover bool
	// MemoryLimit (bytes) and MaxProcesses hold for the process with its descendants, where
	// the host lets us. 0: none.
	MemoryLimit  int64
	MaxProcesses int
	Log          *Log     // nil: the output is not logged
	Head         int      // bytes of the output's beginning that the Result is to have
	Secrets      []string // what must not be shown, when there is no Setting
	// Setting is what many specs have in common. It is sent once for each pointer and
	// must not be changed. Nil is an empty one.
	Setting *Setting
}

// Setting is the environment that many tries share, and the values that must not be
// shown.
type Setting struct {
	Env     []string
	Secrets []string
}

// Log is the file to which the output goes.
type Log struct {
	Path  string
	Limit int64  // bytes of output to keep; 0: all
	Notes []Note // before the output
	// End adds a last note that says how the process ended. Otherwise more notes follow.
	End bool
}

// Note is a line of ours in a log.
type Note struct {
	Level string
	Text  string
}

// Result is how a try's process ended.
type Result struct {
	Outcome run.Outcome
	Head    []byte
	// From and To say where in the log the output is; To is -1 when nobody knows.
	From int64
	To   int64
	// At is when it ended, in UTC; zero when nobody knows. Keepers of older versions don't tell.
	At time.Time
}

// Order says how the end of a process that is asked to stop is to be recorded.
type Order struct {
	State  run.State
	Reason run.Reason
	Detail string
}

// Keeper runs processes. Both a Custodian and a Client are one. Methods are safe for
// concurrent use and return at once; done is called exactly once, from any goroutine.
type Keeper interface {
	// Start begins s, or takes up a process of that ID which an earlier program began.
	Start(s Spec, done func(Result))
	// Fate says what is known of an ID before it is started.
	Fate(id string) Fate
	// Stop ends a process and its descendants. What is not running is not affected.
	Stop(id string, o Order)
	// Kill ends the grace of a process that was asked to stop.
	Kill(id string)
	// Forget says that the Result was recorded elsewhere.
	Forget(id string)
	// Close gives everything back. Processes that still run are left to the keeper. done
	// says that everything has been recorded elsewhere, also what was not forgotten.
	Close(done bool) error
}
