package runs

import (
	"reflect"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

func second(n int) *time.Time {
	t := noon.Add(time.Duration(n) * time.Second)
	return &t
}

func exit(code int) *int { return &code }

func lasting(seconds float64) *float64 { return &seconds }

func TestFold(t *testing.T) {
	const pending, queued, running = run.Pending, run.Queued, run.Running
	a := func(change func(v *JobView)) JobView {
		v := JobView{ID: "a", Description: "the first", Command: "do a", Log: "/w/logs/executioner.flow.job-a.run-7.log"}
		change(&v)
		return v
	}
	firstTry := []run.Transition{
		{Job: "a", From: pending, To: queued, Reason: run.DependenciesMet},
		{Job: "a", Try: 1, From: queued, To: running, Reason: run.Started},
	}
	failedTry := append(firstTry[:2:2], run.Transition{
		Job: "a", Try: 1, From: running, To: run.Failed, Reason: run.Exited, Detail: "d", Until: noon.Add(time.Minute),
		Outcome: &run.Outcome{ExitCode: 3, CPU: time.Second, MaxRSS: 100, Output: 10, Dropped: 4, Survivors: 2},
	})
	failedView := func(v *JobView) {
		v.State, v.Reason, v.Detail, v.Attempt, v.Tries = run.Failed, run.Exited, "d", 1, 1
		v.StartedAt, v.EndedAt, v.Seconds, v.ExitCode = second(1), second(2), lasting(1), exit(3)
		v.CPUSeconds, v.MaxRSS, v.Output, v.Dropped, v.Survivors = 1, 100, 10, 4, 2
	}
	final := append(failedTry[:3:3], run.Transition{From: running, To: run.Failed, Reason: run.JobFailed})
	tests := []struct {
		name      string
		ts        []run.Transition
		overrides []run.Override
		want      JobView
	}{
		{"nothing yet", nil, nil, a(func(v *JobView) {})},
		{"queued", firstTry[:1], nil, a(func(v *JobView) { v.State, v.Reason, v.Attempt = queued, run.DependenciesMet, 1 })},
		{"running", firstTry, nil, a(func(v *JobView) {
			v.State, v.Reason, v.Attempt, v.Tries, v.StartedAt = running, run.Started, 1, 1, second(1)
		})},
		{"failed, with a retry to come", failedTry, nil, a(func(v *JobView) {
			failedView(v)
			v.RetryAt = second(60)
		})},
		{"cancelled while it waits for its next try", append(failedTry[:3:3], run.Transition{
			Job: "a", Try: 1, From: run.Failed, To: run.Failed, Reason: run.JobCancelled,
		}), nil, a(failedView)},
		{"the run ended while it waits for its next try", final, nil, a(failedView)},
		{"in its second try", append(failedTry[:3:3],
			run.Transition{Job: "a", Try: 1, From: run.Failed, To: queued, Reason: run.Retry},
			run.Transition{Job: "a", Try: 2, From: queued, To: running, Reason: run.Started},
		), nil, a(func(v *JobView) {
			failedView(v)
			v.State, v.Reason, v.Detail, v.Tries = running, run.Started, "", 2
			v.EndedAt, v.Seconds, v.ExitCode = nil, nil, nil
		})},
		{"CPU adds up over tries, memory is the largest, the rest is the last try's", append(failedTry[:3:3],
			run.Transition{Job: "a", Try: 1, From: run.Failed, To: queued, Reason: run.Retry},
			run.Transition{Job: "a", Try: 2, From: queued, To: running, Reason: run.Started},
			run.Transition{Job: "a", Try: 2, From: running, To: run.Failed, Reason: run.Signal, Outcome: &run.Outcome{
				ExitCode: run.NoExitCode, Signal: 9, CPU: 2 * time.Second, MaxRSS: 50, Output: 1,
			}},
		), nil, a(func(v *JobView) {
			v.State, v.Reason, v.Attempt, v.Tries, v.Signal = run.Failed, run.Signal, 1, 2, 9
			v.StartedAt, v.EndedAt, v.Seconds = second(1), second(5), lasting(4)
			v.CPUSeconds, v.MaxRSS, v.Output = 3, 100, 1
		})},
		{"a mark changes nothing", append(firstTry[:2:2], run.Transition{Job: "a", Try: 1, From: running, To: running, Reason: run.JobCancelled}), nil, a(func(v *JobView) {
			v.State, v.Reason, v.Attempt, v.Tries, v.StartedAt = running, run.Started, 1, 1, second(1)
		})},
		{"stopped, and by whom", append(firstTry[:2:2],
			run.Transition{Job: "a", Try: 1, From: running, To: running, Reason: run.JobCancelled, Detail: "asked by ann"},
			run.Transition{Job: "a", Try: 1, From: running, To: run.Cancelled, Reason: run.JobCancelled, Outcome: &run.Outcome{ExitCode: run.NoExitCode}},
		), nil, a(func(v *JobView) {
			v.State, v.Reason, v.Detail, v.Attempt, v.Tries = run.Cancelled, run.JobCancelled, "asked by ann", 1, 1
			v.StartedAt, v.EndedAt, v.Seconds = second(1), second(3), lasting(2)
			v.asked = "asked by ann"
		})},
		{"ended while nobody watched", append(firstTry[:2:2],
			run.Transition{Job: "gone", From: pending, To: queued}, run.Transition{Job: "gone", From: queued, To: run.Skipped},
			run.Transition{Job: "a", Try: 1, From: running, To: run.Success, Reason: run.Exited, Outcome: &run.Outcome{Ended: *second(2)}},
		), nil, a(func(v *JobView) {
			v.State, v.Reason, v.Attempt, v.Tries = run.Success, run.Exited, 1, 1
			v.StartedAt, v.EndedAt, v.Seconds, v.ExitCode = second(1), second(2), lasting(1), exit(0)
		})},
		{"skipped", []run.Transition{{Job: "a", From: pending, To: run.Skipped, Reason: run.DependencyFailed, Cause: "z"}}, nil, a(func(v *JobView) {
			v.State, v.Reason, v.Cause, v.Attempt = run.Skipped, run.DependencyFailed, "z", 1
		})},
		{
			"passed over in the next attempt", append(final[:4:4], run.Transition{Attempt: 2, Job: "a", From: pending, To: run.Skipped, Reason: run.AlreadySucceeded}),
			[]run.Override{{Attempt: 1, Job: "a", By: "ann", At: noon, Note: "n"}, {Attempt: 1, Job: "gone"}},
			a(func(v *JobView) {
				failedView(v)
				v.Override = &Marked{By: "ann", At: noon, Note: "n"}
			}),
		},
		{
			"begun again in the next attempt", append(final[:4:4], run.Transition{Attempt: 2, Job: "a", From: pending, To: queued, Reason: run.DependenciesMet}),
			[]run.Override{{Attempt: 1, Job: "a", By: "ann"}},
			a(func(v *JobView) { v.State, v.Reason, v.Attempt = queued, run.DependenciesMet, 2 }),
		},
		{"of a job that the workflow has no longer", []run.Transition{{Job: "gone", From: pending, To: queued}}, nil, a(func(v *JobView) {})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := recorded(append([]run.Transition(nil), tt.ts...), tt.overrides...)
			if got := d.View.Jobs[0]; !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestOverAndUnsuccessful(t *testing.T) {
	tests := []struct {
		v                  JobView
		over, unsuccessful bool
	}{
		{JobView{State: run.Pending}, false, false},
		{JobView{State: run.Queued}, false, false},
		{JobView{State: run.Running}, false, false},
		{JobView{State: run.Success}, true, false},
		{JobView{State: run.Failed}, true, true},
		{JobView{State: run.Failed, RetryAt: second(1)}, false, true},
		{JobView{State: run.Failed, Override: &Marked{}}, true, false},
		{JobView{State: run.Timeout}, true, true},
		{JobView{State: run.Cancelled}, true, true},
		{JobView{State: run.Skipped, Reason: run.DependencyFailed}, true, true},
		{JobView{State: run.Skipped, Reason: run.StoppedOnFailure}, true, true},
		{JobView{State: run.Skipped, Reason: run.Stuck}, true, true},
		{JobView{State: run.Skipped, Reason: run.DependencyFailed, Override: &Marked{}}, true, false},
		{JobView{State: run.Skipped, Reason: run.SkipRequested}, true, false},
		{JobView{State: run.Skipped, Reason: run.AlreadySucceeded}, true, false},
		{JobView{State: run.Skipped, Reason: run.NotSelected}, true, false},
	}
	for _, tt := range tests {
		if tt.v.Over() != tt.over || tt.v.Unsuccessful() != tt.unsuccessful {
			t.Errorf("%s %s: over %v, unsuccessful %v", tt.v.State, tt.v.Reason, tt.v.Over(), tt.v.Unsuccessful())
		}
	}
}
