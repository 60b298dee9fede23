package stats

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/run"
)

var begin = time.Date(2026, 3, 31, 23, 59, 59, 0, time.UTC)

// told builds transitions, a second apart, of lines such as "1 load RUNNING FAILED lost", or
// "1 load RUNNING FAILED lost 2" for what was recorded later than in second 2, when it ended.
func told(lines ...string) []run.Transition {
	var all []run.Transition
	for i, line := range lines {
		var from, to string
		late := 0
		t := run.Transition{At: begin.Add(time.Duration(i) * time.Second)}
		_, _ = fmt.Sscan(line, &t.Attempt, &t.Job, &from, &to, &t.Reason, &late)
		t.From, _ = run.ParseState(from)
		t.To, _ = run.ParseState(to)
		if t.From == run.Running && t.To != run.Running {
			t.Outcome = &run.Outcome{CPU: time.Second, MaxRSS: 5}
			if late > 0 {
				t.Outcome.Ended = begin.Add(time.Duration(late) * time.Second)
			}
		}
		all = append(all, t)
	}
	return all
}

// words says what of a tally is not 0.
func words(t *Tally) string {
	return fmt.Sprintf("ok %d failed %d timeout %d cancelled %d skipped %d; resumed %d started %d tries %d flaky %d; took %v of %d, queued %v of %d; cpu %v of %d",
		t.Success, t.Failed, t.Timeout, t.Cancelled, t.Skipped, t.Resumed, t.Started, t.Tries, t.Flaky,
		t.Took.Sum(), t.Took.Count(), t.Queued.Sum(), t.Queued.Count(), t.CPU, t.Measured)
}

