package plan

import (
	"math"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

func TestRetries(t *testing.T) {
	all := []string{"ERROR", "FAILED", "TIMEOUT", "PRECHECK_FAILED", "POSTCHECK_FAILED"}
	exit1 := run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 1}
	bad := func(r run.Reason) run.Outcome {
		return run.Outcome{State: run.Failed, Reason: r, ExitCode: run.NoExitCode}
	}
	timeout := run.Outcome{State: run.Timeout, Reason: run.TimedOut, ExitCode: run.NoExitCode}
	tests := []struct {
		name    string
		on      []string
		codes   []int
		outcome run.Outcome
		tries   int // of 3 allowed
		since   time.Duration
		want    bool
	}{
		{"failed", all, nil, exit1, 1, 0, true},
		{"success", all, []int{0}, run.Outcome{State: run.Success, Reason: run.Exited}, 1, 0, false},
		{"cancelled", all, []int{1}, run.Outcome{State: run.Cancelled, Reason: run.JobCancelled, ExitCode: 1}, 1, 0, false},
		{"lost", all, []int{1}, run.Outcome{State: run.Failed, Reason: run.Lost, ExitCode: 1}, 1, 0, false},
		{"the last try that is allowed", all, nil, exit1, 2, 0, true},
		{"no try is left", all, nil, exit1, 3, 0, false},
		{"just in time", all, nil, exit1, 1, time.Minute, true},
		{"too late", all, nil, exit1, 1, time.Minute + 1, false},
		{"timeout", []string{"TIMEOUT"}, nil, timeout, 1, 0, true},
		{"timeout is not listed", []string{"FAILED", "ERROR"}, nil, timeout, 1, 0, false},
		{"start failed", []string{"ERROR"}, nil, bad(run.StartFailed), 1, 0, true},
		{"start failed is no failure", []string{"FAILED"}, nil, bad(run.StartFailed), 1, 0, false},
		{"pre-check", []string{"PRECHECK_FAILED"}, nil, bad(run.PrecheckFailed), 1, 0, true},
		{"pre-check is no failure", []string{"FAILED"}, nil, bad(run.PrecheckFailed), 1, 0, false},
		{"post-check", []string{"POSTCHECK_FAILED"}, nil, bad(run.PostcheckFailed), 1, 0, true},
		{"post-check is a failure", []string{"FAILED"}, nil, bad(run.PostcheckFailed), 1, 0, true},
		{"post-check is no pre-check", []string{"PRECHECK_FAILED"}, nil, bad(run.PostcheckFailed), 1, 0, false},
		{"signal", []string{"FAILED"}, nil, bad(run.Signal), 1, 0, true},
		{"nothing is listed", nil, nil, exit1, 1, 0, false},
		{"exit code", nil, []int{3, 1}, exit1, 1, 0, true},
		{"another exit code", nil, []int{3}, exit1, 1, 0, false},
		{"no exit code", nil, []int{-1}, bad(run.Signal), 1, 0, false},
		{"exit code 0 of a failed post-check", nil, []int{0}, run.Outcome{State: run.Failed, Reason: run.PostcheckFailed}, 1, 0, false},
		{"exit code of a timeout", nil, []int{124}, run.Outcome{State: run.Timeout, Reason: run.TimedOut, ExitCode: 124}, 1, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &workflow.Retry{Max: 2, MaxTime: time.Minute, OnStatus: tt.on, ExitCodes: tt.codes}
			if got := retries(r, &tt.outcome, tt.tries, tt.since); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestRetryDelay(t *testing.T) {
	const decade = 10 * 365 * 24 * time.Hour
	tests := []struct {
		name            string
		delay           time.Duration
		backoff, jitter float64
		want            []time.Duration // before try 2, 3, …
	}{
		{"backoff", 30 * time.Second, 1.5, 0, []time.Duration{30 * time.Second, 45 * time.Second, 67500 * time.Millisecond}},
		{"no backoff", time.Second, 1, 0, []time.Duration{time.Second, time.Second}},
		{"backoff 0", time.Second, 0, 0, []time.Duration{time.Second, 0, 0}},
		{"no delay", 0, 2, 0, []time.Duration{0, 0}},
		{"no delay and an infinite backoff", 0, math.MaxFloat64, 0, []time.Duration{0, 0, 0}},
		{"no delay, an infinite backoff and jitter", 0, math.MaxFloat64, 1, []time.Duration{minJittered, minJittered, minJittered}},
		{"never longer than ten years", time.Hour, 1e300, 0, []time.Duration{time.Hour, decade, decade}},
		{"whole microseconds", 1001, 1.5, 0, []time.Duration{time.Microsecond, time.Microsecond, 2 * time.Microsecond}},
	}
	for _, tt := range tests {
		for n, want := range tt.want {
			r := &workflow.Retry{Delay: tt.delay, Backoff: tt.backoff, Jitter: tt.jitter}
			if got := retryDelay(r, 7, "a", n+1); got != want {
				t.Errorf("%s: %s after try %d, want %s", tt.name, got, n+1, want)
			}
		}
	}
}

// TestJitter: the wait is spread over the whole of its bounds and nothing else, it is at
// least 0.1 s, and each run, job and try has its own.
func TestJitter(t *testing.T) {
	r := &workflow.Retry{Delay: 100 * time.Second, Backoff: 1, Jitter: 0.1}
	seen := make(map[time.Duration]bool)
	var tenths [20]int
	const n = 10_000
	for i := range n {
		d := retryDelay(r, run.ID(1+i%10), run.JobID(run.ID(i/100).String()), 1+i/10%10)
		if d < 90*time.Second || d >= 110*time.Second {
			t.Fatalf("wait %d is %s", i, d)
		}
		tenths[(d-90*time.Second)/time.Second]++
		seen[d] = true
	}
	if len(seen) < n*99/100 {
		t.Errorf("%d different waits of %d", len(seen), n)
	}
	for i, got := range tenths {
		if want := n / len(tenths); got < want*8/10 || got > want*12/10 {
			t.Errorf("%d waits between %d and %d s, want about %d", got, 90+i, 91+i, want)
		}
	}
	short := &workflow.Retry{Delay: 105 * time.Millisecond, Backoff: 1, Jitter: 1}
	least, most := time.Hour, time.Duration(0)
	for i := range 1000 {
		d := retryDelay(short, 1, "a", 1+i)
		least, most = min(least, d), max(most, d)
	}
	if least != minJittered || most < 190*time.Millisecond || most > 210*time.Millisecond {
		t.Errorf("waits between %s and %s", least, most)
	}
}

// TestJitterStays pins the hash: a plan that is restored by a later version must wait
// as long as the one that recorded the failure would have.
func TestJitterStays(t *testing.T) {
	r := &workflow.Retry{Delay: 30 * time.Second, Backoff: 1.5, Jitter: 0.1}
	want := []time.Duration{31116027 * time.Microsecond, 42268913 * time.Microsecond}
	for n, want := range want {
		if got := retryDelay(r, 7, "a", n+1); got != want {
			t.Errorf("%s after try %d, want %s", got, n+1, want)
		}
	}
}
