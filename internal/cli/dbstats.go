package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

func (c *command) dbStatsCommand() *cobra.Command {
	return c.onHistory(&cobra.Command{
		Use:   "stats",
		Short: "Count what is in the history",
		Long:  `Count the runs of each application by how they ended, and the rows of each table.`,
		Example: `  executioner db stats
  executioner db stats --json | jq '.applications[] | select(.runs > 100)'`,
	}, "the numbers", c.showStats)
}

// statsJSON is db stats --json.
type statsJSON struct {
	Kind         string            `json:"kind"`
	Bytes        int64             `json:"bytes"`
	Rows         store.Rows        `json:"rows"`
	Oldest       *time.Time        `json:"oldest_run"`
	Newest       *time.Time        `json:"newest_run"`
	Applications []applicationJSON `json:"applications"`
}

type applicationJSON struct {
	Application string              `json:"application"`
	Runs        int64               `json:"runs"`
	States      map[run.State]int64 `json:"states"`
}

func (c *command) showStats(ctx context.Context, _ string, st store.Store) error {
	stats, err := st.Stats(ctx)
	if err != nil {
		return err
	}
	view := statsJSON{
		Kind: stats.Kind, Bytes: stats.Bytes, Rows: stats.Rows, Oldest: at(stats.Oldest), Newest: at(stats.Newest),
		Applications: byApplication(stats.Totals),
	}
	if c.json {
		c.printJSON(c.Out, view)
		return nil
	}
	return c.printStats(&view)
}

// byApplication adds up totals, which are sorted by application.
func byApplication(totals []store.Total) []applicationJSON {
	all := []applicationJSON{}
	for _, t := range totals {
		if n := len(all); n == 0 || all[n-1].Application != t.Application {
			all = append(all, applicationJSON{Application: t.Application, States: map[run.State]int64{}})
		}
		a := &all[len(all)-1]
		a.Runs += t.Runs
		a.States[t.State] += t.Runs
	}
	return all
}

func (c *command) printStats(s *statsJSON) error {
	var t table
	t.add("APPLICATION", "RUNS", "SUCCESS", "FAILED", "TIMEOUT", "CANCELLED", "NOT ENDED")
	for _, a := range s.Applications {
		n := func(states ...run.State) string {
			sum := int64(0)
			for _, s := range states {
				sum += a.States[s]
			}
			return strconv.FormatInt(sum, 10)
		}
		t.add(oneLine(a.Application), strconv.FormatInt(a.Runs, 10), n(run.Success), n(run.Failed), n(run.Timeout),
			n(run.Cancelled, run.Skipped), n(run.Pending, run.Queued, run.Running))
	}
	p := c.paint()
	if err := t.print(c.Out, "", func(row, _ int, padded string) string {
		if row == 0 {
			return p.bold(padded)
		}
		return padded
	}); err != nil {
		return err
	}
	r := s.Rows
	fmt.Fprintf(c.Out, "\n%s: %d workflows, %d runs, %d attempts, %d transitions, %d requests, %d overrides, %d tallies\n",
		bytesOf(s.Bytes), r.Workflows, r.Runs, r.Attempts, r.Transitions, r.Requests, r.Overrides, r.Tallies)
	if r.Users+r.Tokens+r.Sessions+r.Audit+r.Registered > 0 {
		fmt.Fprintf(c.Out, "accounts: %d users, %d tokens, %d sessions, %d audit entries, %d versions of workflows\n",
			r.Users, r.Tokens, r.Sessions, r.Audit, r.Registered)
	}
	if r.Schedules > 0 {
		fmt.Fprintf(c.Out, "schedules: %d, with %d expected times\n", r.Schedules, r.Firings)
	}
	if r.Incidents+r.Notices > 0 {
		fmt.Fprintf(c.Out, "messages: %d incidents, %d notices\n", r.Incidents, r.Notices)
	}
	if r.Fingerprints > 0 {
		fmt.Fprintf(c.Out, "fingerprints: %d\n", r.Fingerprints)
	}
	return nil
}
