package app

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/expr"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/simulate"
	"github.com/executionerhq/executioner/internal/workflow"
)

// TestSimulationAgreesWithRuns runs workflows for real and simulates them: jobs must end
// in the same states for the same reasons after as many tries, and the run as well. Where
// jobs start one at a time, they must start in the same order. What a command does is
// what its job is called: it exits with the number behind the last _, or hangs (_h), and
// with _t2_1 it does so at its first two tries only.
func TestSimulationAgreesWithRuns(t *testing.T) {
	const again = "max_retries: 2, retry_delay: 0, retry_jitter: 0"
	tests := map[string]string{
		"chain":      `jobs: [{id: a_0}, {id: b_0, dependencies: [a_0]}, {id: c_0, dependencies: [b_0]}]`,
		"file order": `jobs: [{id: c_0}, {id: a_0, dependencies: [b_0]}, {id: b_0}, {id: d_0, dependencies: [c_0]}]`,
		"failure":    `jobs: [{id: a_0}, {id: b_3, max_retries: 0, dependencies: [a_0]}, {id: c_0, dependencies: [b_3]}, {id: d_0}]`,
		"branches":   "parallel: true\nmax_workers: 3\ncontinue_on_error: true\njobs: [{id: a_0}, {id: b_3, max_retries: 0}, {id: c_0, dependencies: [a_0]}, {id: d_0, dependencies: [a_0, b_3]}, {id: e_0, dependencies: [d_0]}]",
		"priorities": "parallel: true\nmax_workers: 1\njobs: [{id: a_0}, {id: b_0, priority: 2}, {id: c_0}, {id: d_0, dependencies: [c_0]}]",
		"tries":      `jobs: [{id: a_t2_1, ` + again + `}, {id: b_0, dependencies: [a_t2_1]}]`,
		"no more":    `jobs: [{id: a_t9_1, ` + again + `}, {id: b_0, dependencies: [a_t9_1]}]`,
		"other code": `jobs: [{id: a_t2_7, ` + again + `, retry_on_status: [], retry_on_exit_codes: [1]}]`,
		"endings":    "continue_on_error: true\njobs: [{id: a_3, max_retries: 0}, {id: b_0, dependencies: [{job: a_3, on: failure}]}, {id: c_0, dependencies: [{job: b_0, on: failure}]}, {id: d_0, dependencies: [{job: c_0, on: skipped}]}, {id: e_0, dependencies: [{job: c_0, on: done}, a_3]}]",
		"conditions": "env_variables: {STAGE: test}\njobs: [{id: a_3, max_retries: 0, continue_on_error: true}, {id: b_0, dependencies: [a_3], when: jobs.a_3.exit_code == 3}, {id: c_0, dependencies: [a_3], when: 'env.STAGE == \"live\"'}, {id: d_0, dependencies: [c_0]}]",
		"may fail":   `jobs: [{id: a_3, max_retries: 0, continue_on_error: true}, {id: b_0, dependencies: [a_3]}]`,
		"always":     `jobs: [{id: a_0}, {id: b_3, max_retries: 0, dependencies: [a_0]}, {id: c_0, always: true, dependencies: [a_0, b_3]}, {id: d_0, dependencies: [c_0]}]`,
		"hooks":      "jobs: [{id: a_3, max_retries: 0}]\non_failure: [{id: f_0}, {id: g_0}]\non_success: [{id: s_0}]",
		"good end":   "jobs: [{id: a_0}]\non_failure: [{id: f_0}]\non_success: [{id: s_2, max_retries: 0}]",
		"timeout":    `jobs: [{id: a_h, timeout: 0.2, max_retries: 0}, {id: b_0, dependencies: [a_h]}]`,
		"run's time": "timeout: 0.3\njobs: [{id: a_h}, {id: b_0, dependencies: [a_h]}, {id: c_0, always: true, dependencies: [a_h]}]",
		"matrix":     "parallel: true\nmax_workers: 2\njobs: [{id: a_0, matrix: {K: [x, y]}}, {id: b_0, dependencies: [a_0]}]",
		"empty":      `jobs: [{id: a_0}, {id: none, command: "", dependencies: [a_0]}]`,
	}
	a := open(t, filepath.Join(t.TempDir(), "history.db"))
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			wf := agreed(t, text)
			e, err := a.Runs.Submit(t.Context(), wf, runs.Options{})
			if err != nil {
				t.Fatal(err)
			}
			sum, err := e.Wait(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			r, err := a.Runs.Find(t.Context(), e.Run.String(), "")
			if err != nil {
				t.Fatal(err)
			}
			d, err := a.Runs.Show(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(happened(&d, sum), imagined(t, wf, e.Run)); diff != "" {
				t.Errorf("(-real +simulated)\n%s", diff)
			}
		})
	}
}

