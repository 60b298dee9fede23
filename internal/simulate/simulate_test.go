package simulate

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the wanted pictures in testdata")

func load(t *testing.T, text string) *workflow.Workflow {
	t.Helper()
	wf, err := workflow.Load(workflow.Source{Name: "w.yaml", Data: []byte("working_dir: /w\n" + text)}, workflow.Host{})
	if err != nil {
		t.Fatal(err)
	}
	return wf
}

// simulated runs a workflow in which jobs take these seconds; the first fails tries of a
// job fail.
func simulated(t *testing.T, wf *workflow.Workflow, seconds, fails map[string]int, events ...Event) *Timeline {
	t.Helper()
	line, err := Run(Config{
		Plan: plan.New(wf, plan.Options{Run: 1}), Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Events: events,
		Play: func(job, try int) Play {
			id, code := string(wf.Jobs[job].ID), 0
			if try <= fails[id] {
				code = 3
			}
			return Of(&wf.Jobs[job], Exit(code, time.Duration(seconds[id])*time.Second))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// story tells a timeline in a few words.
func story(line *Timeline) string {
	var b strings.Builder
	for _, try := range line.Tries {
		b.WriteString(string(line.Workflow.Jobs[try.Job].ID) + " " + Short(try.Start) + "-" + Short(try.End) + " " + try.State.String() + "; ")
	}
	for i, j := range line.Jobs {
		if j.Tries == 0 {
			b.WriteString(string(line.Workflow.Jobs[i].ID) + " " + j.State.String() + " " + string(j.Reason) + " " + string(j.Cause) + "; ")
		}
	}
	return b.String() + line.Summary.State.String() + " " + Short(line.Took)
}

func TestRun(t *testing.T) {
	const retry = "max_retries: 2, retry_delay: 5, retry_backoff: 1, retry_jitter: 0, retry_on_exit_codes: [3]"
	tests := []struct {
		name, text     string
		seconds, fails map[string]int
		events         []Event
		want           string
	}{
		{
			name:    "in file order",
			text:    "jobs: [{id: a, command: x}, {id: b, command: x}, {id: c, command: \"\", dependencies: [a]}]",
			seconds: map[string]int{"a": 2, "b": 3},
			want:    "a 0s-2s SUCCESS; b 2s-5s SUCCESS; c 5s-5s SUCCESS; SUCCESS 5s",
		},
		{
			name:    "side by side",
			text:    "parallel: true\nmax_workers: 2\njobs: [{id: a, command: x}, {id: b, command: x}, {id: c, command: x, dependencies: [a]}]",
			seconds: map[string]int{"a": 2, "b": 3, "c": 4},
			want:    "a 0s-2s SUCCESS; b 0s-3s SUCCESS; c 2s-6s SUCCESS; SUCCESS 6s",
		},
		{
			name:    "ends at the same moment are taken in file order",
			text:    "parallel: true\nmax_workers: 2\njobs: [{id: a, command: x}, {id: b, command: x}, {id: d, command: x, dependencies: [b]}, {id: c, command: x, dependencies: [a]}]",
			seconds: map[string]int{"a": 2, "b": 2, "c": 1, "d": 1},
			want:    "a 0s-2s SUCCESS; b 0s-2s SUCCESS; c 2s-3s SUCCESS; d 2s-3s SUCCESS; SUCCESS 3s",
		},
		{
			name:    "tries and the waits between them",
			text:    "jobs: [{id: a, command: x, " + retry + "}, {id: b, command: x, dependencies: [a]}]",
			seconds: map[string]int{"a": 2, "b": 1},
			fails:   map[string]int{"a": 2},
			want:    "a 0s-2s FAILED; a 7s-9s FAILED; a 14s-16s SUCCESS; b 16s-17s SUCCESS; SUCCESS 17s",
		},
		{
			name:    "a failure skips what needs it",
			text:    "jobs: [{id: a, command: x, max_retries: 0}, {id: b, command: x, dependencies: [a]}, {id: c, command: x, dependencies: [{job: a, on: failure}]}]",
			seconds: map[string]int{"a": 2, "c": 1},
			fails:   map[string]int{"a": 1},
			want:    "a 0s-2s FAILED; c 2s-3s SUCCESS; b SKIPPED dependency_failed a; FAILED 3s",
		},
		{
			name:    "the time of a try is over",
			text:    "jobs: [{id: a, command: x, timeout: 3, max_retries: 0}]",
			seconds: map[string]int{"a": 10},
			want:    "a 0s-3s TIMEOUT; FAILED 3s",
		},
		{
			name:    "the time of the run is over",
			text:    "timeout: 4\nparallel: true\nmax_workers: 2\njobs: [{id: a, command: x}, {id: b, command: x}, {id: c, command: x, always: true, dependencies: [a]}]",
			seconds: map[string]int{"a": 10, "b": 1, "c": 2},
			want:    "a 0s-4s CANCELLED; b 0s-1s SUCCESS; c 4s-6s SUCCESS; TIMEOUT 6s",
		},
		{
			name:    "what is stopped ends before what cleans up",
			text:    "timeout: 4\nparallel: true\nmax_workers: 2\njobs: [{id: a, command: x}, {id: c, command: x, always: true}]",
			seconds: map[string]int{"a": 30, "c": 10},
			want:    "a 0s-4s CANCELLED; c 0s-10s SUCCESS; TIMEOUT 10s",
		},
		{
			name:    "a cancel",
			text:    "jobs: [{id: a, command: x}, {id: b, command: x}]",
			seconds: map[string]int{"a": 10, "b": 1},
			events:  []Event{{After: 4 * time.Second, Input: plan.Cancel{Reason: run.RunCancelled}}},
			want:    "a 0s-4s CANCELLED; b CANCELLED run_cancelled ; CANCELLED 4s",
		},
		{
			name:    "what ends in the moment of a cancel has ended",
			text:    "jobs: [{id: a, command: x}, {id: b, command: x}]",
			seconds: map[string]int{"a": 4, "b": 9},
			events:  []Event{{After: 4 * time.Second, Input: plan.Cancel{Reason: run.RunCancelled}}},
			want:    "a 0s-4s SUCCESS; b 4s-4s CANCELLED; CANCELLED 4s",
		},
		{
			name:   "a cancel between two tries",
			text:   "jobs: [{id: a, command: x, " + retry + "}]",
			fails:  map[string]int{"a": 3},
			events: []Event{{After: 4 * time.Second, Input: plan.Cancel{Reason: run.RunCancelled}}},
			want:   "a 0s-0s FAILED; CANCELLED 4s",
		},
		{
			name: "the end of the run",
			text: "jobs: [{id: a, command: x}]\non_failure: [{id: f, command: x}]\non_success: [{id: s, command: x}]",
			want: "a 0s-0s SUCCESS; s 0s-0s SUCCESS; f SKIPPED not_needed ; SUCCESS 0s",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			line := simulated(t, load(t, tt.text), tt.seconds, tt.fails, tt.events...)
			if got := story(line); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestStuck covers a plan that stands still: a cycle, which no file can have.
func TestStuck(t *testing.T) {
	wf := &workflow.Workflow{MaxWorkers: 1, Jobs: []workflow.Job{{ID: "a", Retry: &workflow.Retry{}}}}
	p := plan.New(wf, plan.Options{})
	p.Step(time.Unix(0, 0), plan.Begin{}) // a has started, and nobody says how it ends
	if line, err := Run(Config{Plan: p, Start: time.Unix(0, 0), Play: func(int, int) Play { return Exit(0, 0) }}); err == nil {
		t.Errorf("%+v", line)
	}
}

func TestShape(t *testing.T) {
	wf := load(t, `
parallel: true
max_workers: 2
jobs:
  - {id: a, command: x}
  - {id: b, command: x}
  - {id: c, command: x, dependencies: [a, b]}
  - {id: d, command: x, dependencies: [{job: c, on: failure}]}
on_success: [{id: s, command: x}]`)
	line := simulated(t, wf, map[string]int{"a": 2, "b": 6, "c": 1, "s": 1}, nil)
	took := line.Lengths()
	waves, critical := Shape(wf, line.Started(), func(i int) time.Duration { return took[i] })
	if diff := cmp.Diff([][]int{{0, 1}, {2}, {4}}, waves); diff != "" {
		t.Error(diff)
	}
	if !slices.Equal(critical, []int{1, 2, 4}) {
		t.Error(critical)
	}
	if part, peak := line.Busy(); part != 10.0/16 || peak != 2 {
		t.Error(part, peak)
	}
	chain := load(t, "parallel: true\nmax_workers: 2\njobs: [{id: a, command: x}, {id: b, command: x, dependencies: [a]}]")
	if part, peak := simulated(t, chain, map[string]int{"a": 1, "b": 1}, nil).Busy(); part != 0.5 || peak != 1 {
		t.Error(part, peak)
	}
	if part, peak := simulated(t, wf, nil, nil).Busy(); part != 0 || peak != 0 {
		t.Error(part, peak)
	}
}

func TestShort(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "0.25s": 250 * time.Millisecond, "59.999s": 59999 * time.Millisecond, "1m": time.Minute,
		"5m10s": 310 * time.Second, "1h": time.Hour, "1d1m0.5s": 24*time.Hour + time.Minute + 500*time.Millisecond,
	} {
		if got := Short(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}

// pictured is a run in which everything happens that a picture shows.
func pictured(t *testing.T) *Timeline {
	wf := load(t, `
application_name: night & <day>
parallel: true
max_workers: 2
jobs:
  - {id: extract, command: x}
  - {id: load customers from the archive, command: x, dependencies: [extract], max_retries: 2, retry_delay: 30, retry_backoff: 1, retry_jitter: 0, retry_on_exit_codes: [3]}
  - {id: check, command: x, dependencies: [extract], max_retries: 0}
  - {id: never, command: x, dependencies: [check]}
  - {id: slow, command: x, always: true, timeout: 20, max_retries: 0, dependencies: [check]}`)
	return simulated(t, wf, map[string]int{"extract": 40, "load customers from the archive": 20, "check": 10, "slow": 90},
		map[string]int{"load customers from the archive": 1, "check": 1})
}

func TestPictures(t *testing.T) {
	line := pictured(t)
	for name, got := range map[string]string{"chart.txt": line.Text(), "chart.svg": line.SVG()} {
		file := filepath.Join("testdata", name)
		if *rewrite {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for row := range strings.Lines(line.Text()) {
		if n := len([]rune(row)) - 1; n > textWidth {
			t.Errorf("%d columns: %s", n, row)
		}
	}
	d := xml.NewDecoder(strings.NewReader(line.SVG()))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestPicturesOfLittleAndMuch(t *testing.T) {
	none, err := Run(Config{Plan: plan.New(load(t, "jobs: [{id: a, command: x}]"), plan.Options{Skip: []run.JobID{"a"}}), Start: time.Unix(0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	if got := none.Text(); got != "no job ran\n" {
		t.Error(got)
	}
	text := "parallel: true\nmax_workers: 300\njobs:\n"
	for i := range 201 {
		text += "  - {id: j" + string(rune('a'+i/26)) + string(rune('a'+i%26)) + ", command: x}\n"
	}
	many := simulated(t, load(t, text), nil, nil)
	if got := many.Text(); !strings.HasSuffix(got, "\nand 1 more\n") || strings.Count(got, "\n") != 202 {
		t.Error(got)
	}
	if svg := many.SVG(); strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Error(svg)
	}
}
