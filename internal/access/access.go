// Package access decides who may do what. Can is the one table of it: pure, the same for
// the command line, the API and the streams, and whatever is not in it is denied.
// Passwords and tokens are made and checked here as well; where they are kept is package
// store's concern (see store.Accounts).
package access

import (
	"slices"

	"github.com/executionerhq/executioner/internal/fault"
)

// Role is what somebody may do, as one of four steps. Each may do what the ones before it may.
type Role string

// The roles, the least first.
const (
	Viewer   Role = "viewer"   // look at runs, their logs and workflows
	Operator Role = "operator" // submit registered workflows, cancel, resume, mark
	Author   Role = "author"   // submit any workflow, register and change workflows
	Admin    Role = "admin"    // everything; users and the audit log need it for all applications
)

// Roles returns the closed list, the least first.
func Roles() []Role { return []Role{Viewer, Operator, Author, Admin} }

// rank returns how much a role may do, 0 for one that does not exist.
func (r Role) rank() int { return slices.Index(Roles(), r) + 1 }

// Valid reports whether there is such a role.
func (r Role) Valid() bool { return r.rank() > 0 }

// Grant is a role in one application, or in all of them.
type Grant struct {
	Role        Role   `json:"role"`
	Application string `json:"application,omitempty"` // exact; empty for all, and for runs without application
}

// Via says how somebody proved who they are.
type Via string

// The ways in.
const (
	ViaSocket   Via = "socket"   // the user of the operating system at the other end of a local socket
	ViaPassword Via = "password" // user name and password with the request (HTTP Basic)
	ViaToken    Via = "token"
	ViaSession  Via = "session" // a browser's, begun with a password
	ViaOIDC     Via = "oidc"    // a browser's, begun at an identity provider
	ViaLocal    Via = "local"   // whoever has the database itself
)

// Principal is somebody who asks for something, and what they were granted. The zero value
// is nobody, who may do nothing.
type Principal struct {
	User   string
	Via    Via
	Grants []Grant
}

// Action is something that may be allowed or denied.
type Action string

// The closed list of actions. Those of runs, logs and workflows are about an application;
// the others are about the service as a whole, or about the principal's own things.
const (
	RunRead   Action = "run.read"   // runs, their jobs, transitions, events, explanations
	RunSubmit Action = "run.submit" // a registered workflow, as it is
	RunInline Action = "run.inline" // a workflow that comes with the request: any command at all
	RunCancel Action = "run.cancel" // a run or a job, or let a run drain
	RunResume Action = "run.resume" // a run, or retry a job, with the workflow that it has
	RunMark   Action = "run.mark"   // declare a job successful by hand
	LogRead   Action = "log.read"   // what jobs wrote

	WorkflowRead   Action = "workflow.read"   // registered workflows, their versions, plans and differences
	WorkflowWrite  Action = "workflow.write"  // register a version
	WorkflowEnable Action = "workflow.enable" // enable or disable a registered workflow

	StatsRead Action = "stats.read" // figures of an application's runs

	TokenOwn   Action = "token.own"   // one's own tokens, sessions and password
	SystemRead Action = "system.read" // figures of the service and of its database
	SystemRun  Action = "system.run"  // drain the service
	UserManage Action = "user.manage" // users, and the tokens and sessions of others
	AuditRead  Action = "audit.read"
)

// scope says what a grant has to be about for an action.
type scope int

const (
	perApplication scope = iota // the application in question, or all
	everywhere                  // all applications
	own                         // any: it is about the principal itself
)

// rule is what an action takes.
type rule struct {
	role  Role
	scope scope
}

