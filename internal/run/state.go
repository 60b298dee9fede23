package run

import "fmt"

// State is where a job, or a run, stands. The zero value is Pending.
type State uint8

// The eight states. Everything else there is to know is a Reason.
const (
	Pending   State = iota // not yet allowed to start
	Queued                 // allowed to start, waiting for a place
	Running                // recorded as started
	Success                // ended well
	Failed                 // ended badly
	Timeout                // stopped because its time was over
	Skipped                // will not run, and why is known
	Cancelled              // ended because somebody asked
)

var stateNames = [...]string{
	Pending: "PENDING", Queued: "QUEUED", Running: "RUNNING", Success: "SUCCESS",
	Failed: "FAILED", Timeout: "TIMEOUT", Skipped: "SKIPPED", Cancelled: "CANCELLED",
}

// moves holds, for each state, the set of states that may follow it.
// FAILED and TIMEOUT go back to QUEUED for a retry and nothing else.
var moves = [...]uint16{
	Pending: set(Queued, Skipped, Cancelled),
	Queued:  set(Running, Skipped, Cancelled),
	Running: set(Success, Failed, Timeout, Cancelled),
	Failed:  set(Queued),
	Timeout: set(Queued),
	// SUCCESS, SKIPPED and CANCELLED are final: nothing follows.
	Cancelled: 0,
}

func set(states ...State) (s uint16) {
	for _, st := range states {
		s |= 1 << st
	}
	return s
}

// States returns all states in the order in which they are declared.
func States() []State {
	all := make([]State, len(stateNames))
	for i := range all {
		all[i] = State(i)
	}
	return all
}

// String returns the state's name as it is stored and shown, such as "SUCCESS".
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// MarshalText writes the state's name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state's name.
func (s *State) UnmarshalText(text []byte) error {
	parsed, ok := ParseState(string(text))
	if !ok {
		return fmt.Errorf("unknown state %q", text)
	}
	*s = parsed
	return nil
}

// ParseState returns the state with that exact name.
func ParseState(name string) (State, bool) {
	for i, n := range stateNames {
		if n == name {
			return State(i), true
		}
	}
	return 0, false
}

// CanMove reports whether a job or run in state s may go to state to.
func (s State) CanMove(to State) bool {
	return int(s) < len(moves) && to <= Cancelled && moves[s]&(1<<to) != 0
}

// Ended reports whether nothing is left to wait for in state s.
// A FAILED or TIMEOUT job has ended unless its plan retries it.
func (s State) Ended() bool { return s >= Success }

// Good reports whether what depends on a job in state s for its result can rely on it.
func (s State) Good() bool { return s == Success }
