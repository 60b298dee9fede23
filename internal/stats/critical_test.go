package stats

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// world is a workflow and how long its jobs take. With places 0 all may run at once.
type world struct {
	wf     *workflow.Workflow
	length []time.Duration
	places int
}

// play runs the jobs, first of the file first, and returns what would be recorded, and how
// long it took. It is as simple as it can be: a clock that goes on in nanoseconds.
func (w *world) play() ([]run.Transition, time.Duration) {
	var ts []run.Transition
	state := make([]run.State, len(w.length))
	ends := make([]time.Duration, len(w.length))
	move := func(i int, to run.State, at time.Duration) {
		ts = append(ts, run.Transition{Attempt: 1, Job: w.wf.Jobs[i].ID, From: state[i], To: to, At: begin.Add(at)})
		state[i] = to
	}
	for now := time.Duration(0); ; now++ {
		for changed := true; changed; { // jobs without a length end in the moment in which they start
			changed = false
			running := 0
			for i := range state {
				if state[i] == run.Running && ends[i] == now {
					move(i, run.Success, now)
					changed = true
				}
				if state[i] == run.Running {
					running++
				}
			}
			for i := range state {
				met := !slices.ContainsFunc(w.wf.Jobs[i].Needs, func(n int) bool { return state[n] != run.Success })
				if state[i] == run.Pending && met {
					move(i, run.Queued, now)
					changed = true
				}
				if state[i] == run.Queued && (w.places == 0 || running < w.places) {
					move(i, run.Running, now)
					ends[i] = now + w.length[i]
					running++
					changed = true
				}
			}
		}
		if !slices.ContainsFunc(state, func(s run.State) bool { return s != run.Success }) {
			return ts, now
		}
	}
}

// worlds are random workflows. Needs are of jobs before, as in most files.
func worlds(most int) *rapid.Generator[*world] {
	return rapid.Custom(func(t *rapid.T) *world {
		n := rapid.IntRange(1, 12).Draw(t, "jobs")
		w := &world{wf: &workflow.Workflow{Jobs: make([]workflow.Job, n)}, places: rapid.IntRange(0, most).Draw(t, "places")}
		for i := range n {
			w.wf.Jobs[i].ID = run.JobID(fmt.Sprint("j", i))
			w.length = append(w.length, time.Duration(rapid.IntRange(0, 9).Draw(t, "length")))
			for need := range i {
				if rapid.IntRange(0, 3).Draw(t, "needs") == 0 {
					w.wf.Jobs[i].Needs = append(w.wf.Jobs[i].Needs, need)
				}
			}
		}
		return w
	})
}

// The path has no gaps: what its jobs waited and took is what the attempt took.
func TestCriticalPathIsWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := worlds(3).Draw(t, "world")
		ts, took := w.play()
		c := CriticalPath(w.wf, ts, 1, begin, begin.Add(took))
		sum := c.Tail
		for _, s := range c.Steps {
			sum += s.Wait + s.Took
			if s.Wait != 0 {
				t.Fatalf("%s waited %v for nothing", w.wf.Jobs[s.Job].ID, s.Wait)
			}
			if c.Slack[s.Job] != 0 {
				t.Fatalf("slack of the path: %v", c.Slack)
			}
		}
		if sum != took || c.Took != took {
			t.Fatalf("the steps take %v of %v: %+v", sum, took, c.Steps)
		}
	})
}

// Where all jobs may run at once, a job can take as much longer as its slack says, and
// not a moment more.
func TestSlackAgainstReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := worlds(0).Draw(t, "world")
		ts, took := w.play()
		slack := CriticalPath(w.wf, ts, 1, begin, begin.Add(took)).Slack
		for i := range w.length {
			w.length[i] += slack[i]
			if _, got := w.play(); got != took {
				t.Fatalf("job %d with a slack of %v: the run takes %v in place of %v", i, slack[i], got, took)
			}
			w.length[i]++
			if _, got := w.play(); got != took+1 {
				t.Fatalf("job %d with more than its slack of %v: the run takes %v", i, slack[i], got)
			}
			w.length[i] -= slack[i] + 1
		}
	})
}

