package history

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
	"github.com/executionerhq/executioner/internal/workflow"
)

// world is a history and a directory with its logs.
type world struct {
	*testing.T
	st   *memstore.Store
	logs string
	hash string
	body []byte
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, st: memstore.NewAt(func() time.Time { return now }), logs: t.TempDir()}
	wf, err := workflow.Load(workflow.Source{Name: "app.json", Data: fmt.Appendf(nil,
		`{"working_dir": %q, "log_dir": %q, "jobs": [{"id": "a", "command": "x"}, {"id": "b/c", "command": "y"}]}`, w.logs, w.logs)},
		workflow.Host{})
	w.must(err)
	w.body, w.hash, err = workflow.Encode(wf)
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// run records one that ended so long ago, with its logs, and gives its lease back.
func (w *world) run(ago time.Duration, s run.State) run.ID {
	w.Helper()
	l, err := w.st.CreateRun(w.Context(), store.NewRun{
		Application: "app", Hash: w.hash, Workflow: w.body, At: now.Add(-ago), Attempt: store.NewAttempt{Jobs: 2},
	}, store.Owner{PID: 1}, time.Hour)
	w.must(err)
	ts := []run.Transition{
		{Attempt: 1, From: run.Pending, To: run.Running, Reason: run.Started, At: now.Add(-ago)},
		{Attempt: 1, Job: "a", Try: 1, From: run.Queued, To: run.Running, Reason: run.Started, At: now.Add(-ago)},
	}
	if s.Ended() {
		ts = append(ts, run.Transition{Attempt: 1, From: run.Running, To: s, Reason: run.AllSucceeded, At: now.Add(-ago)})
	}
	_, err = w.st.Append(w.Context(), l, ts)
	w.must(err)
	w.must(w.st.Release(w.Context(), l))
	for _, path := range w.paths(l.Run) {
		w.must(os.WriteFile(path, []byte("0123456789"), 0o600))
	}
	return l.Run
}

func (w *world) paths(id run.ID) []string {
	return []string{
		joblog.JobPath(w.logs, "app", "a", id), joblog.JobPath(w.logs, "app", "b/c", id), joblog.MainPath(w.logs, "app", id),
	}
}

func (w *world) ids() (all []run.ID) {
	w.Helper()
	found, err := outlines(w.Context(), w.st)
	w.must(err)
	for _, o := range found {
		all = append(all, o.ID)
	}
	return all
}

func (w *world) equal(got, want any) {
	w.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		w.Error(diff)
	}
}

// fresh adds runs that keep the older ones from being the newest.
func (w *world) fresh() {
	for range Newest {
		w.run(time.Hour, run.Success)
	}
}

