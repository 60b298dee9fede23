package storetest

import (
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

func testCreate(f *fixture) {
	n := store.NewRun{
		Application: "billing", File: "/w/billing.json", WorkingDir: "/w", Hash: "h1", Workflow: []byte("w1"), At: at(5),
		Attempt: store.NewAttempt{Hash: "h1", Workflow: []byte("w1"), Options: []byte(`{"a":1}`), Jobs: 7, At: at(6)},
	}
	l, err := f.CreateRun(f.ctx, n, owner(4), ttl)
	f.must(err)
	f.equal(l, store.Lease{Run: 1, Epoch: 1})

	attempt := store.Attempt{
		Number: 1, State: run.Pending, Hash: "h1", Options: []byte(`{"a":1}`), CreatedAt: at(6), Counts: store.Counts{Total: 7},
	}
	who := owner(4)
	want := store.Run{
		ID: 1, Application: "billing", File: "/w/billing.json", WorkingDir: "/w", SubmittedAt: at(5), Attempt: attempt, Owner: &who,
	}
	f.equal(f.run(1), want)
	all, err := f.Runs(f.ctx, store.Filter{})
	f.must(err)
	f.equal(all, []store.Run{want})
	attempts, err := f.Attempts(f.ctx, 1)
	f.must(err)
	f.equal(attempts, []store.Attempt{attempt})
	f.equal(f.transitions(1), []run.Transition(nil))
	f.equal(f.create("second").Run, run.ID(2))
}

func testCreateDefaults(f *fixture) {
	l := f.createRun(store.NewRun{Hash: "h1", Workflow: []byte("w1"), At: at(5), Attempt: store.NewAttempt{Jobs: 2}})
	f.equal(f.run(l.Run).Attempt, store.Attempt{Number: 1, Hash: "h1", CreatedAt: at(5), Counts: store.Counts{Total: 2}})
	body, err := f.Workflow(f.ctx, "h1")
	f.must(err)
	f.equal(body, []byte("w1"))
}

// testEmpty has nothing set that may be left out.
func testEmpty(f *fixture) {
	l, err := f.CreateRun(f.ctx, store.NewRun{Attempt: store.NewAttempt{Options: []byte{}}}, store.Owner{}, ttl)
	f.must(err)
	f.equal(f.run(l.Run), store.Run{ID: 1, Attempt: store.Attempt{Number: 1}, Owner: &store.Owner{}})

	last, err := f.Append(f.ctx, l, nil)
	f.must(err)
	f.equal(last, int64(0))

	ts := []run.Transition{{Attempt: 1, Job: "a"}, {Attempt: 1, Job: "a", Outcome: &run.Outcome{}}}
	f.append(l, ts...)
	f.equal(f.transitions(l.Run), numbered(1, ts))
	last, err = f.Append(f.ctx, l, nil)
	f.must(err)
	f.equal(last, int64(2))

	f.must(f.AddOverrides(f.ctx, l.Run, nil))
	f.must(f.AddOverrides(f.ctx, l.Run, []run.Override{{}}))
	os, err := f.Overrides(f.ctx, l.Run)
	f.must(err)
	f.equal(os, []run.Override{{}})

	f.must(f.Request(f.ctx, l.Run, store.Request{}))
	rs, err := f.Renew(f.ctx, l, ttl)
	f.must(err)
	f.equal(rs, []store.Request{{No: 1}})

	runs, err := f.Runs(f.ctx, store.Filter{Since: at(-1000)})
	f.must(err)
	f.equal(runs, []store.Run(nil))
}

func testTexts(f *fixture) {
	long := strings.Repeat("€ 1'\"\\%_;--\n", 1<<20/14) // about 1 MB
	odd := "日本語 \u202e ☃ \x01 \t'; DROP TABLE runs; --"
	l := f.createRun(store.NewRun{
		Application: odd, File: "/" + odd, WorkingDir: long, Hash: odd, Workflow: []byte(long + "\x00\xff"),
		Attempt: store.NewAttempt{Options: []byte{0, 0xff, '"'}},
	})
	r := f.run(l.Run)
	f.equal([]string{r.Application, r.File, r.WorkingDir, r.Attempt.Hash}, []string{odd, "/" + odd, long, odd})
	f.equal(r.Attempt.Options, []byte{0, 0xff, '"'})
	body, err := f.Workflow(f.ctx, odd)
	f.must(err)
	f.equal(body, []byte(long+"\x00\xff"))

	t := move(run.JobID(odd), run.Running, run.Failed, run.Exited)
	t.Cause, t.Detail, t.Outcome.Detail = run.JobID(odd+"2"), long, odd
	f.append(l, t)
	f.equal(f.transitions(l.Run), numbered(1, []run.Transition{t}))
	found, err := f.Runs(f.ctx, store.Filter{Application: odd})
	f.must(err)
	f.equal(found, []store.Run{f.run(l.Run)})
}

func testWorkflows(f *fixture) {
	for range 2 {
		f.createRun(store.NewRun{Hash: "same", Workflow: []byte("first")})
	}
	// The hash decides: what it stands for never changes.
	l := f.createRun(store.NewRun{Hash: "same", Workflow: []byte("other")})
	_, err := f.AddAttempt(f.ctx, l, store.NewAttempt{Hash: "same", Workflow: []byte("other")})
	f.must(err)
	body, err := f.Workflow(f.ctx, "same")
	f.must(err)
	f.equal(string(body), "first")
	_, err = f.Workflow(f.ctx, "missing")
	f.fails(err, fault.NotFound)
	_, err = f.Workflow(f.ctx, "")
	f.fails(err, fault.NotFound)
}

func testNoRun(f *fixture) {
	f.create("a")
	for _, id := range []run.ID{2, 0, -1, 1 << 62} {
		l := store.Lease{Run: id, Epoch: 1}
		_, err := f.Run(f.ctx, id)
		f.fails(err, fault.NotFound)
		_, err = f.Attempts(f.ctx, id)
		f.fails(err, fault.NotFound)
		_, err = f.Transitions(f.ctx, id, 0, 0)
		f.fails(err, fault.NotFound)
		_, err = f.Overrides(f.ctx, id)
		f.fails(err, fault.NotFound)
		_, err = f.Acquire(f.ctx, id, owner(1), ttl, nil)
		f.fails(err, fault.NotFound)
		_, err = f.Renew(f.ctx, l, ttl)
		f.fails(err, fault.NotFound)
		_, err = f.AddAttempt(f.ctx, l, store.NewAttempt{})
		f.fails(err, fault.NotFound)
		_, err = f.Append(f.ctx, l, []run.Transition{move("a", run.Pending, run.Queued, run.DependenciesMet)})
		f.fails(err, fault.NotFound)
		_, err = f.Answer(f.ctx, l, nil, 1)
		f.fails(err, fault.NotFound)
		f.fails(f.Release(f.ctx, l), fault.NotFound)
		f.fails(f.Request(f.ctx, id, store.Request{Kind: store.CancelRun}), fault.NotFound)
		f.fails(f.AddOverrides(f.ctx, id, []run.Override{{Attempt: 1, Job: "a"}}), fault.NotFound)
		f.fails(f.AddOverrides(f.ctx, id, nil), fault.NotFound)
	}
}

func testAttempts(f *fixture) {
	l := f.create("a")
	f.append(l, move("", run.Pending, run.Running, run.Started), move("", run.Running, run.Failed, run.JobFailed))
	number, err := f.AddAttempt(f.ctx, l, store.NewAttempt{
		Hash: "h2", Workflow: []byte("w2"), Options: []byte("{}"), Jobs: 5, At: at(9),
	})
	f.must(err)
	f.equal(number, 2)

	first := store.Attempt{
		Number: 1, State: run.Failed, Reason: run.JobFailed, Hash: "h-a", Options: []byte(`{"parallel":true}`),
		CreatedAt: at(0), StartedAt: at(1), EndedAt: at(1), Counts: store.Counts{Total: 3},
	}
	second := store.Attempt{
		Number: 2, State: run.Pending, Hash: "h2", Options: []byte("{}"), CreatedAt: at(9), Counts: store.Counts{Total: 5},
	}
	all, err := f.Attempts(f.ctx, l.Run)
	f.must(err)
	f.equal(all, []store.Attempt{first, second})
	r := f.run(l.Run)
	f.equal(r.Attempt, second)
	f.equal(r.Seq, int64(2))
	f.equal(r.SubmittedAt, at(0))
	body, err := f.Workflow(f.ctx, "h2")
	f.must(err)
	f.equal(body, []byte("w2"))

	pending, err := f.Runs(f.ctx, store.Filter{States: []run.State{run.Pending}})
	f.must(err)
	f.equal(pending, []store.Run{r})

	number, err = f.AddAttempt(f.ctx, l, store.NewAttempt{At: at(10).In(time.FixedZone("", 3600))})
	f.must(err)
	f.equal(number, 3)
	f.equal(f.run(l.Run).Attempt, store.Attempt{Number: 3, CreatedAt: at(10)})
}
