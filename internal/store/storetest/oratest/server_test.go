package oratest

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	goora "github.com/sijms/go-ora/v2"
	"github.com/sijms/go-ora/v2/network"
)

// All cases share one server, which takes a second or two to start.
func TestServer(t *testing.T) {
	s := Start(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, *Server)
	}{
		{"wrong password", testWrongPassword},
		{"values", testValues},
		{"empty is NULL", testEmpty},
		{"large objects", testLargeObjects},
		{"many rows", testManyRows},
		{"arrays", testArrays},
		{"prepared", testPrepared},
		{"named binds", testNamed},
		{"errors", testErrors},
		{"transactions", testTransactions},
		{"read only transactions", testReadOnly},
		{"definitions commit", testDefinitions},
		{"row locks", testRowLocks},
		{"clients that go away", testGone},
		{"cut", testCut},
		{"silent repetition", testSilentRepetition},
		{"cut while fetching", testCutFetch},
		{"killed and down", testKilled},
		{"many clients", testClients},
		{"texts", testTexts},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, s) })
	}
}

func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("oracle", dsn)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

type execer interface {
	Exec(query string, args ...any) (sql.Result, error)
}

func run(t *testing.T, db execer, query string, args ...any) int64 {
	t.Helper()
	r, err := db.Exec(query, args...)
	must(t, err)
	n, err := r.RowsAffected()
	must(t, err)
	return n
}

func count(t *testing.T, db *sql.DB, query string, args ...any) (n int64) {
	t.Helper()
	must(t, db.QueryRow(query, args...).Scan(&n))
	return n
}

// codeOf returns the ORA code of an error, 0 for another or none.
func codeOf(err error) int {
	var e *network.OracleError
	if errors.As(err, &e) {
		return e.ErrCode
	}
	return 0
}

func testWrongPassword(t *testing.T, s *Server) {
	equal(t, codeOf(open(t, s.WrongPassword()).Ping()), 1017)
	good := s.DSN()
	must(t, open(t, good).Ping())
	unknown := strings.Replace(good, "EXEC", "NOBODY", 1)
	equal(t, codeOf(open(t, unknown).Ping()), 1017)
}

func testValues(t *testing.T, s *Server) {
	db := open(t, s.DSN())
	run(t, db, `CREATE TABLE v (id NUMBER(19), b NUMBER(1), s VARCHAR2(100), f NUMBER(20,6), at TIMESTAMP(6) WITH TIME ZONE, r RAW(10))`)
	at := time.Date(2026, 7, 2, 3, 4, 5, 123456000, time.FixedZone("", 5*3600+1800))
	run(t, db, `INSERT INTO v (id, b, s, f, at, r) VALUES (:1, :2, :3, :4, :5, :6)`, int64(math.MinInt64), true, "ż ':1' €", -12.5, at, []byte{0, 255})
	var (
		id  int64
		b   bool
		txt string
		f   float64
		got time.Time
		raw []byte
	)
	must(t, db.QueryRow(`SELECT id, b, s, f, at, r FROM v WHERE id = :1`, int64(math.MinInt64)).Scan(&id, &b, &txt, &f, &got, &raw))
	equal(t, []any{id, b, txt, f, raw}, []any{int64(math.MinInt64), true, "ż ':1' €", -12.5, []byte{0, 255}})
	if !got.Equal(at) {
		t.Errorf("got %v, want %v", got, at)
	}
}

func testEmpty(t *testing.T, s *Server) {
	db := open(t, s.DSN())
	run(t, db, `CREATE TABLE e (s VARCHAR2(10), r RAW(10), m VARCHAR2(10) NOT NULL)`)
	run(t, db, `INSERT INTO e (s, r, m) VALUES (:1, :2, 'x')`, "", []byte{})
	equal(t, count(t, db, `SELECT COUNT(*) FROM e WHERE s IS NULL AND r IS NULL`), int64(1))
	_, err := db.Exec(`INSERT INTO e (m) VALUES (:1)`, "")
	equal(t, codeOf(err), 1400)
}

