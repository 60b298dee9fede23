package incident

import (
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/expr"
)

// Scope is what a rule looks at.
type Scope string

// The scopes. The zero value is Runs.
const (
	Runs Scope = "runs" // runs as a whole
	Jobs Scope = "jobs" // jobs
	All  Scope = "all"  // both
)

// Rule says who is told of what, and how often.
type Rule struct {
	Name   string        // distinct
	When   *expr.Program // over an event; nil holds for all that is bad
	Of     Scope         // empty is Runs
	Each   bool          // tell of each event for which When holds, without an incident
	After  int           // failures in a row that open an incident; less than 1 is 1
	Remind time.Duration // how often people are reminded of an open one; 0 for never
	Digest time.Duration // collects what happens within it into one message; 0 for none
	To     []string      // names of notifiers
}

func (r *Rule) covers(e *Event) bool {
	switch r.Of {
	case All:
		return true
	case Jobs:
		return e.Job != ""
	case Runs:
	}
	return e.Job == ""
}

// holds reports whether the rule is about the event. A rule that can't be evaluated is:
// one message too many is better than silence. note says so.
func (r *Rule) holds(e *Event) (holds bool, note string) {
	if r.When == nil {
		return e.Bad(), ""
	}
	holds, err := r.When.Bool(e.vars())
	if err != nil {
		return e.Bad(), "; the rule's condition could not be evaluated: " + err.Error()
	}
	return holds, ""
}

// Uses reports whether the condition of a rule uses a variable.
func Uses(rules []Rule, variable string) bool {
	return slices.ContainsFunc(rules, func(r Rule) bool { return r.When != nil && r.When.UsesVariable(variable) })
}

func find(rules []Rule, name string) *Rule {
	for i := range rules {
		if rules[i].Name == name {
			return &rules[i]
		}
	}
	return nil
}
