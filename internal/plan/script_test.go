package plan_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

var rewrite = flag.Bool("rewrite", false, "write what happened into testdata/*.txt instead of comparing")

// TestScripts plays the scenarios of testdata; testdata/README.md says how to read them.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := playScript(string(text))
			if err != nil {
				t.Fatalf("%s:%v", file, err)
			}
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(string(text), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("%s: - written, + happened\n%s", file, diff)
			}
		})
	}
}

// playScript returns the script with what happens written below each command.
func playScript(text string) (string, error) {
	var out strings.Builder
	var w *world
	for n, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		words := strings.Fields(line)
		if strings.HasPrefix(line, "  ") {
			continue // what happened when it was written
		}
		fmt.Fprintln(&out, line)
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		case words[0] == "scenario:":
			w = newWorld()
		case w == nil:
			return "", fmt.Errorf("%d: a scenario begins with its title", n+1)
		default:
			said, err := w.do(strings.TrimPrefix(line, "> "))
			if err != nil {
				return "", fmt.Errorf("%d: %s: %w", n+1, line, err)
			}
			for _, s := range said {
				fmt.Fprintln(&out, "  "+strings.TrimRight(s, " "))
			}
		}
	}
	return out.String(), nil
}

// epoch is when every scenario begins.
var epoch = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// world is a scenario that is going on.
type world struct {
	spec      spec
	opt       plan.Options
	now       time.Time
	plan      *plan.Plan // nil until the first command that needs it
	wf        *workflow.Workflow
	history   []run.Transition
	overrides []run.Override
	asked     []run.JobID // whose condition was evaluated since the last step
}

func newWorld() *world {
	return &world{now: epoch, opt: plan.Options{Run: 7, Attempt: 1}}
}

// do carries out one line and returns what is to be said about it.
func (w *world) do(line string) ([]string, error) {
	line, err := w.pass(line)
	if err != nil {
		return nil, err
	}
	words := strings.Fields(line)
	switch words[0] {
	case "workflow", "job", "remove":
		return nil, w.spec.change(words)
	case "options":
		return nil, w.option(words[1:])
	case "resume":
		w.plan, w.opt = nil, plan.Options{Run: 7, Attempt: w.opt.Attempt + 1}
		return []string{fmt.Sprintf("attempt %d", w.opt.Attempt)}, w.option(words[1:])
	case "override":
		w.overrides = append(w.overrides, run.Override{Attempt: w.opt.Attempt, Job: run.JobID(words[1]), By: "ann"})
		return nil, nil
	case "crash":
		return w.crash(words[1:])
	}
	if w.plan == nil {
		if err := w.restore(); err != nil {
			return []string{"error: " + err.Error()}, nil
		}
	}
	if words[0] == "jobs" {
		return w.jobs(), nil
	}
	in, err := w.input(words)
	if err != nil {
		return nil, err
	}
	return w.step(in)
}

// pass lets the time pass that a line ends with, as in "begin after 5s".
func (w *world) pass(line string) (string, error) {
	head, tail, found := strings.Cut(line, " after ")
	if !found {
		return line, nil
	}
	d, err := time.ParseDuration(tail)
	w.now = w.now.Add(d)
	return head, err
}

func (w *world) restore() (err error) {
	if w.wf, err = w.spec.workflow(); err != nil {
		return err
	}
	w.opt.Expected, w.opt.When = w.spec.expected(), w.when
	if w.opt.Attempt == 1 && len(w.history) == 0 {
		w.plan = plan.New(w.wf, w.opt)
		return nil
	}
	w.plan, err = plan.Restore(w.wf, w.opt, w.history, w.overrides)
	return err
}

// crash throws the plan away, and with "losing 2" also the last two recorded transitions.
func (w *world) crash(words []string) ([]string, error) {
	lost := 0
	if len(words) == 2 && words[0] == "losing" {
		n, err := strconv.Atoi(words[1])
		if err != nil {
			return nil, err
		}
		lost = n
	}
	said := make([]string, 0, lost)
	for _, t := range w.history[len(w.history)-lost:] {
		said = append(said, "lost: "+w.transition(&t))
	}
	w.history = w.history[:len(w.history)-lost]
	w.plan = nil
	return said, nil
}

// step feeds the input and records what follows. Whatever happens, a plan that is
// restored from the record must look the same.
func (w *world) step(in plan.Input) ([]string, error) {
	w.asked = nil
	out := w.plan.Step(w.now, in)
	asked := w.asked
	w.history = append(w.history, out.Transitions...)
	for _, t := range out.Transitions {
		if !t.At.Equal(w.now) || t.Attempt != w.opt.Attempt {
			return nil, fmt.Errorf("transition of attempt %d at %s: %+v", t.Attempt, t.At, t)
		}
	}
	again, err := plan.Restore(w.wf, w.opt, w.history, w.overrides)
	if err != nil {
		return nil, err
	}
	if diff := cmp.Diff(jobTable(w.plan, w.wf), jobTable(again, w.wf)); diff != "" {
		return nil, fmt.Errorf("restored it differs: %s", diff)
	}
	if len(w.asked) != len(asked) {
		return nil, fmt.Errorf("a restored plan evaluated the conditions of %v", w.asked[len(asked):])
	}
	return w.output(&out), nil
}
