package history

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
)

func TestCheck(t *testing.T) {
	w := filled(t)
	got, err := Check(t.Context(), w.st)
	w.must(err)
	w.equal(got, Checked{Runs: 4, Transitions: 11, Damaged: []Damage{}})
}

// TestCheckFinds changes one thing of a run that is in order.
func TestCheckFinds(t *testing.T) {
	w := newWorld(t)
	good, err := w.st.Export(t.Context(), w.run(day, run.Success))
	w.must(err)
	for _, c := range []struct {
		name   string
		change func(*store.Archive)
		want   string
	}{
		{"nothing", func(*store.Archive) {}, ""},
		{"count", func(a *store.Archive) { a.Attempts[0].Counts.Running++ }, "run 1: attempt 1 counts its jobs as"},
		{"state", func(a *store.Archive) { a.Attempts[0].State = run.Failed }, "run 1: attempt 1 is FAILED (all_succeeded), its transitions lead to SUCCESS (all_succeeded)"},
		{"reason", func(a *store.Archive) { a.Attempts[0].Reason = run.Stuck }, "run 1: attempt 1 is SUCCESS (stuck)"},
		{"begin", func(a *store.Archive) { a.Attempts[0].StartedAt = now }, "run 1: attempt 1 began or ended at another time"},
		{"end", func(a *store.Archive) { a.Attempts[0].EndedAt = time.Time{} }, "run 1: attempt 1 began or ended at another time"},
		{"a transition less", func(a *store.Archive) { a.Transitions = a.Transitions[:2] }, "run 1: attempt 1 is SUCCESS"},
		{"workflow", func(a *store.Archive) {
			body := strings.Replace(string(a.Workflows[w.hash]), `"x"`, `"z"`, 1)
			a.Workflows = map[string][]byte{w.hash: []byte(body)}
		}, "run 1: workflow " + w.hash + " is not what its hash says"},
		{"unreadable workflow", func(a *store.Archive) { a.Workflows = map[string][]byte{w.hash: []byte("{")} }, "run 1: workflow " + w.hash + " can't be read"},
		{"no workflow", func(a *store.Archive) { a.Workflows = map[string][]byte{w.hash: nil} }, "run 1: workflow " + w.hash + " can't be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := good.Normal()
			c.change(&a)
			st := memstore.New()
			_, _, err := st.Import(t.Context(), a)
			w.must(err)
			got, err := Check(t.Context(), st)
			w.must(err)
			if c.want == "" && len(got.Damaged) == 0 {
				return
			}
			if len(got.Damaged) == 0 || !strings.HasPrefix(got.Damaged[0].String(), c.want) {
				t.Errorf("got %v", got.Damaged)
			}
		})
	}
}

// below is a store that knows of damage below its runs.
type below struct {
	store.Store
	schema error
	found  []string
	export error
}

func (b *below) Check(context.Context) error              { return b.schema }
func (b *below) Damage(context.Context) ([]string, error) { return b.found, nil }

func (b *below) Export(ctx context.Context, id run.ID) (store.Archive, error) {
	if b.export != nil && id == 2 {
		return store.Archive{}, b.export
	}
	return b.Store.Export(ctx, id)
}

func TestCheckBelow(t *testing.T) {
	w := filled(t)
	got, err := Check(t.Context(), &below{
		Store: w.st, schema: fault.New(fault.Unavailable, "a column is missing"), found: []string{"page 7"},
		export: fault.New(fault.Unavailable, "the database is damaged"),
	})
	w.must(err)
	w.equal(got, Checked{Runs: 4, Transitions: 8, Damaged: []Damage{{0, "a column is missing"}, {0, "page 7"}, {2, "the database is damaged"}}})

	got, err = Check(t.Context(), &below{Store: w.st, export: store.ErrNoRun(2)}) // was removed meanwhile
	w.must(err)
	w.equal(got.Damaged, []Damage{})

	_, err = Check(t.Context(), &below{Store: w.st, export: fault.New(fault.Cancelled, "interrupted")})
	if fault.CodeOf(err) != fault.Cancelled {
		t.Error("an interrupt is no damage:", err)
	}
	_, err = Check(t.Context(), &below{Store: w.st, schema: fault.New(fault.Forbidden, "no")})
	if fault.CodeOf(err) != fault.Forbidden {
		t.Error("got", err)
	}
}

// TestCheckBeside has damage in what there is beside the runs.
func TestCheckBeside(t *testing.T) {
	w := people(t)
	timed(w, 3)
	noted(filledIn(w))
	got, err := Check(t.Context(), w.st)
	w.must(err)
	w.equal(got.Damaged, []Damage{
		{0, "version 1 of the registered workflow w is not what its hash says"},
		{0, "version 2 of the registered workflow w is not what its hash says"},
	})
	for name, c := range map[string]struct {
		st   store.Store
		want string
	}{
		"audit log":    {&torn{Store: w.st}, "entries 1500 to 1501 of the audit log are missing"},
		"schedules":    {&unreadable{Store: w.st, part: "schedules"}, "schedules"},
		"tallies":      {&unreadable{Store: w.st, part: "tallies"}, "tallies"},
		"fingerprints": {&unreadable{Store: w.st, part: "fingerprints"}, "fingerprints"},
		"notices":      {&unreadable{Store: w.st, part: "notices"}, "notices"},
		"lists":        {&mislisted{Store: w.st}, "lists show it as FAILED, its last attempt is SUCCESS"},
	} {
		got, err := Check(t.Context(), c.st)
		w.must(err)
		if !slices.ContainsFunc(got.Damaged, func(d Damage) bool { return d.Problem == c.want }) {
			t.Errorf("%s: got %v", name, got.Damaged)
		}
	}
}

// filledIn adds a run.
func filledIn(w *world) *world {
	w.run(day, run.Success)
	return w
}

// torn has lost entries of the audit log.
type torn struct{ store.Store }

func (s *torn) Audit(ctx context.Context, f store.AuditFilter) ([]store.AuditEntry, error) {
	es, err := s.Store.Audit(ctx, f)
	return slices.DeleteFunc(es, func(e store.AuditEntry) bool { return e.Seq == 1500 || e.Seq == 1501 }), err
}

// unreadable can't read a part of itself.
type unreadable struct {
	store.Store
	part string
}

func (s *unreadable) fails(part string) error {
	if part == s.part {
		return fault.New(fault.Unavailable, "%s", part)
	}
	return nil
}

func (s *unreadable) Schedules(context.Context) ([]store.Schedule, error) {
	return nil, s.fails("schedules")
}

func (s *unreadable) Tallies(context.Context, store.TallyFilter) ([]store.Tally, error) {
	return nil, s.fails("tallies")
}

func (s *unreadable) Fingerprinted(context.Context) ([]store.Fingerprinted, error) {
	return nil, s.fails("fingerprints")
}

func (s *unreadable) Notices(context.Context, store.NoticeFilter) ([]store.Notice, error) {
	return nil, s.fails("notices")
}

// mislisted shows runs in lists as they are not.
type mislisted struct{ store.Store }

func (s *mislisted) Outlines(ctx context.Context, after run.ID, limit int) ([]store.Outline, error) {
	all, err := s.Store.Outlines(ctx, after, limit)
	for i := range all {
		all[i].State = run.Failed
	}
	return all, err
}
