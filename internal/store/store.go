// Package store is the contract for keeping runs. Implementations are memstore
// (memory) and sqlstore (SQLite, PostgreSQL, Oracle); storetest holds the suite that
// each must pass.
//
// Every method is one transaction and safe for concurrent use. Errors are
// fault.Error: NotFound for a run that is not there, Locked where a lease is held
// by somebody else or was lost to them, Unavailable when the database can't be
// used now, Cancelled when the context ended before anything was recorded, Internal
// for anything unexpected. Times are kept to the microsecond, in UTC; a nil and an
// empty []byte are the same.
package store

import (
	"context"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
)

// Store keeps runs, their transitions, and who may write them.
type Store interface {
	Accounts
	Outbox
	Fingerprints
	Tallies
	Schedules

	// CreateRun records a run in state PENDING with attempt 1 and gives its lease to owner.
	// When r.By has created a run with the same Key, nothing is recorded: the error is a
	// Conflict with *Existing as cause (see ExistingRun), until that run is deleted.
	CreateRun(ctx context.Context, r NewRun, owner Owner, ttl time.Duration) (Lease, error)
	// Acquire takes the lease of a run that nobody holds, whose lease has run out, or
	// whose holder is in dead. The fencing number grows with each acquisition, so a
	// former holder's writes fail. Locked (with *Held as cause) when it is held.
	Acquire(ctx context.Context, id run.ID, owner Owner, ttl time.Duration, dead func(Owner) bool) (Lease, error)
	// Renew prolongs the lease and returns the requests that nobody has answered yet.
	// Locked when the lease was lost.
	Renew(ctx context.Context, l Lease, ttl time.Duration) ([]Request, error)
	// RenewAll prolongs many leases at once, and returns those that were lost. When it fails
	// some may have been prolonged.
	RenewAll(ctx context.Context, ls []Lease, ttl time.Duration) (lost []Lease, err error)
	// Release gives the lease back. A lease that was lost is not an error.
	Release(ctx context.Context, l Lease) error
	// AddAttempt records the next attempt of the leased run in state PENDING and returns its number.
	AddAttempt(ctx context.Context, l Lease, a NewAttempt) (int, error)
	// Append records transitions of the leased run, in order, all or none, and returns
	// the sequence number of the last. A transition with an empty Job moves the run.
	// Concurrent calls share a commit. Locked when the lease was lost; nothing is recorded then.
	Append(ctx context.Context, l Lease, ts []run.Transition) (last int64, err error)
	// Answer is Append for what follows from requests, if anything does: those up to that
	// number are not returned by Renew any more. A request is answered in the transaction
	// that records what came of it, so that none is lost, and none has its effect twice.
	Answer(ctx context.Context, l Lease, ts []run.Transition, request int) (last int64, err error)

	// Run returns one run as of its latest attempt.
	Run(ctx context.Context, id run.ID) (Run, error)
	// Runs returns runs, newest first (highest id first).
	Runs(ctx context.Context, f Filter) ([]Run, error)
	// Attempts returns all attempts of a run, first to last.
	Attempts(ctx context.Context, id run.ID) ([]Attempt, error)
	// Transitions returns what was recorded with a sequence number above after, in
	// order; at most limit of them when limit > 0.
	Transitions(ctx context.Context, id run.ID, after int64, limit int) ([]run.Transition, error)
	// Workflow returns the stored workflow with that hash (see workflow.Encode).
	Workflow(ctx context.Context, hash string) ([]byte, error)

	// Request asks the owner of a run to do something; its next Renew returns it. r.No
	// counts for nothing.
	Request(ctx context.Context, id run.ID, r Request) error
	// Asked returns the runs from one id to another of which requests have not been
	// answered, in order.
	Asked(ctx context.Context, from, to run.ID) ([]run.ID, error)
	// AddOverrides records jobs that were declared successful by hand.
	AddOverrides(ctx context.Context, id run.ID, os []run.Override) error
	// Overrides returns them in the order in which they were made.
	Overrides(ctx context.Context, id run.ID) ([]run.Override, error)

	// Export returns a run with all that is recorded of it, as of one moment.
	Export(ctx context.Context, id run.ID) (Archive, error)
	// Import records a run that was recorded elsewhere, all or nothing, and gives its
	// lease to nobody. With Run.ID 0 it gets a new id, otherwise it keeps the one that
	// it has; ids that are given later never collide with it. A run with the same
	// Origin, or, where there is none, the same run under the same id, is there already:
	// then its id is returned and nothing changes. Conflict when the id belongs to
	// another run; Internal when the archive is not well formed (see Archive.Valid). Nobody
	// is to be told of what it did (see Outbox).
	Import(ctx context.Context, a Archive) (id run.ID, imported bool, err error)
	// Delete removes runs with all that is recorded of them, and the workflows that
	// nobody uses afterwards. It leaves out runs that have not ended, whose lease is
	// held, or that are not there, and returns the others in the order of ids. An id is
	// never given again.
	Delete(ctx context.Context, ids []run.ID) (deleted []run.ID, err error)
	// Outlines returns the runs above after, oldest first (lowest id first), at most
	// limit of them when limit > 0. It is what maintenance goes through a history with.
	Outlines(ctx context.Context, after run.ID, limit int) ([]Outline, error)
	// Nth returns which of the runs that r selects is the r.N-th newest (has the r.N-th
	// highest id), and 0 when there are fewer. How quick it is depends on r.N, not on how
	// long the history is.
	Nth(ctx context.Context, r Rank) (run.ID, error)
	// Stats measures the history. How long it takes depends on how many runs there are, and
	// not on how many transitions.
	Stats(ctx context.Context) (Stats, error)
	// Claim takes a chore that is due, which it is when nobody claimed it within every:
	// of many callers at the same time one is told true. Who claims it is to do it.
	Claim(ctx context.Context, chore string, every time.Duration) (bool, error)

	// Place returns the run after which a chore goes on that takes several times, as
	// SetPlace set it; 0 when it begins with the first.
	Place(ctx context.Context, chore string) (run.ID, error)
	// SetPlace changes the place of a chore that was claimed before.
	SetPlace(ctx context.Context, chore string, after run.ID) error

	// Close waits for what is being written and closes the database. It is idempotent.
	Close() error
}

