package doctor

import (
	"database/sql"
	"io"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
	_ "modernc.org/sqlite" // a program that locks a history

	"github.com/executionerhq/executioner/internal/app"
	"github.com/executionerhq/executioner/internal/keeper"
)

// lockVariable makes the test binary a program that locks a database.
const lockVariable = "DOCTOR_TEST_LOCK"

func TestMain(m *testing.M) {
	switch path := os.Getenv(lockVariable); {
	case len(os.Args) > 1 && os.Args[1] == keeper.Command:
		os.Exit(keeper.Main(os.Args[2:], "test"))
	case path != "":
		lockUntilEOF(path)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// lockUntilEOF keeps others from writing to a database until its input ends.
func lockUntilEOF(path string) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(1)
	for _, s := range []string{"BEGIN IMMEDIATE", "CREATE TABLE IF NOT EXISTS doctor_test (x)"} {
		if _, err := db.Exec(s); err != nil {
			panic(err)
		}
	}
	_, _ = os.Stdout.WriteString("locked\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// config is for a history in a new directory.
func config(t *testing.T) Config {
	path := filepath.Join(t.TempDir(), "history.db")
	return Config{Databases: app.Databases{}, Database: path, Program: "/proc/self/exe", Name: "executioner", Keeper: path + "-keeper", Runs: true}
}

// history makes one.
func history(t *testing.T, path string) {
	t.Helper()
	st, err := app.Databases{}.Open(t.Context(), path)
	must(t, err)
	must(t, st.Close())
}

// names returns what is in a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	all := []string{}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}
