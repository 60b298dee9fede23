package incident

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// State is what is remembered of a target. The zero value is one that never failed.
type State struct {
	Target   Target               `json:"target"`
	Failures int                  `json:"failures"`        // in a row
	Since    time.Time            `json:"since,omitzero"`  // the first of them
	Last     Event                `json:"last,omitzero"`   // the last of them
	Rules    map[string]RuleState `json:"rules,omitempty"` // by name
}

// RuleState is how an incident stands by one rule.
type RuleState struct {
	Open      bool      `json:"open"`
	OpenedAt  time.Time `json:"opened_at"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	RemindAt  time.Time `json:"remind_at,omitzero"`
	Reminders int       `json:"reminders,omitempty"`
	Run       run.ID    `json:"run"` // that opened it
	Why       string    `json:"why"` // it was opened
}

// Decode reads what Encode returned. What can't be read is what never failed: a message
// too many is better than none any more.
func Decode(body []byte) State {
	var s State
	if json.Unmarshal(body, &s) != nil {
		return State{}
	}
	return s
}

// Encode returns the state as JSON.
func (s State) Encode() []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // it has no value that JSON lacks
	}
	return b
}

// Empty reports whether there is nothing to remember.
func (s *State) Empty() bool { return s.Failures == 0 && len(s.Rules) == 0 }

// Open returns how many rules have an open incident.
func (s *State) Open() (n int) {
	for _, r := range s.Rules {
		if r.Open {
			n++
		}
	}
	return n
}

// Due returns when people are next to be reminded, zero for never.
func (s *State) Due() (due time.Time) {
	for _, r := range s.Rules {
		if r.Open && !r.RemindAt.IsZero() && (due.IsZero() || r.RemindAt.Before(due)) {
			due = r.RemindAt
		}
	}
	return due
}

// apart returns a state that shares no map with s.
func (s State) apart() State {
	s.Rules = maps.Clone(s.Rules)
	if s.Rules == nil {
		s.Rules = map[string]RuleState{}
	}
	return s
}
