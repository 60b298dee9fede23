package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/scheduler"
)

func (c *command) triggerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trigger",
		Short: "Look at the triggers of workflow files and of a service",
		Long: `Look at the triggers of workflow files: test; and at those that a service listens to, which
executioner serve does with the triggers of registered workflows and of a directory.`,
		Example: `  executioner trigger test build.yaml pushed --body event.json
  executioner trigger list`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error {
			return fault.New(fault.Usage, "executioner trigger needs to be told what to do").
				WithHint("executioner trigger --help shows its commands")
		},
	}
	cmd.AddCommand(c.triggerTestCommand(), c.triggerListCommand(), c.triggerShowCommand(), c.triggerHistoryCommand(), c.triggerPauseCommand(), c.triggerResumeCommand())
	return cmd
}

// aboutTrigger completes a command about one trigger.
func (c *command) aboutTrigger(cmd *cobra.Command, use func(ctx context.Context, t triggers, id string) error) *cobra.Command {
	cmd.Args = exactly(1, "the trigger, as WORKFLOW/TRIGGER")
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) (offered []cobra.Completion, _ cobra.ShellCompDirective) {
		if len(args) == 0 {
			_ = c.withTriggers(cmd, func(ctx context.Context, t triggers) error {
				all, err := t.Triggers(ctx)
				for i := range all {
					offered = append(offered, all[i].ID)
				}
				return err
			}) // nothing is offered then
		}
		return offered, cobra.ShellCompDirectiveNoFileComp
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if _, _, err := scheduler.Split(args[0]); err != nil {
			return fault.New(fault.Usage, "%q is no trigger", args[0]).WithHint("write WORKFLOW/TRIGGER; executioner trigger list shows them")
		}
		return c.withTriggers(cmd, func(ctx context.Context, t triggers) error { return use(ctx, t, args[0]) })
	}
	return cmd
}

func (c *command) triggerListCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the triggers of the service",
		Long: `List the triggers that a service on this database has seen: those of registered workflows,
and as file:NAME those of its directory. With --all also those that are gone.`,
		Example: `  executioner trigger list
  executioner trigger list --json | jq -r '.triggers[] | select(.kind == "webhook").path'`,
		Args: exactly(0, ""), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withTriggers(cmd, func(ctx context.Context, t triggers) error {
				found, err := t.Triggers(ctx)
				if err != nil {
					return err
				}
				return c.printTriggers(found, all)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "list also those that are gone")
	c.jsonFlag(cmd, "the triggers")
	return cmd
}

func (c *command) printTriggers(found []wire.Trigger, all bool) error {
	shown := []wire.Trigger{}
	var t table
	t.add("TRIGGER", "KIND", "APPLICATION", "LAST", "NOTE")
	for i := range found {
		v := &found[i]
		if v.Gone && !all {
			continue
		}
		shown = append(shown, *v)
		t.add(oneLine(v.ID), v.Kind, oneLine(v.Application), stamp(v.Last), oneLine(triggerNote(v)))
	}
	if c.json {
		c.printJSON(c.Out, wire.Triggers{Triggers: shown})
		return nil
	}
	return t.print(c.Out, "", c.headline)
}

// triggerNote says what is special about a trigger.
func triggerNote(v *wire.Trigger) string {
	return noteOf(&wire.Schedule{Gone: v.Gone, Paused: v.Paused, PausedBy: v.PausedBy, PausedWhy: v.PausedWhy})
}

func (c *command) triggerShowCommand() *cobra.Command {
	cmd := c.aboutTrigger(&cobra.Command{
		Use:   "show WORKFLOW/TRIGGER",
		Short: "Show how a trigger stands",
		Long: `Show how a trigger stands: its application, where its requests are sent, when something
arrived last, and whether it is paused or gone.`,
		Example: `  executioner trigger show build/pushed`,
	}, func(ctx context.Context, t triggers, id string) error {
		v, err := t.Trigger(ctx, id)
		if err != nil {
			return err
		}
		if c.json {
			c.printJSON(c.Out, v)
			return nil
		}
		var out table
		out.add("trigger", oneLine(v.ID))
		out.add("kind", v.Kind)
		out.add("application", oneLine(v.Application))
		if v.Path != "" {
			out.add("path", oneLine(v.Path))
		}
		out.add("last", stamp(v.Last))
		if note := triggerNote(&v); note != "" {
			out.add("note", oneLine(note)+onThat(v.PausedAt, time.Local))
		}
		return out.print(c.Out, "", nil)
	})
	c.jsonFlag(cmd, "the trigger")
	return cmd
}

