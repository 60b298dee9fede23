package app

import (
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/runs"
)

// Conditions returns what evaluates the conditions of an attempt's jobs, for one that is
// only simulated: see plan.Options.When. environ is what jobs would inherit.
func Conditions(environ []string, a runs.Attempt) func(int, plan.Facts) (bool, error) {
	return newConditions(environ, a)
}