func TestCount(t *testing.T) {
	attempts := func(states ...run.State) []Attempt {
		var all []Attempt
		for i, s := range states {
			at := begin.Add(time.Duration(i) * time.Hour)
			all = append(all, Attempt{i + 1, s, "h", at.Add(-time.Second), at, at.Add(time.Minute)})
		}
		return all
	}
	const ran = "ok 1 failed 0 timeout 0 cancelled 0 skipped 0; resumed 0 started 1 tries 1 flaky 0; took 1s of 1, queued 1s of 1; cpu 1s of 1"
	const whole = "ok 1 failed 0 timeout 0 cancelled 0 skipped 0; resumed 0 started 1 tries 1 flaky 0; took 1m0s of 1, queued 1s of 1; cpu 1s of 1"
	other := attempts(run.Failed, run.Success)
	other[1].Hash = "other"
	for _, c := range []struct {
		name     string
		attempts []Attempt
		ts       []string
		want     map[run.JobID]string // of the last attempt
	}{
		{"success", attempts(run.Success), []string{"1 a PENDING QUEUED", "1 a QUEUED RUNNING", "1 a RUNNING SUCCESS"}, map[run.JobID]string{"": whole, "a": ran}},
		{
			"ended while nobody watched", attempts(run.Success),
			[]string{"1 a PENDING QUEUED", "1 a QUEUED RUNNING", "1 b PENDING QUEUED", "1 b PENDING QUEUED", "1 a RUNNING SUCCESS exit_code 2"},
			map[run.JobID]string{"": whole, "a": ran},
		},
		{
			"nothing but marks and what is open", attempts(run.Cancelled),
			[]string{"1 a PENDING QUEUED", "1 a QUEUED RUNNING", "1 a RUNNING RUNNING", "0 x RUNNING SUCCESS", "2 x RUNNING SUCCESS"},
			map[run.JobID]string{"": "ok 0 failed 0 timeout 0 cancelled 1 skipped 0; resumed 0 started 0 tries 0 flaky 0; took 0s of 0, queued 1s of 1; cpu 0s of 0"},
		},
		{
			"skipped and cancelled", attempts(run.Timeout),
			[]string{"1 a PENDING SKIPPED condition_false", "1 b PENDING CANCELLED", "1 c PENDING SKIPPED already_succeeded", "1 d PENDING SKIPPED not_selected", "1 e PENDING SKIPPED failures_allowed"},
			map[run.JobID]string{
				"":  "ok 0 failed 0 timeout 1 cancelled 0 skipped 0; resumed 0 started 0 tries 0 flaky 0; took 0s of 0, queued 1s of 1; cpu 0s of 0",
				"a": "ok 0 failed 0 timeout 0 cancelled 0 skipped 1; resumed 0 started 0 tries 0 flaky 0; took 0s of 0, queued 0s of 0; cpu 0s of 0",
				"b": "ok 0 failed 0 timeout 0 cancelled 1 skipped 0; resumed 0 started 0 tries 0 flaky 0; took 0s of 0, queued 0s of 0; cpu 0s of 0",
			},
		},
		{
			"nothing to do", attempts(run.Success),
			[]string{"1 a QUEUED RUNNING", "1 a RUNNING SUCCESS up_to_date"},
			map[run.JobID]string{
				"":  "ok 1 failed 0 timeout 0 cancelled 0 skipped 0; resumed 0 started 1 tries 1 flaky 0; took 1m0s of 1, queued 1s of 1; cpu 1s of 1",
				"a": "ok 1 failed 0 timeout 0 cancelled 0 skipped 0; resumed 0 started 1 tries 1 flaky 0; took 0s of 0, queued 0s of 0; cpu 1s of 1",
			},
		},
		{
			"a retry", attempts(run.Success),
			[]string{"1 a PENDING QUEUED", "1 a QUEUED RUNNING", "1 a RUNNING TIMEOUT", "1 a TIMEOUT QUEUED", "1 a QUEUED RUNNING", "1 a RUNNING SUCCESS"},
			map[run.JobID]string{
				"":  "ok 1 failed 0 timeout 0 cancelled 0 skipped 0; resumed 0 started 1 tries 2 flaky 0; took 1m0s of 1, queued 1s of 1; cpu 2s of 1",
				"a": "ok 1 failed 0 timeout 0 cancelled 0 skipped 0; resumed 0 started 1 tries 2 flaky 1; took 4s of 1, queued 2s of 2; cpu 2s of 1",
			},
		},
		{
			"a retry after nobody knew is not flaky", attempts(run.Success),
			[]string{"1 a QUEUED RUNNING", "1 a RUNNING FAILED lost", "1 a FAILED QUEUED", "1 a QUEUED RUNNING", "1 a RUNNING SUCCESS"},
			map[run.JobID]string{
				"":  "ok 1 failed 0 timeout 0 cancelled 0 skipped 0; resumed 0 started 1 tries 2 flaky 0; took 1m0s of 1, queued 1s of 1; cpu 2s of 1",
				"a": "ok 1 failed 0 timeout 0 cancelled 0 skipped 0; resumed 0 started 1 tries 2 flaky 0; took 4s of 1, queued 1s of 1; cpu 2s of 1",
			},
		},
		{
			"failed until the end", attempts(run.Failed),
			[]string{"1 a QUEUED RUNNING", "1 a RUNNING FAILED", "1 a FAILED QUEUED", "1 a QUEUED RUNNING", "1 a RUNNING FAILED"},
			map[run.JobID]string{
				"":  "ok 0 failed 1 timeout 0 cancelled 0 skipped 0; resumed 0 started 1 tries 2 flaky 0; took 0s of 0, queued 1s of 1; cpu 2s of 1",
				"a": "ok 0 failed 1 timeout 0 cancelled 0 skipped 0; resumed 0 started 1 tries 2 flaky 0; took 0s of 0, queued 1s of 1; cpu 2s of 1",
			},
		},
		{
			"resumed with the same workflow", attempts(run.Failed, run.Cancelled, run.Failed, run.Success),
			[]string{"1 a QUEUED RUNNING", "1 a RUNNING FAILED", "2 a PENDING SKIPPED stopped_on_failure", "4 a PENDING QUEUED", "4 a QUEUED RUNNING", "4 a RUNNING SUCCESS"},
			map[run.JobID]string{
				"":  "ok 1 failed 0 timeout 0 cancelled 0 skipped 0; resumed 1 started 1 tries 1 flaky 1; took 0s of 0, queued 1s of 1; cpu 1s of 1",
				"a": "ok 1 failed 0 timeout 0 cancelled 0 skipped 0; resumed 0 started 1 tries 1 flaky 1; took 1s of 1, queued 1s of 1; cpu 1s of 1",
			},
		},
		{
			"resumed with another workflow", other,
			[]string{"1 a QUEUED RUNNING", "1 a RUNNING FAILED", "2 a PENDING QUEUED", "2 a QUEUED RUNNING", "2 a RUNNING SUCCESS"},
			map[run.JobID]string{
				"":  "ok 1 failed 0 timeout 0 cancelled 0 skipped 0; resumed 1 started 1 tries 1 flaky 0; took 0s of 0, queued 1s of 1; cpu 1s of 1",
				"a": ran,
			},
		},
		{
			"a failure counts once", attempts(run.Failed, run.Success, run.Success),
			[]string{"1 a RUNNING FAILED", "2 a RUNNING SUCCESS", "3 a PENDING QUEUED", "3 a QUEUED RUNNING", "3 a RUNNING SUCCESS"},
			map[run.JobID]string{
				"":  "ok 1 failed 0 timeout 0 cancelled 0 skipped 0; resumed 1 started 1 tries 1 flaky 0; took 0s of 0, queued 1s of 1; cpu 1s of 1",
				"a": ran,
			},
		},
		{
			"resumed after it was cancelled", attempts(run.Cancelled, run.Success),
			[]string{"1 a RUNNING SUCCESS", "2 a PENDING QUEUED", "2 a QUEUED RUNNING", "2 a RUNNING SUCCESS"},
			map[run.JobID]string{
				"":  "ok 1 failed 0 timeout 0 cancelled 0 skipped 0; resumed 1 started 1 tries 1 flaky 0; took 0s of 0, queued 1s of 1; cpu 1s of 1",
				"a": ran,
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			counter := NewCounter(c.attempts)
			ts := told(c.ts...)
			for i := range ts {
				counter.Add(&ts[i])
			}
			counted := counter.Count(len(c.attempts))
			got := map[run.JobID]string{}
			for id, tally := range counted.Jobs {
				got[id] = words(tally)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// An attempt is counted for the day on which it began, or the next best.
func TestDayOfAttempt(t *testing.T) {
	day := func(n int) time.Time { return begin.AddDate(0, 0, n) }
	for _, c := range []struct {
		a    Attempt
		want time.Time
	}{
		{Attempt{CreatedAt: day(0), StartedAt: day(1), EndedAt: day(2)}, day(1)},
		{Attempt{CreatedAt: day(0), EndedAt: day(2)}, day(0)},
		{Attempt{EndedAt: day(2)}, day(2)},
		{Attempt{}, time.Unix(0, 0)},
	} {
		c.a.Number = 1
		if got := NewCounter([]Attempt{c.a}).Count(1).Day; got != Day(c.want) {
			t.Errorf("%+v: %v", c.a, got.Time())
		}
	}
}

// Of very many jobs those of a group are counted together, or none at all.
func TestManyJobs(t *testing.T) {
	for _, c := range []struct {
		jobs int
		name string
		want int // tallies, with that of the attempt
	}{{MaxJobs, "j%d", MaxJobs + 1}, {MaxJobs + 1, "j%d", 1}, {MaxJobs + 1, "build[%d]", 2}, {MaxJobs, "build[%d]", MaxJobs + 1}} {
		counter := NewCounter([]Attempt{{Number: 1, State: run.Success, StartedAt: begin, EndedAt: begin.Add(time.Hour)}})
		for i := range c.jobs {
			counter.Add(&run.Transition{Attempt: 1, Job: run.JobID(fmt.Sprintf(c.name, i)), From: run.Queued, To: run.Running, At: begin})
			counter.Add(&run.Transition{Attempt: 1, Job: run.JobID(fmt.Sprintf(c.name, i)), From: run.Running, To: run.Success, At: begin})
		}
		got := counter.Count(1).Jobs
		if len(got) != c.want || got[""].Started != int64(c.jobs) {
			t.Errorf("%d jobs %s: %d tallies, %d started", c.jobs, c.name, len(got), got[""].Started)
		}
		if c.want == 2 && got["build"].Success != int64(c.jobs) {
			t.Errorf("the group counts %d", got["build"].Success)
		}
	}
}
