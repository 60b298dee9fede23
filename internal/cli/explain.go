package cli

import (
	"bufio"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
)

func (c *command) explainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain RUN [JOB]",
		Short: "Say why each thing happened",
		Long: `Say why each thing happened: one sentence per recorded decision, with its time and
attempt. With JOB it is the decisions about that job, and what it waits for now;
without, those about the run, and why each job that did not succeed did not.`,
		Example: `  executioner explain @failed
  executioner explain 12 load_customers`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exactly(1, "a run")(cmd, args)
			}
			return atMost(2, "a run and a job")(cmd, args)
		},
		ValidArgsFunction: c.completeRunJobs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.using(cmd, func(ctx context.Context, s Runs) error {
				d, err := c.details(ctx, s, args[0])
				if err != nil {
					return err
				}
				if len(args) == 1 {
					return c.explainRun(&d)
				}
				return c.explainJob(&d, run.JobID(args[1]))
			})
		},
	}
	c.jsonFlag(cmd, "the decisions, each with its reason and its sentence")
	return cmd
}

// explainJSON is explain --json.
type explainJSON struct {
	Run         run.ID          `json:"run"`
	Attempt     int             `json:"attempt"`
	Application string          `json:"application"`
	State       run.State       `json:"state"` // of the job, when there is one
	Job         run.JobID       `json:"job,omitempty"`
	Decisions   []runs.Decision `json:"decisions"`
	Failures    []runs.Decision `json:"failures,omitempty"` // what settled each job that did not succeed
}

func (c *command) explainRun(d *runs.Details) error {
	v := &d.View
	e := explainJSON{
		Run: v.Run, Attempt: v.Attempt, Application: v.Application, State: v.State,
		Decisions: runs.Explain(*d, ""), Failures: runs.ExplainFailures(*d),
	}
	if c.json {
		c.printJSON(c.Out, e)
		return nil
	}
	out := bufio.NewWriterSize(c.Out, 1<<16)
	p := c.paint()
	fmt.Fprintf(out, "%s  run %d%s  %s\n", p.bold(oneLine(v.Application)), v.Run, again(v.Attempt), p.state(v.State, v.State.String()))
	printDecisions(out, e.Decisions)
	if len(e.Failures) > 0 {
		fmt.Fprint(out, "\njobs that did not succeed\n")
	}
	var t table
	for i := range e.Failures {
		f := &e.Failures[i]
		t.add(oneLine(string(f.Job)), oneLine(f.Sentence))
	}
	t.write(out, "  ", nil)
	if len(e.Failures) > 0 {
		fmt.Fprintf(out, "\nall about one: executioner explain %d %s%s\n", v.Run, quote(string(e.Failures[0].Job)), c.databaseFlag())
	}
	return fault.Wrap(out.Flush(), fault.Unavailable, "the output can't be written")
}

func (c *command) explainJob(d *runs.Details, id run.JobID) error {
	i, err := runs.JobIn(d.Workflow, id)
	if err != nil {
		return err
	}
	v, j := &d.View, &d.View.Jobs[i]
	told := runs.Explain(*d, id)
	if told == nil {
		told = []runs.Decision{}
	}
	if c.json {
		c.printJSON(c.Out, explainJSON{
			Run: v.Run, Attempt: v.Attempt, Application: v.Application, State: j.State, Job: id, Decisions: told,
		})
		return nil
	}
	out := bufio.NewWriterSize(c.Out, 1<<16)
	p := c.paint()
	fmt.Fprintf(out, "%s  run %d%s  %s\n", p.bold(oneLine(string(id))), v.Run, again(v.Attempt), p.state(j.State, j.State.String()))
	printDecisions(out, told)
	if len(told) == 0 {
		fmt.Fprintln(out, "  Nothing has been decided about it yet.")
	}
	if j.Tries > 0 {
		fmt.Fprintf(out, "\nits log: executioner logs %d %s%s\n", v.Run, quote(string(id)), c.databaseFlag())
	}
	return fault.Wrap(out.Flush(), fault.Unavailable, "the output can't be written")
}

func printDecisions(out *bufio.Writer, told []runs.Decision) {
	for i := range told {
		d := &told[i]
		fmt.Fprintf(out, "  %s  #%d  %s\n", d.At.Local().Format(time.DateTime), d.Attempt, oneLine(d.Sentence))
	}
}
