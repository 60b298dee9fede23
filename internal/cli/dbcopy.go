package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/history"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
)

func (c *command) dbCopyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "copy FROM TO",
		Short: "Copy the whole history into another database, and prove it",
		Long: `Copy the whole history from one database into another, of the same kind or not: a file, or
an address such as postgres://user@host/database. TO must be empty, or have nothing but
what an earlier copy brought there: so a copy that was interrupted is repeated. Runs keep
their numbers. What is beside them goes along: users, tokens, registered workflows, the
audit log, schedules and what became of their times, statistics, fingerprints, incidents
and messages. A service should be stopped meanwhile, or it goes on in both.

A server's password is taken from EXECUTIONER_DATABASE_PASSWORD or the file that
EXECUTIONER_DATABASE_PASSWORD_FILE names, when the other side is a file.

In the end both are read and compared: how many there are of each, and a hash over all
runs and one over the rest, which are the same for the same history whatever database it
is in. Runs that have not ended are left out, and named; then the exit code is 5.`,
		Example: `  executioner db copy ~/.local/state/executioner/history.db postgres://executioner@db/history
  executioner db copy postgres://executioner@db/history history.db --json`,
		Args:              exactly(2, "two databases"),
		ValidArgsFunction: completeTwoFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.copyHistory(cmd, args[0], args[1])
		},
	}
	c.jsonFlag(cmd, "the proof of both")
	return cmd
}

func completeTwoFiles(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveDefault
}

func (c *command) copyHistory(cmd *cobra.Command, from, to string) (err error) {
	if from == to || c.Databases.File(from) != "" && c.Databases.File(from) == c.Databases.File(to) {
		return fault.New(fault.Usage, "both databases are the same").WithHint("executioner db copy FROM TO")
	}
	if from, to, err = c.withPasswords(from, to); err != nil {
		return err
	}
	ctx, stop := c.interruptible(cmd.Context())
	defer stop()
	source, err := c.openHistory(ctx, from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := c.Databases.Open(ctx, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	return c.copyBetween(ctx, source, target)
}

// withPasswords gives the password that the environment has to the side that is a server.
func (c *command) withPasswords(from, to string) (source, target string, err error) {
	if source, err = c.withPassword(from); err != nil {
		return "", "", err
	}
	if target, err = c.withPassword(to); err != nil {
		return "", "", err
	}
	if source != from && target != to {
		return "", "", fault.New(fault.Usage, "there is one password, and both databases are servers").
			WithHint("copy by way of a file: executioner db copy FROM FILE, and with the other password executioner db copy FILE TO; or leave %s and %s unset, and let PostgreSQL find the passwords in ~/.pgpass",
				passwordVariable, passwordFileVariable)
	}
	return source, target, nil
}

func (c *command) copyBetween(ctx context.Context, from, to store.Store) error {
	done, err := history.Copy(ctx, from, to)
	if err != nil {
		if done.Copied > 0 {
			fmt.Fprintf(c.Err, "%s copied before that; the same command goes on\n", runs.Plural(int(done.Copied), "run"))
		}
		return err
	}
	if c.json {
		c.printJSON(c.Out, done)
	} else if err := c.printCopied(&done); err != nil {
		return err
	}
	if len(done.Active) > 0 {
		return errActive(done.Active)
	}
	return nil
}

func (c *command) printCopied(d *history.Copied) error {
	var t table
	t.add("", "FROM", "TO")
	for _, row := range []struct {
		what     string
		from, to int64
	}{
		{"runs", d.From.Runs, d.To.Runs},
		{"attempts", d.From.Attempts, d.To.Attempts},
		{"transitions", d.From.Transitions, d.To.Transitions},
		{"overrides", d.From.Overrides, d.To.Overrides},
	} {
		t.add(row.what, itoa(int(row.from)), itoa(int(row.to)))
	}
	t.add("hash", shortHash(d.From.Hash), shortHash(d.To.Hash))
	to := d.To.Rest.Numbers()
	for i, from := range d.From.Rest.Numbers() {
		if from.N > 0 {
			t.add(from.Name, itoa(int(from.N)), itoa(int(to[i].N)))
		}
	}
	if d.From.Rest.Hash != "" {
		t.add("hash of these", shortHash(d.From.Rest.Hash), shortHash(d.To.Rest.Hash))
	}
	if err := t.print(c.Out, "", nil); err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "%s copied, %d already there; both are the same: %s\n",
		runs.Plural(int(d.Copied), "run"), d.From.Runs-d.Copied, d.To.Hash)
	return nil
}

func shortHash(hash string) string { return hash[:16] + "…" }

// errActive says which runs a copy was made without.
func errActive(ids []run.ID) error {
	const most = 10
	var names []string
	for i, id := range ids {
		if i == most {
			names = append(names, fmt.Sprintf("and %d more", len(ids)-most))
			break
		}
		names = append(names, id.String())
	}
	what := "runs were left out, as they have not ended"
	if len(ids) == 1 {
		what = "run was left out, as it has not ended"
	}
	return fault.New(fault.Conflict, "%d %s: %s", len(ids), what, strings.Join(names, ", ")).
		WithHint("do it again when all runs have ended")
}