func testLargeObjects(t *testing.T, s *Server) {
	db := open(t, s.DSN())
	run(t, db, `CREATE TABLE l (id NUMBER(9), t CLOB, b BLOB)`)
	long := strings.Repeat("€ 1'\"\\%_;--\n", 1<<20/14)
	many := bytes.Repeat([]byte{1, 0, 255}, 100_000)
	for i, v := range []string{"", "short", long} {
		run(t, db, `INSERT INTO l (id, t, b) VALUES (:1, :2, :3)`, i, v, many[:len(many)*i/2])
	}
	rows, err := db.Query(`SELECT t, b, id FROM l ORDER BY id`)
	must(t, err)
	defer rows.Close()
	for i, want := range []string{"", "short", long} {
		if !rows.Next() {
			t.Fatal(rows.Err())
		}
		var text sql.NullString
		var b []byte
		var id int
		must(t, rows.Scan(&text, &b, &id))
		if text.String != want || text.Valid != (want != "") || !bytes.Equal(b, many[:len(many)*i/2]) || id != i {
			t.Errorf("row %d: %d bytes of text, %d bytes", i, len(text.String), len(b))
		}
	}
	must(t, rows.Err())
}

func testManyRows(t *testing.T, s *Server) {
	db := open(t, s.DSN())
	run(t, db, `CREATE TABLE m (id NUMBER(9), t CLOB)`)
	ids := make([]int64, 1000)
	texts := make([]string, 1000)
	for i := range ids {
		ids[i], texts[i] = int64(i), fmt.Sprint("text ", i)
	}
	run(t, db, `INSERT INTO m (id, t) VALUES (:1, :2)`, ids, texts)
	for _, q := range []string{`SELECT id FROM m ORDER BY id`, `SELECT id FROM m WHERE t IS NOT NULL ORDER BY id`} {
		rows, err := db.Query(q)
		must(t, err)
		var got []int64
		for rows.Next() {
			var id int64
			must(t, rows.Scan(&id))
			got = append(got, id)
		}
		must(t, rows.Err())
		equal(t, got, ids)
	}
}

func testArrays(t *testing.T, s *Server) {
	db := open(t, s.DSN())
	run(t, db, `CREATE TABLE a (id NUMBER(19) NOT NULL, s VARCHAR2(10), CONSTRAINT a_pk PRIMARY KEY (id))`)
	executions, rows := s.Counts().Executions.Load(), s.Counts().Rows.Load()
	n := run(t, db, `INSERT INTO a (id, s) VALUES (:1, :2)`, []int64{1, 2, 3},
		[]sql.NullString{{String: "a", Valid: true}, {}, {String: "c", Valid: true}})
	equal(t, n, int64(3))
	equal(t, []int64{s.Counts().Executions.Load() - executions, s.Counts().Rows.Load() - rows}, []int64{1, 3})
	equal(t, count(t, db, `SELECT COUNT(s) FROM a`), int64(2))
	_, err := db.Exec(`INSERT INTO a (id, s) VALUES (:1, :2)`, []int64{4, 1, 5}, []string{"d", "e", "f"})
	equal(t, codeOf(err), 1)
	equal(t, count(t, db, `SELECT COUNT(*) FROM a`), int64(3))

	tx, err := db.Begin()
	must(t, err)
	_, err = tx.Exec(`INSERT INTO a (id, s) VALUES (:1, :2)`, []int64{4, 1}, []string{"d", "e"})
	equal(t, codeOf(err), 1)
	must(t, tx.Rollback())
	equal(t, count(t, db, `SELECT COUNT(*) FROM a`), int64(3))
}

func testPrepared(t *testing.T, s *Server) {
	db := open(t, s.DSN())
	run(t, db, `CREATE TABLE p (id NUMBER(19), s VARCHAR2(400), n NUMBER(19))`)
	insert, err := db.Prepare(`INSERT INTO p (id, s, n) VALUES (:1, :2, :3)`)
	must(t, err)
	defer insert.Close()
	for i, v := range []any{nil, "a", "", strings.Repeat("€", 100), "b"} { // the driver declares its binds anew when they grow
		_, err := insert.Exec(i, v, any(nil))
		must(t, err)
		_, err = insert.Exec(i, v, i)
		must(t, err)
	}
	query, err := db.Prepare(`SELECT COUNT(*) FROM p WHERE id >= :1`)
	must(t, err)
	defer query.Close()
	for i := range 5 {
		var n int
		must(t, query.QueryRow(i).Scan(&n))
		equal(t, n, 10-2*i)
	}
	equal(t, count(t, db, `SELECT SUM(n) FROM p WHERE s IS NOT NULL`), int64(1+3+4))
}

