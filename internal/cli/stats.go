package cli

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/history"
	"github.com/executionerhq/executioner/internal/nearest"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/stats"
	"github.com/executionerhq/executioner/internal/store"
)

// statsFlags say what statistics are asked for, and how they are shown.
type statsFlags struct {
	job               string
	since             string
	by                string
	slowest, flakiest int
	csv, markdown     bool
}

// sinceAll asks for all there is.
const sinceAll = "all"

func (c *command) statsCommand() *cobra.Command {
	f := &statsFlags{}
	cmd := &cobra.Command{
		Use:   "stats [APPLICATION]",
		Short: "Show how runs and jobs usually go: durations, failures, retries, trends",
		Long: `Show how the runs of an application and its jobs went, or those of all applications: how
they ended, how long those took that succeeded (median, 95 of 100, longest), how many were
repeated, how long they waited for a place, and what they used of the host. Flaky are jobs
that succeeded after they had failed, with the same workflow.

What is counted are attempts that have ended, for the day in UTC on which they began. They
stay counted when the runs are removed. Medians of more than 64 durations may be off by
1.6 %. What made one run as long as it was: executioner runs show RUN --critical-path`,
		Example: `  executioner stats nightly --since 90d --by week
  executioner stats nightly --job load --by day
  executioner stats --flakiest 10 --slowest 10
  executioner stats nightly --since all --csv > nightly.csv`,
		Args: atMost(1, "one application"),
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := f.question(strings.Join(args, ""), time.Now())
			if err != nil {
				return err
			}
			if c.remotely() {
				return c.statsThere(cmd, q, f)
			}
			return c.withHistory(cmd, func(ctx context.Context, _ string, st store.Store) error {
				return c.stats(ctx, st, q, f)
			})
		},
	}
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return c.completeApplications(cmd, args, word)
	}
	flags := cmd.Flags()
	flags.StringVar(&f.job, "job", "", "only this `JOB`")
	flags.StringVar(&f.since, "since", "30d", "only what began at this `TIME` or later, from the beginning of that day in UTC; all for all")
	flags.StringVar(&f.by, "by", "", "show the trend, too, by `UNIT`: day, week or month")
	flags.IntVar(&f.slowest, "slowest", 0, "show the `N` jobs with the longest median")
	flags.IntVar(&f.flakiest, "flakiest", 0, "show the `N` jobs that were flaky most often")
	flags.BoolVar(&f.csv, "csv", false, "print comma-separated values, all of it in one table")
	flags.BoolVar(&f.markdown, "markdown", false, "print Markdown")
	c.completeFlag(cmd, "by", completeWords("day", "week", "month"))
	c.jsonFlag(cmd, "all of it")
	cmd.MarkFlagsMutuallyExclusive("json", "csv", "markdown")
	return cmd
}

// question is what the flags ask for.
func (f *statsFlags) question(application string, now time.Time) (history.Question, error) {
	q := history.Question{Application: application, Job: run.JobID(f.job)}
	if f.slowest < 0 || f.flakiest < 0 {
		return q, fault.New(fault.Usage, "--slowest and --flakiest must not be negative").WithHint("for example: --slowest 10")
	}
	if f.by != "" {
		if err := oneOf("by", f.by, "day", "week", "month"); err != nil {
			return q, err
		}
		q.By = stats.Unit(f.by)
	}
	if f.since == sinceAll {
		return q, nil
	}
	var err error
	q.Since, err = parseTime("--since", f.since, now)
	return q, err
}

// stats counts what is not counted yet, and answers. That nothing can be written is no
// reason not to answer: then it takes longer.
func (c *command) stats(ctx context.Context, st store.Store, q history.Question, f *statsFlags) error {
	if _, err := history.Count(ctx, st); err != nil && ctx.Err() != nil {
		return err
	}
	answer, err := history.Ask(ctx, st, q)
	if err != nil {
		return err
	}
	if len(answer.Names) == 0 && q.Application != "" {
		if err := known(ctx, st, q); err != nil {
			return err
		}
	}
	return c.writeStats(statisticsView(&answer, q, f), f)
}

// statsThere shows the statistics of the server.
func (c *command) statsThere(cmd *cobra.Command, q history.Question, f *statsFlags) error {
	ctx, stop := c.interruptible(cmd.Context())
	defer stop()
	return c.withServer(func(s Runs) error {
		text, err := s.(*remote).server.Statistics(ctx, client.StatisticsFilter{
			Application: q.Application, Job: q.Job, Since: f.since, By: f.by, Slowest: f.slowest, Flakiest: f.flakiest,
		})
		if err != nil {
			return err
		}
		v := &statisticsJSON{}
		if err := json.Unmarshal(text, v); err != nil {
			return fault.Wrap(err, fault.Unavailable, "the server's statistics can't be read")
		}
		return c.writeStats(v, f)
	})
}

func (c *command) writeStats(v *statisticsJSON, f *statsFlags) error {
	switch {
	case c.json:
		c.printJSON(c.Out, v)
		return nil
	case f.csv:
		return c.writeStatisticsCSV(v)
	case f.markdown:
		return c.writeStatisticsMarkdown(v)
	default:
		return c.writeStatistics(v)
	}
}

// known returns a fault when the history has nothing of what was asked for at any time.
func known(ctx context.Context, st store.Store, q history.Question) error {
	all, err := history.Ask(ctx, st, history.Question{})
	if err != nil {
		return err
	}
	var applications, jobs []string
	for _, n := range all.Names {
		if n.Job == "" {
			applications = append(applications, n.Application)
		} else if n.Application == q.Application {
			jobs = append(jobs, string(n.Job))
		}
	}
	switch {
	case !slices.Contains(applications, q.Application):
		return unknownName("no run of %s has ended", q.Application, applications)
	case q.Job != "" && !slices.Contains(jobs, string(q.Job)):
		return unknownName("no job "+string(q.Job)+" of %s has ended", q.Application, jobs, string(q.Job))
	}
	return nil
}

// unknownName says what was probably meant by a word, which is the application unless
// another one is given.
func unknownName(format, application string, names []string, word ...string) error {
	err := fault.New(fault.NotFound, format, application)
	asked := application
	if len(word) > 0 {
		asked = word[0]
	}
	if near := nearest.Of(asked, names); near != "" {
		return err.WithHint("did you mean %s?", near)
	}
	return err.WithHint("executioner stats shows all applications, executioner stats APPLICATION its jobs")
}
