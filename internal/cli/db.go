package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/history"
	"github.com/executionerhq/executioner/internal/store"
)

func (c *command) dbCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "db",
		Short: "Look after the history: check, backup, restore, prune, copy",
		Long: `Look after the history of runs as a whole.

Old runs go by themselves, with their logs: those that succeeded after 90 days, others
after 180, and beyond 1000 of each kind for each application. The newest 10 of each
application stay in any case. EXECUTIONER_KEEP_DAYS, EXECUTIONER_KEEP_FAILED_DAYS and
EXECUTIONER_KEEP_RUNS change that; 0 keeps runs for ever. Imported runs never go by
themselves. The audit log and the statistics are kept for ever, unless
EXECUTIONER_KEEP_AUDIT_DAYS or EXECUTIONER_KEEP_STATISTICS_DAYS says for how long.`,
		Example: `  executioner db status
  executioner db backup /backup/history-$(date +%F).db
  executioner db prune --dry-run`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error {
			return fault.New(fault.Usage, "executioner db needs to be told what to do").
				WithHint("executioner db --help shows its commands")
		},
	}
	cmd.AddCommand(
		c.dbStatusCommand(), c.dbMigrateCommand(), c.dbCheckCommand(), c.dbBackupCommand(), c.dbRestoreCommand(),
		c.dbStatsCommand(), c.dbPruneCommand(), c.dbCopyCommand(), c.dbImportCommand(c.openForImport),
	)
	return cmd
}

// historyUse works with a history as a whole. address is where it is.
type historyUse func(ctx context.Context, address string, st store.Store) error

// withHistory opens the history, which must be there, for the time of one use. An
// interrupt ends the use's context. No run is ended whose program is gone.
func (c *command) withHistory(cmd *cobra.Command, use historyUse) error {
	address, err := c.databasePath()
	if err != nil {
		return err
	}
	ctx, stop := c.interruptible(cmd.Context())
	defer stop()
	st, err := c.openHistory(ctx, address)
	if err != nil {
		return err
	}
	return errors.Join(use(ctx, address, st), st.Close())
}

// onHistory completes a command that takes no arguments and works with the history.
// json says what it prints with --json.
func (c *command) onHistory(cmd *cobra.Command, json string, use historyUse) *cobra.Command {
	cmd.Args, cmd.ValidArgsFunction = exactly(0, ""), cobra.NoFileCompletions
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.withHistory(cmd, use) }
	c.jsonFlag(cmd, json)
	return cmd
}

// openHistory opens a history that is there.
func (c *command) openHistory(ctx context.Context, address string) (store.Store, error) {
	if path := c.Databases.File(address); path != "" {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fault.New(fault.NotFound, "there is no history %s", path).
				WithHint("check the name; executioner run makes a new one")
		}
	}
	return c.Databases.Open(ctx, address)
}

// openForImport opens the history that is imported into, and makes it if that is wanted.
func (c *command) openForImport(cmd *cobra.Command, create bool) (archives, func() error, error) {
	nothing := func() error { return nil }
	address, err := c.databasePath()
	if err != nil {
		return nil, nothing, err
	}
	open := c.Databases.Open
	if !create {
		open = c.openHistory
	}
	st, err := open(cmd.Context(), address)
	if !create && fault.CodeOf(err) == fault.NotFound {
		return nil, nothing, nil
	}
	if err != nil {
		return nil, nothing, err
	}
	return st, st.Close, nil
}

// retention is what the environment says of how long runs are kept.
func (c *command) retention() (history.Retention, error) { return history.FromEnviron(c.getenv) }