func TestPrune(t *testing.T) {
	w := newWorld(t)
	w.run(200*day, run.Success)
	w.run(200*day, run.Failed)
	w.run(100*day, run.Failed)
	w.run(100*day, run.Running)
	held := w.run(100*day, run.Success)
	_, err := w.st.Acquire(t.Context(), held, store.Owner{PID: 2}, time.Hour, nil)
	w.must(err)
	w.fresh()
	app := joblog.AppPath(w.logs, "app")
	w.must(os.WriteFile(app, []byte("x"), 0o600))

	var told []run.ID
	p := Pruning{Retention: Usual(), Now: now, DryRun: true, Tell: func(c Candidate) { told = append(told, c.ID) }}
	done, err := Prune(t.Context(), w.st, p)
	w.must(err)
	w.equal(done, Pruned{Runs: 2, Left: 13})
	w.equal(told, []run.ID{1, 2})
	w.equal(len(w.ids()), 15)

	p.DryRun, told = false, nil
	done, err = Prune(t.Context(), w.st, p)
	w.must(err)
	w.equal(done, Pruned{Runs: 2, Left: 13, Files: 6, Bytes: 60})
	w.equal(told, []run.ID{1, 2})
	w.equal(w.ids(), []run.ID{3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
	for id := range run.ID(15) {
		for _, path := range w.paths(id + 1) {
			if _, err := os.Stat(path); (err == nil) != (id >= 2) {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	if _, err := os.Stat(app); err != nil {
		t.Error("the application's own log is gone:", err)
	}
	done, err = Prune(t.Context(), w.st, p)
	w.must(err)
	w.equal(done, Pruned{Left: 13})
}

// TestPruneInBatches looks at how many runs each transaction takes away.
func TestPruneInBatches(t *testing.T) {
	w := newWorld(t)
	for range 250 {
		w.run(200*day, run.Success)
	}
	w.fresh()
	b := &batches{Store: w.st}
	done, err := Prune(t.Context(), b, Pruning{Retention: Usual(), Now: now})
	w.must(err)
	w.equal(done, Pruned{Runs: 250, Left: 10, Files: 750, Bytes: 7500})
	w.equal(b.sizes, []int{100, 100, 50})
}

type batches struct {
	store.Store
	sizes []int
	after func() // each batch
}

func (b *batches) Delete(ctx context.Context, ids []run.ID) ([]run.ID, error) {
	b.sizes = append(b.sizes, len(ids))
	deleted, err := b.Store.Delete(ctx, ids)
	if b.after != nil {
		b.after()
	}
	return deleted, err
}

func TestPruneIsInterrupted(t *testing.T) {
	w := newWorld(t)
	for range 150 {
		w.run(200*day, run.Success)
	}
	w.fresh()
	ctx, cancel := context.WithCancel(t.Context())
	done, err := Prune(ctx, &batches{Store: w.st, after: cancel}, Pruning{Retention: Usual(), Now: now, Pause: time.Hour})
	if fault.CodeOf(err) != fault.Cancelled {
		t.Error("got", err)
	}
	w.equal(done, Pruned{Runs: 100, Left: 60, Files: 300, Bytes: 3000})
}

// TestPruneLeavesWhatIsResumed has a run taken up between the look and the removal.
func TestPruneLeavesWhatIsResumed(t *testing.T) {
	w := newWorld(t)
	id := w.run(200*day, run.Failed)
	w.fresh()
	done, err := Prune(t.Context(), w.st, Pruning{Retention: Usual(), Now: now, Tell: func(Candidate) {
		_, err := w.st.Acquire(t.Context(), id, store.Owner{PID: 2}, time.Hour, nil)
		w.must(err)
	}})
	w.must(err)
	w.equal(done, Pruned{Kept: 1, Left: 11})
	if _, err := os.Stat(w.paths(id)[0]); err != nil {
		t.Error("its log is gone:", err)
	}
}

// TestPruneOnlyOurLogs has other things where log files would be.
func TestPruneOnlyOurLogs(t *testing.T) {
	w := newWorld(t)
	id := w.run(200*day, run.Success)
	missing := w.run(200*day, run.Success)
	w.fresh()
	outside := filepath.Join(t.TempDir(), "precious")
	w.must(os.WriteFile(outside, []byte("x"), 0o600))
	paths := w.paths(id)
	w.must(os.Remove(paths[0]))
	w.must(os.Symlink(outside, paths[0]))
	w.must(os.Remove(paths[1]))
	w.must(os.Mkdir(paths[1], 0o700))
	for _, path := range w.paths(missing) {
		w.must(os.Remove(path))
	}
	done, err := Prune(t.Context(), w.st, Pruning{Retention: Usual(), Now: now})
	w.must(err)
	w.equal(done, Pruned{Runs: 2, Left: 10, Files: 1, Bytes: 10})
	for _, path := range []string{outside, paths[0], paths[1]} {
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
}

// TestPruneWithoutLogDirectory has nothing left to remove but the rows.
func TestPruneWithoutLogDirectory(t *testing.T) {
	w := newWorld(t)
	w.run(200*day, run.Success)
	w.fresh()
	w.must(os.RemoveAll(w.logs))
	done, err := Prune(t.Context(), w.st, Pruning{Retention: Usual(), Now: now})
	w.must(err)
	w.equal(done, Pruned{Runs: 1, Left: 10})
}

func TestPruneUnreadableWorkflow(t *testing.T) {
	w := newWorld(t)
	w.hash, w.body = "other", []byte("no JSON")
	w.run(200*day, run.Success)
	w.hash, w.body = "", nil
	w.run(200*day, run.Success)
	w.fresh()
	done, err := Prune(t.Context(), w.st, Pruning{Retention: Usual(), Now: now})
	w.must(err)
	w.equal(done, Pruned{Runs: 2, Left: 10})
}

func TestPruneFails(t *testing.T) {
	w := newWorld(t)
	w.run(200*day, run.Success)
	w.fresh()
	w.must(w.st.Close())
	if _, err := Prune(t.Context(), w.st, Pruning{Retention: Usual(), Now: now}); fault.CodeOf(err) != fault.Unavailable {
		t.Error("got", err)
	}
}
