package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/sqlstore/pagesum"
)

// faulty is a driver whose commits fail when they are to, after they took effect or before.
type faulty struct {
	driver.Connector
	commits atomic.Int64 // until one fails
	effect  bool
}

var errDisk = errors.New("the disk said no")

func (f *faulty) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := f.Connector.Connect(ctx)
	return faultyConn{c, f}, err
}

type faultyConn struct {
	driver.Conn
	f *faulty
}

func (c faultyConn) Prepare(query string) (driver.Stmt, error) {
	s, err := c.Conn.Prepare(query)
	if err == nil && query == "COMMIT" {
		return faultyCommit{s, c}, nil
	}
	return s, err
}

type faultyCommit struct {
	driver.Stmt
	c faultyConn
}

func (s faultyCommit) Exec(args []driver.Value) (driver.Result, error) {
	if s.c.f.commits.Add(-1) != 0 {
		return s.Stmt.Exec(args) //nolint:staticcheck // this is a driver
	}
	end := "COMMIT"
	if !s.c.f.effect {
		end = "ROLLBACK" // as SQLite does by itself after some errors
	}
	p, err := s.c.Conn.Prepare(end)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if _, err := p.Exec(nil); err != nil { //nolint:staticcheck // this is a driver
		return nil, err
	}
	return nil, errDisk
}

// openFaulty returns a store in a new SQLite file with such a driver.
func openFaulty(t *testing.T, effect bool) (*Store, *faulty) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "runs.db")
	if err := openTest(t, path, Config{}).Close(); err != nil {
		t.Fatal(err)
	}
	cfg, err := Config{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	vfs, err := pagesum.Register()
	if err != nil {
		t.Fatal(err)
	}
	c, err := sqlite.NewConnector(sqliteDSN(path, vfs, cfg))
	if err != nil {
		t.Fatal(err)
	}
	f := &faulty{Connector: c, effect: effect}
	write := sql.OpenDB(f)
	conn, err := write.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reads, err := sqlitePool(path, cfg, 1)
	if err != nil {
		t.Fatal(err)
	}
	s := newStore(cfg, sqliteDialect(path), reads, write, conn)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, f
}