// TestCriticalPath has what the plain worlds have not.
func TestCriticalPath(t *testing.T) {
	jobs := func(needs ...[]int) *workflow.Workflow {
		wf := &workflow.Workflow{}
		for i, n := range needs {
			wf.Jobs = append(wf.Jobs, workflow.Job{ID: run.JobID('a' + rune(i)), Needs: n})
		}
		return wf
	}
	hooked := jobs(nil, nil, nil)
	hooked.Jobs[2].Hook = workflow.HookSuccess
	for _, c := range []struct {
		name string
		wf   *workflow.Workflow
		ts   []string // a second apart
		end  int      // of the attempt, in seconds
		want string
	}{
		{"no job ran", jobs(nil), []string{"1 a PENDING SKIPPED"}, 9, "; tail 0s; slack [-1ns]"},
		{
			"a hook", hooked,
			[]string{"1 a PENDING QUEUED", "1 a QUEUED RUNNING", "1 b PENDING QUEUED", "1 b QUEUED RUNNING", "1 b RUNNING SUCCESS", "1 a RUNNING SUCCESS", "1 c PENDING QUEUED", "1 c QUEUED RUNNING", "1 c RUNNING FAILED"},
			10, "a start 1s+4s, c run 2s+1s; tail 2s; slack [0s 3s 0s]",
		},
		{
			"over a job that was skipped", jobs(nil, []int{0}, []int{1}),
			[]string{"1 a QUEUED RUNNING", "1 a RUNNING FAILED", "1 b PENDING SKIPPED", "1 c PENDING QUEUED", "1 c QUEUED RUNNING", "1 c RUNNING SUCCESS"},
			5, "a start 0s+1s, c dependency 3s+1s; tail 0s; slack [0s -1ns 0s]",
		},
		{
			"with retries, and marks", jobs(nil),
			[]string{"1 a PENDING QUEUED", "1 a QUEUED RUNNING", "1 a RUNNING FAILED", "1 a FAILED QUEUED", "1 a QUEUED RUNNING", "1 a RUNNING RUNNING", "1 a RUNNING CANCELLED"},
			6, "a start 1s+5s; tail 0s; slack [0s]",
		},
		{
			"ended while nobody watched", jobs(nil, []int{0}),
			[]string{"1 a PENDING QUEUED", "1 a QUEUED RUNNING", "2 b PENDING QUEUED", "1 a RUNNING SUCCESS exit_code 2", "1 b PENDING QUEUED", "1 b QUEUED RUNNING", "1 b RUNNING SUCCESS"},
			6, "a start 1s+1s, b dependency 3s+1s; tail 0s; slack [0s 0s]",
		},
		{
			"of another attempt", jobs(nil, []int{0}),
			[]string{"2 a QUEUED RUNNING", "2 a RUNNING FAILED", "1 b QUEUED RUNNING", "1 b RUNNING SUCCESS"},
			3, "b start 2s+1s; tail 0s; slack [-1ns 0s]",
		},
		{
			"waiting for a place", jobs(nil, nil),
			[]string{"1 a PENDING QUEUED", "1 b PENDING QUEUED", "1 a QUEUED RUNNING", "1 a RUNNING SUCCESS", "1 b QUEUED RUNNING", "1 b RUNNING SUCCESS"},
			5, "a start 2s+1s, b worker 1s+1s; tail 0s; slack [0s 0s]",
		},
		{
			"jobs that take no time", jobs(nil, nil),
			[]string{"1 a QUEUED RUNNING", "1 a RUNNING SUCCESS", "1 b QUEUED RUNNING", "1 b RUNNING SUCCESS"},
			3, "b start 2s+1s; tail 0s; slack [2s 0s]",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := CriticalPath(c.wf, told(c.ts...), 1, begin, begin.Add(time.Duration(c.end)*time.Second))
			var steps []string
			for _, s := range got.Steps {
				steps = append(steps, fmt.Sprintf("%s %s %v+%v", c.wf.Jobs[s.Job].ID, s.Link, s.Wait, s.Took))
			}
			if text := fmt.Sprintf("%s; tail %v; slack %v", strings.Join(steps, ", "), got.Tail, got.Slack); text != c.want {
				t.Errorf("got  %s\nwant %s", text, c.want)
			}
		})
	}
}