func testNamed(t *testing.T, s *Server) {
	db := open(t, s.DSN())
	equal(t, count(t, db, `SELECT :a + :b + :a FROM dual`, sql.Named("a", 10), sql.Named("b", 1)), int64(21))
	var n int
	equal(t, codeOf(db.QueryRow(`SELECT :1 + :1 FROM dual`, 1).Scan(&n)), 1008)
}

func testErrors(t *testing.T, s *Server) {
	db := open(t, s.DSN())
	run(t, db, `CREATE TABLE p (id NUMBER(3) NOT NULL, s VARCHAR2(3) CHECK (s <> 'bad'), CONSTRAINT p_pk PRIMARY KEY (id))`)
	run(t, db, `CREATE TABLE c (id NUMBER(9), CONSTRAINT c_fk FOREIGN KEY (id) REFERENCES p (id))`)
	run(t, db, `INSERT INTO p (id) VALUES (1)`)
	run(t, db, `INSERT INTO c (id) VALUES (1)`)
	run(t, db, `CREATE SEQUENCE q`)
	db.SetMaxOpenConns(1)
	for _, c := range []struct {
		query string
		want  int
	}{
		{`INSERT INTO p (id) VALUES (1)`, 1},
		{`INSERT INTO p (id) VALUES (NULL)`, 1400},
		{`INSERT INTO p (id, s) VALUES (2, 'bad')`, 2290},
		{`INSERT INTO p (id, s) VALUES (2, 'long')`, 12899},
		{`INSERT INTO c (id) VALUES (2)`, 2291},
		{`DELETE FROM p`, 2292},
		{`SELECT x FROM p`, 904},
		{`SELECT 1 FROM nowhere`, 942},
		{`CREATE TABLE p (id NUMBER(1))`, 955},
		{`CREATE SEQUENCE q`, 955},
		{`ALTER TABLE p ADD (s NUMBER(1))`, 1430},
		{`DROP INDEX nothing`, 1418},
		{`SELECT 1 FROM dual;`, 933},
		{`SELECT ? FROM dual`, 911},
		{`SELECT $1 FROM dual`, 911},
		{`SELECT 1 FROM dual WHERE 'a`, 1756},
		{`SELEKT`, 900},
		{`CREATE INDEX i ON p (s)`, 0},
		{`ALTER SESSION SET TIME_ZONE = 'UTC'`, 0},
		{`SELECT id FROM p FETCH FIRST 1 ROWS ONLY`, 0},
		{`WITH q AS (SELECT id FROM p) SELECT * FROM q`, 0},
		{`SELECT id FROM p WHERE id = 1 FOR UPDATE`, 0},
	} {
		_, err := db.Exec(c.query)
		if codeOf(err) != c.want || (err == nil) != (c.want == 0) {
			t.Errorf("%s: got %v, want ORA-%05d", c.query, err, c.want)
		}
	}
}

func testTransactions(t *testing.T, s *Server) {
	db, other := open(t, s.DSN()), (*sql.DB)(nil)
	other = db // a second connection of the same pool
	run(t, db, `CREATE TABLE x (id NUMBER(9))`)
	for _, commit := range []bool{false, true} {
		tx, err := db.Begin()
		must(t, err)
		run(t, tx, `INSERT INTO x (id) VALUES (:1)`, 1)
		equal(t, count(t, other, `SELECT COUNT(*) FROM x`), int64(0))
		if commit {
			must(t, tx.Commit())
		} else {
			must(t, tx.Rollback())
		}
	}
	equal(t, count(t, db, `SELECT COUNT(*) FROM x`), int64(1))
}

