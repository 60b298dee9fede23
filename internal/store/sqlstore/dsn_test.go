package sqlstore

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/executionerhq/executioner/internal/fault"
)

func TestKind(t *testing.T) {
	for dsn, want := range map[string]string{
		"":                              SQLite,
		"runs.db":                       SQLite,
		"/var/lib/executioner/runs.db":  SQLite,
		"sqlite:runs.db":                SQLite,
		"SQLite:///var/runs.db":         SQLite,
		"a:b":                           SQLite,
		":memory:":                      SQLite,
		"file:x":                        SQLite,
		"odd name://x":                  SQLite,
		"postgres://h/d":                Postgres,
		"POSTGRESQL://u:p@h:1/d?x=y":    Postgres,
		"postgres://":                   Postgres,
		"oracle://u:p@h:1521/S":         Oracle,
		"postgres:h/d":                  "",
		"oracle:u/p@h":                  "",
		"mysql://u:p@h/d":               "",
		"jdbc+x://h":                    "",
		"host=h dbname=d password=p":    "",
		"dbname=d host=/tmp:1":          "",
		"user = u":                      "",
		"/tmp/hostname=x":               SQLite,
		"/tmp/a host=b":                 "", // rather asked than guessed
		"C:/data/runs.db":               SQLite,
		"postgres-like.db":              SQLite,
		"/var/lib/postgres://runs.db":   SQLite,
		"https://example.com/runs.db":   "",
		"sqlite3:///var/runs.db":        "",
		"sqlite://relative.db":          SQLite,
		"postgresql:///d?host=/run/sql": Postgres,
	} {
		if got := Kind(dsn); got != want {
			t.Errorf("%q is %q, want %q", dsn, got, want)
		}
	}
}

func TestSQLitePath(t *testing.T) {
	for dsn, want := range map[string]string{
		"runs.db": "runs.db", "sqlite:runs.db": "runs.db", "SQLITE:/a/b": "/a/b", "sqlite:///a/b": "/a/b", "sqlite://a/b": "a/b",
		"sqlite:": "", "sqlite": "sqlite", "x": "x",
	} {
		if got := sqlitePath(dsn); got != want {
			t.Errorf("%q has path %q, want %q", dsn, got, want)
		}
	}
}

func TestRedact(t *testing.T) {
	for dsn, want := range map[string]string{
		"/a/b:c@d":                                             "/a/b:c@d",
		"sqlite:x":                                             "sqlite:x",
		"postgres://h:5/d":                                     "postgres://h:5/d",
		"postgres://u@h:5/d":                                   "postgres://u@h:5/d",
		"postgres://u:secret@h:5/d":                            "postgres://u:***@h:5/d",
		"postgres://:secret@h/d":                               "postgres://:***@h/d",
		"postgres://u:se/c?r#e@t@h:5/d":                        "postgres://u:***@h:5/d",
		"postgres://h/d?password=a@b&sslmode=disable":          "postgres://h/d?password=***&sslmode=disable",
		"postgres://h/d?sslmode=disable&PassWord=x":            "postgres://h/d?sslmode=disable&PassWord=***",
		"postgres://h/d?p%61ssword=x&sslpassword=y&passfile=z": "postgres://h/d?p%61ssword=***&sslpassword=***&passfile=***",
		"postgres://h/d?%zz=x":                                 "postgres://h/d?%zz=***",
		"oracle://scott:tiger@h:1521/S?wallet password=x y":    "oracle://scott:***@h:1521/S?wallet password=***",
		"mysql://u:secret@h/d":                                 "mysql://u:***@h/d",
		"host=h password=secret user=u":                        "host=h password=***",
		"postgres:u:secret@h":                                  "postgres:***@h",
	} {
		if got := Redact(dsn); got != want {
			t.Errorf("%q is shown as %q, want %q", dsn, got, want)
		}
	}
}

func TestWithPassword(t *testing.T) {
	for _, c := range []struct{ dsn, password, want string }{
		{"postgres://u@h/d", "a b/c@d", "postgres://u:a%20b%2Fc%40d@h/d"},
		{"postgres://u:old@h/d?sslmode=disable", "new", "postgres://u:new@h/d?sslmode=disable"},
		{"postgres://h/d?password=old", "a&b", "postgres://h/d?password=a%26b"},
		{"postgres://u@h/d?password=old", "new", "postgres://u:new@h/d"},
		{"oracle://scott@h:1521/S", "tiger", "oracle://scott:tiger@h:1521/S"},
	} {
		got, err := WithPassword(c.dsn, c.password)
		if err != nil || got != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.dsn, got, err, c.want)
		}
	}
	for _, dsn := range []string{"runs.db", "sqlite:x", "mysql://h", "postgres://u:a/b@h/d", ""} {
		_, err := WithPassword(dsn, "hunter2")
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != fault.InvalidConfig || f.Hint == "" || strings.Contains(all(err), "hunter2") {
			t.Errorf("%s: got %v", dsn, err)
		}
	}
}

