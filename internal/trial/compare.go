package trial

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/simulate"
	"github.com/executionerhq/executioner/internal/workflow"
)

// differ notes something that is not as expected.
func (t *trial) differ(what, want, got string) {
	if want != got {
		t.verdict.Differences = append(t.verdict.Differences, Difference{what, want, got})
	}
}

// loaded compares how the workflow loaded with what is expected. It reports whether it is
// to run.
func (t *trial) loaded(err error) bool {
	expected := false
	for i := range t.c.Wants {
		w := &t.c.Wants[i]
		if w.Field != "error" {
			continue
		}
		expected = true
		switch {
		case err == nil:
			t.differ("error", strconv.Quote(w.Text), "the workflow is valid")
		case !strings.Contains(errorText(err), w.Text):
			t.differ("error", strconv.Quote(w.Text), errorText(err))
		}
	}
	if err != nil && !expected {
		t.differ("workflow", "valid", errorText(err))
	}
	return err == nil && !expected
}

// errorText is all that is wrong, with what to do about it, one thing in each line.
func errorText(err error) string {
	var problems workflow.Problems
	if !errors.As(err, &problems) {
		return strings.TrimSpace(err.Error() + "\n" + fault.HintOf(err))
	}
	var lines []string
	for _, p := range problems {
		if p.Warning {
			continue
		}
		line := p.Msg
		if p.Line > 0 {
			line = fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Col, p.Msg)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// compare holds what happened against what is expected.
func (t *trial) compare() {
	env := workflow.NewResolver(t.wf, t.shell(), t.c.Env)
	for _, i := range slices.Sorted(maps.Keys(t.unknown)) {
		t.forgotten(i)
	}
	for i := range t.c.Wants {
		w := &t.c.Wants[i]
		switch w.Field {
		case "state":
			t.differ(w.Field, w.Text, t.line.Summary.State.String())
		case "reason":
			t.differ(w.Field, w.Text, string(t.line.Summary.Reason))
		case "duration":
			t.differ(w.Field, simulate.Short(w.Duration), simulate.Short(t.line.Took))
		case "max_duration":
			if t.line.Took.Round(time.Millisecond) > w.Duration {
				t.differ(w.Field, "at most "+simulate.Short(w.Duration), simulate.Short(t.line.Took))
			}
		case "order":
			t.order(w)
		default:
			for _, i := range t.members(workflow.TestJob{ID: w.Job, At: w.At}) {
				t.job(i, w, env)
			}
		}
	}
}

// forgotten tells of a job that did not start because the test does not say what another
// one hands on, unless that is what the test expects. What a job hands on that does not
// succeed is nothing that could be said.
func (t *trial) forgotten(i int) {
	j := &t.line.Workflow.Jobs[i]
	for n := range t.c.Wants {
		w := &t.c.Wants[n]
		expected := w.Field == "jobs" && w.Text == run.Failed.String() || w.Field == "reasons" && w.Text == string(run.StartFailed)
		if expected && slices.Contains(t.members(workflow.TestJob{ID: w.Job, At: w.At}), i) {
			return
		}
	}
	for _, ref := range j.OutputRefs() {
		from := t.line.Workflow.Index(ref.Job)
		if from < 0 || t.line.Jobs[from].State != run.Success {
			continue
		}
		values := t.line.Jobs[from].Values.Map()
		if _, ok := values[ref.Name]; ok {
			continue
		}
		advice := fmt.Sprintf("say it: jobs: {%s: {values: {%s: …}}}", ref.Job, ref.Name)
		if guess := meant(ref.Name, slices.Sorted(maps.Keys(values))); guess != "" {
			advice = guess
		}
		t.differ("jobs."+string(j.ID), "${"+ref.Variable+"}", "the test does not say what "+ref.Name+" job "+string(ref.Job)+" hands on; "+advice)
	}
}

// job compares one thing that is expected of a job.
func (t *trial) job(i int, w *workflow.TestWant, env *workflow.Resolver) {
	j := &t.line.Jobs[i]
	what := w.Field + "." + string(t.line.Workflow.Jobs[i].ID)
	switch w.Field {
	case "jobs":
		if j.State.String() != w.Text {
			t.differ(what, w.Text, describe(j))
		}
	case "reasons":
		t.differ(what, w.Text, string(j.Reason))
	case "tries":
		t.differ(what, strconv.Itoa(w.Number), strconv.Itoa(j.Tries))
	case "environment":
		t.variable(what+"."+w.Variable, w, t.filled(env, i))
	case "started":
		if j.Tries == 0 {
			t.differ(what, "started", "did not start: "+describe(j))
		}
	case "not_started":
		if j.Tries > 0 {
			t.differ(what, "does not start", "started: "+describe(j))
		}
	}
}

func (t *trial) variable(what string, w *workflow.TestWant, env workflow.Environment) {
	got, ok := env.Lookup(w.Variable)
	switch {
	case !ok:
		t.differ(what, strconv.Quote(w.Text), "not set")
	case got == w.Text:
	case mask.SecretName(w.Variable) || env.IsSecret(w.Variable):
		t.differ(what, mask.Replacement, "another value")
	default:
		t.differ(what, strconv.Quote(w.Text), strconv.Quote(got))
	}
}

// describe says how a job ended.
func describe(j *simulate.Job) string {
	why := string(j.Reason)
	if j.Reason == run.Exited {
		why = "exit code " + strconv.Itoa(j.ExitCode)
	}
	if j.Cause != "" {
		why += " of " + string(j.Cause)
	}
	if j.Detail != "" {
		why += ": " + j.Detail
	}
	return j.State.String() + " (" + why + ")"
}

// order compares in which order jobs started: each job of the list before the next one.
func (t *trial) order(w *workflow.TestWant) {
	place := make(map[int]int)
	for n, i := range t.line.Started() {
		place[i] = n
	}
	var all []int
	var names []string
	last, wrong := -1, false
	for _, job := range w.Jobs {
		names = append(names, string(job.ID))
		latest := last
		for _, i := range t.members(job) {
			at, started := place[i]
			wrong = wrong || !started || at <= last
			latest = max(latest, at)
			all = append(all, i)
		}
		last = latest
	}
	if !wrong {
		return
	}
	started := slices.DeleteFunc(slices.Clone(all), func(i int) bool { _, ok := place[i]; return !ok })
	slices.SortFunc(started, func(a, b int) int { return cmp.Compare(place[a], place[b]) })
	var got []string
	for _, i := range slices.Compact(started) {
		got = append(got, string(t.line.Workflow.Jobs[i].ID))
	}
	for _, i := range all {
		if _, ok := place[i]; !ok {
			got = append(got, string(t.line.Workflow.Jobs[i].ID)+" (did not start)")
		}
	}
	t.differ("order", strings.Join(names, ", "), strings.Join(got, ", "))
}

func quote(s string) string { return strconv.Quote(s) }

// filled returns the environment of a job with what other jobs handed on.
func (t *trial) filled(env *workflow.Resolver, i int) workflow.Environment {
	j := &t.line.Workflow.Jobs[i]
	handed := make(map[string]string)
	for _, ref := range j.OutputRefs() {
		if from := t.line.Workflow.Index(ref.Job); from >= 0 {
			if value, ok := t.line.Jobs[from].Values.Map()[ref.Name]; ok {
				handed[ref.Variable] = value
			}
		}
	}
	known, _ := j.Known(handed)
	return env.FilledJob(j, known)
}