func testReadOnly(t *testing.T, s *Server) {
	db := open(t, s.DSN())
	run(t, db, `CREATE TABLE x (id NUMBER(9))`)
	tx, err := db.Begin()
	must(t, err)
	run(t, tx, `SET TRANSACTION READ ONLY`)
	see := func(want int) {
		t.Helper()
		var n int
		must(t, tx.QueryRow(`SELECT COUNT(*) FROM x`).Scan(&n))
		equal(t, n, want)
	}
	see(0)
	run(t, db, `INSERT INTO x (id) VALUES (1)`)
	see(0)
	_, err = tx.Exec(`INSERT INTO x (id) VALUES (2)`)
	equal(t, codeOf(err), 1456)
	_, err = tx.Exec(`SET TRANSACTION READ ONLY`)
	equal(t, codeOf(err), 1453)
	must(t, tx.Rollback())
	equal(t, count(t, db, `SELECT COUNT(*) FROM x`), int64(1))
}

func testDefinitions(t *testing.T, s *Server) {
	db := open(t, s.DSN())
	run(t, db, `CREATE TABLE x (id NUMBER(9))`)
	tx, err := db.Begin()
	must(t, err)
	run(t, tx, `INSERT INTO x (id) VALUES (1)`)
	run(t, tx, `CREATE TABLE y (id NUMBER(9))`)
	run(t, tx, `INSERT INTO x (id) VALUES (2)`)
	must(t, tx.Rollback())
	equal(t, count(t, db, `SELECT SUM(id) FROM x`), int64(1))
}

// testRowLocks has one transaction wait for another.
func testRowLocks(t *testing.T, s *Server) {
	db := open(t, s.DSN())
	run(t, db, `CREATE TABLE x (id NUMBER(9))`)
	run(t, db, `INSERT INTO x (id) VALUES (0)`)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			tx, err := db.Begin()
			var n int
			if err == nil {
				err = tx.QueryRow(`SELECT id FROM x FOR UPDATE`).Scan(&n)
			}
			if err == nil {
				_, err = tx.Exec(`UPDATE x SET id = :1`, n+1)
			}
			if err == nil {
				err = tx.Commit()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	equal(t, count(t, db, `SELECT id FROM x`), int64(8))
}

// testGone has clients go away while their statements run or wait for a row.
func testGone(t *testing.T, s *Server) {
	dsn := s.DSN()
	db := open(t, dsn)
	run(t, db, `CREATE TABLE m (id NUMBER(9))`)
	run(t, db, `INSERT INTO m (id) VALUES (:1)`, make([]int64, 300))
	holder, err := db.Begin()
	must(t, err)
	run(t, holder, `UPDATE m SET id = 1`)
	for _, q := range []string{`UPDATE m SET id = 2`, `SELECT COUNT(*) FROM m a, m b, m c, m d, m e, m f`} {
		before, executions := s.Open(), s.Counts().Executions.Load()
		line := new(line)
		connector := goora.NewConnector(dsn).(*goora.OracleConnector)
		connector.Dialer(line)
		other := sql.OpenDB(connector)
		failed := make(chan error)
		go func() {
			tx, err := other.Begin()
			if err == nil {
				_, err = tx.Exec(q)
				_ = tx.Rollback()
			}
			failed <- err
		}()
		wait(t, func() bool { return s.Counts().Executions.Load() >= executions+2 }) // the driver's own, and this
		line.conn.Close()
		if <-failed == nil {
			t.Errorf("%s: no error", q)
		}
		_ = other.Close() // there is nobody to say goodbye to
		wait(t, func() bool { return s.Open() == before })
	}
	must(t, holder.Commit())
	equal(t, count(t, db, `SELECT MAX(id) FROM m`), int64(1))
}

// line is the socket of one connection.
type line struct{ conn net.Conn }

func (l *line) DialContext(ctx context.Context, network, addr string) (c net.Conn, err error) {
	l.conn, err = new(net.Dialer).DialContext(ctx, network, addr)
	return l.conn, err
}

func wait(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within a minute")
		}
	}
}