// NewRun is what is known of a run before it begins.
type NewRun struct {
	Application string
	File        string // the workflow file, absolute; empty when there is none
	WorkingDir  string
	Hash        string // of Workflow
	Workflow    []byte // the encoded workflow; stored once per hash
	At          time.Time
	By          string // who submitted it; empty when that is not known
	Key         string // idempotency key, of which each of By has but one run; empty for none
	Attempt     NewAttempt
}

// NewAttempt is what is known of an attempt before it begins.
type NewAttempt struct {
	Hash     string // of the workflow that this attempt runs
	Workflow []byte
	Options  []byte // JSON of the options that the attempt was asked with; opaque to the store
	Jobs     int    // jobs in the workflow
	At       time.Time
}

// FirstAttempt returns r.Attempt, with the run's workflow and time where it has none of its own.
func (r NewRun) FirstAttempt() NewAttempt {
	a := r.Attempt
	if a.Hash == "" {
		a.Hash, a.Workflow = r.Hash, r.Workflow
	}
	if a.At.IsZero() {
		a.At = r.At
	}
	return a
}

// Owner is a program that may own runs. All fields together identify one process.
type Owner struct {
	Host      string `json:"host"`
	BootID    string `json:"boot_id"`
	PID       int    `json:"pid"`
	StartTime uint64 `json:"start_time"` // of the process, in clock ticks since boot
}

// Lease is the right to write one run. Epoch is the fencing number.
type Lease struct {
	Run   run.ID
	Epoch int64
}

// Held is the cause of a Locked fault: who holds the lease, and until when.
type Held struct {
	Owner Owner
	Until time.Time
}

func (h *Held) Error() string { return "held by process " + itoa(h.Owner.PID) + " on " + h.Owner.Host }

// ErrHeld returns the fault of a lease that is held by owner until that time.
func ErrHeld(id run.ID, owner Owner, until time.Time) error {
	return fault.Wrap(&Held{owner, until}, fault.Locked, "run %d is being executed", id)
}

// ErrLost returns the fault of a lease that is not the holder's any more.
func ErrLost(id run.ID) error {
	return fault.New(fault.Locked, "run %d is not ours any more: another program took it over", id).
		WithHint("this program has stopped working on the run; nothing that it did since then was recorded")
}

// ErrNoRun returns the fault of a run that is not there.
func ErrNoRun(id run.ID) error {
	return fault.New(fault.NotFound, "run %d does not exist", id)
}

// Counts are the jobs of an attempt by how they stand.
type Counts = run.Counts

// Run is one run as of its latest attempt.
type Run struct {
	ID          run.ID
	Application string
	File        string
	WorkingDir  string
	SubmittedAt time.Time
	By          string  // who submitted it; empty when that is not known
	Attempt     Attempt // the latest
	Owner       *Owner  // who holds the lease now; nil when nobody does or it has run out
	Seq         int64   // of the last recorded transition
	Wrote       int64   // the Epoch of the lease with which that was recorded; 0: nobody knows
}

// Attempt is one continuation of a run.
type Attempt struct {
	Number    int
	State     run.State
	Reason    run.Reason // of the latest transition of the run in this attempt
	Detail    string
	Hash      string
	Options   []byte
	CreatedAt time.Time
	StartedAt time.Time // zero until RUNNING
	EndedAt   time.Time // zero until it ended
	Counts    Counts
}

// Move records on the attempt what a transition of its run says. Transitions of jobs
// change nothing.
func (a *Attempt) Move(t run.Transition) {
	if t.Job != "" {
		return
	}
	a.State, a.Reason, a.Detail = t.To, t.Reason, t.Detail
	if t.To == run.Running && a.StartedAt.IsZero() {
		a.StartedAt = t.At
	}
	a.EndedAt = time.Time{}
	if t.To.Ended() {
		a.EndedAt = t.At
	}
}

// Filter selects runs. The zero value selects all.
type Filter struct {
	Application string      // exact
	States      []run.State // of the latest attempt; any of them
	NotStates   []run.State
	Since       time.Time // submitted at or after
	Until       time.Time // submitted before
	Before      run.ID    // keyset paging: ids below this only; 0 for all
	Limit       int       // 0 for no limit
	NotHeldBy   *Owner    // without those whose lease they hold; nil for all
}

// RequestKind is what the owner of a run may be asked.
type RequestKind string

// The kinds of requests.
const (
	CancelRun RequestKind = "cancel_run" // stop what runs, start nothing more
	DrainRun  RequestKind = "drain_run"  // let what runs finish, start nothing more
	CancelJob RequestKind = "cancel_job" // stop one job, or do not start it
)

// Request is a durable wish of somebody who does not own the run.
type Request struct {
	No   int // of the run's requests, from 1; given by the store
	Kind RequestKind
	Job  run.JobID // for CancelJob
	By   string
	At   time.Time
}

func itoa(n int) string { return run.ID(n).String() }
