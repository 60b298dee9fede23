package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
)

// maxTail is how much of a log's end is held in memory for --tail, in bytes.
const maxTail = 64 << 20

// logFlags say what of a log is shown, and how.
type logFlags struct {
	follow, all, raw bool
	tail             int
}

func (c *command) logsCommand() *cobra.Command {
	f := &logFlags{}
	cmd := &cobra.Command{
		Use:   "logs RUN [JOB]",
		Short: "Show the log of a run or of one of its jobs",
		Long: `Show the log of a run, which tells what happened when, or the log of one of its jobs,
which has the job's output. With -f it goes on until the run ends, whichever program
the run belongs to.

On a terminal control characters are left out; --raw shows the log as it is.`,
		Example: `  executioner logs @latest
  executioner logs -f 12 load_customers
  executioner logs 12 load_customers --tail 50
  executioner logs 12 --all`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exactly(1, "a run")(cmd, args)
			}
			return atMost(2, "a run and a job")(cmd, args)
		},
		ValidArgsFunction: c.completeRunJobs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(args); err != nil {
				return err
			}
			return c.using(cmd, func(ctx context.Context, s Runs) error {
				return c.logs(ctx, s, args, f)
			})
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on with what is written until the run ends")
	flags.IntVar(&f.tail, "tail", -1, "begin with the last `N` lines")
	flags.BoolVar(&f.all, "all", false, "show the logs of all jobs, one after another")
	flags.BoolVar(&f.raw, "raw", false, "don't leave out control characters, on a terminal neither")
	return cmd
}

func (f *logFlags) check(args []string) error {
	switch {
	case f.all && len(args) > 1:
		return fault.New(fault.Usage, "--all shows the logs of all jobs, so don't name one").
			WithHint("leave out --all, or the job %q", args[1])
	case f.all && f.follow:
		return fault.New(fault.Usage, "--all can't follow").WithHint("follow the run, or one job: executioner logs -f %s [JOB]", args[0])
	case f.tail < -1:
		return fault.New(fault.Usage, "--tail must not be negative").WithHint("for example: --tail 50")
	}
	return nil
}

func (c *command) logs(ctx context.Context, s Runs, args []string, f *logFlags) error {
	d, err := c.details(ctx, s, args[0])
	if err != nil {
		return err
	}
	switch {
	case f.all:
		return c.allLogs(ctx, s, &d, f)
	case len(args) == 1:
		return lostLog(c.log(ctx, s, &d.View, "", d.View.Log, f), "run %d has no log: it %s", d.View.Run, absent(d.View.Log, d.View.SubmittedAt))
	}
	i, err := runs.JobIn(d.Workflow, run.JobID(args[1]))
	if err != nil {
		return err
	}
	j := &d.View.Jobs[i]
	err = c.log(ctx, s, &d.View, j.ID, j.Log, f)
	if fault.CodeOf(err) == fault.NotFound {
		return noJobLog(&d.View, j)
	}
	return err
}

func lostLog(err error, format string, args ...any) error {
	if fault.CodeOf(err) != fault.NotFound {
		return err
	}
	return fault.New(fault.NotFound, format, args...).
		WithHint("what was recorded is still there: executioner explain %d", args[0])
}

// noJobLog says why a job has no log.
func noJobLog(v *runs.View, j *runs.JobView) error {
	hint := fmt.Sprintf("see why: executioner explain %d %s", v.Run, quote(string(j.ID)))
	switch {
	case j.Tries == 0:
		return fault.New(fault.NotFound, "job %s of run %d has no log, because it has not run: %s", j.ID, v.Run, j.State).WithHint("%s", hint)
	case j.Command == "":
		return fault.New(fault.NotFound, "job %s of run %d has no log, because it has no command", j.ID, v.Run).WithHint("%s", hint)
	default:
		return fault.New(fault.NotFound, "the log of job %s of run %d %s", j.ID, v.Run, absent(j.Log, v.SubmittedAt)).WithHint("%s", hint)
	}
}

// absent says of a log file why it is not shown.
func absent(path string, submitted time.Time) string {
	if joblog.Older(path, submitted) {
		return "is older than the run, so another history's: " + path
	}
	return "is not there: " + path
}

// log shows one log file.
func (c *command) log(ctx context.Context, s Runs, v *runs.View, job run.JobID, path string, f *logFlags) error {
	return s.Log(ctx, log{run: v.Run, submitted: v.SubmittedAt, job: job, path: path, tail: f.tail, follow: f.follow}, c.logWriter(f))
}

// tailAt returns the last lines of a file and the place behind them. A job may write
// meanwhile; then it looks again, so that following on neither repeats nor loses text.
func tailAt(path string, lines int) (end []byte, at int64, err error) {
	if lines == 0 {
		info, err := os.Stat(path)
		if err != nil {
			return nil, 0, fault.Wrap(err, fault.NotFound, "the log is not there")
		}
		return nil, info.Size(), nil
	}
	for range 100 {
		before, _ := os.Stat(path)
		end, err = joblog.Tail(path, lines, maxTail)
		if err != nil {
			return nil, 0, err
		}
		after, statErr := os.Stat(path)
		if statErr != nil {
			return end, 0, nil
		}
		at = after.Size()
		if before != nil && before.Size() == at {
			break
		}
	}
	return end, at, nil
}

// logWriter returns where a log goes. A terminal must not obey what a job wrote.
func (c *command) logWriter(f *logFlags) io.Writer {
	if c.Terminal() > 0 && !f.raw {
		return joblog.NewSanitizer(c.Out)
	}
	return c.Out
}

// allLogs shows the logs of all jobs that have one.
func (c *command) allLogs(ctx context.Context, s Runs, d *runs.Details, f *logFlags) error {
	p := c.paint()
	shown := 0
	for i := range d.View.Jobs {
		j := &d.View.Jobs[i]
		header := fmt.Sprintf("==> %s (%s) <==", oneLine(string(j.ID)), j.State)
		before := "\n"
		if shown == 0 {
			before = ""
		}
		head := &onFirstWrite{w: c.Out, head: before + p.bold(header) + "\n"}
		switch err := c.oneOfAll(ctx, s, head, log{run: d.View.Run, submitted: d.View.SubmittedAt, job: j.ID, path: j.Log, tail: f.tail}, f); {
		case fault.CodeOf(err) == fault.NotFound:
			continue // it has not run
		case err != nil:
			return err
		}
		shown++
	}
	if shown == 0 {
		return fault.New(fault.NotFound, "no job of run %d has a log", d.View.Run).
			WithHint("see why: executioner explain %d", d.View.Run)
	}
	return nil
}

func (c *command) oneOfAll(ctx context.Context, s Runs, head *onFirstWrite, l log, f *logFlags) error {
	var w io.Writer = head
	if c.Terminal() > 0 && !f.raw {
		w = joblog.NewSanitizer(head)
	}
	return s.Log(ctx, l, w)
}

// onFirstWrite writes a header before the first thing that is written to w.
type onFirstWrite struct {
	w    io.Writer
	head string
}

func (o *onFirstWrite) Write(p []byte) (int, error) {
	if o.head != "" {
		if _, err := io.WriteString(o.w, o.head); err != nil {
			return 0, err
		}
		o.head = ""
	}
	return o.w.Write(p)
}
