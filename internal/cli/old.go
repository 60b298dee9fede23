package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/legacy"
	"github.com/executionerhq/executioner/internal/store"
)

// oldConfig is the file that the Python program ran when none was named.
const oldConfig = "jobs_config.json"

// oldFlags are the options of the Python program, which work at the root.
type oldFlags struct {
	how
	config           string
	simple, sample   bool
	dryRun           bool
	resumeFrom       string
	resumeFailedOnly bool
	mark             bool
	runID            string
	jobs             []string
	list             bool
	limit            int
	show             string
	debug            bool
}

func (o *oldFlags) flags(root *cobra.Command) {
	o.how.flags(root)
	f := root.Flags()
	f.StringVarP(&o.config, "config", "c", oldConfig, "run this workflow `FILE`")
	f.BoolVar(&o.simple, "simple-config", false, "print a small example workflow")
	f.BoolVar(&o.sample, "sample-config", false, "print an example with every field")
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would run, and run nothing")
	f.StringVar(&o.resumeFrom, "resume-from", "", "go on with `RUN`")
	f.BoolVar(&o.resumeFailedOnly, "resume-failed-only", false, "with --resume-from: run only the jobs that failed")
	f.BoolVar(&o.mark, "mark-success", false, "declare jobs successful by hand: needs -r and -j")
	f.StringVarP(&o.runID, "run-id", "r", "", "with --mark-success: the `RUN`")
	f.StringArrayVarP(&o.jobs, "jobs", "j", nil, "with --mark-success: the `JOBS`, comma-separated")
	f.BoolVar(&o.list, "list-runs", false, "list recorded runs, of one application with --list-runs APP")
	f.IntVar(&o.limit, "limit", 100, "with --list-runs: at most `N` runs")
	f.StringVar(&o.show, "show-run", "", "show one `RUN`")
	f.BoolVar(&o.debug, "debug", false, "the same as --verbose")
}

// args takes no argument but the application of --list-runs.
func (o *oldFlags) args(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && !o.list {
		return unknownCommand(cmd, args[0])
	}
	return atMost(1, "one application")(cmd, args)
}

// runOld carries out a command line of the Python program.
func (c *command) runOld(cmd *cobra.Command, args []string, o *oldFlags) error {
	if cmd.Flags().NFlag() == 0 {
		return errors.Join(cmd.Help(), status(fault.ExitJobFailed))
	}
	c.old = true
	o.view.verbose = o.view.verbose || o.debug
	switch {
	case o.simple:
		return c.print(legacy.SimpleConfig)
	case o.sample:
		return c.print(legacy.SampleConfig)
	case o.list:
		return c.listOld(cmd, args, o.limit)
	case o.show != "":
		return c.showOld(cmd, o.show)
	case o.mark:
		return c.markOld(cmd, o)
	case o.resumeFailedOnly && o.resumeFrom == "":
		return fault.New(fault.Usage, "--resume-failed-only needs --resume-from RUN")
	case o.dryRun:
		return c.planOld(cmd, o)
	case o.resumeFrom != "":
		return c.resumeOld(cmd, o)
	default:
		return c.run(cmd, o.config, &o.how)
	}
}

func (c *command) print(text string) error {
	_, err := fmt.Fprint(c.Out, text)
	return fault.Wrap(err, fault.Unavailable, "the output can't be written")
}

// planOld shows what the same command line without --dry-run would do.
func (c *command) planOld(cmd *cobra.Command, o *oldFlags) error {
	f := &planFlags{how: o.how, resume: o.resumeFrom, failedOnly: o.resumeFailedOnly}
	if o.resumeFrom != "" && !c.oldConfigIsThere(cmd, o) {
		return c.plan(cmd, "", f)
	}
	return c.plan(cmd, o.config, f)
}

// oldConfigIsThere reports whether a resume is to read the file: unless it was named,
// it may be missing.
func (c *command) oldConfigIsThere(cmd *cobra.Command, o *oldFlags) bool {
	_, err := os.Stat(o.config)
	return !errors.Is(err, fs.ErrNotExist) || cmd.Flags().Changed("config")
}

// resumeOld goes on with a run, with the file as it is now: the Python program stored none.
func (c *command) resumeOld(cmd *cobra.Command, o *oldFlags) error {
	f := &resumeFlags{how: o.how, failedOnly: o.resumeFailedOnly, current: c.oldConfigIsThere(cmd, o), file: o.config}
	return c.resume(cmd, []string{o.resumeFrom}, f)
}

func (c *command) markOld(cmd *cobra.Command, o *oldFlags) error {
	jobs := jobIDs(o.jobs)
	if o.runID == "" || len(jobs) == 0 {
		return fault.New(fault.Usage, "--mark-success needs -r RUN and -j JOBS").
			WithHint("for example: executioner --mark-success -r 12 -j load,report")
	}
	return c.using(cmd, func(ctx context.Context, s Runs) error {
		r, err := s.Find(ctx, o.runID, "")
		if err != nil {
			return err
		}
		if !c.confirm(fmt.Sprintf("Mark %s of run %d as successful?", strings.Join(o.jobs, ", "), r.ID)) {
			fmt.Fprintln(c.Out, "Nothing was changed.")
			return status(fault.ExitJobFailed)
		}
		return c.mark(ctx, s, r, jobs, "")
	})
}

// confirm asks a question; anything but y or yes is no.
func (c *command) confirm(question string) bool {
	fmt.Fprintf(c.Out, "%s [y/N] ", question)
	answer, _ := bufio.NewReader(c.In).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true
	default:
		return false
	}
}

func (c *command) listOld(cmd *cobra.Command, args []string, limit int) error {
	f := store.Filter{Limit: limit}
	if len(args) == 1 {
		f.Application = args[0]
	}
	return c.using(cmd, func(ctx context.Context, s Runs) error {
		return c.listRuns(ctx, s, f)
	})
}

func (c *command) showOld(cmd *cobra.Command, ref string) error {
	return c.using(cmd, func(ctx context.Context, s Runs) error {
		return c.showRun(ctx, s, ref, false)
	})
}
