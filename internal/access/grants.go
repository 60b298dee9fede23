package access

import (
	"cmp"
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/fault"
)

// Normal returns grants sorted by application, for each the highest role, without those
// that a grant for all applications makes superfluous and those of no known role.
func Normal(grants []Grant) []Grant {
	highest := map[string]Role{}
	for _, g := range grants {
		if g.Role.rank() > highest[g.Application].rank() {
			highest[g.Application] = g.Role
		}
	}
	var all []Grant
	for app, role := range highest {
		if app == "" || role.rank() > highest[""].rank() {
			all = append(all, Grant{role, app})
		}
	}
	slices.SortFunc(all, func(a, b Grant) int { return cmp.Compare(a.Application, b.Application) })
	return all
}

// Within returns what both a and b allow: what somebody with b may do with a token that
// was given a. It is in normal form.
func Within(a, b []Grant) []Grant {
	var both []Grant
	for _, x := range a {
		for _, y := range b {
			if app, ok := meet(x.Application, y.Application); ok {
				both = append(both, Grant{lower(x.Role, y.Role), app})
			}
		}
	}
	return Normal(both)
}

// meet returns the applications that are in both, and whether there are any.
func meet(a, b string) (string, bool) {
	if a == "" || a == b {
		return b, true
	}
	return a, b == ""
}

func lower(a, b Role) Role {
	if a.rank() < b.rank() {
		return a
	}
	return b
}

// Covers reports whether b allows all that a does.
func Covers(b, a []Grant) bool {
	return slices.Equal(Within(a, b), Normal(a))
}

// Without returns grants with one taken away: it must be there as it is. It reports
// whether it was.
func Without(grants []Grant, gone Grant) ([]Grant, bool) {
	i := slices.Index(grants, gone)
	if i < 0 {
		return grants, false
	}
	return slices.Delete(slices.Clone(grants), i, i+1), true
}

// String returns the grant as ParseGrant reads it: "operator" or "operator:billing".
func (g Grant) String() string {
	if g.Application == "" {
		return string(g.Role)
	}
	return string(g.Role) + ":" + g.Application
}

// ParseGrant reads "ROLE" or "ROLE:APPLICATION". The error is a fault Usage.
func ParseGrant(s string) (Grant, error) {
	role, app, named := strings.Cut(s, ":")
	g := Grant{Role(role), app}
	if !g.Role.Valid() {
		return Grant{}, fault.New(fault.Usage, "there is no role %q", role).
			WithHint("use viewer, operator, author or admin, and role:application for one application only")
	}
	if named && app == "" {
		return Grant{}, fault.New(fault.Usage, "the grant %q names no application", s).
			WithHint("leave the colon out for all applications")
	}
	return g, nil
}

// Texts returns grants as they are written.
func Texts(grants []Grant) []string {
	all := make([]string, len(grants))
	for i, g := range grants {
		all[i] = g.String()
	}
	return all
}
