package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

// aboutAccounts is what the help of the commands for accounts has in common.
const aboutAccounts = `These commands work on the database itself, so whoever may write that may use them. What
they change is in the audit log as done by local:NAME, NAME being the user of the
operating system.`

// changed is what a change of accounts is in the audit log.
type changed struct {
	action access.Action
	object string // "user bob"
	detail string
}

// onAccounts opens the history, which is made for the first user, for a use that changes
// accounts and records that with the change: see said. That it failed is recorded here.
func (c *command) onAccounts(cmd *cobra.Command, create bool, what changed, use func(context.Context, store.Store, *changed) error) error {
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
	err = use(ctx, st, &what)
	return errors.Join(err, c.auditFailure(ctx, st, what, err), st.Close())
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

// changeUser changes a user who is there, and again when somebody else did so meanwhile.
func (c *command) changeUser(ctx context.Context, st store.Store, name string, what changed, change func(*store.User) error) (store.User, error) {
	const often = 5
	for i := 0; ; i++ {
		u, err := st.User(ctx, name)
		if err != nil {
			return u, err
		}
		if err := change(&u); err != nil {
			return u, err
		}
		u.Changed = time.Now()
		set, err := st.SetUser(ctx, u, c.said(what))
		if fault.CodeOf(err) != fault.Conflict || i == often {
			return set, err
		}
	}
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
