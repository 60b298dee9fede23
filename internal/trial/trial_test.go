package trial

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

const flow = `
working_dir: /nowhere
parallel: true
max_workers: 2

params:
  day: {type: date, default: today}
  n: {type: int, default: 1}
secrets:
  TOKEN: {env: NOBODY_HAS_THIS}
env_variables: {STAGE: live, AUTH: "bearer ${TOKEN}"}
jobs:
  - {id: load, command: x, max_retries: 2, retry_delay: 5, retry_backoff: 1, retry_jitter: 0, timeout: 60}
  - {id: part, command: x, matrix: {KIND: [a, b]}, dependencies: [load], max_retries: 0}
  - {id: join, command: "", dependencies: [part]}
  - {id: alone, command: x, when: env.STAGE == "test", max_retries: 0}
  - {id: clean, command: x, always: true, dependencies: [load], max_retries: 0}
`

// verdicts runs tests of flow and tells what came of each.
func verdicts(t *testing.T, tests string) string {
	t.Helper()
	return verdictsOf(t, flow, tests)
}

func verdictsOf(t *testing.T, flow, tests string) string {
	t.Helper()
	loaded, err := workflow.LoadTests(workflow.Source{Name: "flow.test.yaml", Data: []byte(tests)})
	if err != nil {
		t.Fatal(err)
	}
	load := func(given []workflow.Given, now time.Time) (*workflow.Workflow, error) {
		return workflow.Load(workflow.Source{Name: "flow.yaml", Data: []byte(flow)}, workflow.Host{Params: given, Now: now})
	}
	declared, err := load(nil, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Tests: loaded, Load: load, Declared: declared.Params, Conditions: isTest}
	var b strings.Builder
	for i := range loaded.Cases {
		v, err := Run(cfg, &loaded.Cases[i])
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s: ok %v\n", v.Case.Name, v.OK())
		for _, d := range v.Differences {
			fmt.Fprintf(&b, "  %s: want %s, got %s\n", d.What, d.Want, d.Got)
		}
		for _, p := range v.Problems {
			fmt.Fprintf(&b, "  %d:%d %s (%s)\n", p.Line, p.Col, p.Msg, p.Hint)
		}
	}
	return b.String()
}

// isTest stands for the one condition that there is.
func isTest(environ []string, a runs.Attempt) func(int, plan.Facts) (bool, error) {
	return func(job int, _ plan.Facts) (bool, error) {
		stage, _ := workflow.ResolveEnv(a.Workflow, job, environ, a.Options.Env).Lookup("STAGE")
		return stage == "test", nil
	}
}

func TestAsExpected(t *testing.T) {
	got := verdicts(t, `
tests:
  - name: all goes well
    expect:
      state: SUCCESS
      reason: all_succeeded
      jobs: {load: SUCCESS, part: SUCCESS, "part[a]": SUCCESS, alone: SKIPPED}
      reasons: {join: empty_command, alone: condition_false}
      tries: {load: 1, alone: 0}
      environment: {load: {STAGE: live, day: 2026-01-01, AUTH: bearer ***}, "part[b]": {KIND: b}}
      order: [load, part, join]
      started: [part, join]
      not_started: alone
      duration: 0
  - name: tries
    env: {STAGE: test}
    now: 2026-03-01
    shell_env: {FROM: caller}
    jobs:
      load: {exit: 1, times: 2, duration: 10s}
    expect:
      state: SUCCESS
      jobs: {alone: SUCCESS}
      tries: {load: 3}
      duration: 40s
      max_duration: 40s
      environment: {load: {day: 2026-03-01, FROM: caller}}
  - name: each try in another way
    jobs:
      load: [{timeout: true}, {exit: 1, duration: 2}]
    expect: {state: SUCCESS, duration: 74, tries: {load: 3}}
  - name: too long
    jobs: {load: {duration: 2m}}
    expect: {state: FAILED, jobs: {load: TIMEOUT, part: SKIPPED, clean: SUCCESS}, reasons: {part: dependency_failed}}
  - name: other reasons
    jobs: {alone: {reason: lost}, "part[a]": {reason: postcheck_failed}, "part[b]": {reason: oom_killed}, clean: {reason: precheck_failed}}
    env: {STAGE: test}
    continue_on_error: true
    expect: {reasons: {alone: lost, "part[a]": postcheck_failed, "part[b]": oom_killed, clean: precheck_failed}, jobs: {join: SKIPPED}}
  - name: cancelled
    jobs: {load: {duration: 30}, clean: {duration: 5}}
    cancel_after: 10
    expect: {state: CANCELLED, reason: run_cancelled, jobs: {load: CANCELLED, part: CANCELLED, clean: SUCCESS}, duration: 15}
  - name: one after the other, without the parts
    sequential: true
    skip: [part]
    jobs: {load: {duration: 1}, clean: {duration: 2}}
    expect: {order: [load, join, clean], reasons: {part: skip_requested}, duration: 3}
  - name: wrong parameter
    params: {n: many}
    expect: {error: must be a whole number}
`)
	for line := range strings.Lines(got) {
		if !strings.HasSuffix(line, ": ok true\n") {
			t.Errorf("%s", line)
		}
	}
}

