package workflow

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/executionerhq/executioner/internal/run"
)

// TestTestFileProblems compares the whole text shown for each test file in testdata.
func TestTestFileProblems(t *testing.T) {
	const script = "testdata/testfile/problems.txtar"
	data, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	all := sections(string(data))
	wanted := map[string]string{}
	for _, s := range all {
		if name, is := strings.CutSuffix(s.name, " wants"); is {
			wanted[name] = s.data
		}
	}
	out := all[0].data
	for _, in := range all[1:] {
		if strings.HasSuffix(in.name, " wants") {
			continue
		}
		_, err := LoadTests(Source{Name: in.name, Data: []byte(in.data)})
		if err == nil {
			t.Errorf("%s is valid", in.name)
			continue
		}
		got := problemsOf(t, err).String()
		out += fmt.Sprintf("-- %s --\n%s-- %s wants --\n%s", in.name, in.data, in.name, got)
		if want := wanted[in.name]; !*rewrite && got != want {
			t.Errorf("%s: (-want +got)\n%s", in.name, cmp.Diff(want, got))
		}
	}
	if *rewrite {
		if err := os.WriteFile(script, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLoadTests(t *testing.T) {
	data := `
workflow: other.yaml
tests:
  - name: all
    _comment: ignored
    params: {day: 2026-01-31, list: [a, 2], on: true}
    env: {STAGE: test}
    shell_env: {HOME: /h}
    now: 2026-02-01 12:00
    workers: 2
    sequential: true
    continue_on_error: true
    skip: a
    cancel_after: 1h30m
    jobs:
      a: {exit: 1, times: 2, duration: 5m}
      b: [{timeout: true}, {reason: lost, duration: 0.5}, {}]
    expect:
      state: FAILED
      reason: job_failed
      jobs: {a: FAILED}
      reasons: {a: exit_code}
      tries: {a: 3}
      environment: {a: {N: 1, M: two}}
      duration: 5m10s
      max_duration: 400
      order: [a, b]
      started: [a]
      not_started: b
  - {name: invalid, expect: {error: is missing}}
`
	got, err := LoadTests(Source{Name: "a.test.yaml", Data: []byte(data)})
	if err != nil {
		t.Fatal(err, problemsOf(t, err))
	}
	want := &Tests{Workflow: "other.yaml", Cases: []TestCase{
		{
			Name: "all", Params: []TestVar{{Var: Var{"day", "2026-01-31"}}, {Var: Var{"list", "a\n2"}}, {Var: Var{"on", "true"}}},
			Env: []Var{{"STAGE", "test"}}, Shell: []Var{{"HOME", "/h"}}, Now: time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC),
			Workers: 2, Sequential: true, ContinueOnError: true, Skip: []TestJob{{ID: "a"}}, Cancel: 90 * time.Minute,
			Jobs: []TestPlay{
				{TestJob{ID: "a"}, []TestTry{{Exit: 1, Times: 2, Took: 5 * time.Minute}}},
				{TestJob{ID: "b"}, []TestTry{{Timeout: true, Times: 1}, {Reason: run.Lost, Took: 500 * time.Millisecond, Times: 1}, {Times: 1}}},
			},
			Wants: []TestWant{
				{Field: "state", Text: "FAILED"},
				{Field: "reason", Text: "job_failed"},
				{Field: "jobs", Job: "a", Text: "FAILED"},
				{Field: "reasons", Job: "a", Text: "exit_code"},
				{Field: "tries", Job: "a", Number: 3},
				{Field: "environment", Job: "a", Variable: "N", Text: "1"},
				{Field: "environment", Job: "a", Variable: "M", Text: "two"},
				{Field: "duration", Duration: 310 * time.Second},
				{Field: "max_duration", Duration: 400 * time.Second},
				{Field: "order", Jobs: []TestJob{{ID: "a"}, {ID: "b"}}},
				{Field: "started", Job: "a"},
				{Field: "not_started", Job: "b"},
			},
		},
		{Name: "invalid", Wants: []TestWant{{Field: "error", Text: "is missing"}}},
	}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreTypes(Pos{}), cmpopts.IgnoreUnexported(Tests{})); diff != "" {
		t.Error(diff)
	}
	at := got.Problem(got.Cases[1].At, "a hint", "a message")
	at.caret = 0
	if diff := cmp.Diff(Problem{File: "a.test.yaml", Line: 30, Col: 5, Msg: "a message", Hint: "a hint", Text: "  - {name: invalid, expect: {error: is missing}}"}, at, cmpopts.IgnoreUnexported(Problem{})); diff != "" {
		t.Error(diff)
	}
}

func TestIsTestFile(t *testing.T) {
	for name, want := range map[string]string{"d/a.test.yaml": "d/a", "a.test.yml": "a", "a.test.json": "a", "a.yaml": "", "test.yaml": ""} {
		if stem, is := IsTestFile(name); stem != want || is != (want != "") {
			t.Errorf("%s: %q, %v", name, stem, is)
		}
	}
}

// FuzzLoadTests looks for panics, and for errors without a place.
func FuzzLoadTests(f *testing.F) {
	data, err := os.ReadFile("testdata/testfile/problems.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range sections(string(data)) {
		f.Add([]byte(s.data))
	}
	example, err := os.ReadFile("../../examples/nightly.test.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		for _, name := range []string{"a.test.yaml", "a.test.json"} {
			tests, err := LoadTests(Source{Name: name, Data: data})
			if (tests == nil) == (err == nil) {
				t.Fatal("neither or both of tests and error")
			}
			if err != nil {
				_ = problemsOf(t, err).String()
				continue
			}
			for _, c := range tests.Cases {
				if c.Name == "" || len(c.Wants) == 0 || tests.Problem(c.At, "", "x").Line == 0 {
					t.Errorf("%+v", c)
				}
			}
		}
	})
}
