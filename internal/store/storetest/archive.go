package storetest

import (
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// full makes a run with something of everything, ended and given back, and returns
// what an archive of it holds.
func (f *fixture) full(app string) store.Archive {
	f.Helper()
	l := f.create(app)
	ts := history(100)
	ts = append(ts, move("", run.Pending, run.Running, run.Started), move("", run.Running, run.Failed, run.JobFailed))
	f.append(l, ts...)
	f.must(f.AddOverrides(f.ctx, l.Run, []run.Override{{Attempt: 1, Job: "job-1", By: "änn", At: at(7), Note: "checked"}, {}}))
	_, err := f.AddAttempt(f.ctx, l, store.NewAttempt{
		Hash: "h2-" + app, Workflow: []byte("second\x00 " + app), Options: []byte(`{"b":2}`), Jobs: 9, At: at(300),
	})
	f.must(err)
	second := []run.Transition{
		move("", run.Pending, run.Running, run.Resumed), move("job-1", run.Running, run.Success, run.Exited),
		move("", run.Running, run.Success, run.AllSucceeded),
	}
	for i := range second {
		second[i].Attempt, second[i].At = 2, at(400+i)
	}
	f.append(l, second...)
	f.must(f.Request(f.ctx, l.Run, store.Request{Kind: store.CancelRun, At: at(3)}))
	f.must(f.Release(f.ctx, l))
	attempts, err := f.Attempts(f.ctx, l.Run)
	f.must(err)
	overrides, err := f.Overrides(f.ctx, l.Run)
	f.must(err)
	r := f.run(l.Run)
	r.Wrote = 0
	return store.Archive{
		Run: r, Attempts: attempts, Transitions: numbered(1, append(ts, second...)), Overrides: overrides,
		Workflows: map[string][]byte{"h-" + app: []byte("workflow " + app), "h2-" + app: []byte("second\x00 " + app)},
	}
}

func (f *fixture) export(id run.ID) store.Archive {
	f.Helper()
	a, err := f.Export(f.ctx, id)
	f.must(err)
	return a
}

// imports checks what Import returns.
func (f *fixture) imports(a store.Archive, want run.ID, wantImported bool) {
	f.Helper()
	id, imported, err := f.Import(f.ctx, a)
	f.must(err)
	f.equal([]any{id, imported}, []any{want, wantImported})
}

func testExport(f *fixture) {
	f.create("other")
	want := f.full("a")
	f.equal(f.export(want.Run.ID), want)

	// One that goes on is exported as it stands, without who holds it.
	l := f.create("b")
	f.append(l, history(5)...)
	r := f.run(l.Run)
	r.Owner, r.Wrote = nil, 0
	f.equal(f.export(l.Run), store.Archive{
		Run: r, Attempts: []store.Attempt{r.Attempt}, Transitions: numbered(1, history(5)),
		Workflows: map[string][]byte{"h-b": []byte("workflow b")},
	})
	empty := f.createRun(store.NewRun{})
	f.equal(f.export(empty.Run), store.Archive{
		Run: store.Run{ID: empty.Run, Attempt: store.Attempt{Number: 1}}, Attempts: []store.Attempt{{Number: 1}},
	})
	_, err := f.Export(f.ctx, 99)
	f.fails(err, fault.NotFound)
}

// testImport brings a run back under its own number, under a new one, and twice.
func testImport(f *fixture) {
	a := f.full("a")
	deleted, err := f.Delete(f.ctx, []run.ID{1})
	f.must(err)
	f.equal(deleted, []run.ID{1})
	f.imports(a, 1, true)
	f.equal(f.export(1), a)
	f.imports(a, 1, false)

	second := a
	second.Run.ID, second.Origin = 0, "elsewhere:/history.db#1"
	f.imports(second, 2, true)
	second.Run.ID = 2
	f.equal(f.export(2), second)
	second.Run.ID = 0
	f.imports(second, 2, false)
	second.Run.ID, second.Run.Application = 77, "another"
	f.imports(second, 2, false) // the origin says which run it is
	second.Origin = "elsewhere:/history.db#2"
	f.imports(second, 77, true)

	// Ids that are given later are above, and a number that was left out can be used.
	f.equal(f.create("next").Run, run.ID(78))
	low := a
	low.Run.ID = 40
	f.imports(low, 40, true)
	f.equal(f.create("next").Run, run.ID(79))
	low.Run.ID = 0
	f.imports(low, 80, true)
	f.imports(low, 81, true) // without number and origin each is a new one
	var ids []run.ID
	all, err := f.Runs(f.ctx, store.Filter{})
	f.must(err)
	for _, r := range all {
		ids = append(ids, r.ID)
	}
	f.equal(ids, []run.ID{81, 80, 79, 78, 77, 40, 2, 1})
}

// testImported works with an imported run as with any other.
func testImported(f *fixture) {
	a := f.full("a")
	a.Run.ID = 500
	f.imports(a, 500, true)
	f.equal(f.run(500), a.Run)
	f.equal(f.transitions(500), a.Transitions)
	found, err := f.Runs(f.ctx, store.Filter{Application: "a", States: []run.State{run.Success}, Before: 501})
	f.must(err)
	f.equal(found, []store.Run{a.Run, f.run(1)})
	f.refused(store.Lease{Run: 500, Epoch: 1})
	l := f.acquire(500, owner(2))
	number, err := f.AddAttempt(f.ctx, l, store.NewAttempt{Jobs: 1, At: at(500)})
	f.must(err)
	f.equal(number, 3)
	f.equal(f.append(l, move("j", run.Pending, run.Queued, run.DependenciesMet)), int64(106))
	f.must(f.AddOverrides(f.ctx, 500, []run.Override{{Attempt: 3, Job: "j"}}))
	os, err := f.Overrides(f.ctx, 500)
	f.must(err)
	f.equal(os, append(a.Overrides, run.Override{Attempt: 3, Job: "j"}))
}

// testImportOdd has values that an archive made elsewhere may have.
func testImportOdd(f *fixture) {
	long := strings.Repeat("ü 1'\"\\%_\n", 1<<20/10)
	t := move("日本語 'x", run.Running, run.Failed, run.Exited)
	t.Seq, t.Detail, t.Outcome.Detail = 1, long, "☃"
	t.At, t.Outcome.Ended = t.At.Add(999), at(-1).Add(999).In(cet)
	a := store.Archive{
		Run:         store.Run{ID: 3, Application: "日本", WorkingDir: long, SubmittedAt: at(1).In(cet)},
		Attempts:    []store.Attempt{{Number: 1, State: run.Running, Hash: "empty", Options: []byte{}, CreatedAt: at(2).In(cet)}},
		Transitions: []run.Transition{t}, Overrides: []run.Override{},
		Workflows: map[string][]byte{"empty": {}, "of nobody": []byte("x")},
	}
	f.imports(a, 3, true)
	want := a
	want.Run.SubmittedAt = at(1)
	want.Run.Attempt = store.Attempt{Number: 1, State: run.Running, Hash: "empty", CreatedAt: at(2)}
	want.Run.Seq = 1
	want.Attempts = []store.Attempt{want.Run.Attempt}
	o := *t.Outcome
	o.Ended = at(-1)
	t.At, t.Outcome = at(1), &o
	want.Transitions, want.Overrides = []run.Transition{t}, nil
	want.Workflows = map[string][]byte{"empty": nil}
	f.equal(f.export(3), want)
	f.imports(a, 3, false) // the same for all that is different in how it is written
	_, err := f.Workflow(f.ctx, "of nobody")
	f.fails(err, fault.NotFound)
}

func testImportRefused(f *fixture) {
	a := f.full("a")
	before, err := f.Stats(f.ctx)
	f.must(err)
	for name, change := range map[string]func(*store.Archive){
		"application": func(a *store.Archive) { a.Run.Application = "b" },
		"transition": func(a *store.Archive) {
			a.Transitions = append([]run.Transition(nil), a.Transitions...)
			a.Transitions[50].Try = 2
		},
		"end": func(a *store.Archive) {
			a.Transitions = slices.Clone(a.Transitions)
			i := slices.IndexFunc(a.Transitions, func(t run.Transition) bool { return t.Outcome != nil })
			o := *a.Transitions[i].Outcome
			o.Ended = at(-1)
			a.Transitions[i].Outcome = &o
		},
		"one less":  func(a *store.Archive) { a.Transitions = a.Transitions[:104] },
		"workflow":  func(a *store.Archive) { a.Workflows = map[string][]byte{"h-a": nil, "h2-a": nil} },
		"overrides": func(a *store.Archive) { a.Overrides = nil },
		"origin":    func(a *store.Archive) { a.Origin = "elsewhere" },
	} {
		other := a
		change(&other)
		if _, _, err := f.Import(f.ctx, other); fault.CodeOf(err) != fault.Conflict {
			f.Errorf("%s: got %v", name, err)
		}
	}
	for name, change := range map[string]func(*store.Archive){
		"no attempt":        func(a *store.Archive) { a.Attempts = nil },
		"a missing attempt": func(a *store.Archive) { a.Attempts = a.Attempts[1:] },
		"a gap":             func(a *store.Archive) { a.Transitions = a.Transitions[1:] },
		"no workflow":       func(a *store.Archive) { a.Workflows = nil },
		"of no attempt":     func(a *store.Archive) { a.Attempts = a.Attempts[:1] },
	} {
		other := a
		other.Run.ID = 0
		change(&other)
		if _, _, err := f.Import(f.ctx, other); fault.CodeOf(err) != fault.Internal {
			f.Errorf("%s: got %v", name, err)
		}
	}
	after, err := f.Stats(f.ctx)
	f.must(err)
	f.equal(after.Rows, before.Rows)
	f.equal(f.export(1), a)
}
