package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	goora "github.com/sijms/go-ora/v2"
	"github.com/sijms/go-ora/v2/network"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store/storetest/oratest/oralint"
)

func TestPlanOracle(t *testing.T) {
	for query, want := range map[string]*oraclePlan{
		"BEGIN":    {kind: oracleBegin},
		"COMMIT":   {kind: oracleCommit},
		"ROLLBACK": {kind: oracleUndo},
		"CREATE TABLE t\n\t(a NUMBER(1))": {
			kind: oracleDefine, text: "CREATE TABLE t (a NUMBER(1))",
		},
		"SELECT (SELECT COUNT(*) FROM runs), ?": {
			kind: oracleQuery, text: "SELECT (SELECT COUNT(*) FROM runs), :1 FROM dual",
		},
		"SELECT r.file FROM runs r INDEXED BY runs_by_state WHERE a = ? LIMIT ?": {
			kind: oracleQuery, text: "SELECT r.file_path FROM runs r WHERE a = :1 FETCH FIRST :2 ROWS ONLY",
		},
		"DELETE FROM runs WHERE id = ?": {text: "DELETE FROM runs WHERE id = :1"},
		"UPDATE attempts SET detail = ?, x = ?, at_us = COALESCE(at_us, ?) WHERE run_id = ? AND y = ?": {
			text:  "UPDATE attempts SET x = :1, at_us = COALESCE(at_us, CAST(:2 AS NUMBER(19))), detail = :3 WHERE run_id = :4 AND y = :5",
			order: []int{1, 2, 0, 3, 4},
		},
		"INSERT INTO overrides (run_id, no, note, job) VALUES (?, (SELECT MAX(a) FROM t WHERE a = ?), ?, ?)": {
			text:  "INSERT INTO overrides (run_id, no, job, note) VALUES (:1, (SELECT MAX(a) FROM t WHERE a = :2), :3, :4)",
			order: []int{0, 1, 3, 2}, rows: 1,
		},
		"INSERT INTO t (a, b) VALUES (?,?),(?,?),(?,?)":           {text: "INSERT INTO t (a, b) VALUES (:1, :2)", rows: 3},
		"INSERT INTO t (a) VALUES (?) ON CONFLICT (a) DO NOTHING": {kind: oracleUnless, text: "INSERT INTO t (a) VALUES (:1)", rows: 1},
		"INSERT INTO runs (file, seq) VALUES (?, ?) RETURNING id": {
			kind: oracleNext, text: oracleNextID,
			then: &oraclePlan{text: "INSERT INTO runs (id, seq, file_path) VALUES (:1, :2, :3)", order: []int{0, 2, 1}, rows: 1},
		},
		"UPDATE runs SET seq = seq + ? WHERE id = ? AND e = ? RETURNING seq": {
			kind: oracleReturn, text: "UPDATE runs SET seq = seq + :1 WHERE id = :2 AND e = :3",
			then: &oraclePlan{kind: oracleQuery, text: "SELECT seq FROM runs WHERE id = :1", order: []int{1}},
		},
		importAs: {
			kind: oracleMoved, text: "UPDATE run_ids SET last_id = :1 WHERE last_id < :2", order: []int{0, 0},
			then: &oraclePlan{
				text: "INSERT INTO runs (id, application, submitted_at_us, attempt, state, seq, told_seq, lease_epoch, origin, by_user, key_hash, file_path, working_dir)" +
					" VALUES (:1, :2, :3, :4, :5, :6, :7, 1, :8, :9, :10, :11, :12)",
				order: []int{0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 2, 3}, rows: 1,
			},
		},
		upsertToken: {
			kind: oracleUpsert, text: "UPDATE commits SET commit_no = :1, at_us = :2 WHERE writer = :3 AND commit_no < :4", order: []int{1, 2, 0, 1},
			then: &oraclePlan{kind: oracleUnless, text: "INSERT INTO commits (writer, commit_no, at_us) VALUES (:1, :2, :3)", rows: 1},
		},
	} {
		if diff := cmp.Diff(want, planOracle(query), cmp.AllowUnexported(oraclePlan{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: -want +got:\n%s", query, diff)
		}
	}
}

// A migration takes its time: nothing limits it, neither us nor the driver.
func TestOracleMigrationsAreNotHurried(t *testing.T) {
	for _, dsn := range []string{"oracle://u:p@h/S", "oracle://u:p@h/S?timeout=3", "oracle://u:p@h/S?Connection+Timeout=3&SSL=true"} {
		cfg, err := Config{}.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		u, _, err := oracleURL(dsn, cfg)
		if err != nil {
			t.Fatal(err)
		}
		before := u.String()
		parsed, err := goora.ParseConfig(oraclePatient(u).String())
		if err != nil || parsed.Timeout != 24*time.Hour || u.String() != before {
			t.Errorf("%s: %v, %v, %v", dsn, parsed.Timeout, err, u)
		}
	}
	d := oracleDialect(nil, nil, Config{}, "", nil)
	d.schema = func(ctx context.Context, _ *sql.Conn) (int64, error) {
		if _, limited := ctx.Deadline(); !limited {
			t.Error("a server that does not answer is waited for")
		}
		return 0, nil
	}
	d.exclusively = func(ctx context.Context, _ *sql.Conn, _ func(*sql.Conn) error) error {
		if _, limited := ctx.Deadline(); limited {
			t.Error("a migration has a deadline")
		}
		return errEnough
	}
	path := filepath.Join(t.TempDir(), "any.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sqlitePool(path, Config{}, 1) // any connection does
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := makeReady(t.Context(), d, db, 0, func(error) bool { return false }); !errors.Is(err, errEnough) {
		t.Errorf("got %v", err)
	}
}

var errEnough = errors.New("enough was seen")

// Every column that is a large object is known as one, and none else.
func TestOracleLOBs(t *testing.T) {
	d := oracleDialect(nil, nil, Config{}, "", nil)
	all, err := migrationsIn(d.migrations)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, m := range all {
		texts = append(texts, m.statements...)
	}
	want := map[string]bool{}
	for _, c := range oracleLOBs {
		want[c] = true
	}
	if diff := cmp.Diff(want, oralint.LOBs(texts)); diff != "" {
		t.Errorf("-known +defined:\n%s", diff)
	}
}

// The newest migration is the one that the dialect names, for all databases the same.
func TestOracleVersion(t *testing.T) {
	names, err := fs.Glob(oracleFiles, "oracle/migrations/*.sql")
	if err != nil || len(names) != oracleVersion || oracleVersion != sqliteVersion {
		t.Errorf("%d migrations, version %d, SQLite has %d, %v", len(names), oracleVersion, sqliteVersion, err)
	}
}

func TestOracleErrors(t *testing.T) {
	translate := translateServer("oracle://u@h/s", newSecrets("s3cret"), oracleMeaning)
	for _, c := range []struct {
		err   error
		code  fault.Code
		again trouble
	}{
		{&network.OracleError{ErrCode: 1}, fault.Internal, conflict},
		{&network.OracleError{ErrCode: 2291}, fault.Internal, conflict},
		{&network.OracleError{ErrCode: 60}, fault.Unavailable, busy},
		{&network.OracleError{ErrCode: 54}, fault.Unavailable, busy},
		{&network.OracleError{ErrCode: 1555}, fault.Unavailable, busy},
		{&network.OracleError{ErrCode: 1013}, fault.Unavailable, lost},
		{&network.OracleError{ErrCode: 18}, fault.Unavailable, lost},
		{&network.OracleError{ErrCode: 3113}, fault.Unavailable, lost},
		{&network.OracleError{ErrCode: 1033}, fault.Unavailable, lost},
		{&network.OracleError{ErrCode: 12541}, fault.Unavailable, lost},
		{&network.OracleError{ErrCode: 12514}, fault.Unavailable, lost},
		{&network.OracleError{ErrCode: 1017}, fault.Unavailable, final},
		{&network.OracleError{ErrCode: 1031}, fault.Unavailable, final},
		{&network.OracleError{ErrCode: 1653}, fault.Unavailable, final},
		{&network.OracleError{ErrCode: 942}, fault.Unavailable, final},
		{&network.OracleError{ErrCode: 16000}, fault.Unavailable, final},
		{&network.OracleError{ErrCode: 12899}, fault.Unsupported, final},
		{&network.OracleError{ErrCode: 900, ErrMsg: "ORA-00900: s3cret"}, fault.Internal, final},
		{&oracleUnreached{io.EOF}, fault.Unavailable, lost},
		{errOracleGone, fault.Unavailable, lost},
		{io.ErrUnexpectedEOF, fault.Unavailable, lost},
		{sql.ErrTxDone, fault.Internal, final},
		{fault.New(fault.NotFound, "x"), fault.NotFound, final},
	} {
		got := translate("op", c.err)
		if fault.CodeOf(got) != c.code || oracleTrouble(c.err) != c.again {
			t.Errorf("%v: %v (%s), %d", c.err, got, fault.CodeOf(got), oracleTrouble(c.err))
		}
	}
	if err := translate("op", &network.OracleError{ErrCode: 900, ErrMsg: "s3cret"}); err.Error() != "oracle://u@h/s: the database refused a statement: *** error occur at position: 0" {
		t.Errorf("got %v", err)
	}
	if translate("op", nil) != nil || oracleDone(io.EOF) || oracleDone(&network.OracleError{ErrCode: 942}) {
		t.Error("nothing, or something else, was taken for an error")
	}
}

func TestOracleURL(t *testing.T) {
	cfg, err := Config{StatementTimeout: 20 * time.Second}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	for dsn, want := range map[string]string{
		"oracle://u:p@h/S":                           "oracle://u:p@h:1521/S?PREFETCH_ROWS=200&TIMEOUT=30",
		"Oracle://u:p%2F@[::1]:99/S?timeout=9":       "oracle://u:p%2F@[::1]:99/S?PREFETCH_ROWS=200&timeout=9",
		"oracle://u@h:1/?sid=X&prefetch_rows=1":      "oracle://u@h:1/?TIMEOUT=30&prefetch_rows=1&sid=X",
		"oracle://u:p@h/S?pool_max_conns=7&SSL=true": "oracle://u:p@h:1521/S?PREFETCH_ROWS=200&SSL=true&TIMEOUT=30",
	} {
		u, got, err := oracleURL(dsn, cfg)
		if err != nil || u.String() != want || (got.Pool != 10 && got.Pool != 7) {
			t.Errorf("%s: got %v, pool %d, %v", dsn, u, got.Pool, err)
		}
	}
}
