package cli

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

// aboutAccounts is what the help of the commands for accounts has in common.
const aboutAccounts = `These commands work on the database itself, so whoever may write that may use them, or
with a server (--server), which asks for the role admin. What they change is in the audit
log; on the database as done by local:NAME, NAME being the user of the operating system.`

// accounts is what commands do with users and their tokens: on a database, or through a
// service.
type accounts interface {
	Users(ctx context.Context) ([]wire.User, error)
	User(ctx context.Context, name string) (wire.User, error)
	// AddUser adds a user. An empty password is none.
	AddUser(ctx context.Context, name, password string, grants []access.Grant) (wire.User, error)
	SetPassword(ctx context.Context, name, password string) (wire.User, error)
	// Regrant changes what a user may do; detail says how.
	Regrant(ctx context.Context, name, detail string, change func([]access.Grant) ([]access.Grant, error)) (wire.User, error)
	Enable(ctx context.Context, name string, enable bool) (wire.User, error)
	DeleteUser(ctx context.Context, name string) error
	// Tokens returns those of a user, or all for no user.
	Tokens(ctx context.Context, user string) ([]wire.Token, error)
	// AddToken makes a token of that user and name, with all that the user may do when it
	// has no grants, from Created until Expires.
	AddToken(ctx context.Context, t store.Token) (wire.MadeToken, error)
	RevokeToken(ctx context.Context, id string) (wire.Token, error)
}

var (
	_ accounts = (*accountsHere)(nil)
	_ accounts = (*accountsThere)(nil)
)

// withAccounts uses the accounts of the server or of the history, which has to be there
// unless create says otherwise.
func (c *command) withAccounts(cmd *cobra.Command, create bool, use func(ctx context.Context, a accounts) error) error {
	if c.remotely() {
		ctx, stop := c.interruptible(cmd.Context())
		defer stop()
		return c.withServer(func(s Runs) error { return use(ctx, &accountsThere{s.(*remote).server}) })
	}
	return c.onAccounts(cmd, create, func(ctx context.Context, st store.Store) error { return use(ctx, &accountsHere{c, st}) })
}

// changed is what a change of accounts is in the audit log.
type changed struct {
	action access.Action
	object string // "user bob"
	detail string
}

// onAccounts opens the history, which is made for the first user.
func (c *command) onAccounts(cmd *cobra.Command, create bool, use func(context.Context, store.Store) error) error {
	address, err := c.databasePath()
	if err != nil {
		return err
	}
	ctx, stop := c.interruptible(cmd.Context())
	defer stop()
	open := c.openHistory
	if create {
		open = c.Databases.Open
	}
	st, err := open(ctx, address)
	if err != nil {
		return err
	}
	return errors.Join(use(ctx, st), st.Close())
}

// said is the entry of a change, which is recorded with it.
func (c *command) said(what changed) store.AuditEntry {
	return store.AuditEntry{
		At: time.Now(), Who: "local:" + c.user(), Via: access.ViaLocal, Action: string(what.action), Object: what.object,
		Result: store.Done, Detail: what.detail,
	}
}

// auditFailure records that a change failed.
func (c *command) auditFailure(ctx context.Context, st store.Store, what changed, failed error) error {
	switch fault.CodeOf(failed) {
	case "", fault.NotFound, fault.Unavailable, fault.Cancelled:
		return nil // there was nothing to change, or nothing can be recorded
	}
	e := c.said(what)
	e.Result, e.Detail = store.Failed, message(failed)
	_, err := st.AddAudit(context.WithoutCancel(ctx), e)
	return err
}

// covered refuses grants that a user has not all of, and returns those of the user for none.
func covered(user string, has, asked []access.Grant) ([]access.Grant, error) {
	switch {
	case len(asked) == 0:
		return access.Normal(has), nil
	case !access.Covers(has, asked):
		return nil, fault.New(fault.Usage, "user %s has not all of the grants %s", user, strings.Join(access.Texts(asked), ", ")).
			WithHint("executioner user show %s shows what there is", user)
	}
	return asked, nil
}

// parseGrants reads grants as they are given to commands.
func parseGrants(words []string) ([]access.Grant, error) {
	all := make([]access.Grant, len(words))
	for i, w := range words {
		var err error
		if all[i], err = access.ParseGrant(w); err != nil {
			return nil, err
		}
	}
	return access.Normal(all), nil
}

// roles completes the names of roles.
func completeRoles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var all []cobra.Completion
	for _, r := range access.Roles() {
		all = append(all, cobra.Completion(r))
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}
