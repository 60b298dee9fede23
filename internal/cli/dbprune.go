package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/history"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
)

// prunePause is how long other programs get to write between two batches.
const prunePause = 20 * time.Millisecond

// pruneFlags say what may go.
type pruneFlags struct {
	dry           bool
	older, failed string
	keep          int
	keepGiven     func() bool
	imported      bool
}

func (c *command) dbPruneCommand() *cobra.Command {
	f := &pruneFlags{}
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove old runs and their logs",
		Long: `Remove old runs and their logs now, by the rules that executioner db --help tells, or by
others. Runs that have not ended stay, and so do the newest 10 of each application.
Imported runs stay unless --imported is given. Runs may go on meanwhile. What became of
the times of schedules goes when no run of then is kept, and the audit log and statistics
as the same rules say. What was removed can't be brought back, except from a backup.`,
		Example: `  executioner db prune --dry-run
  executioner db prune --older-than 30d --failed-older-than 60d
  executioner db prune --keep-runs 100
  executioner db prune --imported --dry-run`,
		Args:              exactly(0, ""),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := c.retention()
			if err == nil {
				err = f.change(&r)
			}
			if err != nil {
				return err
			}
			return c.withHistory(cmd, func(ctx context.Context, _ string, st store.Store) error {
				return c.prune(ctx, st, r, f.dry)
			})
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.dry, "dry-run", false, "show which runs would go and why, and remove none")
	flags.StringVar(&f.older, "older-than", "", "remove runs that ended so long `AGO` (30d, 12h)")
	flags.StringVar(&f.failed, "failed-older-than", "", "the same for those of them that did not succeed and ended so long `AGO` (default: as --older-than)")
	flags.IntVar(&f.keep, "keep-runs", 0, "keep at most `N` that succeeded and N others of each application, 0 for any number")
	flags.BoolVar(&f.imported, "imported", false, "apply the rules to runs from db import-legacy, too")
	f.keepGiven = func() bool { return flags.Changed("keep-runs") }
	c.jsonFlag(cmd, "the runs, and how much was removed")
	return cmd
}

// change puts what the flags say into the retention.
func (f *pruneFlags) change(r *history.Retention) error {
	for _, a := range []struct {
		flag, text string
		set        []*time.Duration
	}{
		{"--older-than", f.older, []*time.Duration{&r.KeepFor, &r.KeepFailedFor}},
		{"--failed-older-than", f.failed, []*time.Duration{&r.KeepFailedFor}},
	} {
		if a.text == "" {
			continue
		}
		ago, ok := parseAgo(a.text)
		if !ok || ago == 0 {
			return fault.New(fault.Usage, "%s %q is not how long ago", a.flag, a.text).WithHint("for example: %s 30d", a.flag)
		}
		for _, keep := range a.set {
			*keep = ago
		}
	}
	if f.keep < 0 {
		return fault.New(fault.Usage, "--keep-runs must not be negative").WithHint("--keep-runs 0 keeps any number")
	}
	if f.keepGiven() {
		r.KeepRuns = f.keep
	}
	r.Imported = f.imported
	return nil
}

// pruneJSON is db prune --json.
type pruneJSON struct {
	DryRun    bool           `json:"dry_run"`
	Retention *retentionJSON `json:"retention"`
	Runs      []prunedJSON   `json:"runs"` // that may go
	Removed   int            `json:"removed"`
	Left      int            `json:"left"`
	Files     int            `json:"log_files"`
	Bytes     int64          `json:"log_bytes"`
}

type prunedJSON struct {
	Run         run.ID     `json:"run"`
	Application string     `json:"application"`
	State       run.State  `json:"state"`
	EndedAt     *time.Time `json:"ended_at"`
	Reason      string     `json:"reason"`
}

func (c *command) prune(ctx context.Context, st store.Store, r history.Retention, dry bool) error {
	view := pruneJSON{DryRun: dry, Retention: retentionView(r), Runs: []prunedJSON{}}
	done, err := history.Prune(ctx, st, history.Pruning{
		Retention: r, Now: time.Now(), Pause: prunePause, DryRun: dry,
		Tell: func(g history.Candidate) {
			view.Runs = append(view.Runs, prunedJSON{g.ID, g.Application, g.State, at(g.EndedAt), g.Reason})
		},
	})
	if err != nil {
		if done.Runs > 0 {
			fmt.Fprintf(c.Err, "%s removed before that\n", runs.Plural(done.Runs, "run"))
		}
		return err
	}
	view.Left, view.Files, view.Bytes = done.Left, done.Files, done.Bytes
	if !dry {
		view.Removed = done.Runs
	}
	if c.json {
		c.printJSON(c.Out, view)
		return nil
	}
	return c.printPruned(&view)
}

func (c *command) printPruned(v *pruneJSON) error {
	if !v.DryRun {
		fmt.Fprintf(c.Out, "%s removed, with %s (%s); %d left\n", runs.Plural(v.Removed, "run"),
			runs.Plural(v.Files, "log file"), bytesOf(v.Bytes), v.Left)
		return nil
	}
	if len(v.Runs) > 0 {
		var t table
		t.add("RUN", "APPLICATION", "STATE", "END", "WHY")
		for i := range v.Runs {
			g := &v.Runs[i]
			t.add(g.Run.String(), oneLine(g.Application), g.State.String(), stamp(g.EndedAt), oneLine(g.Reason))
		}
		p := c.paint()
		err := t.print(c.Out, "", func(row, column int, padded string) string {
			switch {
			case row == 0:
				return p.bold(padded)
			case column == 2:
				return p.state(v.Runs[row-1].State, padded)
			default:
				return padded
			}
		})
		if err != nil {
			return err
		}
		fmt.Fprintln(c.Out)
	}
	fmt.Fprintf(c.Out, "%s would be removed, %d left\n", runs.Plural(len(v.Runs), "run"), v.Left)
	return nil
}

// tidy removes what is too old beside other work, now and then. Nothing that goes
// wrong with it is worth more than a word, and that only to who asked for more.
func (c *command) tidy(ctx context.Context, st store.Store, v view) {
	if st == nil || ctx.Err() != nil {
		return
	}
	r, err := c.retention()
	if err == nil {
		_, _, err = history.Tidy(ctx, st, r)
	}
	_ = history.CountSoon(ctx, st) // who asks for statistics counts what is left
	if err != nil && v.verbose {
		fmt.Fprintf(c.Err, "warning: old runs were not removed: %s\n", message(err))
	}
}
