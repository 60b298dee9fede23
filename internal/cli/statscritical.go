package cli

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/stats"
)

// criticalJSON is runs show --critical-path --json. Durations are in seconds.
type criticalJSON struct {
	Run         run.ID         `json:"run"`
	Attempt     int            `json:"attempt"`
	Application string         `json:"application"`
	State       run.State      `json:"state"`
	Seconds     float64        `json:"duration_seconds"`
	Path        []criticalStep `json:"critical_path"`
	Tail        float64        `json:"tail_seconds"` // from the end of the last job to that of the run
	Others      []slackJSON    `json:"others"`       // jobs that ran, too; the least slack first
}

type criticalStep struct {
	Job  run.JobID  `json:"job"`
	Link stats.Link `json:"waited_for"`
	Wait float64    `json:"wait_seconds"`
	Took float64    `json:"duration_seconds"`
}

type slackJSON struct {
	Job   run.JobID `json:"job"`
	Slack float64   `json:"slack_seconds"`
}

// showCritical shows what determined the length of a run's latest attempt.
func (c *command) showCritical(ctx context.Context, s Runs, ref string) error {
	d, err := c.details(ctx, s, ref)
	if err != nil {
		return err
	}
	if d.View.StartedAt == nil || d.View.EndedAt == nil {
		return fault.New(fault.Conflict, "run %d has not ended", d.View.Run).WithHint("wait for it: executioner logs -f %d", d.View.Run)
	}
	v := criticalView(&d)
	if c.json {
		c.printJSON(c.Out, v)
		return nil
	}
	return c.printCritical(v)
}

func criticalView(d *runs.Details) *criticalJSON {
	found := stats.CriticalPath(d.Workflow, d.History.Transitions, d.View.Attempt, *d.View.StartedAt, *d.View.EndedAt)
	v := &criticalJSON{
		Run: d.View.Run, Attempt: d.View.Attempt, Application: d.View.Application, State: d.View.State,
		Seconds: found.Took.Seconds(), Tail: found.Tail.Seconds(), Path: []criticalStep{}, Others: []slackJSON{},
	}
	on := map[int]bool{}
	for _, step := range found.Steps {
		on[step.Job] = true
		v.Path = append(v.Path, criticalStep{d.Workflow.Jobs[step.Job].ID, step.Link, step.Wait.Seconds(), step.Took.Seconds()})
	}
	for i, slack := range found.Slack {
		if slack != stats.NotRun && !on[i] {
			v.Others = append(v.Others, slackJSON{d.Workflow.Jobs[i].ID, slack.Seconds()})
		}
	}
	slices.SortStableFunc(v.Others, func(a, b slackJSON) int { return cmp.Compare(a.Slack, b.Slack) })
	return v
}

// waits says in words what a job had waited for.
var waits = map[stats.Link]string{
	stats.AtStart: "at the start", stats.AfterJob: "after the job before it, which it needs",
	stats.AfterRun: "at the end of the run", stats.ForPlace: "for the place of the job before it",
}

func (c *command) printCritical(v *criticalJSON) error {
	out := bufio.NewWriterSize(c.Out, 1<<16)
	p := c.paint()
	in := func(seconds float64) string { return runs.Short(time.Duration(seconds * float64(time.Second))) }
	fmt.Fprintf(out, "%s  run %d%s  %s  %s\n", p.bold(oneLine(v.Application)), v.Run, again(v.Attempt), p.state(v.State, v.State.String()), in(v.Seconds))
	if len(v.Path) == 0 {
		fmt.Fprintln(out, "no job ran")
		return fault.Wrap(out.Flush(), fault.Unavailable, "the output can't be written")
	}
	fmt.Fprint(out, "\ncritical path: these jobs made it as long as it was\n")
	var t table
	t.add("JOB", "WAITED", "TOOK", "STARTED")
	for _, step := range v.Path {
		t.add(oneLine(string(step.Job)), in(step.Wait), in(step.Took), waits[step.Link])
	}
	t.write(out, "  ", nil)
	if len(v.Others) > 0 {
		fmt.Fprint(out, "\nslack: so much longer could the others have taken, each alone\n")
		t = table{}
		for _, o := range v.Others {
			t.add(oneLine(string(o.Job)), in(o.Slack))
		}
		t.write(out, "  ", nil)
	}
	return fault.Wrap(out.Flush(), fault.Unavailable, "the output can't be written")
}