const growingFlow = `
working_dir: /nowhere
jobs:
  - {id: scan, command: x}
  - {id: load, command: x, foreach: {from: scan, output: parts, as: PART}, env_variables: {ROWS: "${jobs.scan.rows}"}, max_retries: 0}
  - {id: report, command: x, dependencies: [load]}
`

// TestGrowing: what a job hands on decides what there is; jobs that come at run time are
// named as they will be called.
func TestGrowing(t *testing.T) {
	got := verdictsOf(t, growingFlow, `
tests:
  - name: two parts
    jobs: {scan: {values: {parts: [a, b], rows: 3}}, load: {duration: 5}, "load[b]": {duration: 7}}
    expect:
      state: SUCCESS
      jobs: {load: SUCCESS, "load[a]": SUCCESS}
      environment: {"load[a]": {PART: a, ROWS: "3"}}
      order: [scan, "load[a]", "load[b]", load, report]
      duration: 12
  - name: lines, one of which fails
    jobs: {scan: {values: {parts: "a\nb", rows: 1}}, "load[b]": {exit: 1}}
    expect: {state: FAILED, jobs: {load: SKIPPED, "load[b]": FAILED}, not_started: report}
  - name: nothing handed on
    expect: {reasons: {load: items_invalid}}
  - name: no such part
    jobs: {scan: {values: {parts: [a], rows: 1}}}
    expect: {jobs: {"load[c]": SUCCESS}}
`)
	want := `two parts: ok true
lines, one of which fails: ok true
nothing handed on: ok true
no such part: ok false
  18:21 test "no such part": there is no job "load[c]" (did you mean "load[a]"?)
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

const handingFlow = `
working_dir: /nowhere
jobs:
  - {id: count, command: x, max_retries: 0}
  - {id: mail, command: [mail, "${jobs.count.rows}", "${jobs.count.day}"], dependencies: [count], max_retries: 0}
  - {id: log, command: x, env_variables: {ROWS: "${jobs.count.rows}"}, dependencies: [{job: count, on: done}], max_retries: 1, retry_delay: 0}
`

// TestForgottenValues: what a job is filled in with and no test says is not known, as in a
// run; a test that does not expect that is told what it forgot.
func TestForgottenValues(t *testing.T) {
	got := verdictsOf(t, handingFlow, `
tests:
  - {name: said, jobs: {count: {values: {rows: 1, day: monday}}}, expect: {state: SUCCESS}}
  - {name: forgotten, expect: {jobs: {count: SUCCESS}}}
  - {name: misspelled, jobs: {count: {values: {rwos: 1, day: x}}}, expect: {state: FAILED, reasons: {log: start_failed}}}
  - {name: expected, jobs: {count: {values: {day: x}}}, continue_on_error: true, expect: {jobs: {mail: FAILED}, reasons: {log: start_failed}, tries: {log: 2}}}
  - {name: nothing to say, jobs: {count: {exit: 1}}, continue_on_error: true, expect: {state: FAILED, jobs: {mail: SKIPPED}}}
`)
	want := `said: ok true
forgotten: ok false
  jobs.mail: want ${jobs.count.day}, got the test does not say what day job count hands on; say it: jobs: {count: {values: {day: …}}}
  jobs.mail: want ${jobs.count.rows}, got the test does not say what rows job count hands on; say it: jobs: {count: {values: {rows: …}}}
  jobs.log: want ${jobs.count.rows}, got the test does not say what rows job count hands on; say it: jobs: {count: {values: {rows: …}}}
misspelled: ok false
  jobs.mail: want ${jobs.count.rows}, got the test does not say what rows job count hands on; did you mean "rwos"?
expected: ok true
nothing to say: ok true
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDifferences(t *testing.T) {
	got := verdicts(t, `
tests:
  - name: states
    jobs: {load: {exit: 4}}
    expect:
      state: SUCCESS
      reason: all_succeeded
      jobs: {load: SUCCESS, part: SUCCESS}
      reasons: {load: timed_out}
      tries: {load: 1}
      started: part
      not_started: load
      order: [join, load]
  - name: the rest
    jobs: {load: {duration: 8}, part: {duration: 1}}
    expect:
      environment: {load: {STAGE: test, MISSING: "1", TOKEN: other}}
      duration: 5
      max_duration: 8.5
      order: [join, part, load]
  - {name: no error, expect: {error: anything}}
  - {name: another error, params: {n: x}, expect: {error: anything}}
  - {name: an error, params: {n: x}, expect: {state: SUCCESS}}
`)
	want := `states: ok false
  state: want SUCCESS, got FAILED
  reason: want all_succeeded, got job_failed
  jobs.load: want SUCCESS, got FAILED (exit code 4)
  jobs.part[a]: want SUCCESS, got SKIPPED (dependency_failed of load)
  jobs.part[b]: want SUCCESS, got SKIPPED (dependency_failed of load)
  reasons.load: want timed_out, got exit_code
  tries.load: want 1, got 3
  started.part[a]: want started, got did not start: SKIPPED (dependency_failed of load)
  started.part[b]: want started, got did not start: SKIPPED (dependency_failed of load)
  not_started.load: want does not start, got started: FAILED (exit code 4)
  order: want join, load, got load, join (did not start)
the rest: ok false
  environment.load.STAGE: want "test", got "live"
  environment.load.MISSING: want "1", got not set
  environment.load.TOKEN: want ***, got another value
  duration: want 5s, got 9s
  max_duration: want at most 8.5s, got 9s
  order: want join, part, load, got load, part[a], part[b], join
no error: ok false
  error: want "anything", got the workflow is valid
another error: ok false
  error: want "anything", got flow.yaml:8:3: params: n=x: must be a whole number
an error: ok false
  workflow: want valid, got flow.yaml:8:3: params: n=x: must be a whole number
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownNames(t *testing.T) {
	got := verdicts(t, `tests:
  - name: a
    params: {dya: 2026-01-01}
    expect: {state: SUCCESS}
  - name: b
    skip: [claen]
    jobs: {laod: {exit: 1}, join: {exit: 1}}
    expect: {jobs: {parts: SUCCESS}, order: [load, nobody]}
`)
	want := `a: ok false
  3:14 test "a": the workflow has no parameter "dya" (did you mean "day"?)
b: ok false
  7:12 test "b": there is no job "laod" (did you mean "load"?)
  7:29 job "join" has no command, so it always succeeds ()
  6:12 test "b": there is no job "claen" (did you mean "clean"?)
  8:21 test "b": there is no job "parts" ()
  8:52 test "b": there is no job "nobody" ()
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
