package plan_test

import (
	"fmt"
	"time"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// output says what a step decided, a line for each thing.
func (w *world) output(out *plan.Output) []string {
	var said []string
	for i := range out.Transitions {
		said = append(said, w.transition(&out.Transitions[i]))
	}
	for _, t := range out.Start {
		said = append(said, fmt.Sprintf("start %s try %d", w.wf.Jobs[t.Job].ID, t.Try))
	}
	for _, s := range out.Stop {
		said = append(said, fmt.Sprintf("stop %s try %d as %s %s%s", w.wf.Jobs[s.Job].ID, s.Try, s.State, s.Reason, quoted(s.Detail)))
	}
	if !out.Wake.IsZero() {
		said = append(said, "wake at "+offset(out.Wake))
	}
	if out.Done != nil {
		said = append(said, fmt.Sprintf("done %s %s, %s", out.Done.State, out.Done.Reason, counted(out.Done.Counts)))
	}
	if len(said) == 0 {
		return []string{"nothing"}
	}
	return said
}

// transition is a line such as "a  RUNNING -> FAILED  exit_code 1, try 1, again at +30s".
func (w *world) transition(t *run.Transition) string {
	who := string(t.Job)
	if who == "" {
		who = "run"
	}
	move := fmt.Sprintf("%s -> %s", t.From, t.To)
	if t.Mark() {
		move = fmt.Sprintf("still %s", t.From)
	}
	s := fmt.Sprintf("%-4s %-20s %s", who, move, t.Reason)
	if t.Outcome != nil && t.Outcome.Reason == run.Exited {
		s += fmt.Sprintf(" %d", t.Outcome.ExitCode)
	}
	if t.Try > 0 {
		s += fmt.Sprintf(", try %d", t.Try)
	}
	if t.Cause != "" {
		s += ", because of " + string(t.Cause)
	}
	if !t.Until.IsZero() {
		s += ", again at " + offset(t.Until)
	}
	return s + quoted(t.Detail)
}

func quoted(detail string) string {
	if detail == "" {
		return ""
	}
	return fmt.Sprintf(", %q", detail)
}

func offset(t time.Time) string { return "+" + t.Sub(epoch).String() }

func counted(c run.Counts) string {
	return fmt.Sprintf("of %d jobs: %d running, %d succeeded, %d failed, %d skipped, %d cancelled",
		c.Total, c.Running, c.Succeeded, c.Failed, c.Skipped, c.Cancelled)
}

// jobs says how everything stands.
func (w *world) jobs() []string { return jobTable(w.plan, w.wf) }

func jobTable(p *plan.Plan, wf *workflow.Workflow) []string {
	said := []string{fmt.Sprintf("run  %s, %s", p.State(), counted(p.Counts()))}
	for i := range wf.Jobs {
		state, tries := p.Job(i)
		said = append(said, fmt.Sprintf("%-4s %s, tries %d", wf.Jobs[i].ID, state, tries))
	}
	return said
}