// ruleOf is the table. An action that is not in it is allowed to nobody.
func ruleOf(a Action) (rule, bool) {
	switch a {
	case RunRead, LogRead, WorkflowRead, StatsRead:
		return rule{Viewer, perApplication}, true
	case RunSubmit, RunCancel, RunResume, RunMark:
		return rule{Operator, perApplication}, true
	case RunInline, WorkflowWrite, WorkflowEnable:
		return rule{Author, perApplication}, true
	case TokenOwn:
		return rule{Viewer, own}, true
	case SystemRead:
		return rule{Operator, everywhere}, true
	case UserManage, AuditRead, SystemRun:
		return rule{Admin, everywhere}, true
	}
	return rule{}, false
}

// Actions returns the closed list.
func Actions() []Action {
	return []Action{
		RunRead, RunSubmit, RunInline, RunCancel, RunResume, RunMark, LogRead, WorkflowRead, WorkflowWrite, WorkflowEnable,
		StatsRead, TokenOwn, SystemRead, SystemRun, UserManage, AuditRead,
	}
}

// Can reports whether p may do a in an application. The application is not looked at for
// actions that are not about one. Runs without application are for those with a grant
// for all applications.
func Can(p Principal, a Action, application string) bool {
	need, ok := ruleOf(a)
	if !ok || p.User == "" {
		return false
	}
	return slices.ContainsFunc(p.Grants, func(g Grant) bool { return need.metBy(g, application) })
}

func (r rule) metBy(g Grant, application string) bool {
	if g.Role.rank() < r.role.rank() {
		return false
	}
	switch r.scope {
	case own:
		return true
	case everywhere:
		return g.Application == ""
	default:
		return g.Application == "" || g.Application == application
	}
}

// Check returns a fault Forbidden unless p may do a in an application, Unauthorized when p
// is nobody.
func Check(p Principal, a Action, application string) error {
	switch {
	case Can(p, a, application):
		return nil
	case p.User == "":
		return ErrUnauthorized()
	default:
		return Denied(p, a, application)
	}
}

// Denied returns the fault of somebody who may not do something.
func Denied(p Principal, a Action, application string) error {
	where := ""
	if need, ok := ruleOf(a); ok && need.scope == perApplication && application != "" {
		where = " in application " + application
	}
	return fault.New(fault.Forbidden, "user %s may not do %s%s%s", p.User, a, meaning(a), where).
		WithHint("ask an administrator for a role that may: %s", hintOf(a))
}

// meaning explains actions whose names don't say what is meant.
func meaning(a Action) string {
	switch a {
	case RunSubmit:
		return " (run a registered workflow)"
	case RunInline:
		return " (run or check a workflow that is not registered)"
	case WorkflowWrite:
		return " (register a workflow, or a new version of it)"
	case WorkflowEnable:
		return " (enable or disable a registered workflow)"
	case RunMark:
		return " (declare a job successful by hand)"
	case SystemRun:
		return " (drain the service)"
	case UserManage:
		return " (change users, and the tokens and sessions of others)"
	}
	return ""
}

func hintOf(a Action) string {
	need, ok := ruleOf(a)
	switch {
	case !ok:
		return "there is none"
	case need.scope == everywhere:
		return string(need.role) + " of all applications"
	case a == RunSubmit:
		return string(need.role) + " for registered workflows, " + string(Author) + " for any"
	}
	return string(need.role)
}

// ErrUnauthorized returns the fault of somebody who did not prove who they are. It says
// nothing of why: neither that a user exists nor that a token has run out.
func ErrUnauthorized() error {
	return fault.New(fault.Unauthorized, "it is not known who asks").
		WithHint("log in, or send a valid token: Authorization: Bearer exe_…")
}

// Applications returns in which applications p may do a: all of them, or those named,
// sorted. What is listed is filtered with it.
func Applications(p Principal, a Action) (all bool, some []string) {
	need, ok := ruleOf(a)
	if !ok || p.User == "" {
		return false, nil
	}
	for _, g := range p.Grants {
		switch {
		case g.Role.rank() < need.role.rank():
		case g.Application == "":
			return true, nil
		case need.scope == perApplication:
			some = append(some, g.Application)
		}
	}
	slices.Sort(some)
	return false, slices.Compact(some)
}
