package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What was measured to go wrong in the Python program.

// TestNoLineIsLost: it lost 58 to 91 % of the lines of fast jobs and said SUCCESS.
func TestNoLineIsLost(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	var jobs []job
	for i := range 50 {
		jobs = append(jobs, job{"id": "j" + strconv.Itoa(i), "command": "seq 1 500"})
	}
	p.run("run", p.flow("lines", map[string]any{"parallel": true, "max_workers": 8}, jobs...), "-q").ends(t, 0)
	var want strings.Builder
	for i := range 500 {
		fmt.Fprintln(&want, i+1)
	}
	for i := range 50 {
		_, rest, _ := strings.Cut(p.read(p.log("lines", "j"+strconv.Itoa(i))), "try 1 of 1\n")
		end := strings.LastIndex(rest, "\n500\n") + len("\n500\n")
		output, footer := rest[:end], rest[end:]
		if output != want.String() || !strings.Contains(footer, "SUCCESS, exit code 0") {
			t.Fatalf("job %d: %d bytes of %d", i, len(output), want.Len())
		}
	}
}

// TestManySequentialJobs: it stopped after 1,000 rounds of scheduling.
func TestManySequentialJobs(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	jobs := make([]job, 1000)
	for i := range jobs {
		jobs[i] = job{"id": "j" + strconv.Itoa(i), "command": ":"}
	}
	p.run("run", p.flow("many", nil, jobs...), "-q").ends(t, 0)
	v := p.show("1")
	equal(t, "state", v.State, "SUCCESS")
	equal(t, "succeeded", v.Counts.Succeeded, 1000)
}

// TestChainInReverse: it crashed with a chain of 1,000 jobs that is listed from its end.
func TestChainInReverse(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	jobs := make([]job, 1000)
	for i := range jobs {
		jobs[i] = job{"id": "j" + strconv.Itoa(i), "command": ""}
		if i+1 < len(jobs) {
			jobs[i]["dependencies"] = []string{"j" + strconv.Itoa(i+1)}
		}
	}
	jobs[0]["command"], jobs[999]["command"] = ledger, ledger
	p.run("run", p.flow("chain", nil, jobs...), "-q").ends(t, 0)
	equal(t, "succeeded", p.show("1").Counts.Succeeded, 1000)
	p.started("j999 1.1", "j0 1.1")
}

// TestNoWaves: it waited for all jobs of a wave before it started the next. Here the slow
// one ends only when the last of the others has run.
func TestNoWaves(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	file := p.flow("waves", map[string]any{"parallel": true, "max_workers": 2, "default_timeout": 30},
		job{"id": "slow", "command": "while ! test -e last; do sleep 0.01; done"},
		job{"id": "a", "command": "true"},
		job{"id": "b", "command": "true", "dependencies": []string{"a"}},
		job{"id": "c", "command": "true", "dependencies": []string{"b"}},
		job{"id": "last", "command": "touch last", "dependencies": []string{"c"}})
	var order []string
	for _, c := range p.changes(p.run("run", file, "--json").ends(t, 0).out) {
		if c.To == "RUNNING" && c.Job != "" || c.To == "SUCCESS" && c.Job == "slow" {
			order = append(order, c.Job)
		}
	}
	slow := slices.Index(order, "slow")
	equal(t, "order", strings.Join(slices.Delete(order, slow, slow+1), " "), "a b c last slow")
}

// TestListRuns: it showed the oldest 100.
func TestListRuns(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	file := p.flow("list", nil, job{"id": "a", "command": ""})
	for range 4 {
		p.run("run", file, "-q").ends(t, 0)
	}
	numbers := func(out string) string {
		var all []string
		for _, line := range strings.Split(strings.TrimSpace(out), "\n")[1:] {
			all = append(all, strings.Fields(line)[0])
		}
		return strings.Join(all, " ")
	}
	equal(t, "all", numbers(p.run("--list-runs").ends(t, 0).out), "4 3 2 1")
	equal(t, "two", numbers(p.run("--list-runs", "--limit", "2").ends(t, 0).out), "4 3")
	equal(t, "of an application", numbers(p.run("--list-runs", "list", "--limit", "3").ends(t, 0).out), "4 3 2")
}

// TestResumeOfNoRun: it ran everything again without a word.
func TestResumeOfNoRun(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	file := p.flow("nothing", nil, job{"id": "a", "command": ledger})
	r := p.run("-c", file, "--resume-from", "77").ends(t, 1)
	contains(t, "stderr", r.err, "there is no run 77")
	r = p.run("resume", "77").ends(t, 4)
	contains(t, "stderr", r.err, "there is no run 77")
	if p.exists("ledger") {
		t.Error("something was run")
	}
}

// TestFailureIsRecordedOnce: a failing post-check, or a failure that was tried again,
// could be recorded as SUCCESS first.
func TestFailureIsRecordedOnce(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	file := p.flow("once", map[string]any{"continue_on_error": true},
		job{"id": "checked", "command": "true", "post_checks": []any{map[string]any{"name": "check_file_exists", "params": map[string]any{"path": "none"}}}},
		job{"id": "again", "command": "exit 1", "max_retries": 1, "retry_delay": 0.01, "retry_jitter": 0})
	var seen []string
	for _, c := range p.changes(p.run("run", file, "--json").ends(t, 1).out) {
		if c.Job != "" && c.From == "RUNNING" {
			seen = append(seen, fmt.Sprintf("%s %d %s %s", c.Job, c.Try, c.To, c.Reason))
		}
	}
	slices.Sort(seen)
	equal(t, "ends", strings.Join(seen, ", "), "again 1 FAILED exit_code, again 2 FAILED exit_code, checked 1 FAILED postcheck_failed")
	v := p.show("1")
	equal(t, "state", v.State, "FAILED")
	equal(t, "exit code of the command", *v.Jobs[0].ExitCode, 0)
}

// TestCheckParameters: ${NAME} in them was not replaced.
func TestCheckParameters(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	check := func(name, param, value string) []any {
		return []any{map[string]any{"name": name, "params": map[string]any{param: value}}}
	}
	file := p.flow("params", map[string]any{"env_variables": map[string]string{"NAME": "data", "LOGS": p.path("*.sql.log")}, "continue_on_error": true},
		job{"id": "there", "command": "touch data.txt; echo fine >x.sql.log", "post_checks": check("check_file_exists", "path", "${NAME}.txt")},
		job{"id": "lines", "command": "true", "pre_checks": check("check_no_ora_errors", "log_file", "${LOGS}"), "dependencies": []string{"there"}},
		job{"id": "own", "command": "true", "env_variables": map[string]string{"NAME": "other"}, "pre_checks": check("check_file_exists", "path", "${NAME}.txt")})
	p.run("run", file, "-q").ends(t, 1)
	var got []string
	for _, j := range p.show("1").Jobs {
		got = append(got, j.ID+" "+j.State+" "+j.Detail)
	}
	equal(t, "jobs", strings.Join(got, ", "), "there SUCCESS , lines SUCCESS , own FAILED check_file_exists: there is no file other.txt")
}
