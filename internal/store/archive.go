package store

import (
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
)

// Archive is one run with all that is recorded of it, apart from requests and its
// lease, which are of the moment. Run.Owner is nil, Run.Wrote 0; Run.Attempt is the last of
// Attempts and Run.Seq the number of Transitions.
type Archive struct {
	Run         Run
	Origin      string // where the run was recorded first; empty for one that was made here
	Key         string // what is kept of the key that it was created with, see KeyHash; empty for none
	Attempts    []Attempt
	Transitions []run.Transition
	Overrides   []run.Override
	Workflows   map[string][]byte // by hash: those of Attempts
}

// Valid returns a fault Internal unless attempts and transitions are numbered from 1
// without gaps, each transition belongs to one of the attempts, and each attempt's
// workflow is there. Of Run.Attempt and Run.Seq nothing is asked: Import sets them.
func (a *Archive) Valid() error {
	if len(a.Attempts) == 0 {
		return a.invalid("has no attempt")
	}
	for i := range a.Attempts {
		if n := a.Attempts[i].Number; n != i+1 {
			return a.invalid("has attempt %d in place of %d", n, i+1)
		}
		if h := a.Attempts[i].Hash; h != "" {
			if _, ok := a.Workflows[h]; !ok {
				return a.invalid("lacks the workflow %s of attempt %d", h, i+1)
			}
		}
	}
	for i := range a.Transitions {
		t := &a.Transitions[i]
		if t.Seq != int64(i+1) {
			return a.invalid("has transition %d in place of %d", t.Seq, i+1)
		}
		if t.Attempt < 1 || t.Attempt > len(a.Attempts) {
			return a.invalid("has a transition of attempt %d, which it does not have", t.Attempt)
		}
	}
	return nil
}

func (a *Archive) invalid(format string, args ...any) error {
	return fault.New(fault.Internal, "the record of run %d "+format, append([]any{a.Run.ID}, args...)...).
		WithHint("executioner db check names all runs whose record is damaged")
}

// Normal returns a as a store gives it back: times in UTC to the microsecond, nothing
// but nil where there is nothing, and Run.Attempt and Run.Seq as the rest says. It
// shares no slice or map with a that it has changed. a must be valid.
func (a Archive) Normal() Archive {
	a.Attempts, a.Overrides = slices.Clone(a.Attempts), slices.Clone(a.Overrides)
	a.Transitions = slices.Clone(a.Transitions)
	for i := range a.Attempts {
		t := &a.Attempts[i]
		t.CreatedAt, t.StartedAt, t.EndedAt = micros(t.CreatedAt), micros(t.StartedAt), micros(t.EndedAt)
		t.Options = orNil(t.Options)
	}
	for i := range a.Transitions {
		normalTransition(&a.Transitions[i])
	}
	for i := range a.Overrides {
		a.Overrides[i].At = micros(a.Overrides[i].At)
	}
	a.Attempts, a.Transitions, a.Overrides = orNil(a.Attempts), orNil(a.Transitions), orNil(a.Overrides)
	a.Workflows = usedWorkflows(&a)
	a.Run.SubmittedAt, a.Run.Owner, a.Run.Wrote = micros(a.Run.SubmittedAt), nil, 0
	a.Run.Attempt, a.Run.Seq = a.Attempts[len(a.Attempts)-1], int64(len(a.Transitions))
	return a
}

func normalTransition(t *run.Transition) {
	t.At, t.Until = micros(t.At), micros(t.Until)
	if t.Outcome != nil {
		o := *t.Outcome
		o.CPU, o.Ended = o.CPU.Truncate(time.Microsecond), micros(o.Ended)
		o.Fingerprint = ""
		t.Outcome = &o
	}
}

// usedWorkflows returns the workflows that an attempt has.
func usedWorkflows(a *Archive) map[string][]byte {
	var used map[string][]byte
	for i := range a.Attempts {
		if h := a.Attempts[i].Hash; h != "" {
			if used == nil {
				used = map[string][]byte{}
			}
			used[h] = orNil(a.Workflows[h])
		}
	}
	return used
}

func micros(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

func orNil[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}

// ErrTaken returns the fault of an import under an id that another run has.
func ErrTaken(id run.ID) error {
	return fault.New(fault.Conflict, "run %d is there already, and is another run", id).
		WithHint("import into an empty history, or let the run have a new number")
}

// Outline is what deciding about a run's further life takes.
type Outline struct {
	ID          run.ID
	Application string
	State       run.State // of the latest attempt
	SubmittedAt time.Time
	EndedAt     time.Time // of the latest attempt; zero until it ended
	Held        bool      // somebody holds the lease now
	Imported    bool      // it was recorded elsewhere first: it has an Origin
}

// Rank selects a run by how many newer ones there are.
type Rank struct {
	Application string      // exact; empty selects runs without application
	States      []run.State // of the latest attempt; any of them; none selects all
	Imported    bool        // count those that were recorded elsewhere first, too
	N           int         // 1 is the newest; less is the same
}

// Total is the number of runs of an application in a state.
type Total struct {
	Application string
	State       run.State
	Runs        int64
}

// Stats is what a history amounts to.
type Stats struct {
	Kind       string // of the database: sqlite, postgres, oracle or memory
	Schema     int64  // version of the schema; 0 where there is none
	Durability string // what a commit survives; empty where the store does not decide it
	Bytes      int64  // size of the database; 0 when it is not known
	Rows       Rows
	Totals     []Total
	Oldest     time.Time            // when the first run that is left was submitted; zero when there is none
	Newest     time.Time            // when the last was
	Chores     map[string]time.Time // when each chore was last claimed
}

// Rows is the number of rows of each table.
type Rows struct {
	Workflows    int64 `json:"workflows"`
	Runs         int64 `json:"runs"`
	Attempts     int64 `json:"attempts"`
	Transitions  int64 `json:"transitions"`
	Requests     int64 `json:"requests"`
	Overrides    int64 `json:"overrides"`
	Tallies      int64 `json:"tallies"`
	Users        int64 `json:"users"`
	Tokens       int64 `json:"tokens"`
	Sessions     int64 `json:"sessions"`
	Audit        int64 `json:"audit_entries"`
	Registered   int64 `json:"registered_workflows"` // versions of them
	Schedules    int64 `json:"schedules"`
	Firings      int64 `json:"expected_times"` // of schedules
	Fingerprints int64 `json:"fingerprints"`
	Incidents    int64 `json:"incidents"`
	Notices      int64 `json:"notices"`
}

// The chores that a store keeps the time of.
const (
	ChorePrune  = "prune"  // removing old runs
	ChoreBackup = "backup" // a copy of the whole history
	ChoreCount  = "count"  // adding attempts to the tallies
)
