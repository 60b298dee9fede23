//go:build linux

package crash

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/executionerhq/executioner/internal/run"
)

// A flow is a workflow whose course is known beforehand.
type flow struct {
	Jobs    []job
	Workers int
	Goes    bool // on after a failure
	Patient bool // jobs try again to write the ledger, and start no other program
}

// A job is one whose tries end in a way that is known beforehand.
type job struct {
	ID      run.JobID
	Deps    []int
	Codes   []int  // exit code of each try; the last one is that of all later tries, too
	Checked []bool // what the post-check says of each try, likewise; none: there is no post-check
	Retries int
	Millis  int
	Talks   bool // writes to its log
	Waits   bool // for a file
}

// code is the exit code of a try.
func (j *job) code(try int) int { return j.Codes[min(try, len(j.Codes))-1] }

// passes says whether the post-check, if there is one, is content with a try.
func (j *job) passes(try int) bool {
	return len(j.Checked) == 0 || j.Checked[min(try, len(j.Checked))-1]
}

// good says whether a try succeeds.
func (j *job) good(try int) bool { return j.code(try) == 0 && j.passes(try) }

// succeeds says whether the last of all tries of an attempt does.
func (j *job) succeeds() bool { return j.good(j.Retries + 1) }

// outcome is what must be recorded of a try that was not lost.
func (j *job) outcome(try int) (run.State, run.Reason) {
	switch {
	case j.code(try) != 0:
		return run.Failed, run.Exited
	case !j.passes(try):
		return run.Failed, run.PostcheckFailed
	}
	return run.Success, run.Exited
}

// expected is the state in which each job must be in the end.
func (f *flow) expected() map[run.JobID]run.State {
	all := make(map[run.JobID]run.State)
	for _, j := range f.Jobs {
		all[j.ID] = run.Success
		if !j.succeeds() {
			all[j.ID] = run.Failed
		}
		for _, d := range j.Deps {
			if all[f.Jobs[d].ID] != run.Success {
				all[j.ID] = run.Skipped
			}
		}
	}
	return all
}

// state is that in which the run must be in the end.
func (f *flow) state() run.State {
	for _, s := range f.expected() {
		if s != run.Success {
			return run.Failed
		}
	}
	return run.Success
}

// job returns the job with that id, nil when there is none.
func (f *flow) job(id run.JobID) *job {
	for i := range f.Jobs {
		if f.Jobs[i].ID == id {
			return &f.Jobs[i]
		}
	}
	return nil
}

// newFlow makes a flow of 5 to 40 jobs.
func newFlow(r *rand.Rand) flow {
	f := flow{Workers: 1 + r.IntN(8)}
	hopeless := r.IntN(4) == 0 // has jobs that fail for good
	f.Goes = hopeless || r.IntN(2) == 0
	density := r.IntN(4)
	for i := range 5 + r.IntN(36) {
		f.Jobs = append(f.Jobs, newJob(r, i, density, hopeless))
	}
	return f
}

func newJob(r *rand.Rand, i, density int, hopeless bool) job {
	j := job{ID: run.JobID(fmt.Sprintf("j%02d", i)), Codes: []int{0}, Millis: 1 + r.IntN(50), Talks: r.IntN(2) == 0}
	if r.IntN(4) == 0 {
		j.Millis = 0
	}
	for range min(i, r.IntN(density+1)) {
		j.Deps = append(j.Deps, r.IntN(i))
	}
	j.Deps = unique(j.Deps)
	switch n := r.IntN(20); {
	case n < 3: // fails once
		j.Codes, j.Retries = []int{1 + r.IntN(125), 0}, 1+r.IntN(2)
	case n < 4 && hopeless:
		j.Codes, j.Retries = []int{1 + r.IntN(125), 1 + r.IntN(125)}, r.IntN(2)
	case n < 7:
		j.Checked = []bool{true}
	case n < 9: // the check fails once
		j.Checked, j.Retries = []bool{false, true}, 1
	case n < 10 && hopeless:
		j.Checked = []bool{false}
	}
	return j
}

func unique(all []int) []int {
	seen := make(map[int]bool)
	var kept []int
	for _, n := range all {
		if !seen[n] {
			kept = append(kept, n)
		}
		seen[n] = true
	}
	return kept
}

// The ledger has one line for each start and end, written by one system call. A job
// that can't keep it must not pass for one that ran.
const (
	say        = `say() { printf '%s %s %s\n' "$EXECUTIONER_TASK" $$ "$1" >>ledger || exit 99; }`
	sayAndSay  = `say() { for i in 1 2 3 4; do printf '%s %s %s\n' "$EXECUTIONER_TASK" $$ "$1" >>ledger && return; done; exit 99; }`
	outputLine = `echo "out $EXECUTIONER_TASK %d"`
)

// command is the shell's text of a job.
func (f *flow) command(j *job) string {
	lines := []string{say, "say start"}
	if f.Patient {
		lines[0] = sayAndSay
	}
	if j.Talks {
		lines = append(lines, fmt.Sprintf(outputLine, 1))
	}
	if j.Millis > 0 {
		lines = append(lines, fmt.Sprintf("sleep %d.%03d", j.Millis/1000, j.Millis%1000))
	}
	if j.Waits {
		lines = append(lines, "while ! test -e go; do sleep 0.05; done")
	}
	if j.Talks {
		lines = append(lines, fmt.Sprintf(outputLine, 2))
	}
	lines = append(lines, "case $EXECUTIONER_TRY in")
	for i, code := range j.Codes {
		pattern := fmt.Sprint(i + 1)
		if i == len(j.Codes)-1 {
			pattern = "*"
		}
		lines = append(lines, fmt.Sprintf("%s) code=%d ;;", pattern, code))
	}
	return strings.Join(append(lines, "esac", `say "end $code"`, "exit $code"), "\n")
}

// check is the command of a job's post-check.
func (j *job) check() string {
	for i, ok := range j.Checked {
		if ok {
			return fmt.Sprintf(`test "$EXECUTIONER_TRY" -gt %d`, i)
		}
	}
	return "false"
}

// file returns the workflow file.
func (f *flow) file(dir string) []byte {
	type object map[string]any
	var jobs []object
	for i := range f.Jobs {
		j := &f.Jobs[i]
		o := object{"id": j.ID, "command": f.command(j), "max_retries": j.Retries}
		var deps []run.JobID
		for _, d := range j.Deps {
			deps = append(deps, f.Jobs[d].ID)
		}
		if deps != nil {
			o["dependencies"] = deps
		}
		if j.Checked != nil {
			o["post_checks"] = []object{{"name": "command", "params": object{"command": j.check()}}}
		}
		jobs = append(jobs, o)
	}
	b, err := json.Marshal(object{
		"application_name": "crash", "working_dir": dir, "parallel": f.Workers > 1, "max_workers": f.Workers,
		"continue_on_error": f.Goes, "default_retry_delay": 0.01, "default_retry_jitter": 0, "jobs": jobs,
	})
	if err != nil {
		panic(err) // it is made of texts and numbers
	}
	return b
}
