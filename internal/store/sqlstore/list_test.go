package sqlstore

import (
	"database/sql"
	"io/fs"
	"strings"
	"testing"

	"github.com/executionerhq/executioner/internal/store"
)

// TestListPlans checks that no listing reads all runs or sorts them. It would not show
// with few runs.
func TestListPlans(t *testing.T) {
	s := manyRuns(t, 100)
	for _, c := range listings() {
		for _, byTime := range []bool{false, true} {
			states, _ := wanted(c.f)
			q := listQuery(c.f, states, byTime)
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

// Both ways of finding runs in a span of time give the same runs.
func TestListByTime(t *testing.T) {
	s := manyRuns(t, 3000)
	for _, c := range listings() {
		c.f.Limit = 0
		states, _ := wanted(c.f)
		var ids [2]int
		var sums [2]int64
		for i, byTime := range []bool{false, true} {
			q := listQuery(c.f, states, byTime)
			rows, err := s.reads.QueryContext(t.Context(), q.text.String(), q.args...)
			if err != nil {
				t.Fatal(err)
			}
			found, err := collect(rows, func(r *sql.Rows) (store.Run, error) { return scanRun(r, s.cfg.Now()) })
			if err != nil {
				t.Fatal(err)
			}
			ids[i] = len(found)
			for _, r := range found {
				sums[i] += int64(r.ID) * int64(r.ID)
			}
		}
		if ids[0] != ids[1] || sums[0] != sums[1] {
			t.Errorf("%s: %v runs, %v", c.name, ids, sums)
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
