package run

import (
	"encoding/json"
	"testing"
)

// legal is the table of the design, word for word: what may follow each state.
var legal = map[string][]string{
	"PENDING":   {"QUEUED", "SKIPPED", "CANCELLED"},
	"QUEUED":    {"RUNNING", "SKIPPED", "CANCELLED"},
	"RUNNING":   {"SUCCESS", "FAILED", "TIMEOUT", "CANCELLED"},
	"FAILED":    {"QUEUED"},
	"TIMEOUT":   {"QUEUED"},
	"SUCCESS":   nil,
	"SKIPPED":   nil,
	"CANCELLED": nil,
}

func TestOnlyLegalMoves(t *testing.T) {
	if len(States()) != len(legal) {
		t.Fatalf("%d states, the table has %d", len(States()), len(legal))
	}
	for _, from := range States() {
		may := make(map[string]bool)
		for _, to := range legal[from.String()] {
			may[to] = true
		}
		for _, to := range States() {
			if got, want := from.CanMove(to), may[to.String()]; got != want {
				t.Errorf("%s to %s: %v, want %v", from, to, got, want)
			}
		}
	}
}

func TestNoMovesOutsideTheStates(t *testing.T) {
	for n := range 256 {
		s := State(n)
		if s <= Cancelled {
			continue
		}
		for _, known := range States() {
			if s.CanMove(known) || known.CanMove(s) {
				t.Errorf("%s moves to or from %s", s, known)
			}
		}
	}
}

func TestStateKinds(t *testing.T) {
	tests := []struct {
		state       State
		name        string
		ended, good bool
	}{
		{Pending, "PENDING", false, false},
		{Queued, "QUEUED", false, false},
		{Running, "RUNNING", false, false},
		{Success, "SUCCESS", true, true},
		{Failed, "FAILED", true, false},
		{Timeout, "TIMEOUT", true, false},
		{Skipped, "SKIPPED", true, false},
		{Cancelled, "CANCELLED", true, false},
	}
	if len(tests) != len(States()) {
		t.Fatalf("%d states, the table has %d", len(States()), len(tests))
	}
	for i, tt := range tests {
		if States()[i] != tt.state || tt.state.String() != tt.name {
			t.Errorf("state %d is %s, want %s", i, States()[i], tt.name)
		}
		if tt.state.Ended() != tt.ended || tt.state.Good() != tt.good {
			t.Errorf("%s: ended %v, good %v; want %v, %v", tt.name, tt.state.Ended(), tt.state.Good(), tt.ended, tt.good)
		}
	}
	var zero State
	if zero != Pending {
		t.Errorf("the zero state is %s", zero)
	}
}

func TestStateNamesRoundTrip(t *testing.T) {
	for _, s := range States() {
		if got, ok := ParseState(s.String()); !ok || got != s {
			t.Errorf("ParseState(%q) = %s, %v", s.String(), got, ok)
		}
		text, err := json.Marshal(map[State]State{s: s})
		if err != nil || string(text) != `{"`+s.String()+`":"`+s.String()+`"}` {
			t.Errorf("%s as JSON: %s, %v", s, text, err)
		}
		var back map[State]State
		if err := json.Unmarshal(text, &back); err != nil || len(back) != 1 || back[s] != s {
			t.Errorf("%s read back: %v, %v", text, back, err)
		}
	}
}

func TestUnknownStateNames(t *testing.T) {
	for _, name := range []string{"", "success", "SUCCESS ", "ERROR", "State(8)"} {
		if got, ok := ParseState(name); ok || got != Pending {
			t.Errorf("ParseState(%q) = %s, %v", name, got, ok)
		}
		s := Running
		if err := s.UnmarshalText([]byte(name)); err == nil || s != Running {
			t.Errorf("UnmarshalText(%q): %v, state %s", name, err, s)
		}
	}
	if got := State(8).String(); got != "State(8)" {
		t.Errorf("State(8) is %q", got)
	}
}
