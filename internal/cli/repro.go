package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/repro"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
)

// reproFlags say what is done with the command.
type reproFlags struct {
	shell, print bool
}

func (c *command) reproCommand() *cobra.Command {
	f := &reproFlags{}
	cmd := &cobra.Command{
		Use:   "repro RUN JOB",
		Short: "Run the command of a job once more, outside of its run",
		Long: `Run the command of a job once more, here and now, with the directory, the variables and
the values of other jobs that it had in the run. Nothing is recorded, and the run stays
what it is. Secrets are read anew, and what the job inherits comes from this shell; what
that was in the run is not recorded. Checks, the job's time limit and tries don't apply.

The exit code is that of the command; 128 and the signal's number when a signal ended it.`,
		Example: `  executioner repro @failed load_customers
  executioner repro 12 load_customers --shell
  executioner repro 12 load_customers --print > load.sh`,
		Args:              exactly(2, "a run and a job"),
		ValidArgsFunction: c.completeRunJobs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.repro(cmd, args[0], run.JobID(args[1]), f)
		},
	}
	cmd.Flags().BoolVar(&f.shell, "shell", false, "open a shell there instead: $SHELL, or /bin/sh")
	cmd.Flags().BoolVar(&f.print, "print", false, "print a shell script that does it, without the secrets, and run nothing")
	cmd.Flags().StringArrayVarP(&c.params, "param", "p", nil, "give a secret parameter its value, which is not stored: `NAME=VALUE`, or @FILE (repeatable)")
	c.jsonFlag(cmd, "the directory, the program and the variables, without secrets; nothing is run")
	cmd.MarkFlagsMutuallyExclusive("shell", "print", "json")
	return cmd
}

// reproJSON is repro --json.
type reproJSON struct {
	Run       run.ID     `json:"run"`
	Attempt   int        `json:"attempt"`
	Try       int        `json:"try"`
	Job       run.JobID  `json:"job"`
	Dir       string     `json:"working_dir"`
	Command   string     `json:"command"`
	Variables []variable `json:"variables"`
	Inherited []string   `json:"inherited"` // as they are now; what they were is not recorded
	Secrets   []string   `json:"secrets"`
	Marker    string     `json:"task"` // EXECUTIONER_TASK, which is another than in the run
}

func (c *command) repro(cmd *cobra.Command, ref string, job run.JobID, f *reproFlags) error {
	if err := c.historyExists(); err != nil {
		return err
	}
	src, err := c.reproOf(cmd.Context(), ref, job, f)
	if err != nil {
		return err
	}
	if f.print {
		script, err := repro.Script(*src, c.jobEnviron())
		if err != nil {
			return err
		}
		return c.print(script)
	}
	command, err := repro.Of(*src, c.jobEnviron())
	if err != nil {
		return err
	}
	if c.json {
		c.printJSON(c.Out, c.reproView(src, command))
		return nil
	}
	if err := checkDir(command.Dir); err != nil {
		return fault.New(fault.NotFound, "%s, where the job worked: %v", command.Dir, err)
	}
	c.tellRepro(c.reproView(src, command), f)
	if f.shell {
		command.Args = []string{cmp.Or(c.getenv("SHELL"), "/bin/sh")}
	}
	signals, stop := c.Signals()
	defer stop()
	code, err := command.Start(repro.Streams{In: c.In, Out: c.Out, Err: c.Err}, signals)
	if err == nil && code != 0 {
		return status(code)
	}
	return err
}

// reproOf finds the job, and what is secret of it where that is needed.
func (c *command) reproOf(ctx context.Context, ref string, job run.JobID, f *reproFlags) (*repro.Source, error) {
	given, err := c.given()
	if err != nil {
		return nil, err
	}
	var src *repro.Source
	err = c.peekHere(ctx, func(s *runs.Service) error {
		r, err := s.Find(ctx, ref, "")
		if err != nil {
			return err
		}
		ran, err := s.Ran(ctx, r, job)
		if err != nil {
			return err
		}
		wf := ran.Workflow
		switch {
		case f.print:
		case c.json:
			shown := make([]string, len(wf.Secrets))
			for i := range shown {
				shown[i] = mask.Replacement
			}
			wf = wf.WithSecrets(shown)
		default:
			if wf, err = s.Know(ctx, wf, given, time.Now()); err != nil {
				return err
			}
		}
		src = &repro.Source{Workflow: wf, Env: ran.Options.Env, Handed: ran.Handed, Job: ran.Job, Task: ran.Task}
		return nil
	})
	if err == nil && src == nil {
		return nil, fault.New(fault.NotFound, "there is no run %s: nothing has been recorded yet", ref)
	}
	return src, err
}

func (c *command) reproView(src *repro.Source, command *repro.Command) *reproJSON {
	masker := c.masking(src.Workflow, src.Env)
	return &reproJSON{
		Run: src.Task.Run, Attempt: src.Task.Attempt, Try: src.Task.Try, Job: src.Task.Job,
		Dir: command.Dir, Command: masker.String(src.Workflow.Jobs[src.Job].Command), Variables: hidden(src.Environment(c.jobEnviron()), masker),
		Inherited: append([]string{}, command.Inherited...), Secrets: append([]string{}, command.Secrets...), Marker: command.Marker,
	}
}

// tellRepro says what is run, and what may differ from the run.
func (c *command) tellRepro(v *reproJSON, f *reproFlags) {
	p := c.paint()
	say := func(what, format string, args ...any) {
		fmt.Fprintf(c.Err, "  %s  %s\n", p.dim(fmt.Sprintf("%-9s", what)), oneLine(fmt.Sprintf(format, args...)))
	}
	fmt.Fprintf(c.Err, "job %s of run %d, attempt %d, try %d, outside of the run: nothing is recorded\n", p.bold(oneLine(string(v.Job))), v.Run, v.Attempt, v.Try)
	say("directory", "%s", v.Dir)
	say("command", "%s", v.Command)
	if n := len(v.Inherited); n > 0 {
		say("inherited", "%s of this shell, as now; what they were in the run is not recorded", plural(n, "variable"))
	}
	if len(v.Secrets) > 0 {
		say("secret", "%s", strings.Join(v.Secrets, ", "))
	}
	say("differs", "EXECUTIONER_TASK=%s; no checks, no time limit", v.Marker)
	if f.shell {
		fmt.Fprintln(c.Err, "a shell opens there; end it with exit")
	}
}