func TestOpenRefusesAddresses(t *testing.T) {
	t.Setenv("PGPASSFILE", "/dev/null")
	for dsn, want := range map[string]string{
		"mysql://u:hunter2@h/d":                         "the database's address has a form that is not known",
		"host=h password=hunter2":                       "the database's address has a form that is not known",
		"postgres:u:hunter2@h":                          "the database's address has a form that is not known",
		"postgres://u:hunter2/x@h/d":                    "the database's address can't be read: it is not a URL",
		"postgres://u:hunter2@h:99999/d":                "the database's address can't be read: invalid port",
		"postgres://u:hunter2@h/d?sslmode=maybe":        "the database's address can't be read: failed to configure TLS",
		"postgres://u:hunter2@h/d?pool_max_conns=2":     "a pool of 2 connections is not possible",
		"postgres://u:hunter2@h/d?pool_max_conns=many":  "pool_max_conns is not a number",
		"postgres://u:hunter2@h/d?pool_max_conns=1001":  "a pool of 1001 connections is not possible",
		"postgres://u:hunter2@h/d?pool_min_conns=1":     "the address has a setting pool_min_conns, which is not known",
		"postgres://u:hunter2@h/d?connect_timeout=soon": "the database's address can't be read: invalid connect_timeout",
	} {
		_, err := Open(t.Context(), dsn, Config{})
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != fault.InvalidConfig || !strings.HasPrefix(f.Msg, want) || f.Hint == "" {
			t.Errorf("%s: got %v, want %q", dsn, err, want)
		}
		if strings.Contains(all(err), "hunter2") {
			t.Errorf("%s: %s tells the password", dsn, all(err))
		}
	}
	if _, err := Open(t.Context(), "x", Config{Durability: "none"}); fault.CodeOf(err) != fault.InvalidConfig {
		t.Errorf("got %v", err)
	}
}

// all returns everything that an error can tell, its causes' and their causes' words included.
func all(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error() + " " + fault.HintOf(err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		text += " " + all(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			text += " " + all(err)
		}
	}
	return text
}

// Whatever a password is, no error tells it: neither of an address that is wrong,
// nor of a server that is absent or refuses it.
func TestNoErrorTellsThePassword(t *testing.T) {
	t.Setenv("PGPASSFILE", "/dev/null")
	c := servers.Cluster(t)
	c.DSN(t, "passwords")
	rapid.Check(t, func(r *rapid.T) {
		// Random enough not to be part of any other word by chance.
		password := "Q" + rapid.StringMatching(`[ -~éß€]{10,20}`).Draw(r, "password") + "7z"
		dsn := rapid.SampledFrom([]string{
			"postgres://with_password:%s@/passwords?host=" + url.QueryEscape(c.SocketDir()), // refused
			"postgres://u:%s@/d?host=/nowhere",
			"postgres://u:%s@127.0.0.1:1/d?connect_timeout=5",
			"postgres://u:%s@[::1/d",
			"postgres://u:%s@h:port/d",
			"postgres://u@/d?host=/nowhere&password=%s",
			"postgres://u@/d?host=/nowhere&password=%s&sslmode=none",
			"postgres://u:%s@/d?host=/nowhere&pool_max_conns=none",
			"postgres://u:%s@/d?host=/nowhere&sslkey=/none&sslcert=/none&sslpassword=%s&sslmode=require",
			"postgres://u:%s@/d?host=/nowhere&target_session_attrs=none",
			"postgres:u:%s@h/d",
			"mysql://u:%s@h/d",
			"oracle://u:%s@127.0.0.1:1/S?TIMEOUT=5",
			"oracle://u:%s@h/",
			"oracle://u:%s@h:port/S",
		}).Draw(r, "dsn")
		written := rapid.SampledFrom([]func(string) string{
			url.QueryEscape, url.PathEscape, func(s string) string { return s },
			func(s string) string { return strings.TrimPrefix(url.UserPassword("", s).String(), ":") },
		}).Draw(r, "written")(password)
		dsn = strings.ReplaceAll(dsn, "%s", written)
		_, err := Open(t.Context(), dsn, Config{})
		if err == nil {
			r.Fatalf("%s was opened", dsn)
		}
		if code := fault.CodeOf(err); code != fault.InvalidConfig && code != fault.Unavailable {
			r.Errorf("%s: code %s: %v", dsn, code, err)
		}
		if told := all(err); strings.Contains(told, password) || strings.Contains(told, written) {
			r.Errorf("%s: %s tells the password", dsn, told)
		}
		if shown := Redact(dsn); strings.Contains(shown, password) || strings.Contains(shown, written) {
			r.Errorf("%s is shown as %s", dsn, shown)
		}
	})
}
