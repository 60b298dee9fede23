package sqlstore

import (
	"database/sql"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/storetest"
)

// oracleVar names the environment variable with the address of a real Oracle. Its
// schema must be empty, or have been used for nothing but these tests.
const oracleVar = "EXECUTIONER_TEST_ORACLE_DSN"

// oracleMarker is the table by which a schema is known that the tests may empty.
const oracleMarker = "executioner_tests"

// TestOracleServer runs on a real server what TestOracle runs on the stand-in, where
// nothing has to break for it. When an address is given, it fails where there is none.
func TestOracleServer(t *testing.T) {
	dsn := os.Getenv(oracleVar)
	if dsn == "" {
		t.Skipf("%s is not set", oracleVar)
	}
	db := openOracleDB(t, dsn)
	var banner string
	if err := db.QueryRowContext(t.Context(), "SELECT banner FROM v$version WHERE ROWNUM = 1").Scan(&banner); err != nil {
		t.Fatalf("%s: %v", oracleVar, err)
	}
	t.Logf("the server is %s", banner)
	t.Run("oracle", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
			emptyOracle(t, db)
			return openOracleTest(t, dsn, Config{Now: now})
		})
	})
	for name, test := range onAnyOracle {
		t.Run(name, func(t *testing.T) {
			emptyOracle(t, db)
			test(t, dsn)
		})
	}
}

// emptyOracle removes our tables from a schema that is for tests.
func emptyOracle(t *testing.T, db *sql.DB) {
	t.Helper()
	if !hasTable(t, db, oracleMarker) {
		for _, table := range append([]string{"schema_versions"}, oracleTables...) {
			if hasTable(t, db, table) {
				t.Fatalf("the schema has a table %s that these tests did not make: give them one of their own", table)
			}
		}
		mustExec(t, db, "CREATE TABLE "+oracleMarker+" (one_row NUMBER(1))")
	}
	for _, table := range append([]string{"schema_versions", "migration_lock"}, oracleTables...) {
		if _, err := db.ExecContext(t.Context(), "DROP TABLE "+table+" CASCADE CONSTRAINTS"); err != nil && !isNoTable(err) {
			t.Fatal(err)
		}
	}
}

func hasTable(t *testing.T, db *sql.DB, table string) bool {
	t.Helper()
	var one int
	err := db.QueryRowContext(t.Context(), "SELECT 1 FROM "+table+" WHERE 1 = 0").Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return true
	}
	if !isNoTable(err) {
		t.Fatal(err)
	}
	return false
}

// testEmptyOracle shows that the real server's schema is empty for each test.
func testEmptyOracle(t *testing.T, dsn string) {
	db := openOracleDB(t, dsn)
	for range 2 {
		emptyOracle(t, db)
		s := openOracleTest(t, dsn, Config{})
		if l := newBenchRun(t, s); l.Run != 1 {
			t.Errorf("the first run is %d", l.Run)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
