package sqlstore

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/executionerhq/executioner/internal/fault"
)

// TestPostgresCodes has every code that is treated in a way of its own, and some that are not.
func TestPostgresCodes(t *testing.T) {
	translate := translateServer("postgres://u@h:1/d", newSecrets("hunter2"), postgresMeaning)
	for _, c := range []struct {
		code    string
		trouble trouble
		fault   fault.Code
		msg     string
	}{
		{"08000", lost, fault.Unavailable, "the database server went away"},
		{"08006", lost, fault.Unavailable, "the database server went away"},
		{"08P01", lost, fault.Unavailable, "the database server went away"},
		{"57P01", lost, fault.Unavailable, "the database server went away"},
		{"57P02", lost, fault.Unavailable, "the database server went away"},
		{"57P03", lost, fault.Unavailable, "the database server went away"},
		{"57P05", lost, fault.Unavailable, "the database server went away"},
		{"25P03", lost, fault.Unavailable, "the database server went away"},
		{"25P04", lost, fault.Unavailable, "the database server went away"},
		{"25006", lost, fault.Unavailable, "the database server is a standby, which can't be written"},
		{"53300", lost, fault.Unavailable, "the database server has no free connection"},
		{"40001", busy, fault.Unavailable, "another program keeps the database locked"},
		{"40P01", busy, fault.Unavailable, "another program keeps the database locked"},
		{"55P03", busy, fault.Unavailable, "another program keeps the database locked"},
		{"55006", busy, fault.Unavailable, "another program keeps the database locked"},
		{"53200", busy, fault.Unavailable, "the database server has reached a limit"},
		{"23505", conflict, fault.Internal, "the database refused a statement"},
		{"23503", conflict, fault.Internal, "the database refused a statement"},
		{"28P01", final, fault.Unavailable, "the database server refused the user name or the password"},
		{"28000", final, fault.Unavailable, "the database server refused the user name or the password"},
		{"3D000", final, fault.Unavailable, "the database does not exist on the server"},
		{"3F000", final, fault.Unavailable, "the database has no schema to put tables into"},
		{"42501", final, fault.Unavailable, "the database user has not the right to do this"},
		{"42P01", final, fault.Unavailable, "the database's schema is not the one that is expected"},
		{"42703", final, fault.Unavailable, "the database's schema is not the one that is expected"},
		{"42883", final, fault.Unavailable, "the database's schema is not the one that is expected"},
		{"42804", final, fault.Unavailable, "the database's schema is not the one that is expected"},
		{"42P07", final, fault.Unavailable, "the database has tables of another program with the same names"},
		{"42710", final, fault.Unavailable, "the database has tables of another program with the same names"},
		{"42704", final, fault.InvalidConfig, "the database server does not know a setting that the address names"},
		{"53100", final, fault.Unavailable, "the database can't grow: the server's disk is full"},
		{"53400", final, fault.Unavailable, "the database server has reached a limit"},
		{"54000", final, fault.Unavailable, "the database server has reached a limit"},
		{"57014", final, fault.Unavailable, "the database server took too long for a statement"},
		{"58030", final, fault.Unavailable, "the database server reports damaged data or a failing disk"},
		{"XX001", final, fault.Unavailable, "the database server reports damaged data or a failing disk"},
		{"XX002", final, fault.Unavailable, "the database server reports damaged data or a failing disk"},
		{"42601", final, fault.Internal, "the database refused a statement"},
		{"23514", final, fault.Internal, "the database refused a statement"},
		{"", final, fault.Internal, "the database refused a statement"},
	} {
		driver := &pgconn.PgError{Code: c.code, Message: "said hunter2"}
		wrapped := fmt.Errorf("while: %w", driver)
		if got := postgresTrouble(wrapped); got != c.trouble {
			t.Errorf("%s is %d, want %d", c.code, got, c.trouble)
		}
		var f *fault.Error
		if err := translate("do it", wrapped); !errors.As(err, &f) || f.Code != c.fault || f.Msg != c.msg || f.Hint == "" ||
			f.Op != "do it" || f.At != "postgres://u@h:1/d" || strings.Contains(all(err), "hunter2") {
			t.Errorf("%s: got %#v", c.code, f)
		}
	}
}