func (c *command) triggerHistoryCommand() *cobra.Command {
	var since, before string
	var f client.TimesFilter
	cmd := c.aboutTrigger(&cobra.Command{
		Use:   "history WORKFLOW/TRIGGER",
		Short: "Show what became of what arrived by a trigger",
		Long: `Show what became of each request or file that arrived by a trigger, the latest first: run,
queue (it waited for another run), cancel (it replaced another run), skipped or refused
with the reason. Times are given as for executioner runs list.`,
		Example: `  executioner trigger history build/pushed --since 7d
  executioner trigger history load/arrived --json | jq '.arrivals[] | select(.run == null)'`,
	}, func(ctx context.Context, t triggers, id string) (err error) {
		now := time.Now()
		if f.Since, err = parseTime("--since", since, now); err != nil {
			return err
		}
		if f.Before, err = parseTime("--before", before, now); err != nil {
			return err
		}
		if f.Limit < 1 || f.Limit > 1000 {
			return fault.New(fault.Usage, "--limit must be from 1 to 1000, not %d", f.Limit)
		}
		page, err := t.Arrivals(ctx, id, f)
		if err != nil {
			return err
		}
		return c.printArrivals(&page)
	})
	flags := cmd.Flags()
	flags.StringVar(&since, "since", "", "only what arrived at this `TIME` or later")
	flags.StringVar(&before, "before", "", "only what arrived before this `TIME`: the next page")
	flags.IntVar(&f.Limit, "limit", 100, "at most `N` of them")
	c.jsonFlag(cmd, "the arrivals, and the TIME to give to --before for the next page")
	return cmd
}

func (c *command) printArrivals(page *wire.Arrivals) error {
	if c.json {
		if page.Arrivals == nil {
			page.Arrivals = []wire.Arrival{}
		}
		c.printJSON(c.Out, page)
		return nil
	}
	var t table
	t.add("TIME", "WHAT", "DECISION", "RUN", "STATE", "WHY")
	for i := range page.Arrivals {
		v := &page.Arrivals[i]
		number := ""
		if v.Run != 0 {
			number = v.Run.String()
		}
		why := whyOf(&wire.ScheduledTime{Reason: v.Reason, By: v.By, Detail: v.Detail}, time.Local)
		t.add(stamp(&v.Time), oneLine(v.What), oneLine(v.Decision), number, string(v.State), oneLine(strings.TrimSpace(why)))
	}
	if err := t.print(c.Out, "", c.headline); err != nil {
		return err
	}
	if page.Next != nil {
		fmt.Fprintf(c.Err, "there are more: --before %s\n", page.Next.Format(time.RFC3339Nano))
	}
	return nil
}

func (c *command) triggerPauseCommand() *cobra.Command {
	var why string
	cmd := c.aboutTrigger(&cobra.Command{
		Use:   "pause WORKFLOW/TRIGGER",
		Short: "Have a trigger run nothing until it is resumed",
		Long: `Have requests skipped and files left where they are until executioner trigger resume. What
waits goes on waiting, and runs that go on are left alone.`,
		Example: `  executioner trigger pause load/arrived --why "the database moves"`,
	}, func(ctx context.Context, t triggers, id string) error {
		v, err := t.PauseTrigger(ctx, id, why)
		return c.printTrigger(&v, "paused", err)
	})
	cmd.Flags().StringVar(&why, "why", "", "`TEXT` that says why, for others")
	c.jsonFlag(cmd, "the trigger")
	return cmd
}

func (c *command) triggerResumeCommand() *cobra.Command {
	cmd := c.aboutTrigger(&cobra.Command{
		Use:     "resume WORKFLOW/TRIGGER",
		Short:   "End the pause of a trigger",
		Long:    `End the pause of a trigger. Requests that were skipped stay so; files that are there are run.`,
		Example: `  executioner trigger resume load/arrived`,
	}, func(ctx context.Context, t triggers, id string) error {
		v, err := t.ResumeTrigger(ctx, id)
		return c.printTrigger(&v, "resumed", err)
	})
	c.jsonFlag(cmd, "the trigger")
	return cmd
}

func (c *command) printTrigger(v *wire.Trigger, done string, err error) error {
	switch {
	case err != nil:
		return err
	case c.json:
		c.printJSON(c.Out, v)
	default:
		fmt.Fprintf(c.Out, "trigger %s is %s\n", oneLine(v.ID), done)
	}
	return nil
}

// sortedNames are the keys of a map in their order.
func sortedNames(of map[string]string) (names []string) {
	for name := range of {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
