package storetest

import (
	"strings"
	"sync"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

func (f *fixture) fingerprint(app string, job run.JobID) store.Fingerprint {
	f.Helper()
	got, err := f.Fingerprint(f.ctx, app, job)
	f.must(err)
	return got
}

// begin has the try begin of a job of which seen was kept.
func (f *fixture) begin(app string, seen store.Fingerprint, task run.TaskID, body string) bool {
	f.Helper()
	ok, err := f.BeginFingerprint(f.ctx, app, seen, store.Fingerprint{Task: task, Body: []byte(body)})
	f.must(err)
	return ok
}

// succeeds records the end of a try with what it found and made.
func (f *fixture) succeeds(l store.Lease, task run.TaskID, found string) {
	f.Helper()
	t := move(task.Job, run.Running, run.Success, run.Exited)
	t.Attempt, t.Try, t.Outcome.Fingerprint = task.Attempt, task.Try, found
	f.append(l, move("other", run.Running, run.Failed, run.Exited), t)
}

func testFingerprint(f *fixture) {
	const app, job = "äpp", run.JobID("jöb\x00")
	l := f.create(app)
	first := run.TaskID{Run: l.Run, Attempt: 1, Job: job, Try: 1}
	long := strings.Repeat("found\x00\xff", 200_000)
	f.equal(f.fingerprint(app, job), store.Fingerprint{})

	f.equal(f.begin(app, store.Fingerprint{}, first, "others"), true)
	began := store.Fingerprint{Task: first, Body: []byte("others")}
	f.equal(f.fingerprint(app, job), began)
	f.equal(f.fingerprint(app, "other"), store.Fingerprint{})
	f.equal(f.fingerprint("other", job), store.Fingerprint{})

	f.append(l, move(job, run.Running, run.Success, run.Exited)) // without a fingerprint it says nothing
	f.equal(f.fingerprint(app, job), began)
	f.succeeds(l, first, long)
	done := store.Fingerprint{Task: first, Done: true, Body: []byte(long)}
	f.equal(f.fingerprint(app, job), done)
	for _, t := range f.transitions(l.Run) {
		if t.Outcome.Fingerprint != "" {
			f.Fatalf("a fingerprint is in the history: %+v", t)
		}
	}
	f.succeeds(l, first, "twice") // what is done stays
	f.equal(f.fingerprint(app, job), done)

	// The next try takes its place.
	second := run.TaskID{Run: l.Run, Attempt: 1, Job: job, Try: 2}
	f.equal(f.begin(app, began, second, ""), false) // it is done by now
	f.equal(f.begin(app, store.Fingerprint{}, second, ""), false)
	f.equal(f.begin(app, done, second, ""), true)
	f.equal(f.fingerprint(app, job), store.Fingerprint{Task: second})
	f.succeeds(l, first, "late") // another began since
	f.equal(f.fingerprint(app, job), store.Fingerprint{Task: second})
	f.succeeds(l, second, "new")
	f.equal(f.fingerprint(app, job), store.Fingerprint{Task: second, Done: true, Body: []byte("new")})
}

// A transition that is not recorded makes nothing done, and what is kept outlives its run.
func testFingerprintFenced(f *fixture) {
	l := f.create("a")
	task := run.TaskID{Run: l.Run, Attempt: 1, Job: "j", Try: 1}
	f.equal(f.begin("a", store.Fingerprint{}, task, ""), true)
	stale := store.Lease{Run: l.Run, Epoch: l.Epoch + 1}
	t := move("j", run.Running, run.Success, run.Exited)
	t.Outcome.Fingerprint = "found"
	_, err := f.Append(f.ctx, stale, []run.Transition{t})
	f.fails(err, fault.Locked)
	f.equal(f.fingerprint("a", "j"), store.Fingerprint{Task: task})
	f.append(l, t)
	end := run.Transition{Attempt: 1, From: run.Running, To: run.Success, Reason: run.AllSucceeded, At: at(2)}
	f.append(l, end)
	f.must(f.Release(f.ctx, l))
	archive, err := f.Export(f.ctx, l.Run)
	f.must(err)
	f.equal(archive.Transitions[0].Outcome.Fingerprint, "")
	_, err = f.Delete(f.ctx, []run.ID{l.Run})
	f.must(err)
	f.equal(f.fingerprint("a", "j"), store.Fingerprint{Task: task, Done: true, Body: []byte("found")})
}

// Of many that saw the same, one begins.
func testFingerprintContest(f *fixture) {
	seen := store.Fingerprint{}
	for round := range 3 {
		const many = 8
		begun := make([]bool, many)
		errs := make([]error, many)
		var all sync.WaitGroup
		for n := range many {
			all.Go(func() {
				task := run.TaskID{Run: run.ID(round + 1), Attempt: 1, Job: "j", Try: n + 1}
				begun[n], errs[n] = f.BeginFingerprint(f.ctx, "a", seen, store.Fingerprint{Task: task})
			})
		}
		all.Wait()
		winner := 0
		for n := range many {
			f.must(errs[n])
			if begun[n] {
				f.equal(winner, 0)
				winner = n + 1
			}
		}
		seen = f.fingerprint("a", "j")
		f.equal(seen, store.Fingerprint{Task: run.TaskID{Run: run.ID(round + 1), Attempt: 1, Job: "j", Try: winner}})
	}
}

// testImportFingerprint brings along what is kept elsewhere, and again when it has changed there.
func testImportFingerprint(f *fixture) {
	known := func(want ...store.Fingerprinted) {
		f.Helper()
		got, err := f.Fingerprinted(f.ctx)
		f.must(err)
		f.equal(got, want)
	}
	known()
	first := store.Fingerprint{Task: run.TaskID{Run: 9, Attempt: 2, Job: "j", Try: 3}, Done: true, Body: []byte("found\x00\xff")}
	second := store.Fingerprint{Task: run.TaskID{Run: 1 << 40, Attempt: 1, Job: "j", Try: 1}, Done: true}
	for _, app := range []string{"b", "ä", "B"} {
		f.must(f.ImportFingerprint(f.ctx, app, first))
	}
	f.equal(f.begin("a", store.Fingerprint{}, run.TaskID{Run: 1, Attempt: 1, Job: "z", Try: 1}, ""), true)
	f.equal(f.begin("a", store.Fingerprint{}, run.TaskID{Run: 1, Attempt: 1, Job: "Z", Try: 1}, ""), true)
	f.equal(f.fingerprint("b", "j"), first)
	f.must(f.ImportFingerprint(f.ctx, "b", second))
	f.equal(f.fingerprint("b", "j"), second)
	f.equal(f.fingerprint("B", "j"), first)
	known(store.Fingerprinted{Application: "B", Job: "j"}, store.Fingerprinted{Application: "a", Job: "Z"}, store.Fingerprinted{Application: "a", Job: "z"},
		store.Fingerprinted{Application: "b", Job: "j"}, store.Fingerprinted{Application: "ä", Job: "j"})

	// A try that began elsewhere is over here.
	second.Done = false
	f.must(f.ImportFingerprint(f.ctx, "b", second))
	f.equal(f.fingerprint("b", "j"), store.Fingerprint{})
	f.equal(f.begin("b", store.Fingerprint{}, run.TaskID{Run: 2, Attempt: 1, Job: "j", Try: 1}, ""), true)
}
