package history

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
)

func TestTidy(t *testing.T) {
	clock := time.Now()
	w := newWorld(t)
	w.st = memstore.NewAt(func() time.Time { return clock })
	old := time.Since(now) + 200*day
	w.run(old, run.Success)
	w.fresh()
	tidy := func(r Retention, want Pruned, wantDue bool) {
		t.Helper()
		got, due, err := Tidy(t.Context(), w.st, r)
		w.must(err)
		w.equal([]any{got, due}, []any{want, wantDue})
	}
	tidy(Retention{}, Pruned{}, false) // for ever
	clock = clock.Add(1)
	tidy(Usual(), Pruned{Runs: 1, Files: 3, Bytes: 30}, true)
	w.run(old, run.Success)
	tidy(Usual(), Pruned{}, false)
	clock = clock.Add(24*time.Hour - time.Microsecond)
	tidy(Usual(), Pruned{}, false)
	// It goes on soon where it did not get to the end.
	w.must(w.st.SetPlace(t.Context(), store.ChorePrune, 5))
	tidy(Usual(), Pruned{}, true)
	tidy(Usual(), Pruned{}, false)
	w.must(w.st.SetPlace(t.Context(), store.ChorePrune, 5))
	clock = clock.Add(time.Hour - time.Microsecond)
	tidy(Usual(), Pruned{}, false)
	clock = clock.Add(time.Microsecond)
	tidy(Usual(), Pruned{}, true)
	clock = clock.Add(24 * time.Hour)
	_, due, err := Tidy(t.Context(), w.st, Usual())
	w.must(err)
	w.equal(due, true)
	w.must(w.st.Close())
	if _, _, err := Tidy(t.Context(), w.st, Usual()); fault.CodeOf(err) != fault.Unavailable {
		t.Error("got", err)
	}
}

// TestTidyGivesUp has a database that does not answer, which it says.
func TestTidyGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		began := time.Now()
		_, due, err := Tidy(t.Context(), &stuck{Store: w.st}, Usual())
		if !due || fault.CodeOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "the database took longer than 3s") {
			t.Errorf("got %v, %v", due, err)
		}
		if took := time.Since(began); took != tidyMost {
			t.Errorf("it took %v", took)
		}
	})
}

type stuck struct{ store.Store }

func (s *stuck) Outlines(ctx context.Context, _ run.ID, _ int) ([]store.Outline, error) {
	<-ctx.Done()
	return nil, fault.Wrap(ctx.Err(), fault.Cancelled, "interrupted")
}

// TestTidyGetsThrough has so little time that each call makes one step, and so many runs
// that it takes several. In the end what is left is what one decision about all leaves.
func TestTidyGetsThrough(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	for _, r := range []Retention{
		Usual(), {KeepRuns: 12}, {KeepFor: 50 * day, KeepFailedFor: 90 * day}, {KeepFor: day, KeepRuns: 15, Imported: true}, {KeepFailedFor: day},
	} {
		st := mixed(t, random, 400)
		all, err := outlines(t.Context(), st)
		if err != nil {
			t.Fatal(err)
		}
		want := ids(r.Decide(all, now))
		if len(want) < 20 || len(want) > 380 {
			t.Fatalf("%+v: %d of 400 would go, which proves little", r, len(want))
		}
		var got []run.ID
		calls := 0
		d := &deletes{Store: st}
		for place := run.ID(1); place != 0; calls++ {
			before, err := st.Place(t.Context(), store.ChorePrune)
			if err != nil {
				t.Fatal(err)
			}
			done, err := tidy(t.Context(), d, r, now, 0)
			if err != nil {
				t.Fatal(err)
			}
			if done.Runs != len(d.gone) || done.Left != 0 {
				t.Fatalf("%+v, but %d are gone", done, len(d.gone))
			}
			got, d.gone = append(got, d.gone...), nil
			if place, err = st.Place(t.Context(), store.ChorePrune); err != nil || place != 0 && place <= before {
				t.Fatalf("from %d to %d, %v", before, place, err)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%+v: -want +got\n%s", r, diff)
		}
		if calls != 401 { // one for each run, and one that finds none
			t.Errorf("%d calls", calls)
		}
	}
}

// deletes knows what was removed, in order.
type deletes struct {
	store.Store
	gone []run.ID
}

func (d *deletes) Delete(ctx context.Context, ids []run.ID) ([]run.ID, error) {
	gone, err := d.Store.Delete(ctx, ids)
	d.gone = append(d.gone, gone...)
	return gone, err
}

// mixed fills a history with n runs of some applications, in all states and of all ages,
// not in their order, some of them imported or held.
func mixed(t *testing.T, random *rand.Rand, n int) *memstore.Store {
	st := memstore.NewAt(func() time.Time { return now })
	states := []run.State{run.Success, run.Success, run.Success, run.Success, run.Failed, run.Failed, run.Timeout, run.Cancelled, run.Running}
	for i := range n {
		at := now.Add(-time.Duration(random.IntN(250*24)) * time.Hour)
		a := store.Attempt{Number: 1, State: states[random.IntN(len(states))], CreatedAt: at}
		if a.State.Ended() && i%7 > 0 {
			a.EndedAt = at.Add(time.Hour)
		}
		archive := store.Archive{
			Run:      store.Run{Application: []string{"", "a", "a", "a", "b", "c"}[random.IntN(6)], SubmittedAt: at},
			Attempts: []store.Attempt{a},
		}
		if random.IntN(5) == 0 {
			archive.Origin = fmt.Sprint("elsewhere ", i)
		}
		id, _, err := st.Import(t.Context(), archive)
		if err == nil && i%31 == 0 {
			_, err = st.Acquire(t.Context(), id, store.Owner{PID: 1}, time.Hour, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return st
}

// TestTidySteps has a database that gets slower and quicker: steps are made shorter and
// longer, and the time is kept.
func TestTidySteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &slow{Store: mixed(t, rand.New(rand.NewPCG(3, 4)), 300)} //nolint:gosec // the same each time
		began := time.Now()
		if _, err := tidy(t.Context(), st, Usual(), now, tidyLimit); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]int{1, 2, 4, 8, 4, 8, 4, 8, 4, 8, 4, 8, 4, 8}, st.steps); diff != "" {
			t.Error(diff)
		}
		if took := time.Since(began); took < tidyLimit || took > tidyLimit+200*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		place, err := st.Place(t.Context(), store.ChorePrune)
		if err != nil || place != 75 {
			t.Errorf("it stopped at %d, %v", place, err)
		}
	})
}

