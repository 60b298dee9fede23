package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/history"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
)

func (c *command) dbStatusCommand() *cobra.Command {
	return c.onHistory(&cobra.Command{
		Use:   "status",
		Short: "Show where the history is, how large, and whether it is backed up",
		Example: `  executioner db status
  executioner db status --json | jq -r .last_backup`,
	}, "the same as one object", c.showStatus)
}

// statusJSON is db status --json.
type statusJSON struct {
	Kind       string         `json:"kind"`
	Database   string         `json:"database"`
	Schema     int64          `json:"schema_version"`
	Bytes      int64          `json:"bytes"`
	LogBytes   int64          `json:"log_bytes"`
	Checksums  *bool          `json:"page_checksums"` // null where the database decides it
	Durability string         `json:"durability,omitempty"`
	Runs       int64          `json:"runs"`
	Active     int64          `json:"active_runs"`
	Oldest     *time.Time     `json:"oldest_run"`
	Newest     *time.Time     `json:"newest_run"`
	Backup     *time.Time     `json:"last_backup"`
	Prune      *time.Time     `json:"last_prune"`
	Retention  *retentionJSON `json:"retention"` // null when the environment has a value that is none
}

// retentionJSON is for how long runs are kept; 0 is for ever.
type retentionJSON struct {
	Days       float64 `json:"days"`
	FailedDays float64 `json:"failed_days"`
	Runs       int     `json:"runs_per_application"`
	Audit      float64 `json:"audit_days"`
	Statistics float64 `json:"statistics_days"`
}

func retentionView(r history.Retention) *retentionJSON {
	days := func(d time.Duration) float64 { return d.Hours() / 24 }
	return &retentionJSON{days(r.KeepFor), days(r.KeepFailedFor), r.KeepRuns, days(r.KeepAudit), days(r.KeepStatistics)}
}

func (c *command) showStatus(ctx context.Context, address string, st store.Store) error {
	stats, err := st.Stats(ctx)
	if err != nil {
		return err
	}
	s := statusJSON{
		Kind: stats.Kind, Database: c.Databases.Show(address), Schema: stats.Schema, Bytes: stats.Bytes,
		Durability: stats.Durability, Runs: stats.Rows.Runs, Oldest: at(stats.Oldest), Newest: at(stats.Newest),
		Backup: at(stats.Chores[store.ChoreBackup]), Prune: at(stats.Chores[store.ChorePrune]),
	}
	for _, t := range stats.Totals {
		if !t.State.Ended() {
			s.Active += t.Runs
		}
	}
	if path := c.Databases.File(address); path != "" {
		if info, err := os.Stat(path + "-wal"); err == nil {
			s.LogBytes = info.Size()
		}
	}
	if s.Checksums, err = checksums(ctx, st); err != nil {
		return err
	}
	r, wrong := c.retention()
	if wrong == nil {
		s.Retention = retentionView(r)
	}
	if c.json {
		c.printJSON(c.Out, s)
		return nil
	}
	return c.printStatus(&s, r, wrong)
}

// checksums asks a store whether it verifies what it reads. It returns nil when that is
// not its business.
func checksums(ctx context.Context, st store.Store) (*bool, error) {
	verifier, ok := st.(interface {
		Checksums(ctx context.Context) (yes, known bool, err error)
	})
	if !ok {
		return nil, nil //nolint:nilnil // that it is not known is an answer
	}
	yes, known, err := verifier.Checksums(ctx)
	if err != nil || !known {
		return nil, err
	}
	return &yes, nil
}

func (c *command) printStatus(s *statusJSON, r history.Retention, wrong error) error {
	var t table
	t.add("database", s.Kind+", "+oneLine(s.Database))
	t.add("schema", fmt.Sprintf("version %d", s.Schema))
	size := bytesOf(s.Bytes)
	if s.LogBytes > 0 {
		size += ", and a log of " + bytesOf(s.LogBytes)
	}
	t.add("size", size)
	switch {
	case s.Checksums == nil:
	case *s.Checksums:
		t.add("checksums", "yes: damage is noticed when it is read")
	default:
		t.add("checksums", "no; to have them: executioner db backup FILE, then executioner db restore FILE")
	}
	switch s.Durability {
	case "process":
		t.add("durability", "process: survives the end of the program; a power cut may take the last changes")
	case "full":
		t.add("durability", "full: survives a power cut")
	}
	t.add("runs", countRuns(s))
	t.add("last backup", orNever(s.Backup))
	t.add("last prune", orNever(s.Prune))
	if wrong != nil {
		t.add("retention", "unknown: "+message(wrong))
	} else {
		t.add("retention", keeps(r))
	}
	return t.print(c.Out, "", nil)
}

func countRuns(s *statusJSON) string {
	text := runs.Plural(int(s.Runs), "run")
	if s.Active > 0 {
		text += fmt.Sprintf(", %d not ended", s.Active)
	}
	if s.Oldest != nil {
		text += ", " + s.Oldest.Local().Format(time.DateOnly) + " to " + s.Newest.Local().Format(time.DateOnly)
	}
	return text
}

func orNever(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return stamp(t)
}

// keeps tells a retention in words.
func keeps(r history.Retention) string {
	long := func(d time.Duration) string {
		if d == 0 {
			return "for ever"
		}
		return history.Days(d)
	}
	text := "succeeded " + long(r.KeepFor) + ", others " + long(r.KeepFailedFor)
	if r.KeepRuns > 0 {
		text += fmt.Sprintf(", at most %d of each for an application", max(r.KeepRuns, history.Newest))
	}
	if r.KeepAudit > 0 {
		text += ", audit log " + long(r.KeepAudit)
	}
	if r.KeepStatistics > 0 {
		text += ", statistics " + long(r.KeepStatistics)
	}
	return text
}

// bytesOf writes a size for people: 512 B, 1.5 kB, 20.1 MB.
func bytesOf(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	size, unit := float64(n), -1
	for size >= 999.95 && unit < 3 {
		size /= 1000
		unit++
	}
	return fmt.Sprintf("%.1f %cB", size, "kMGT"[unit])
}