func TestPostgresOtherErrors(t *testing.T) {
	translate := translateServer("postgres://u@h:1/d", nil, postgresMeaning)
	for _, c := range []struct {
		err     error
		trouble trouble
		fault   fault.Code
		msg     string
	}{
		{io.EOF, lost, fault.Unavailable, "the database server does not answer"},
		{io.ErrUnexpectedEOF, lost, fault.Unavailable, "the database server does not answer"},
		{driver.ErrBadConn, lost, fault.Unavailable, "the database server does not answer"},
		{sql.ErrConnDone, lost, fault.Unavailable, "the database server does not answer"},
		{context.DeadlineExceeded, lost, fault.Unavailable, "the database server does not answer"},
		{&net.OpError{Op: "read", Err: errors.New("reset")}, lost, fault.Unavailable, "the database server does not answer"},
		{&pgconn.ConnectError{Config: &pgconn.Config{}}, lost, fault.Unavailable, "the database server can't be reached"},
		{&tls.CertificateVerificationError{Err: errors.New("unknown")}, final, fault.Unavailable, "the database server's certificate can't be trusted"},
		{context.Canceled, final, fault.Cancelled, "interrupted"},
		{errors.New("odd"), final, fault.Internal, "can't do it"},
		{fault.New(fault.Locked, "ours"), final, fault.Locked, "ours"},
	} {
		var f *fault.Error
		if connect := (*pgconn.ConnectError)(nil); !errors.As(c.err, &connect) { // it has a cause only the driver can set
			if err := translate("do it", c.err); !errors.As(err, &f) || f.Code != c.fault || f.Msg != c.msg {
				t.Errorf("%v: got %#v", c.err, f)
			}
		}
		if got := postgresTrouble(c.err); got != c.trouble {
			t.Errorf("%v is %d, want %d", c.err, got, c.trouble)
		}
	}
	if err := translate("do it", nil); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestSecrets(t *testing.T) {
	s := newSecrets("a b/c", "", "a b")
	cause := errors.New("x a%20b%2Fc y a+b%2Fc z a b/c w a b")
	if got := s.clean(fmt.Errorf("outer: %w", cause)); got.Error() != "outer: x *** y *** z *** w ***" || errors.Is(got, cause) {
		t.Errorf("got %v", got)
	}
	harmless := errors.New("harmless")
	if got := s.clean(harmless); got != harmless {
		t.Errorf("got %v", got)
	}
}

func TestRebind(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT 1":               "SELECT 1",
		"SELECT ?":               "SELECT $1",
		"a = ? AND b = ?, ?,?":   "a = $1 AND b = $2, $3,$4",
		strings.Repeat("?", 12):  "$1$2$3$4$5$6$7$8$9$10$11$12",
		"WHERE x = ? ORDER BY y": "WHERE x = $1 ORDER BY y",
	} {
		if got := rebind(query, '$'); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
		if got := rebind(query, ':'); got != strings.ReplaceAll(want, "$", ":") {
			t.Errorf("%s: got %s", query, got)
		}
	}
	if got := postgresText("FROM runs r INDEXED BY runs_by_state WHERE r.id > ? AND (x NOT INDEXED)"); got != "FROM runs r WHERE r.id > $1 AND (x)" {
		t.Errorf("got %s", got)
	}
}

func TestStatementsOf(t *testing.T) {
	got := statementsOf("-- +goose Up\nCREATE TABLE a (\n    -- why\n    x INT -- not ; it\n);\r\n\nCREATE INDEX b;\n  -- end\nDROP c")
	want := []string{"CREATE TABLE a (\n    x INT -- not ; it\n)", "CREATE INDEX b", "DROP c"}
	if len(got) != len(want) {
		t.Fatalf("got %q", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %q, want %q", got[i], want[i])
		}
	}
}
