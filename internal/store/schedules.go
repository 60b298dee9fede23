package store

import (
	"context"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
)

// Schedules keeps how far schedules were decided about, and what became of each expected
// time. It is part of every Store, and what is said there of methods, errors and times holds
// here as well.
type Schedules interface {
	// Schedules returns those that are known, by ID.
	Schedules(ctx context.Context) ([]Schedule, error)
	// Schedule returns one, and its firings that are open (see FiringState), by time.
	// NotFound.
	Schedule(ctx context.Context, id string) (Schedule, []Firing, error)
	// ChangeSchedule records c, all or nothing. Conflict when somebody else has changed the
	// schedule since it was read, or when one of the times to be added is there already: then
	// all is to be read again.
	ChangeSchedule(ctx context.Context, c ScheduleChange, said ...AuditEntry) error
	// MoveFiring records f in place of the firing of that schedule and time if that is still
	// in a state, and reports whether it was.
	MoveFiring(ctx context.Context, from FiringState, f Firing) (bool, error)
	// OpenFirings returns those of all schedules that wait or are due, by schedule and time.
	// It is quick however many others there are.
	OpenFirings(ctx context.Context) ([]Firing, error)
	// Firings returns those of a schedule, the latest first.
	Firings(ctx context.Context, f FiringFilter) ([]Firing, error)
	// PruneFirings removes firings of times before a time that were decided before it, too, whose
	// Until is before it, and that don't wait and are not due: at most about limit of them. It
	// returns how many; less than limit when no other is left.
	PruneFirings(ctx context.Context, before time.Time, limit int) (int64, error)
	// ImportSchedule records a schedule and firings of it as they are elsewhere, in place of
	// those that are there. Conflict when the one that is there has been changed more often.
	ImportSchedule(ctx context.Context, s Schedule, fs []Firing) error
	// EnabledWorkflows returns the newest enabled version of each registered workflow, by
	// name, without source.
	EnabledWorkflows(ctx context.Context) ([]Registered, error)
}

// The kinds of schedules. Those of triggers fire when something arrives.
const (
	Timed   = ""        // it fires at times
	Webhook = "webhook" // when a request arrives
	Files   = "files"   // when a file arrives
)

// Schedule is how far a schedule was decided about.
type Schedule struct {
	ID          string // Workflow/Name, at most 400 bytes
	Workflow    string // the registered workflow, or file:NAME for one of the service's directory
	Name        string
	Kind        string // Timed, or that of a trigger
	Application string
	Hash        string    // of what its times depend on
	Decided     time.Time // the last expected time with a decision, or when it became known
	Next        time.Time // when it was to be decided about next, as of the last decision; zero: never
	Gone        bool      // its workflow has it no more
	Paused      bool      // by hand
	PausedBy    string
	PausedAt    time.Time
	PausedWhy   string
	Zone        string    // the time zone that its times are meant in; empty: that of the host
	Broken      time.Time // since when its workflow can't be used; zero: it can
	BrokenWhy   string
	Revision    int64 // 1 when it is recorded first; one more with each change
}

// FiringState says what is still to be done about an expected time.
type FiringState string

// The states of firings. All but FiringOver are open.
const (
	FiringWaits   FiringState = "waiting" // it gets a run when other runs have ended
	FiringDue     FiringState = "due"     // it gets a run now
	FiringRunning FiringState = "running" // it has a run, which had not ended when that was looked at last
	FiringOver    FiringState = "over"    // it has no run, or one that ended
)

// Open reports whether something may still become of it.
func (s FiringState) Open() bool { return s != FiringOver }

// Pending reports whether a run is to be submitted for it.
func (s FiringState) Pending() bool { return s == FiringWaits || s == FiringDue }

// Firing is what became of an expected time, or of what arrived at a time.
type Firing struct {
	Schedule  string    // its ID
	Time      time.Time // unique for the schedule
	Until     time.Time // it stands for all that was expected from Time to then, or what arrived was still there then; zero: for Time only
	Decision  string    // see schedule.Action; "backfill" and "now" were asked for by hand
	Reason    string    // of one without a run: see schedule.Reason
	By        string    // what the reason is, or who asked for it
	Detail    string    // why it could not be submitted
	State     FiringState
	Run       run.ID // 0 for none
	DecidedAt time.Time
	Batch     string // the backfill that it is of; empty for none
	Room      int    // runs of the backfill that may go on at once

	// Of what arrived by a trigger:
	Key   string // a digest of what it is told apart by
	Proof string // a digest of its signature, when that is of a time
	What  string // names it for people: a delivery, a file
	Given string // JSON, the values of parameters that it gives; empty: none
}

// ScheduleChange is a schedule as it becomes, if it is still at Schedule.Revision (0: it is
// not there yet), and what changes with it.
type ScheduleChange struct {
	Schedule Schedule
	Add      []Firing
	Set      []Firing // of times that are there
}

// FiringFilter selects firings of a schedule.
type FiringFilter struct {
	Schedule string
	Since    time.Time // at or after
	Before   time.Time // earlier; zero for no bound
	Limit    int       // 0 for no limit
	Key      string    // only the one that is told apart by it; empty for all
	Proof    string    // only those with it; empty for all
}

// Normal returns s as a store keeps it: texts that people write are cut as those of an
// AuditEntry, times are in UTC to the microsecond.
func (s Schedule) Normal() Schedule {
	s.PausedBy, s.PausedWhy, s.BrokenWhy = oneLine(s.PausedBy, mostText), oneLine(s.PausedWhy, mostDetail), oneLine(s.BrokenWhy, mostDetail)
	s.Decided, s.Next, s.PausedAt, s.Broken = micros(s.Decided), micros(s.Next), micros(s.PausedAt), micros(s.Broken)
	return s
}

// Normal returns f as a store keeps it: see Schedule.Normal.
func (f Firing) Normal() Firing {
	f.Time, f.Until, f.DecidedAt = micros(f.Time), micros(f.Until), micros(f.DecidedAt)
	f.By, f.Detail, f.What = oneLine(f.By, mostText), oneLine(f.Detail, mostDetail), oneLine(f.What, mostText)
	return f
}

// ErrNoSchedule returns the fault of a schedule that is not there.
func ErrNoSchedule(id string) error {
	return fault.New(fault.NotFound, "there is no schedule %q", id).WithHint("executioner schedule list shows those that a service has seen")
}

// ErrNoTrigger returns the fault of a trigger that is not there.
func ErrNoTrigger(id string) error {
	return fault.New(fault.NotFound, "there is no trigger %q", id).WithHint("executioner trigger list shows those that a service has seen")
}

// ErrScheduleChanged returns the fault of a change to what somebody else has changed.
func ErrScheduleChanged(id string) error {
	return fault.New(fault.Conflict, "schedule %q was changed by somebody else at the same time", id).WithHint("try again")
}

// ErrScheduleAhead returns the fault of an import of what went on here since.
func ErrScheduleAhead(id string) error {
	return fault.New(fault.Conflict, "schedule %q has gone on in the database that is copied into", id).WithHint("copy into an empty database")
}
