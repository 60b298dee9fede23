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
	"github.com/executionerhq/executioner/internal/schedule"
	"github.com/executionerhq/executioner/internal/scheduler"
	"github.com/executionerhq/executioner/internal/store"
)

// serviceScheduleCommands are those that are about a service's schedules.
func (c *command) serviceScheduleCommands() []*cobra.Command {
	return []*cobra.Command{
		c.scheduleListCommand(), c.scheduleShowCommand(), c.scheduleHistoryCommand(), c.schedulePauseCommand(), c.scheduleResumeCommand(), c.scheduleRunCommand(), c.scheduleBackfillCommand(),
	}
}

// withSchedules uses the schedules of the server, or of the database.
func (c *command) withSchedules(cmd *cobra.Command, use func(ctx context.Context, s schedules) error) error {
	if !c.remotely() {
		return c.withHistory(cmd, func(ctx context.Context, _ string, st store.Store) error {
			return use(ctx, &schedulesHere{c, st})
		})
	}
	ctx, stop := c.interruptible(cmd.Context())
	defer stop()
	return c.withServer(func(s Runs) error { return use(ctx, s.(*remote).server) })
}

// aboutSchedule completes a command about one schedule.
func (c *command) aboutSchedule(cmd *cobra.Command, use func(ctx context.Context, s schedules, id string) error) *cobra.Command {
	cmd.Args = exactly(1, "the schedule, as WORKFLOW/SCHEDULE")
	cmd.ValidArgsFunction = c.completeSchedule
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if _, _, err := scheduler.Split(args[0]); err != nil {
			return err
		}
		return c.withSchedules(cmd, func(ctx context.Context, s schedules) error { return use(ctx, s, args[0]) })
	}
	return cmd
}

func (c *command) completeSchedule(cmd *cobra.Command, args []string, _ string) (offered []cobra.Completion, _ cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	_ = c.withSchedules(cmd, func(ctx context.Context, s schedules) error {
		all, err := s.Schedules(ctx)
		for i := range all {
			offered = append(offered, all[i].ID)
		}
		return err
	}) // nothing is offered then
	return offered, cobra.ShellCompDirectiveNoFileComp
}

func (c *command) scheduleListCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the schedules of the service",
		Long: `List the schedules that a service on this database has seen: those of registered workflows,
and as file:NAME those of its directory. With --all also those that are gone.`,
		Example: `  executioner schedule list
  executioner schedule list --json | jq -r .schedules[].schedule`,
		Args: exactly(0, ""), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withSchedules(cmd, func(ctx context.Context, s schedules) error {
				found, err := s.Schedules(ctx)
				if err != nil {
					return err
				}
				return c.printSchedules(found, all)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "list also those that are gone")
	c.jsonFlag(cmd, "the schedules")
	return cmd
}

func (c *command) printSchedules(found []wire.Schedule, all bool) error {
	shown := []wire.Schedule{}
	var t table
	t.add("SCHEDULE", "APPLICATION", "NEXT", "NOTE")
	for i := range found {
		s := &found[i]
		if s.Gone && !all {
			continue
		}
		shown = append(shown, *s)
		t.add(oneLine(s.ID), oneLine(s.Application), stampIn(s.Next, zoneOf(s)), oneLine(noteOf(s)))
	}
	if c.json {
		c.printJSON(c.Out, wire.Schedules{Schedules: shown})
		return nil
	}
	return t.print(c.Out, "", c.headline)
}

// zoneOf returns the zone in which the times of a schedule are shown, which is its own.
func zoneOf(s *wire.Schedule) *time.Location {
	if zone, err := time.LoadLocation(s.Zone); err == nil && s.Zone != "" {
		return zone
	}
	return time.Local
}

// stampIn writes a time of a schedule, so that it can be given to its other commands.
func stampIn(t *time.Time, zone *time.Location) string {
	if t == nil {
		return "-"
	}
	return t.In(zone).Format(schedule.Shown)
}

// noteOf says what is special about a schedule.
func noteOf(s *wire.Schedule) string {
	switch {
	case s.Gone:
		return "gone"
	case s.Broken != nil:
		return "can't be used since " + stampIn(s.Broken, zoneOf(s)) + ": " + s.BrokenWhy
	case s.Paused && s.PausedWhy != "":
		return "paused by " + s.PausedBy + ": " + s.PausedWhy
	case s.Paused:
		return "paused by " + s.PausedBy
	}
	return ""
}

