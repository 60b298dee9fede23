package sqlstore

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// TestListPlans checks that no listing reads all runs or sorts them. It would not show
// with few runs.
func TestListPlans(t *testing.T) {
	s := manyRuns(t, 100)
	for _, c := range listings() {
		for _, part := range []span{{}, {from: 50, to: 90}} {
			states, _ := wanted(c.f)
			q := listQuery(search{Filter: c.f}, states, part)
			plan := explain(t, s, q)
			bad := strings.Contains(plan, "TEMP B-TREE")
			for line := range strings.Lines(plan) {
				// Newest first without an index is a walk by id; the IN list is a table of the ids found.
				bad = bad || strings.HasPrefix(line, "SCAN r") && !strings.Contains(q.text.String(), "NOT INDEXED")
			}
			if bad {
				t.Errorf("%s: %s\n%s", c.name, q.text.String(), plan)
			}
		}
		if !c.f.Since.IsZero() || !c.f.Until.IsZero() {
			if plan := explain(t, s, blockQuery(c.f)); strings.Contains(plan, "TEMP B-TREE") {
				t.Errorf("%s: %s", c.name, plan)
			}
		}
	}
	for _, r := range []store.Rank{{N: 9}, {Application: "a", N: 9, States: []run.State{run.Success}, Imported: true}} {
		for line := range strings.Lines(explain(t, s, rankQuery(r))) {
			if strings.HasPrefix(strings.TrimSpace(line), "SCAN r") || r.Imported && strings.Contains(line, "SEARCH r") && !strings.Contains(line, "COVERING") {
				t.Errorf("%+v: %s", r, line)
			}
		}
	}
}

func explain(t *testing.T, s *Store, q *query) (plan string) {
	t.Helper()
	rows, err := s.reads.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+q.text.String(), q.args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan += detail + "\n"
	}
	if err := rows.Err(); err != nil || plan == "" {
		t.Fatal(err, plan)
	}
	return plan
}

// However many blocks there are, and however they were made, a span of time has the runs
// that are in it.
func TestListSpans(t *testing.T) {
	s := manyRuns(t, 3500)
	all, err := s.Runs(t.Context(), store.Filter{})
	if err != nil || len(all) != 3500 {
		t.Fatal(len(all), err)
	}
	for _, c := range listings() {
		if c.f.Since.IsZero() && c.f.Until.IsZero() {
			continue
		}
		for _, shift := range []int{0, 25, 68} { // all of manyRuns is within three days
			f := c.f
			if !f.Since.IsZero() {
				f.Since = f.Since.AddDate(0, 0, -shift)
			}
			if !f.Until.IsZero() {
				f.Until = f.Until.AddDate(0, 0, -shift+40)
			}
			found, err := s.Runs(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			var got, want []run.ID
			for _, r := range found {
				got = append(got, r.ID)
			}
			states, _ := wanted(f)
			for _, r := range all {
				if (f.Since.IsZero() || !r.SubmittedAt.Before(f.Since)) && (f.Until.IsZero() || r.SubmittedAt.Before(f.Until)) &&
					(f.Application == "" || r.Application == f.Application) &&
					(states == nil || slices.Contains(states, r.Attempt.State)) && len(want) < f.Limit {
					want = append(want, r.ID)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, %d days earlier: got %v, want %v", c.name, shift, got, want)
			}
		}
	}
}

func TestJoinedBlocks(t *testing.T) {
	far := make([]int64, 0, mostSpans+5)
	for i := range mostSpans + 5 {
		far = append(far, int64(1_000_000-5000*i))
	}
	for _, c := range []struct {
		firsts []int64
		before run.ID
		want   []span
	}{
		{nil, 0, nil},
		{[]int64{0}, 0, []span{{0, 1000}}},
		{[]int64{3000, 2000, 0}, 0, []span{{2000, 4000}, {0, 1000}}},
		{[]int64{3000, 2000, 1000}, 3001, []span{{1000, 3001}}},
		{[]int64{3000, 1000}, 3999, []span{{3000, 3999}, {1000, 2000}}},
		{[]int64{3000}, 4000, []span{{3000, 4000}}},
	} {
		if got := joined(c.firsts, c.before); !slices.Equal(got, c.want) {
			t.Errorf("%v: got %v, want %v", c.firsts, got, c.want)
		}
	}
	got := joined(far, 0)
	if last := got[mostSpans-1]; len(got) != mostSpans || last != (span{run.ID(far[len(far)-1]), run.ID(far[mostSpans-1] + blockSize)}) {
		t.Errorf("got %v", got)
	}
}

func TestRoundDown(t *testing.T) {
	for us, want := range map[int64]int64{0: 0, 59_999_999: 0, 60_000_000: 60_000_000, -1: -60_000_000, -60_000_000: -60_000_000} {
		if got := roundDown(us); got != want {
			t.Errorf("%d: got %d, want %d", us, got, want)
		}
	}
}

func TestVersionIsTheNewestMigration(t *testing.T) {
	d := sqliteDialect("x")
	files, err := fs.Glob(d.migrations, "*.sql")
	if err != nil || len(files) != int(d.version) {
		t.Fatalf("%d migrations, version %d, %v", len(files), d.version, err)
	}
}