// A commit that fails after it took effect is found out to have taken effect, and
// one that did not fails. Either way everything is there once, or not at all.
func TestFailedCommit(t *testing.T) {
	for _, effect := range []bool{true, false} {
		s, f := openFaulty(t, effect)
		l := newBenchRun(t, s)
		fails := func(name string, do func() error) {
			t.Helper()
			f.commits.Store(1)
			err := do()
			if effect && err != nil || !effect && !errors.Is(err, errDisk) {
				t.Errorf("%s, took effect %v: got %v", name, effect, err)
			}
			if f.commits.Load() > 0 {
				t.Errorf("%s did not commit", name)
			}
		}
		ctx := t.Context()
		count := func(query string) (n int) {
			t.Helper()
			if err := s.reads.QueryRowContext(ctx, query).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		want := 0
		if effect {
			want = 1
		}
		fails("append", func() error {
			last, err := s.Append(ctx, l, batch(3))
			if err == nil && last != 3 {
				t.Errorf("last is %d", last)
			}
			return err
		})
		if n := count(`SELECT COUNT(*) FROM transitions`); n != 3*want {
			t.Errorf("%d transitions", n)
		}
		fails("create", func() error {
			l, err := s.CreateRun(ctx, store.NewRun{Application: "second"}, store.Owner{}, time.Hour)
			if err == nil && l.Run != 2 {
				t.Errorf("it is run %d", l.Run)
			}
			return err
		})
		if n := count(`SELECT COUNT(*) FROM runs WHERE application = 'second'`); n != want {
			t.Errorf("%d runs", n)
		}
		fails("attempt", func() error {
			n, err := s.AddAttempt(ctx, l, store.NewAttempt{})
			if err == nil && n != 2 {
				t.Errorf("it is attempt %d", n)
			}
			return err
		})
		if n := count(`SELECT COUNT(*) FROM attempts WHERE run_id = 1`); n != 1+want {
			t.Errorf("%d attempts", n)
		}
		fails("request", func() error { return s.Request(ctx, l.Run, store.Request{Kind: store.CancelRun}) })
		if n := count(`SELECT COUNT(*) FROM requests`); n != want {
			t.Errorf("%d requests", n)
		}
		fails("overrides", func() error { return s.AddOverrides(ctx, l.Run, []run.Override{{Attempt: 1}}) })
		if n := count(`SELECT COUNT(*) FROM overrides`); n != want {
			t.Errorf("%d overrides", n)
		}
		// What does no harm when it is done again is not looked up: it fails, and is repeated.
		harmless := func(name string, do func() error) {
			t.Helper()
			f.commits.Store(1)
			if err := do(); !errors.Is(err, errDisk) || f.commits.Load() > 0 {
				t.Errorf("%s, took effect %v: got %v", name, effect, err)
			}
		}
		harmless("renew", func() error {
			_, err := s.Renew(ctx, l, time.Hour)
			return err
		})
		harmless("answer", func() error {
			_, err := s.Answer(ctx, l, nil, want)
			return err
		})
		if n := count(`SELECT COUNT(*) FROM requests WHERE taken_us IS NOT NULL`); n != want {
			t.Errorf("%d requests are marked as taken", n)
		}
		fails("acquire", func() error {
			got, err := s.Acquire(ctx, l.Run, store.Owner{PID: 9}, time.Hour, func(store.Owner) bool { return true })
			if err == nil && got.Epoch != 2 {
				t.Errorf("epoch %d", got.Epoch)
			}
			return err
		})
		if n := count(`SELECT lease_epoch FROM runs WHERE id = 1`); n != 1+want {
			t.Errorf("epoch %d", n)
		}
		fails("claim", func() error {
			claimed, err := s.Claim(ctx, "chore", time.Hour)
			if err == nil && !claimed {
				t.Error("it was not claimed")
			}
			return err
		})
		if n := count(`SELECT COUNT(*) FROM chores`); n != want {
			t.Errorf("%d chores", n)
		}
		// Whatever failed, all goes on, with numbers that have no gap.
		next := store.Lease{Run: 1, Epoch: int64(1 + want)}
		if last, err := s.Append(ctx, next, batch(3)); err != nil || last != int64(3*want+3) {
			t.Errorf("got %d, %v", last, err)
		}
	}
}

// Nothing is written for evidence where appends are proof enough, or repeating does no harm.
func TestTokens(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "runs.db"), Config{})
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	tokens := func(want int) {
		t.Helper()
		var n, rows int
		must(s.reads.QueryRowContext(ctx, `SELECT COALESCE(MAX(commit_no), 0), COUNT(*) FROM commits`).Scan(&n, &rows))
		if n != want || rows > 1 {
			t.Errorf("%d tokens in %d rows, want %d in one", n, rows, want)
		}
	}
	l := newBenchRun(t, s)
	tokens(1)
	_, err := s.Append(ctx, l, batch(30))
	must(err)
	_, err = s.Append(ctx, l, nil)
	must(err)
	_, err = s.Renew(ctx, l, time.Hour)
	must(err)
	tokens(1)
	must(s.Request(ctx, l.Run, store.Request{Kind: store.CancelRun}))
	tokens(2)
	_, err = s.Renew(ctx, l, time.Hour)
	must(err)
	_, err = s.Answer(ctx, l, nil, 1)
	must(err)
	must(s.Release(ctx, l))
	tokens(2)
	if err := s.Request(ctx, 99, store.Request{}); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("got %v", err)
	}
	tokens(2)
}

// Tokens of programs that have ended are removed by those that come later; those of
// programs that still write stay, however long they have been there.
func TestOldTokensGo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	newBenchRun(t, openTest(t, path, Config{}))
	old := time.Now().Add(-2 * tokenLife)
	s := openTest(t, path, Config{})
	err := s.change(t.Context(), "test", func(x *tx) error {
		x.harmless()
		const insert = `INSERT INTO commits (writer, commit_no, at_us) VALUES (?, 5, ?)`
		return errors.Join(
			x.exec(insert, newWriterID(old), old.UnixMicro()),
			x.exec(insert, newWriterID(old), time.Now().UnixMicro()),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	newBenchRun(t, s)
	var n int
	if err := s.reads.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM commits`).Scan(&n); err != nil || n != 3 {
		t.Errorf("%d tokens, %v; want 3", n, err)
	}
}

// Two writers that have the same name by chance are told apart.
func TestTokenOfAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	a, b := openTest(t, path, Config{}), openTest(t, path, Config{})
	for range 3 {
		newBenchRun(t, a)
	}
	b.writers[0].tx.writer = a.writers[0].tx.writer // before it begins anything
	newBenchRun(t, b)
	if a.writers[0].tx.writer == b.writers[0].tx.writer {
		t.Error("they still have the same name")
	}
	newBenchRun(t, a)
	all, err := a.Runs(t.Context(), store.Filter{})
	if err != nil || len(all) != 5 {
		t.Errorf("%d runs, %v", len(all), err)
	}
}
