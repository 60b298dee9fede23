package storetest

import (
	"fmt"
	"math"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// history returns n transitions of a kind that a run makes, with all the fields in use.
func history(n int) []run.Transition {
	ts := make([]run.Transition, n)
	for i := range ts {
		job := run.JobID(fmt.Sprintf("job-%d", i/3))
		switch i % 3 {
		case 0:
			ts[i] = move(job, run.Pending, run.Queued, run.DependenciesMet)
			ts[i].Try = 0
		case 1:
			ts[i] = move(job, run.Queued, run.Running, run.Started)
		default:
			ts[i] = move(job, run.Running, run.Failed, run.Exited)
			ts[i].Cause, ts[i].Detail, ts[i].Until = "blamed", "exit code 3", at(60000+i)
			ts[i].Outcome.ExitCode, ts[i].Outcome.Detail, ts[i].Outcome.Output = 3, "exit code 3", int64(i)
		}
		ts[i].At = at(i)
	}
	return ts
}

func testAppend(f *fixture) {
	// Each length meets other sizes of statements in an implementation that has them.
	var want []run.Transition
	l := f.create("a")
	for _, n := range []int{1, 2, 3, 4, 5, 15, 16, 17, 33, 100, 700} {
		ts := history(n)
		want = append(want, numbered(int64(len(want)+1), ts)...)
		f.equal(f.append(l, ts...), int64(len(want)))
	}
	f.equal(f.transitions(l.Run), want)
	f.equal(f.run(l.Run).Seq, int64(len(want)))

	// Another run has numbers of its own, and the first keeps its.
	other := f.create("b")
	ts := history(3)
	f.equal(f.append(other, ts...), int64(3))
	f.equal(f.transitions(other.Run), numbered(1, ts))
	f.equal(f.transitions(l.Run), want)
}

func testOutcomes(f *fixture) {
	full := &run.Outcome{
		State: run.Timeout, Reason: run.TimedOut, ExitCode: run.NoExitCode, Signal: 9, Detail: "slow",
		CPU: 25*time.Hour + 3*time.Microsecond, MaxRSS: math.MaxInt64, Output: math.MaxInt64, Dropped: 1 << 40, Survivors: 12,
		Values: run.NewValues(map[string]string{"rows": "3", "text": "é\n\x00"}), Ended: at(-7),
	}
	other := *full // nothing of it is what the transition says
	other.State, other.Reason, other.Detail, other.Values = run.Failed, run.Lost, "", ""
	zero := &run.Outcome{}
	l := f.create("a")
	var ts []run.Transition
	for _, o := range []*run.Outcome{full, &other, zero, nil} {
		t := move("a", run.Running, run.Timeout, run.TimedOut)
		t.Detail, t.Outcome = "slow", o
		ts = append(ts, t)
	}
	f.append(l, ts...)
	f.equal(f.transitions(l.Run), numbered(1, ts))

	// Times and durations are kept to the microsecond, in UTC.
	fine := move("b", run.Running, run.Success, run.Exited)
	fine.At = at(1).Add(999 * time.Nanosecond).In(time.FixedZone("", -3600))
	fine.Outcome.CPU, fine.Outcome.Ended = time.Microsecond+999, fine.At
	f.append(l, fine)
	got, err := f.Transitions(f.ctx, l.Run, 4, 0)
	f.must(err)
	fine.At, fine.Outcome.CPU, fine.Outcome.Ended = at(1), time.Microsecond, at(1)
	f.equal(got, numbered(5, []run.Transition{fine}))
}

func testPages(f *fixture) {
	l := f.create("a")
	f.append(l, history(25)...)
	all := f.transitions(l.Run)
	for _, c := range []struct {
		after    int64
		limit    int
		from, to int
	}{
		{0, 10, 0, 10},
		{10, 10, 10, 20},
		{20, 10, 20, 25},
		{25, 10, 25, 25},
		{99, 0, 25, 25},
		{-5, 2, 0, 2},
		{24, 0, 24, 25},
		{3, -1, 3, 25},
		{0, 1, 0, 1},
	} {
		got, err := f.Transitions(f.ctx, l.Run, c.after, c.limit)
		f.must(err)
		f.equal(got, append([]run.Transition(nil), all[c.from:c.to]...))
	}
}

func testCounts(f *fixture) {
	l := f.create("a")
	for _, c := range []struct {
		move run.Transition
		want store.Counts
	}{
		{move("a", run.Pending, run.Queued, run.DependenciesMet), store.Counts{}},
		{move("a", run.Queued, run.Running, run.Started), store.Counts{Running: 1}},
		{move("a", run.Running, run.Running, run.JobCancelled), store.Counts{Running: 1}},
		{move("a", run.Running, run.Failed, run.Exited), store.Counts{Failed: 1}},
		{move("a", run.Failed, run.Queued, run.Retry), store.Counts{}},
		{move("a", run.Queued, run.Running, run.Started), store.Counts{Running: 1}},
		{move("a", run.Running, run.Timeout, run.TimedOut), store.Counts{Failed: 1}},
		{move("a", run.Timeout, run.Queued, run.Retry), store.Counts{}},
		{move("a", run.Queued, run.Running, run.Started), store.Counts{Running: 1}},
		{move("a", run.Running, run.Success, run.Exited), store.Counts{Succeeded: 1}},
		{move("b", run.Pending, run.Skipped, run.AlreadySucceeded), store.Counts{Succeeded: 2}},
		{move("c", run.Pending, run.Skipped, run.SkipRequested), store.Counts{Succeeded: 2, Skipped: 1}},
		{move("d", run.Queued, run.Skipped, run.DependencyFailed), store.Counts{Succeeded: 2, Skipped: 2}},
		{move("e", run.Pending, run.Cancelled, run.RunCancelled), store.Counts{Succeeded: 2, Skipped: 2, Cancelled: 1}},
		{move("", run.Pending, run.Running, run.Started), store.Counts{Succeeded: 2, Skipped: 2, Cancelled: 1}},
		{move("", run.Running, run.Failed, run.JobFailed), store.Counts{Succeeded: 2, Skipped: 2, Cancelled: 1}},
	} {
		f.append(l, c.move)
		c.want.Total = 3
		f.equal(f.run(l.Run).Attempt.Counts, c.want)
	}
}

func testCountsOfAttempts(f *fixture) {
	l := f.create("a")
	_, err := f.AddAttempt(f.ctx, l, store.NewAttempt{Jobs: 2})
	f.must(err)
	var ts []run.Transition
	for i, attempt := range []int{1, 2, 1, 2, 2} {
		t := move(run.JobID(fmt.Sprint(i)), run.Running, run.Success, run.Exited)
		t.From, t.Outcome, t.Attempt = run.Queued, nil, attempt
		ts = append(ts, t)
	}
	f.append(l, ts...)
	all, err := f.Attempts(f.ctx, l.Run)
	f.must(err)
	f.equal([]store.Counts{all[0].Counts, all[1].Counts}, []store.Counts{{Total: 3, Succeeded: 2}, {Total: 2, Succeeded: 3}})

	// A late transition of the first attempt does not move the run.
	f.append(l, move("", run.Running, run.Failed, run.EngineLost))
	r := f.run(l.Run)
	f.equal(r.Attempt.State, run.Pending)
	found, err := f.Runs(f.ctx, store.Filter{States: []run.State{run.Pending}})
	f.must(err)
	f.equal(found, []store.Run{r})
}

func testMoves(f *fixture) {
	l := f.create("a")
	steps := []run.Transition{
		move("", run.Pending, run.Queued, run.Submitted),
		move("", run.Queued, run.Running, run.Started),
		move("", run.Running, run.Running, run.RunCancelled), // a mark
		move("", run.Running, run.Cancelled, run.RunCancelled),
	}
	for i := range steps {
		steps[i].At, steps[i].Detail = at(10+i), fmt.Sprint("step ", i)
	}
	want := f.run(l.Run).Attempt
	for i, s := range steps {
		f.append(l, s)
		want.State, want.Reason, want.Detail = s.To, s.Reason, fmt.Sprint("step ", i)
		if i >= 1 {
			want.StartedAt = at(11)
		}
		if i == 3 {
			want.EndedAt = at(13)
		}
		f.equal(f.run(l.Run).Attempt, want)
		found, err := f.Runs(f.ctx, store.Filter{States: []run.State{s.To}})
		f.must(err)
		f.equal(len(found), 1)
	}
}

func testAllOrNone(f *fixture) {
	l := f.create("a")
	f.append(l, history(3)...)
	before := f.run(l.Run)
	bad := history(20)
	bad[17].Attempt = 2 // is not there
	_, err := f.Append(f.ctx, l, bad)
	f.fails(err, fault.Internal)
	f.equal(f.run(l.Run), before)
	f.equal(f.transitions(l.Run), numbered(1, history(3)))
	f.equal(f.append(l, history(1)...), int64(4))
}