// agreed reads a workflow whose jobs get the commands that their names stand for.
func agreed(t *testing.T, text string) *workflow.Workflow {
	t.Helper()
	compiler := expr.NewCompiler()
	dir := t.TempDir()
	command := `
defaults:
  command: |
    name=${EXECUTIONER_JOB%%[*}
    last=${name##*_}
    case $name in *_t*_*) tries=${name%_*}; tries=${tries##*_t}; test "$EXECUTIONER_TRY" -gt "$tries" && exit 0 ;; esac
    case $last in h) exec sleep 60 ;; *) exit "$last" ;; esac
`
	wf, err := workflow.Load(workflow.Source{Name: "agreed.yaml", Data: []byte("working_dir: " + dir + command + text)}, workflow.Host{
		CheckWhen: func(when string) error { _, err := compiler.Condition(when); return err },
	})
	if err != nil {
		t.Fatal(err)
	}
	return wf
}

// happened tells a run that was made.
func happened(d *runs.Details, sum run.Summary) []string {
	told := []string{fmt.Sprint("run ", sum.State, sum.Reason, sum.Counts)}
	for i := range d.View.Jobs {
		j := &d.View.Jobs[i]
		told = append(told, fmt.Sprint(j.ID, j.State, j.Reason, j.Cause, j.Tries))
	}
	if plan.New(d.Workflow, plan.Options{}).Workers() > 1 {
		return told
	}
	var order []string
	for i := range d.History.Transitions {
		if tr := &d.History.Transitions[i]; tr.To == run.Running && tr.Job != "" && !tr.Mark() {
			order = append(order, fmt.Sprint(tr.Job, tr.Try))
		}
	}
	return append(told, "order "+strings.Join(order, " "))
}

// imagined tells the same of a run that was simulated.
func imagined(t *testing.T, wf *workflow.Workflow, id run.ID) []string {
	t.Helper()
	opt := runs.Options{}.Plan(id, 1)
	opt.When = Conditions([]string{"PATH=" + os.Getenv("PATH")}, runs.Attempt{Run: id, Number: 1, Workflow: wf})
	line, err := simulate.Run(simulate.Config{Plan: plan.New(wf, opt), Start: time.Now(), Play: func(job, try int) simulate.Play {
		j := &wf.Jobs[job]
		name, _, _ := strings.Cut(string(j.ID), "[")
		parts := strings.Split(name, "_")
		code, tries := 0, 1<<30
		for _, part := range parts {
			_, _ = fmt.Sscanf(part, "t%d", &tries)
		}
		last := parts[len(parts)-1]
		if last == "h" {
			return simulate.Of(j, simulate.Exit(0, time.Minute))
		}
		if try <= tries {
			_, _ = fmt.Sscanf(last, "%d", &code)
		}
		return simulate.Of(j, simulate.Exit(code, time.Millisecond))
	}})
	if err != nil {
		t.Fatal(err)
	}
	told := []string{fmt.Sprint("run ", line.Summary.State, line.Summary.Reason, line.Summary.Counts)}
	for i := range line.Jobs {
		j := &line.Jobs[i]
		told = append(told, fmt.Sprint(wf.Jobs[i].ID, j.State, j.Reason, j.Cause, j.Tries))
	}
	if line.Workers > 1 {
		return told
	}
	order := slices.Collect(func(yield func(string) bool) {
		for _, try := range line.Tries {
			yield(fmt.Sprint(wf.Jobs[try.Job].ID, try.Number))
		}
	})
	return append(told, "order "+strings.Join(order, " "))
}
