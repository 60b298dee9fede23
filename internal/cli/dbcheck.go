package cli

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/history"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
)

func (c *command) dbMigrateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the history's tables up to date",
		Long: `Bring the history's tables up to date. Every command does that when it opens the history;
this one does nothing else. A history of a newer version is refused, and left as it is.`,
		Example:           `  executioner db migrate`,
		Args:              exactly(0, ""),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			address, err := c.databasePath()
			if err != nil {
				return err
			}
			before := fileVersion(c.Databases.File(address))
			return c.withHistory(cmd, func(ctx context.Context, _ string, st store.Store) error {
				return c.showMigrated(ctx, before, st)
			})
		},
	}
	c.jsonFlag(cmd, "the version of the schema")
	return cmd
}

// fileVersion returns the version of the schema that stands in the header of a file, 0
// when there is none.
func fileVersion(path string) int64 {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	var header [64]byte
	if _, err := io.ReadFull(f, header[:]); err != nil {
		return 0
	}
	return int64(binary.BigEndian.Uint32(header[60:]))
}

func (c *command) showMigrated(ctx context.Context, before int64, st store.Store) error {
	stats, err := st.Stats(ctx)
	if err != nil {
		return err
	}
	if c.json {
		c.printJSON(c.Out, struct {
			Schema int64 `json:"schema_version"`
		}{stats.Schema})
		return nil
	}
	if before > 0 && before < stats.Schema {
		fmt.Fprintf(c.Out, "schema version %d, was %d\n", stats.Schema, before)
		return nil
	}
	fmt.Fprintf(c.Out, "schema version %d, up to date\n", stats.Schema)
	return nil
}

func (c *command) dbCheckCommand() *cobra.Command {
	return c.onHistory(&cobra.Command{
		Use:   "check",
		Short: "Read all of the history and look for damage",
		Long: `Read all of the history and look for damage: in the database itself, in its tables, in
each run, whose transitions must be complete and lead to what its attempts say, and in
what there is beside them, such as registered workflows, the audit log and schedules.
Damaged runs are named. The exit code is 0 when all is in order, 6 when it is not.`,
		Example: `  executioner db check
  executioner db check --json | jq '.damaged[].run'`,
	}, "how much was read, and all that is damaged", func(ctx context.Context, _ string, st store.Store) error {
		checked, err := history.Check(ctx, st)
		if err != nil {
			return err
		}
		return c.showChecked(&checked)
	})
}

func (c *command) showChecked(checked *history.Checked) error {
	err := errDamaged(checked)
	if c.json {
		c.printJSON(c.Out, checked)
		if err != nil {
			return status(fault.ExitCode(err))
		}
		return nil
	}
	for _, d := range checked.Damaged {
		fmt.Fprintln(c.Out, oneLine(d.String()))
	}
	fmt.Fprintf(c.Out, "%s and %s read\n",
		runs.Plural(int(checked.Runs), "run"), runs.Plural(int(checked.Transitions), "transition"))
	if err != nil {
		return err
	}
	fmt.Fprintln(c.Out, "all in order")
	return nil
}

func errDamaged(checked *history.Checked) error {
	n := len(checked.Damaged)
	if n == 0 {
		return nil
	}
	return fault.New(fault.Unavailable, "the history is damaged in %s", runs.Plural(n, "place")).
		WithHint("executioner db restore BACKUP brings a backup back; without one move the history away, " +
			"and the next run begins a new one")
}

func (c *command) dbBackupCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write all of the history to a file",
		Long: `Write all of the history to a file, as of one moment, while runs go on. The file is a
history itself: executioner runs list --database FILE. It is checked before it gets its
name, and only you can read it. Logs are not part of it.`,
		Example: `  executioner db backup /backup/history-$(date +%F).db
  executioner db backup latest.db --force`,
		Args:              exactly(1, "a file"),
		ValidArgsFunction: completeAnyFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withHistory(cmd, func(ctx context.Context, address string, st store.Store) error {
				done, err := history.Backup(ctx, c.Databases, address, st, args[0], force)
				return errors.Join(err, c.showBackup(args[0], &done, err))
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace FILE if it is there")
	c.jsonFlag(cmd, "what is in the backup")
	return cmd
}

// showBackup reports a backup that was made.
func (c *command) showBackup(file string, done *history.BackedUp, failed error) error {
	if failed != nil {
		return nil
	}
	if c.json {
		c.printJSON(c.Out, done)
	} else {
		fmt.Fprintf(c.Out, "%s and %s in %s, %s\n", runs.Plural(int(done.Runs), "run"),
			runs.Plural(int(done.Transitions), "transition"), oneLine(file), bytesOf(done.Bytes))
	}
	if len(done.Active) > 0 {
		return errActive(done.Active)
	}
	return nil
}

func (c *command) dbRestoreCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Bring a backup back",
		Long: `Put a backup in the place of the history, after it has been checked. The history that is
there now is kept beside, under a name that says so. No other program may have it open,
so no run may go on. FILE stays as it is.`,
		Example:           `  executioner db restore /backup/history-2026-01-31.db`,
		Args:              exactly(1, "a backup"),
		ValidArgsFunction: completeAnyFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.restore(cmd, args[0])
		},
	}
	c.jsonFlag(cmd, "what was restored, and where the former history is kept")
	return cmd
}

func (c *command) restore(cmd *cobra.Command, backup string) error {
	address, err := c.databasePath()
	if err != nil {
		return err
	}
	path := c.Databases.File(address)
	if path == "" {
		return fault.New(fault.Unsupported, "a history on a server can't be replaced").WithAt(c.Databases.Show(address)).
			WithHint("copy the backup into an empty database: executioner db copy %s ADDRESS", quote(backup))
	}
	ctx, stop := c.interruptible(cmd.Context())
	defer stop()
	done, err := history.Restore(ctx, c.Databases, path, backup, time.Now())
	if err != nil {
		return err
	}
	if c.json {
		c.printJSON(c.Out, done)
		return nil
	}
	fmt.Fprintf(c.Out, "%s and %s restored\n", runs.Plural(int(done.Runs), "run"), runs.Plural(int(done.Transitions), "transition"))
	if done.Aside != "" {
		fmt.Fprintf(c.Out, "what was there before is %s\n", oneLine(name(done.Aside)))
	}
	return nil
}

// completeAnyFile completes the names of all files.
func completeAnyFile(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveDefault
}
