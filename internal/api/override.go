package api

import (
	"context"
	"regexp"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/workflow"
)

// variableName is what a variable that a request sets may be called.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// mayOverride returns nil when the caller may set these variables of all jobs of a run. Some
// variables, such as BASH_ENV, make a shell run what they say, so that whoever sets them
// runs what they like: that takes what a workflow of one's own takes. Parameters are for others.
func (s *server) mayOverride(ctx context.Context, vars []workflow.Var, application string) error {
	if len(vars) == 0 {
		return nil
	}
	for _, v := range vars {
		if !variableName.MatchString(v.Name) {
			return fault.New(fault.Usage, "%q is no name of a variable", v.Name)
		}
	}
	return s.may(ctx, access.RunInline, application)
}
