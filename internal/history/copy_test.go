package history

import (
	"context"
	"errors"
	"testing"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
)

// filled is a history of three runs that ended, 1, 2 and 4, and one that did not.
func filled(t *testing.T) *world {
	w := newWorld(t)
	w.run(day, run.Success)
	w.run(day, run.Failed)
	w.run(day, run.Running)
	id := w.run(day, run.Success)
	w.must(w.st.AddOverrides(t.Context(), id, []run.Override{{Attempt: 1, Job: "a", By: "ann"}}))
	return w
}

func TestCopy(t *testing.T) {
	from, to := filled(t), memstore.New()
	done, err := Copy(t.Context(), from.st, to)
	from.must(err)
	proof := Proof{
		Runs: 3, Attempts: 3, Transitions: 9, Overrides: 1, Hash: done.From.Hash,
		Rest: Rest{Tallies: 2, Untold: 3, Hash: done.From.Rest.Hash},
	}
	from.equal(done, Copied{From: proof, To: proof, Copied: 3, Active: []run.ID{3}})
	if len(proof.Hash) != 64 {
		t.Errorf("hash %q", proof.Hash)
	}
	for _, id := range []run.ID{1, 2, 4} {
		a, err := from.st.Export(t.Context(), id)
		from.must(err)
		b, err := to.Export(t.Context(), id)
		from.must(err)
		from.equal(b, a)
	}
	// Once more adds nothing and proves the same.
	done, err = Copy(t.Context(), from.st, to)
	from.must(err)
	from.equal(done, Copied{From: proof, To: proof, Active: []run.ID{3}})

	// One byte more in one run changes the hash.
	from.must(from.st.AddOverrides(t.Context(), 1, []run.Override{{Attempt: 1, Job: "a"}}))
	other, err := Prove(t.Context(), from.st, []run.ID{1, 2, 4})
	from.must(err)
	if other.Hash == proof.Hash {
		t.Error("another history has the same hash")
	}
	if _, err = Copy(t.Context(), from.st, to); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("a run that has changed: %v", err)
	}
}

func TestCopyIntoOthers(t *testing.T) {
	from, to := filled(t), filled(t)
	before, err := to.st.Stats(t.Context())
	to.must(err)
	to.run(day, run.Success) // run 5
	to.must(from.st.AddOverrides(t.Context(), 1, []run.Override{{Attempt: 1, Job: "a"}}))
	_, err = Copy(t.Context(), from.st, to.st)
	if fault.CodeOf(err) != fault.Conflict || err.Error() != "the database that is copied into has other runs, such as run 3" {
		t.Errorf("got %v", err)
	}
	after, err := to.st.Stats(t.Context())
	to.must(err)
	to.equal(after.Rows.Runs, before.Rows.Runs+1)
}

// TestCopyGoesOn is interrupted and repeated.
func TestCopyGoesOn(t *testing.T) {
	from, to := filled(t), memstore.New()
	done, err := Copy(t.Context(), from.st, &failing{Store: to, after: 2})
	if !errors.Is(err, errBroken) {
		t.Fatal("got", err)
	}
	from.equal(done.Copied, int64(2))
	done, err = Copy(t.Context(), from.st, to)
	from.must(err)
	from.equal(done.Copied, int64(1))
	from.equal(done.From, done.To)
}

var errBroken = errors.New("broken")

// failing is a store that takes so many runs only.
type failing struct {
	store.Store
	after int
}

func (f *failing) Import(ctx context.Context, a store.Archive) (run.ID, bool, error) {
	if f.after == 0 {
		return 0, false, errBroken
	}
	f.after--
	return f.Store.Import(ctx, a)
}

// TestCopyNoticesADifference has a target that does not give back what it was given.
func TestCopyNoticesADifference(t *testing.T) {
	from := filled(t)
	_, err := Copy(t.Context(), from.st, &forgetful{memstore.New()})
	if fault.CodeOf(err) != fault.Internal || fault.HintOf(err) == "" {
		t.Error("got", err)
	}
}

type forgetful struct{ store.Store }

func (f *forgetful) Export(ctx context.Context, id run.ID) (store.Archive, error) {
	a, err := f.Store.Export(ctx, id)
	a.Run.WorkingDir += "."
	return a, err
}

// TestCopyOrigins has a run that the target knows by where it came from, as another.
func TestCopyOrigins(t *testing.T) {
	from, to := filled(t), memstore.New()
	a, err := from.st.Export(t.Context(), 1)
	from.must(err)
	a.Origin, a.Run.ID = "python:/old.db#7", 1
	mine := memstore.New()
	_, _, err = mine.Import(t.Context(), a)
	from.must(err)
	a.Run.ID = 0
	b := a
	b.Origin = "python:/old.db#6"
	for _, x := range []store.Archive{b, a} {
		_, _, err = to.Import(t.Context(), x)
		from.must(err)
	}
	_, err = to.Delete(t.Context(), []run.ID{1})
	from.must(err)
	a.Run.ID = 2
	_, _, err = mine.Import(t.Context(), a)
	from.must(err)
	b.Run.ID = 2
	b.Origin = ""
	_, _, err = mine.Import(t.Context(), b)
	from.must(err)
	if _, err = Copy(t.Context(), mine, to); fault.CodeOf(err) != fault.Conflict {
		t.Error("got", err)
	}
}

// TestCopyBesidePrune has runs removed while they are copied.
func TestCopyBesidePrune(t *testing.T) {
	from, to := filled(t), memstore.New()
	done, err := Copy(t.Context(), &vanishing{Store: from.st, gone: 2}, to)
	from.must(err)
	from.equal(done.Copied, int64(2))
	from.equal(done.From, done.To)
	from.equal(done.From.Runs, int64(2))
}

type vanishing struct {
	store.Store
	gone run.ID
}

func (v *vanishing) Export(ctx context.Context, id run.ID) (store.Archive, error) {
	if id == v.gone {
		return store.Archive{}, store.ErrNoRun(id)
	}
	return v.Store.Export(ctx, id)
}