// slow takes 2 ms for one outline, and four times as long for twice as many.
type slow struct {
	store.Store
	steps []int
}

func (s *slow) Outlines(ctx context.Context, after run.ID, limit int) ([]store.Outline, error) {
	s.steps = append(s.steps, limit)
	time.Sleep(time.Duration(limit*limit) * 2 * time.Millisecond)
	return s.Store.Outlines(ctx, after, limit)
}

// TestTidyInterrupted ends while it waits after a removal: what was done before is kept.
func TestTidyInterrupted(t *testing.T) {
	st := mixed(t, rand.New(rand.NewPCG(5, 6)), 300) //nolint:gosec // the same each time
	ctx, cancel := context.WithCancel(t.Context())
	done, err := tidy(ctx, &batches{Store: st, after: cancel}, Retention{KeepRuns: 12}, now, time.Hour)
	if fault.CodeOf(err) != fault.Cancelled || done.Runs == 0 {
		t.Errorf("got %+v, %v", done, err)
	}
	all, err := outlines(t.Context(), st)
	if err != nil || len(all) != 300-done.Runs {
		t.Errorf("%d are left, %v", len(all), err)
	}
}

// TestTidyFails has a database that refuses one thing after the other.
func TestTidyFails(t *testing.T) {
	for _, what := range []string{"place", "outlines", "nth 1", "nth 2", "delete", "set place"} {
		f := &refusing{Store: mixed(t, rand.New(rand.NewPCG(7, 8)), 100), what: what} //nolint:gosec // the same each time
		if _, err := tidy(t.Context(), f, Retention{KeepRuns: 12}, now, time.Hour); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

// refusing refuses what.
type refusing struct {
	store.Store
	what string
	nth  int
}

func (f *refusing) refuse(what string) error {
	if f.what != what {
		return nil
	}
	return fault.New(fault.Unavailable, "%s", what)
}

func (f *refusing) Place(ctx context.Context, chore string) (run.ID, error) {
	if err := f.refuse("place"); err != nil {
		return 0, err
	}
	id, err := f.Store.Place(ctx, chore)
	return id + 1, err // so that it has to be set
}

func (f *refusing) SetPlace(ctx context.Context, chore string, after run.ID) error {
	if err := f.refuse("set place"); err != nil {
		return err
	}
	return f.Store.SetPlace(ctx, chore, after)
}

func (f *refusing) Outlines(ctx context.Context, after run.ID, limit int) ([]store.Outline, error) {
	if err := f.refuse("outlines"); err != nil {
		return nil, err
	}
	return f.Store.Outlines(ctx, after, limit)
}

func (f *refusing) Nth(ctx context.Context, r store.Rank) (run.ID, error) {
	f.nth++
	if err := f.refuse(fmt.Sprint("nth ", f.nth)); err != nil {
		return 0, err
	}
	return f.Store.Nth(ctx, r)
}

func (f *refusing) Delete(ctx context.Context, ids []run.ID) ([]run.ID, error) {
	if err := f.refuse("delete"); err != nil {
		return nil, err
	}
	return f.Store.Delete(ctx, ids)
}
