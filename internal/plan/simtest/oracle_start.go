package simtest

import (
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// requeue queues what has waited long enough.
func (o *oracle) requeue() {
	for i := range o.jobs {
		if j := &o.jobs[i]; j.repeating && j.due <= o.now {
			j.State, j.Reason, j.repeating = run.Queued, run.Retry, false
		}
	}
}

// start starts the best of the queued jobs, again and again, while there is room.
func (o *oracle) start() {
	inOrder := (o.Options.Sequential || o.Workflow.Sequential) && !o.Options.Parallel
	if inOrder && slices.ContainsFunc(o.jobs, func(j node) bool { return j.repeating }) {
		return
	}
	for o.count(anyJob).Running < o.room() {
		best := -1
		for i := range o.jobs {
			if o.jobs[i].State == run.Queued && (best < 0 || o.better(i, best)) {
				best = i
			}
		}
		if best < 0 {
			return
		}
		j := &o.jobs[best]
		j.State, j.Reason, j.stopping, j.killed = run.Running, run.Started, false, 0
		j.Tries++
		if j.Tries == 1 {
			j.first = o.now
		}
		end := o.Attempt.end(best, j.Tries)
		j.ends, j.outcome = o.now+end.After, end.Outcome
		o.story.Starts = append(o.story.Starts, Start{Job: j.ID, Try: j.Tries, At: o.now})
	}
}

func (o *oracle) sequential() bool {
	return !o.Options.Parallel && (o.Options.Sequential || o.Workflow.Sequential)
}

func (o *oracle) room() int {
	switch {
	case o.sequential():
		return 1
	case o.Options.Workers != 0:
		return max(1, o.Options.Workers)
	}
	return max(1, o.Workflow.MaxWorkers)
}

// better reports whether queued job a, which is behind b in the file, starts before b.
func (o *oracle) better(a, b int) bool {
	if o.sequential() {
		return false
	}
	if o.jobs[a].Priority != o.jobs[b].Priority {
		return o.jobs[a].Priority > o.jobs[b].Priority
	}
	return o.chain[a] > o.chain[b]
}

// chains returns how long the longest chain is that begins with each job.
func (o *oracle) chains() []time.Duration {
	longest := make([]time.Duration, len(o.jobs))
	for range o.jobs {
		for k := range o.jobs {
			longest[k] = o.expected(k)
			for d := range o.jobs {
				if slices.Contains(o.jobs[d].Needs, k) {
					longest[k] = max(longest[k], o.expected(k)+longest[d])
				}
			}
		}
	}
	return longest
}

func (o *oracle) expected(i int) time.Duration {
	if i < len(o.Options.Expected) {
		return max(1, o.Options.Expected[i])
	}
	return time.Second
}