func testCut(t *testing.T, s *Server) {
	db := open(t, s.DSN())
	run(t, db, `CREATE TABLE x (id NUMBER(9))`)
	for i, c := range []struct {
		at        Point
		committed bool
	}{
		{BeforeCommit, false},
		{AfterCommit, true},
		{AfterExecute, false},
	} {
		s.Cut(c.at)
		tx, err := db.Begin()
		must(t, err)
		_, err = tx.Exec(`INSERT INTO x (id) VALUES (:1)`, i)
		if err == nil {
			err = tx.Commit()
		}
		if err == nil {
			t.Errorf("point %d: no error", c.at)
		}
		_ = tx.Rollback()
		equal(t, count(t, db, `SELECT COUNT(*) FROM x WHERE id = :1`, i) == 1, c.committed)
	}
}

// testSilentRepetition shows why each write must be in a transaction: the driver says
// that the connection was bad, and database/sql runs the statement again.
func testSilentRepetition(t *testing.T, s *Server) {
	db := open(t, s.DSN())
	run(t, db, `CREATE TABLE x (id NUMBER(9))`)
	s.Cut(BeforeClose)
	run(t, db, `INSERT INTO x (id) VALUES (1)`)
	equal(t, count(t, db, `SELECT COUNT(*) FROM x`), int64(2))

	s.Cut(BeforeClose)
	tx, err := db.Begin()
	must(t, err)
	_, err = tx.Exec(`INSERT INTO x (id) VALUES (2)`)
	if !errors.Is(err, driver.ErrBadConn) {
		err = errors.Join(err, tx.Commit())
	}
	if err == nil {
		t.Error("no error")
	}
	_ = tx.Rollback()
	equal(t, count(t, db, `SELECT COUNT(*) FROM x WHERE id = 2`), int64(0))
}

// testCutFetch: an answer that was cut short must not look like one that is complete.
func testCutFetch(t *testing.T, s *Server) {
	db := open(t, s.DSN()+"?PREFETCH_ROWS=100")
	run(t, db, `CREATE TABLE x (id NUMBER(9), t CLOB)`)
	run(t, db, `INSERT INTO x (id) VALUES (:1)`, make([]int64, 1000))
	for _, q := range []string{`SELECT id FROM x`, `SELECT id, t FROM x`} {
		s.Cut(BeforeFetch)
		rows, err := db.Query(q)
		must(t, err)
		n := 0
		for rows.Next() {
			n++
		}
		if n >= 1000 || rows.Err() == nil {
			t.Errorf("%d rows, %v", n, rows.Err())
		}
	}
}

func testKilled(t *testing.T, s *Server) {
	db := open(t, s.DSN())
	run(t, db, `CREATE TABLE x (id NUMBER(9))`)
	tx, err := db.Begin()
	must(t, err)
	run(t, tx, `INSERT INTO x (id) VALUES (1)`)
	s.KillAll()
	if _, err := tx.Exec(`INSERT INTO x (id) VALUES (1)`); err == nil {
		err = tx.Commit()
		if err == nil {
			t.Error("committed on a connection that was killed")
		}
	}
	_ = tx.Rollback()
	s.Down(true)
	if err := open(t, s.DSN()).Ping(); err == nil {
		t.Error("connected to a server that is down")
	}
	s.Down(false)
	equal(t, count(t, open(t, s.DSN()), `SELECT 7 FROM dual`), int64(7))
}

func testClients(t *testing.T, s *Server) {
	db := open(t, s.DSN())
	db.SetMaxOpenConns(8)
	run(t, db, `CREATE TABLE x (id NUMBER(9))`)
	var wg sync.WaitGroup
	for c := range 8 {
		wg.Go(func() {
			for i := range 20 {
				tx, err := db.Begin()
				if err == nil {
					_, err = tx.Exec(`INSERT INTO x (id) VALUES (:1)`, c*20+i)
				}
				if err == nil {
					err = tx.Commit()
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	equal(t, count(t, db, `SELECT COUNT(DISTINCT id) FROM x`), int64(160))
}

func testTexts(t *testing.T, s *Server) {
	equal(t, count(t, open(t, s.DSN()), `SELECT 'seen' || :1 || 'once' FROM dual WHERE 1 = 0 UNION SELECT '5' FROM dual`, 1), int64(5))
	n := 0
	for _, text := range s.Texts() {
		if strings.Contains(text, "'seen'") {
			n++
		}
		if text == driverClock || strings.Contains(text, "ALTER SESSION") {
			t.Errorf("the driver's own text: %s", text)
		}
	}
	equal(t, n, 1)
}