func (c *command) scheduleShowCommand() *cobra.Command {
	cmd := c.aboutSchedule(&cobra.Command{
		Use:   "show WORKFLOW/SCHEDULE",
		Short: "Show how a schedule stands",
		Long: `Show how a schedule stands: its application, when it is decided about next, until when all
of its times are decided, and whether it is paused or gone.`,
		Example: `  executioner schedule show load/nightly
  executioner schedule show load/nightly --json | jq -r .next_at`,
	}, func(ctx context.Context, s schedules, id string) error {
		v, err := s.Schedule(ctx, id)
		if err != nil {
			return err
		}
		if c.json {
			c.printJSON(c.Out, v)
			return nil
		}
		var t table
		t.add("schedule", oneLine(v.ID))
		t.add("application", oneLine(v.Application))
		zone := zoneOf(&v)
		if v.Zone != "" {
			t.add("time zone", oneLine(v.Zone))
		}
		t.add("next", stampIn(v.Next, zone))
		t.add("decided until", stampIn(v.Decided, zone))
		if note := noteOf(&v); note != "" {
			if v.Broken == nil {
				note += onThat(v.PausedAt, zone)
			}
			t.add("note", oneLine(note))
		}
		return t.print(c.Out, "", nil)
	})
	c.jsonFlag(cmd, "the schedule")
	return cmd
}

// onThat says when something was done; empty where that is not known.
func onThat(at *time.Time, zone *time.Location) string {
	if at == nil {
		return ""
	}
	return ", at " + stampIn(at, zone)
}

func (c *command) scheduleHistoryCommand() *cobra.Command {
	var since, before string
	var f client.TimesFilter
	cmd := c.aboutSchedule(&cobra.Command{
		Use:   "history WORKFLOW/SCHEDULE",
		Short: "Show what became of each time of a schedule",
		Long: `Show what became of each expected time of a schedule, the latest first: run, late, queue (it
waited for another run), cancel (it replaced another run), skipped or missed with the
reason, refused (its run could never be submitted), backfill or now. Times are shown in the
schedule's time zone, and --since and --before are given as for executioner runs list, in
that zone where they say no other.`,
		Example: `  executioner schedule history load/nightly --since 7d
  executioner schedule history load/nightly --json | jq '.times[] | select(.decision == "missed")'`,
	}, func(ctx context.Context, s schedules, id string) (err error) {
		if f.Limit < 1 || f.Limit > 1000 {
			return fault.New(fault.Usage, "--limit must be from 1 to 1000, not %d", f.Limit)
		}
		known, err := s.Schedule(ctx, id)
		if err != nil {
			return err
		}
		zone := zoneOf(&known)
		now := time.Now().In(zone)
		if f.Since, err = parseTime("--since", since, now); err != nil {
			return err
		}
		if f.Before, err = parseTime("--before", before, now); err != nil {
			return err
		}
		page, err := s.ScheduledTimes(ctx, id, f)
		if err != nil {
			return err
		}
		return c.printTimes(&page, zone)
	})
	flags := cmd.Flags()
	flags.StringVar(&since, "since", "", "only times of this `TIME` or later")
	flags.StringVar(&before, "before", "", "only times before this `TIME`: the next page")
	flags.IntVar(&f.Limit, "limit", 100, "at most `N` times")
	c.jsonFlag(cmd, "the times, and the TIME to give to --before for the next page")
	return cmd
}

func (c *command) printTimes(page *wire.ScheduledTimes, zone *time.Location) error {
	if c.json {
		if page.Times == nil {
			page.Times = []wire.ScheduledTime{}
		}
		c.printJSON(c.Out, page)
		return nil
	}
	var t table
	t.add("TIME", "DECISION", "RUN", "STATE", "WHY")
	for i := range page.Times {
		v := &page.Times[i]
		number := ""
		if v.Run != 0 {
			number = v.Run.String()
		}
		t.add(stampIn(&v.Time, zone), oneLine(v.Decision), number, string(v.State), oneLine(whyOf(v, zone)))
	}
	if err := t.print(c.Out, "", c.headline); err != nil {
		return err
	}
	if page.Next != nil {
		fmt.Fprintf(c.Err, "there are more: --before %s\n", page.Next.Format(time.RFC3339Nano))
	}
	return nil
}

// whyOf says why a time is as it is.
func whyOf(v *wire.ScheduledTime, zone *time.Location) string {
	why := v.Reason
	if v.By != "" {
		if why != "" {
			why += " "
		}
		why += "(" + v.By + ")"
	}
	if v.Until != nil {
		why += ", all times to " + stampIn(v.Until, zone)
	}
	if v.Detail != "" {
		why += " " + v.Detail
	}
	return why
}

func (c *command) schedulePauseCommand() *cobra.Command {
	var why string
	cmd := c.aboutSchedule(&cobra.Command{
		Use:   "pause WORKFLOW/SCHEDULE",
		Short: "Skip the times of a schedule until it is resumed",
		Long: `Have the times of a schedule skipped, and runs that wait go on waiting, until executioner
schedule resume. Runs that go on are left alone.`,
		Example: `  executioner schedule pause load/nightly --why "the database moves"`,
	}, func(ctx context.Context, s schedules, id string) error {
		v, err := s.PauseSchedule(ctx, id, why)
		return c.printSchedule(&v, "paused", err)
	})
	cmd.Flags().StringVar(&why, "why", "", "`TEXT` that says why, for others")
	c.jsonFlag(cmd, "the schedule")
	return cmd
}

