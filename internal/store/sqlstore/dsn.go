package sqlstore

import (
	"context"
	"net/url"
	"regexp"
	"strings"

	"github.com/executionerhq/executioner/internal/fault"
)

// The kinds of databases.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
	Oracle   = "oracle"
)

// Open opens the database that dsn names:
//
//	sqlite:PATH, or just a path
//	postgres://USER@HOST:PORT/DATABASE, or postgresql://
//	oracle://USER@HOST:PORT/SERVICE
//
// A database that is not there yet is created for SQLite only; its tables are created
// for all. No error tells a password.
func Open(ctx context.Context, dsn string, cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	switch Kind(dsn) {
	case SQLite:
		return OpenSQLite(ctx, sqlitePath(dsn), cfg)
	case Postgres:
		return openPostgres(ctx, dsn, cfg)
	case Oracle:
		return openOracle(ctx, dsn, cfg)
	default:
		return nil, errForm(dsn, "the database's address has a form that is not known")
	}
}

// forms are what a user may write.
const forms = "  sqlite:PATH                             a file on this host; a bare path is the same\n" +
	"  postgres://USER@HOST:5432/DATABASE      PostgreSQL 12 or newer\n" +
	"  oracle://USER@HOST:1521/SERVICE         Oracle 12c or newer"

func errForm(dsn, format string, args ...any) *fault.Error {
	return fault.New(fault.InvalidConfig, format, args...).WithAt(Redact(dsn)).WithHint("use one of these forms:\n%s", forms)
}

// Kind returns which kind of database dsn names, by its form alone: SQLite, Postgres
// or Oracle, and "" when it is none of these.
func Kind(dsn string) string {
	scheme, rest, found := strings.Cut(dsn, ":")
	if !found {
		if keywords.MatchString(dsn) {
			return "" // host=… dbname=…, which PostgreSQL's own programs know
		}
		return SQLite
	}
	switch scheme = strings.ToLower(scheme); {
	case scheme == "sqlite":
		return SQLite
	case scheme == "postgres", scheme == "postgresql":
		return ifURL(rest, Postgres)
	case scheme == "oracle":
		return ifURL(rest, Oracle)
	case strings.HasPrefix(rest, "//") && schemes.MatchString(scheme), keywords.MatchString(dsn):
		return ""
	default:
		return SQLite // a file may have a colon in its name
	}
}

var (
	keywords = regexp.MustCompile(`(?:^|\s)(?:host|user|dbname|password|service)\s*=`)
	schemes  = regexp.MustCompile(`^[a-z][a-z0-9+.-]*$`)
)

func ifURL(rest, kind string) string {
	if strings.HasPrefix(rest, "//") {
		return kind
	}
	return ""
}

// sqlitePath returns the path of a dsn of that kind. sqlite:///var/x is /var/x.
func sqlitePath(dsn string) string {
	const scheme = "sqlite:"
	if len(dsn) < len(scheme) || !strings.EqualFold(dsn[:len(scheme)], scheme) {
		return dsn
	}
	return strings.TrimPrefix(dsn[len(scheme):], "//")
}

// Redact returns dsn without passwords, for people to read. What looks as if a
// password could be in it is left out rather than shown.
func Redact(dsn string) string {
	if Kind(dsn) == SQLite {
		return dsn
	}
	dsn = values.ReplaceAllStringFunc(dsn, func(pair string) string {
		key, _, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(key)
		if err == nil && !secretKey.MatchString(name) {
			return pair
		}
		return key + "=***"
	})
	dsn = keywordValues.ReplaceAllString(dsn, "${1}***")
	start := strings.Index(dsn, "//") + 2
	end := strings.LastIndexByte(dsn, '@')
	if end < start {
		return dsn
	}
	if colon := strings.IndexByte(dsn[start:end], ':'); colon >= 0 {
		return dsn[:start+colon] + ":***" + dsn[end:]
	}
	return dsn
}

var (
	values        = regexp.MustCompile(`[?&][^=&#]*=[^&#]*`)
	keywordValues = regexp.MustCompile(`(?i)((?:pass|pwd|secret|token)[^=&#\s]*\s*=)[^&#]*`)
	secretKey     = regexp.MustCompile(`(?i)pass|pwd|secret|token`)
)

// WithPassword returns dsn with that password, in place of the one that it may have.
func WithPassword(dsn, password string) (string, error) {
	switch Kind(dsn) {
	case Postgres, Oracle:
	case SQLite:
		return "", errForm(dsn, "a password was given, but an SQLite file has none")
	default:
		return "", errForm(dsn, "the database's address has a form that is not known")
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", errForm(dsn, "the database's address is not a URL: characters such as / ? # @ : %% must be written as %%2F %%3F %%23 %%40 %%3A %%25 in it")
	}
	q := u.Query()
	q.Del("password")
	if u.User.Username() != "" {
		u.User = url.UserPassword(u.User.Username(), password)
	} else { // with an empty name, the usual one would not be taken
		u.User = nil
		q.Set("password", password)
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20") // PostgreSQL takes + as it is
	return u.String(), nil
}
