package cli

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/nearest"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/schedule"
	"github.com/executionerhq/executioner/internal/store"
)

// listFlags select runs.
type listFlags struct {
	application  string
	states       []string
	since, until string
	before       int64
	limit        int
}

// listed is how many runs are listed by default.
const listed = 20

func (c *command) runsListCommand() *cobra.Command {
	f := &listFlags{}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List recorded runs, the newest first",
		Long: `List recorded runs, the newest first.

A time is given as 2026-01-31, "2026-01-31 12:00", RFC 3339 (2026-01-31T12:00:00Z), or
as how long ago: 90m, 24h, 7d.`,
		Example: `  executioner runs list --application nightly --state failed,timeout --since 7d
  executioner runs list --json | jq '.runs[].run'`,
		Args: exactly(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter, err := f.filter(time.Now())
			if err != nil {
				return err
			}
			return c.using(cmd, func(ctx context.Context, s Runs) error {
				return c.listRuns(ctx, s, filter)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.application, "application", "a", "", "only runs of this `APPLICATION`")
	flags.StringArrayVar(&f.states, "state", nil, "only runs in these `STATES` (comma-separated, repeatable)")
	flags.StringVar(&f.since, "since", "", "only runs submitted at this `TIME` or later")
	flags.StringVar(&f.until, "until", "", "only runs submitted before this `TIME`")
	flags.IntVar(&f.limit, "limit", listed, "at most `N` runs, 0 for all")
	flags.Int64Var(&f.before, "before", 0, "only runs older than this `RUN`: the next page")
	c.completeFlag(cmd, "application", c.completeApplications)
	c.completeFlag(cmd, "state", completeStates)
	c.jsonFlag(cmd, "the runs, and the RUN to give to --before for the next page")
	return cmd
}

func (f *listFlags) filter(now time.Time) (store.Filter, error) {
	filter := store.Filter{Application: f.application, Limit: f.limit, Before: run.ID(f.before)}
	if f.limit < 0 || f.before < 0 {
		return filter, fault.New(fault.Usage, "--limit and --before must not be negative").WithHint("--limit 0 lists all runs")
	}
	var err error
	if filter.States, err = parseStates(f.states); err != nil {
		return filter, err
	}
	if filter.Since, err = parseTime("--since", f.since, now); err != nil {
		return filter, err
	}
	filter.Until, err = parseTime("--until", f.until, now)
	return filter, err
}

func parseStates(lists []string) ([]run.State, error) {
	var states []run.State
	for _, list := range lists {
		for word := range strings.SplitSeq(list, ",") {
			word = strings.TrimSpace(word)
			if word == "" {
				continue
			}
			state, ok := run.ParseState(strings.ToUpper(word))
			if !ok {
				return nil, unknownState(word)
			}
			states = append(states, state)
		}
	}
	return states, nil
}

func unknownState(word string) error {
	err := fault.New(fault.Usage, "there is no state %q", word)
	names := stateNames()
	if near := nearest.Of(strings.ToUpper(word), names); near != "" {
		return err.WithHint("did you mean %s?", near)
	}
	return err.WithHint("the states are %s", strings.Join(names, ", "))
}

// stateNames are the states that a run may be in.
func stateNames() []string {
	var names []string
	for _, s := range run.States() {
		if s != run.Skipped {
			names = append(names, s.String())
		}
	}
	return names
}

// parseTime reads a moment, in local time where it names no other, or how long ago it was.
func parseTime(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, ok := parseAgo(text); ok {
		return now.Add(-ago), nil
	}
	if t, ok := schedule.ParseShown(text); ok {
		return t, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateTime, "2006-01-02 15:04", "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fault.New(fault.Usage, "%s %q is no time", flag, text).
		WithHint(`for example: %s 2026-01-31, %s "2026-01-31 12:00", %s 24h, %s 7d`, flag, flag, flag, flag)
}

// parseAgo reads a duration such as 90m, 24h, 7d or 1d12h.
func parseAgo(text string) (time.Duration, bool) {
	var ago time.Duration
	if days, rest, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || n < 0 || n > 100*365 {
			return 0, false
		}
		ago = time.Duration(math.Round(n * 24 * float64(time.Hour)))
		if text = rest; text == "" {
			return ago, true
		}
	}
	d, err := time.ParseDuration(text)
	return ago + d, err == nil && d >= 0
}

// runsJSON is runs list --json.
type runsJSON struct {
	Runs []runs.View `json:"runs"`
	Next *run.ID     `json:"next"` // for --before; null on the last page
}

// listRuns shows runs, one page of them.
func (c *command) listRuns(ctx context.Context, s Runs, f store.Filter) error {
	ask := f
	if f.Limit > 0 {
		ask.Limit++ // one more tells whether there is another page
	}
	views, err := s.List(ctx, ask)
	if err != nil {
		return err
	}
	page := runsJSON{Runs: views}
	if f.Limit > 0 && len(views) > f.Limit {
		page.Runs = views[:f.Limit]
		page.Next = &page.Runs[f.Limit-1].Run
	}
	if c.json {
		c.printJSON(c.Out, page)
		return nil
	}
	if len(views) == 0 {
		return c.noRuns(f)
	}
	if err := c.printRuns(page.Runs); err != nil {
		return err
	}
	if page.Next != nil {
		fmt.Fprintf(c.Err, "more: %s\n", c.nextPage(f, *page.Next))
	}
	return nil
}

// noRuns says why the list is empty.
func (c *command) noRuns(f store.Filter) error {
	all := store.Filter{Limit: f.Limit}
	if f.Application == all.Application && len(f.States) == 0 && f.Since.IsZero() && f.Until.IsZero() && f.Before == 0 {
		fmt.Fprintln(c.Err, "no run has been recorded yet\n  → executioner run FILE records one")
		return nil
	}
	fmt.Fprintf(c.Err, "no run matches\n  → all runs: executioner runs list%s\n", c.databaseFlag())
	return nil
}

func (c *command) printRuns(views []runs.View) error {
	var t table
	t.add("RUN", "ATTEMPT", "APPLICATION", "STATE", "START", "DURATION", "JOBS")
	now := time.Now()
	for i := range views {
		v := &views[i]
		t.add(v.Run.String(), "#"+itoa(v.Attempt), oneLine(v.Application), stateOf(v), stamp(v.StartedAt),
			lasted(v.StartedAt, v.EndedAt, now), listedCounts(&v.Counts))
	}
	p := c.paint()
	return t.print(c.Out, "", func(row, column int, padded string) string {
		switch {
		case row == 0:
			return p.bold(padded)
		case column == 3:
			return p.state(views[row-1].State, padded)
		default:
			return padded
		}
	})
}

// listedCounts is how many of a run's jobs are done. Those that were skipped are why a run
// with fewer than all may have succeeded.
func listedCounts(c *run.Counts) string {
	s := itoa(c.Succeeded) + "/" + itoa(c.Total)
	if c.Skipped > 0 {
		s += ", " + itoa(c.Skipped) + " skipped"
	}
	return s
}

// lasted is how long something took, or takes so far.
func lasted(from, to *time.Time, now time.Time) string {
	switch {
	case from == nil:
		return "-"
	case to == nil:
		return runs.Short(now.Sub(*from))
	default:
		return runs.Short(to.Sub(*from))
	}
}

// nextPage is the command that shows the runs after the given one.
func (c *command) nextPage(f store.Filter, before run.ID) string {
	line := "executioner runs list"
	if f.Application != "" {
		line += " --application " + quote(f.Application)
	}
	if len(f.States) > 0 {
		names := make([]string, len(f.States))
		for i, s := range f.States {
			names[i] = s.String()
		}
		slices.Sort(names)
		line += " --state " + strings.Join(names, ",")
	}
	if !f.Since.IsZero() {
		line += " --since " + f.Since.Format(time.RFC3339)
	}
	if !f.Until.IsZero() {
		line += " --until " + f.Until.Format(time.RFC3339)
	}
	if f.Limit != listed {
		line += " --limit " + itoa(f.Limit)
	}
	return line + " --before " + before.String() + c.databaseFlag()
}

// oneLine keeps text from leaving its place in a table.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\r' {
			return ' '
		}
		return r
	}, clean(s))
}

// stateOf is a run's state in a list.
func stateOf(v *runs.View) string {
	if v.Interrupted {
		return v.State.String() + " (interrupted)"
	}
	return v.State.String()
}