func (c *command) scheduleResumeCommand() *cobra.Command {
	cmd := c.aboutSchedule(&cobra.Command{
		Use:     "resume WORKFLOW/SCHEDULE",
		Short:   "End the pause of a schedule",
		Long:    `End the pause of a schedule. Times that were skipped stay so: see schedule backfill.`,
		Example: `  executioner schedule resume load/nightly`,
	}, func(ctx context.Context, s schedules, id string) error {
		v, err := s.ResumeSchedule(ctx, id)
		return c.printSchedule(&v, "resumed", err)
	})
	c.jsonFlag(cmd, "the schedule")
	return cmd
}

func (c *command) printSchedule(v *wire.Schedule, done string, err error) error {
	if err != nil {
		return err
	}
	if c.json {
		c.printJSON(c.Out, v)
		return nil
	}
	fmt.Fprintf(c.Out, "schedule %s is %s\n", oneLine(v.ID), done)
	return nil
}

func (c *command) scheduleRunCommand() *cobra.Command {
	cmd := c.aboutSchedule(&cobra.Command{
		Use:   "run-now WORKFLOW/SCHEDULE",
		Short: "Run a schedule now, besides its times",
		Long: `Ask for a run of a schedule now, with its parameters, whatever else goes on and also while
it is paused. The service submits it within seconds: see schedule history.`,
		Example: `  executioner schedule run-now load/nightly`,
	}, func(ctx context.Context, s schedules, id string) error {
		v, err := s.RunSchedule(ctx, id)
		if err != nil {
			return err
		}
		if c.json {
			c.printJSON(c.Out, v)
			return nil
		}
		fmt.Fprintf(c.Out, "asked for; executioner schedule history %s shows the run\n", quote(id))
		return nil
	})
	c.jsonFlag(cmd, "the time under which it is kept")
	return cmd
}

func (c *command) scheduleBackfillCommand() *cobra.Command {
	var b wire.Backfill
	var preview bool
	cmd := c.aboutSchedule(&cobra.Command{
		Use:   "backfill WORKFLOW/SCHEDULE --from TIME",
		Short: "Run the times of a range that have no run",
		Long: `Run the expected times of a range that have no run: those that were skipped or missed, and
those from before the schedule was there. A time that has a run is left as it is, so to
ask again asks for nothing more. The service runs them in order, one at a time or as many
as --concurrency says, besides the schedule's own; a pause holds them up.`,
		Example: `  executioner schedule backfill load/nightly --from 2026-11-01 --to 2026-11-07 --preview
  executioner schedule backfill load/nightly --from 2026-11-01 --concurrency 4`,
	}, func(ctx context.Context, s schedules, id string) error {
		if b.From == "" {
			return fault.New(fault.Usage, "--from is missing").WithHint("for example: --from 2026-11-01")
		}
		do := s.Backfill
		if preview {
			do = s.PreviewBackfill
		}
		v, err := do(ctx, id, b)
		if err != nil {
			return err
		}
		return c.printBackfill(&v, preview)
	})
	flags := cmd.Flags()
	flags.StringVar(&b.From, "from", "", "times of this `TIME` or later, such as 2026-11-01 or 2026-11-01T12:00, in the schedule's zone")
	flags.StringVar(&b.To, "to", "", "times to this `TIME`, a day to its end (default now)")
	flags.IntVar(&b.Concurrency, "concurrency", 1, "run at most `N` of them at once")
	flags.IntVar(&b.Limit, "limit", 0, "refuse more than `N` times (default 10000)")
	flags.BoolVar(&preview, "preview", false, "show the times, and run nothing")
	c.jsonFlag(cmd, "the times")
	return cmd
}

func (c *command) printBackfill(v *wire.Backfilled, preview bool) error {
	if c.json {
		c.printJSON(c.Out, v)
		return nil
	}
	var t table
	t.add("TIME", "NOTE")
	for i := range v.Times {
		m := &v.Times[i]
		note := m.Was
		if m.Taken {
			note = "left as it is: " + m.Was
		}
		t.add(m.Time.Format(schedule.ShownDay), oneLine(note))
	}
	verb := "are asked for"
	if preview {
		verb = "would be asked for"
	}
	err := t.print(c.Out, "", c.headline)
	_, wrote := fmt.Fprintf(c.Out, "%d of %d times %s\n", v.Asked, len(v.Times), verb)
	return errors.Join(err, wrote)
}
