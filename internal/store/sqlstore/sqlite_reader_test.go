package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/executionerhq/executioner/internal/store"
)

// preparer counts what its connections prepare. Tests with it use one connection.
type preparer struct {
	driver.Connector
	made int // statements
	open int // of them
}

func (p *preparer) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := p.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &preparing{c.(sqliteConn), p}, nil
}

type preparing struct {
	sqliteConn
	p *preparer
}

func (c *preparing) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := c.sqliteConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	c.p.made++
	c.p.open++
	return &counted{s.(sqlitePrepared), c.p}, nil
}

type counted struct {
	sqlitePrepared
	p *preparer
}

func (s *counted) Close() error {
	s.p.open--
	return s.sqlitePrepared.Close()
}

// readingTest returns a store whose only connection that reads is counted.
func readingTest(t *testing.T) (*Store, *preparer) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "runs.db")
	s := openTest(t, path, Config{})
	c, err := sqliteConnector(path, s.cfg, "query_only(1)")
	if err != nil {
		t.Fatal(err)
	}
	p := &preparer{Connector: c}
	before := s.reads
	s.reads = pooled(sqliteReader{p}, 1)
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	return s, p
}

func TestReadersPrepareOnce(t *testing.T) {
	s, p := readingTest(t)
	id := newBenchRun(t, s).Run
	for range 20 {
		if r, err := s.Run(t.Context(), id); err != nil || r.ID != id {
			t.Fatalf("%v, %v", r.ID, err)
		}
		if _, err := s.Runs(t.Context(), store.Filter{Limit: 5}); err != nil {
			t.Fatal(err)
		}
	}
	if p.made != 4 || p.open != 4 { // BEGIN, ROLLBACK and two that read
		t.Errorf("%d statements were prepared, of which %d are there", p.made, p.open)
	}
	if err := s.reads.Close(); err != nil || p.open != 0 {
		t.Errorf("%d statements are left, %v", p.open, err)
	}
}

func TestReadersForgetWhatIsNotAskedAgain(t *testing.T) {
	s, p := readingTest(t)
	ask := func(n int) {
		t.Helper()
		err := s.view(t.Context(), "ask", func(ctx context.Context, t *sql.Tx) error {
			var got int
			if err := t.QueryRowContext(ctx, fmt.Sprintf("SELECT %d + ?", n), 1).Scan(&got); err != nil || got != n+1 {
				return fmt.Errorf("got %d: %w", got, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for n := range 3 * sqliteKept {
		ask(n)
		ask(0) // is always among those used last
	}
	if want := 3*sqliteKept + 2; p.made != want || p.open != sqliteKept {
		t.Errorf("%d statements were prepared, want %d, of which %d are kept, want %d", p.made, want, p.open, sqliteKept)
	}
}

// A statement whose answer is still being read can't answer the same question again.
func TestReaderAsksWhileItReads(t *testing.T) {
	s, p := readingTest(t)
	const numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n"
	var got []int
	for range 2 {
		got = nil
		err := s.view(t.Context(), "ask", func(ctx context.Context, t *sql.Tx) error {
			outer, err := t.QueryContext(ctx, numbers)
			if err != nil {
				return err
			}
			_, err = collect(outer, func(r *sql.Rows) (none struct{}, err error) {
				inner, err := list(askerOf(ctx, t), one[int], numbers)
				got = append(got, inner...)
				return none, err
			})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if want := []int{1, 2, 3, 1, 2, 3, 1, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if p.made != 4 || p.open != 4 {
		t.Errorf("%d statements were prepared, of which %d are there", p.made, p.open)
	}
}

func TestReaderAfterAnInterruption(t *testing.T) {
	s, p := readingTest(t)
	const endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i % ? = 0"
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		err := s.view(ctx, "ask", func(ctx context.Context, t *sql.Tx) error {
			rows, err := t.QueryContext(ctx, endless, 2)
			if err != nil {
				return err
			}
			_, err = collect(rows, func(*sql.Rows) (none struct{}, err error) {
				cancel()
				return none, nil
			})
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if _, err := s.Runs(t.Context(), store.Filter{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.reads.Close(); err != nil || p.open != 0 {
		t.Errorf("%d statements are left, %v", p.open, err)
	}
}

// Another program may bring the schema up to date while statements are kept.
func TestReaderSeesAnotherSchema(t *testing.T) {
	s, _ := readingTest(t)
	columns := func() (n int) {
		t.Helper()
		err := s.view(t.Context(), "ask", func(ctx context.Context, t *sql.Tx) error {
			rows, err := t.QueryContext(ctx, "SELECT * FROM chores")
			if err != nil {
				return err
			}
			all, err := rows.Columns()
			n = len(all)
			return errors.Join(err, rows.Close())
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := columns()
	if err := s.change(t.Context(), "change", func(t *tx) error { return t.exec("ALTER TABLE chores ADD COLUMN more TEXT") }); err != nil {
		t.Fatal(err)
	}
	if after := columns(); after != before+1 {
		t.Errorf("%d columns, then %d", before, after)
	}
}
