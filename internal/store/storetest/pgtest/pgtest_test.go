package pgtest_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/executionerhq/executioner/internal/store/storetest/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func value(t *testing.T, dsn, query string) (v string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(t.Context(), query).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCluster(t *testing.T) {
	c, err := pgtest.New("fsync=on", "max_connections=33")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	dsn := c.DSN(t, "a name")
	if got := value(t, dsn, "SELECT current_setting('fsync') || ' ' || current_setting('max_connections')"); got != "on 33" {
		t.Errorf("the settings are %s", got)
	}
	if err := c.Exec("a name", "CREATE TABLE kept (x TEXT)", "INSERT INTO kept VALUES ('yes')"); err != nil {
		t.Fatal(err)
	}
	if user := value(t, c.DSNWithPassword(t, "a name", pgtest.Password), "SELECT current_user::text"); user != "with_password" {
		t.Errorf("the user is %s", user)
	}
	if a, b := value(t, c.Schema(t), "SELECT current_schema()::text"), value(t, c.Schema(t), "SELECT current_schema()::text"); a == b {
		t.Errorf("two tests have the schema %s", a)
	}

	if err := c.Kill9(); err != nil {
		t.Fatal(err)
	}
	if err := c.Exec("postgres"); err == nil {
		t.Error("it lives after it was killed")
	}
	if err := c.Kill9(); err == nil {
		t.Error("it was killed twice")
	}
	for range 2 {
		if err := c.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	if got := value(t, dsn, "SELECT x FROM kept"); got != "yes" { // what was committed survives that
		t.Errorf("got %q", got)
	}

	thaw, err := c.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if conn, err := pgx.Connect(ctx, dsn); err == nil {
		conn.Close(context.Background())
		t.Error("it answers while it hangs")
	}
	if err := thaw(); err != nil {
		t.Fatal(err)
	}
	if got := value(t, dsn, "SELECT x FROM kept"); got != "yes" {
		t.Errorf("got %q", got)
	}

	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.SocketDir()); !os.IsNotExist(err) {
		t.Errorf("it left %s behind: %v", c.SocketDir(), err)
	}
}

func TestSharedIsStartedWhenItIsNeeded(t *testing.T) {
	var s pgtest.Shared
	if err := s.Stop(); err != nil { // nobody asked for it
		t.Error(err)
	}
}
