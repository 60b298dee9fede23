package run

import "testing"

func TestCountsApply(t *testing.T) {
	start := Counts{Total: 20, Running: 5, Succeeded: 4, Failed: 3, Skipped: 2, Cancelled: 1}
	with := func(change func(*Counts)) Counts {
		c := start
		change(&c)
		return c
	}
	tests := []struct {
		name string
		in   Transition
		want Counts
	}{
		{"a job is queued", Transition{Job: "a", From: Pending, To: Queued}, start},
		{"it starts", Transition{Job: "a", From: Queued, To: Running}, with(func(c *Counts) { c.Running = 6 })},
		{"it succeeds", Transition{Job: "a", From: Running, To: Success}, with(func(c *Counts) { c.Running, c.Succeeded = 4, 5 })},
		{"it fails", Transition{Job: "a", From: Running, To: Failed}, with(func(c *Counts) { c.Running, c.Failed = 4, 4 })},
		{"its time is over", Transition{Job: "a", From: Running, To: Timeout}, with(func(c *Counts) { c.Running, c.Failed = 4, 4 })},
		{"it is cancelled", Transition{Job: "a", From: Running, To: Cancelled}, with(func(c *Counts) { c.Running, c.Cancelled = 4, 2 })},
		{"it is repeated", Transition{Job: "a", From: Failed, To: Queued, Reason: Retry}, with(func(c *Counts) { c.Failed = 2 })},
		{"it is repeated after a timeout", Transition{Job: "a", From: Timeout, To: Queued, Reason: Retry}, with(func(c *Counts) { c.Failed = 2 })},
		{"it is skipped", Transition{Job: "a", From: Pending, To: Skipped, Reason: DependencyFailed}, with(func(c *Counts) { c.Skipped = 3 })},
		{"the user skips it", Transition{Job: "a", From: Pending, To: Skipped, Reason: SkipRequested}, with(func(c *Counts) { c.Skipped = 3 })},
		{"it was done before", Transition{Job: "a", From: Pending, To: Skipped, Reason: AlreadySucceeded}, with(func(c *Counts) { c.Succeeded = 5 })},
		{"it was let fail before", Transition{Job: "a", From: Pending, To: Skipped, Reason: FailuresAllowed}, with(func(c *Counts) { c.Failed = 4 })},
		{"its condition does not hold", Transition{Job: "a", From: Pending, To: Skipped, Reason: ConditionFalse}, with(func(c *Counts) { c.Skipped = 3 })},
		{"it is cancelled before it starts", Transition{Job: "a", From: Queued, To: Cancelled}, with(func(c *Counts) { c.Cancelled = 2 })},
		{"a mark", Transition{Job: "a", From: Running, To: Running, Reason: JobCancelled}, start},
		{"the run starts", Transition{From: Queued, To: Running}, start},
		{"the run ends", Transition{From: Running, To: Failed}, start},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := start
			if got.Apply(&tt.in); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestTransitionMark(t *testing.T) {
	for _, from := range States() {
		for _, to := range States() {
			if got := (&Transition{From: from, To: to}).Mark(); got != (from == to) {
				t.Errorf("%s to %s: mark %v", from, to, got)
			}
		}
	}
}
