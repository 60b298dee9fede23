package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/history"
	"github.com/executionerhq/executioner/internal/store"
)

func (c *command) auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Show who changed what, and what was denied",
		Long: `Show the audit log: each change that was made through the service or by the commands for
accounts, and each try that was denied. Entries are numbered without gaps.`,
		Example: `  executioner audit list --since 7d --user ann
  executioner audit list --result denied`,
		Args: onlyCommands,
		RunE: needsCommand,
	}
	cmd.AddCommand(c.auditListCommand(), c.auditPruneCommand())
	return cmd
}

// auditFlags select entries.
type auditFlags struct {
	store.AuditFilter
	result       string
	since, until string
}

func (c *command) auditListCommand() *cobra.Command {
	f := &auditFlags{}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the audit log, the newest first",
		Long:  `List the audit log, the newest first. Times are given as for executioner runs list.`,
		Example: `  executioner audit list --since 24h
  executioner audit list --action run.cancel --json | jq '.entries[].who'`,
		Args: exactly(0, ""), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.complete(time.Now()); err != nil {
				return err
			}
			if c.remotely() {
				return c.auditThere(cmd, f.AuditFilter)
			}
			return c.withHistory(cmd, func(ctx context.Context, _ string, st store.Store) error {
				return c.listAudit(ctx, st, f.AuditFilter)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.Who, "user", "", "only what this `USER` did, local:NAME for commands on this database")
	flags.StringVar(&f.Action, "action", "", "only this `ACTION`, such as run.cancel")
	flags.StringVarP(&f.Application, "application", "a", "", "only what was about this `APPLICATION`")
	flags.StringVar(&f.result, "result", "", "only with this `RESULT`: ok, denied or failed")
	flags.StringVar(&f.since, "since", "", "only entries of this `TIME` or later")
	flags.StringVar(&f.until, "until", "", "only entries before this `TIME`")
	flags.IntVar(&f.Limit, "limit", listed, "at most `N` entries, 0 for all")
	flags.Int64Var(&f.Before, "before", 0, "only entries before this `NUMBER`: the next page")
	c.completeFlag(cmd, "result", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return []cobra.Completion{string(store.Done), string(store.Denied), string(store.Failed)}, cobra.ShellCompDirectiveNoFileComp
	})
	c.jsonFlag(cmd, "the entries, and the NUMBER to give to --before for the next page")
	return cmd
}

// complete puts what the flags say into the filter.
func (f *auditFlags) complete(now time.Time) (err error) {
	if f.Limit < 0 || f.Before < 0 {
		return fault.New(fault.Usage, "--limit and --before must not be negative").WithHint("--limit 0 lists all entries")
	}
	switch f.Result = store.Result(f.result); f.Result {
	case "", store.Done, store.Denied, store.Failed:
	default:
		return fault.New(fault.Usage, "there is no result %q", f.result).WithHint("use ok, denied or failed")
	}
	if f.Since, err = parseTime("--since", f.since, now); err != nil {
		return err
	}
	f.Until, err = parseTime("--until", f.until, now)
	return err
}

func (c *command) listAudit(ctx context.Context, st store.Store, f store.AuditFilter) error {
	ask := f
	if f.Limit > 0 {
		ask.Limit++ // one more tells whether there is another page
	}
	es, err := st.Audit(ctx, ask)
	if err != nil {
		return err
	}
	page := wire.Audit{Entries: []wire.AuditEntry{}}
	if f.Limit > 0 && len(es) > f.Limit {
		es = es[:f.Limit]
		page.Next = &es[f.Limit-1].Seq
	}
	for _, e := range es {
		page.Entries = append(page.Entries, wire.AuditEntry(e))
	}
	return c.printAudit(&page)
}

// auditThere lists the audit log of the server.
func (c *command) auditThere(cmd *cobra.Command, f store.AuditFilter) error {
	ctx, stop := c.interruptible(cmd.Context())
	defer stop()
	ask := client.AuditFilter{
		User: f.Who, Action: f.Action, Application: f.Application, Result: string(f.Result), Since: f.Since, Until: f.Until, Before: f.Before,
	}
	return c.withServer(func(s Runs) error {
		all := wire.Audit{Entries: []wire.AuditEntry{}}
		for {
			ask.Limit = pageSize
			if f.Limit > 0 {
				ask.Limit = min(pageSize, f.Limit-len(all.Entries))
			}
			page, err := s.(*remote).server.Audit(ctx, ask)
			if err != nil {
				return err
			}
			all.Entries, all.Next = append(all.Entries, page.Entries...), page.Next
			if page.Next == nil || f.Limit > 0 && len(all.Entries) >= f.Limit {
				return c.printAudit(&all)
			}
			ask.Before = *page.Next
		}
	})
}

func (c *command) printAudit(page *wire.Audit) error {
	if c.json {
		c.printJSON(c.Out, page)
		return nil
	}
	var t table
	t.add("NUMBER", "TIME", "WHO", "FROM", "ACTION", "APPLICATION", "OBJECT", "RESULT", "REQUEST", "DETAIL")
	for i := range page.Entries {
		e := &page.Entries[i]
		t.add(fmt.Sprint(e.Seq), stamp(&e.At), orNobody(oneLine(e.Who)), oneLine(e.From), oneLine(e.Action), orNobody(oneLine(e.Application)), oneLine(e.Object),
			oneLine(string(e.Result)), orNobody(oneLine(e.Request)), oneLine(e.Detail))
	}
	if err := t.print(c.Out, "", c.headline); err != nil {
		return err
	}
	if page.Next != nil {
		fmt.Fprintf(c.Err, "there are more: --before %d\n", *page.Next)
	}
	return nil
}

func orNobody(who string) string {
	if who == "" {
		return "-"
	}
	return who
}

func (c *command) auditPruneCommand() *cobra.Command {
	var older string
	cmd := &cobra.Command{
		Use:   "prune --older-than AGO",
		Short: "Remove old entries of the audit log",
		Long: `Remove the oldest entries of the audit log. Nothing else removes them, unless
EXECUTIONER_KEEP_AUDIT_DAYS says so. That it was done is an entry itself.`,
		Example: `  executioner audit prune --older-than 365d`,
		Args:    exactly(0, ""), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ago, ok := parseAgo(older)
			if older == "" || !ok {
				return fault.New(fault.Usage, "--older-than %q is no time", older).WithHint("for example: --older-than 365d")
			}
			return c.onAccounts(cmd, false, func(ctx context.Context, st store.Store) error { return c.pruneAudit(ctx, st, ago, older) })
		},
	}
	cmd.Flags().StringVar(&older, "older-than", "", "remove entries that were made so long `AGO` (365d, 12h)")
	return cmd
}

func (c *command) pruneAudit(ctx context.Context, st store.Store, ago time.Duration, older string) error {
	what := changed{action: history.AuditPrune, object: "audit log"}
	n, err := st.PruneAudit(ctx, time.Now().Add(-ago))
	if err != nil {
		return errors.Join(err, c.auditFailure(ctx, st, what, err))
	}
	what.detail = fmt.Sprintf("%d entries removed that were older than %s", n, older)
	if _, err := st.AddAudit(ctx, c.said(what)); err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "%d entries were removed\n", n)
	return nil
}
