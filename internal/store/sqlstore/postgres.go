package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/executionerhq/executioner/internal/fault"
)

//go:embed postgres/migrations/*.sql
var postgresFiles embed.FS

//go:embed postgres/schema.txt
var postgresExpected string

// postgresShape finds what checkShape compares.
const postgresShape = `SELECT 'column ' || t.relname || '.' || c.attname,
		format_type(c.atttypid, c.atttypmod) || CASE WHEN c.attnotnull THEN ' not null' ELSE '' END
	FROM pg_class t JOIN pg_attribute c ON c.attrelid = t.oid
	WHERE t.relnamespace = current_schema()::regnamespace AND t.relkind = 'r' AND c.attnum > 0 AND NOT c.attisdropped
	UNION ALL SELECT 'index on ' || t.relname || ' (' || (SELECT string_agg(pg_get_indexdef(i.indexrelid, n, true), ', ' ORDER BY n)
		FROM generate_series(1, i.indnkeyatts) n) || ')', CASE WHEN i.indisunique THEN 'unique' ELSE 'not unique' END
	FROM pg_class t JOIN pg_index i ON i.indrelid = t.oid
	WHERE t.relnamespace = current_schema()::regnamespace AND i.indisvalid AND i.indpred IS NULL`

const (
	// postgresVersion is the number of the newest file in postgres/migrations.
	postgresVersion = 15
	// postgresOldest is the oldest server that is supported.
	postgresOldest = 120000
	// postgresWriters is the most connections that write; more would only wait for each other.
	postgresWriters = 4
	// postgresLock is the key of the lock under which programs migrate ("Exec").
	postgresLock = 0x45786563
	// postgresMargin is how much later than the server we give up waiting for it.
	postgresMargin = 5 * time.Second
	// postgresConnect is how long to wait for a connection.
	postgresConnect = 10 * time.Second
)

// openPostgres connects, and brings the schema up to date. cfg has its defaults.
func openPostgres(ctx context.Context, dsn string, cfg Config) (*Store, error) {
	c, cfg, err := postgresConfig(dsn, cfg)
	if err != nil {
		return nil, err
	}
	d := postgresDialect(c, cfg, secretsOf(dsn, c.Password))
	s, err := connectPostgres(ctx, c, d, cfg)
	return s, d.translate("open database", err)
}

// postgresConfig reads the address and the environment as PostgreSQL's own programs do.
func postgresConfig(dsn string, cfg Config) (*pgx.ConnConfig, Config, error) {
	scheme, rest, _ := strings.Cut(dsn, ":")
	c, err := pgx.ParseConfig(strings.ToLower(scheme) + ":" + rest)
	if err != nil {
		return nil, cfg, errForm(dsn, "the database's address can't be read: %s", whyUnread(dsn, err))
	}
	if err := passwordFromFile(dsn, c); err != nil {
		return nil, cfg, err
	}
	if cfg.Pool, err = poolOf(dsn, c, cfg.Pool); err != nil {
		return nil, cfg, err
	}
	if c.ValidateConnect == nil && hasManyHosts(c) { // the one that can be written is meant
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	limit := strconv.FormatInt(cfg.StatementTimeout.Milliseconds(), 10)
	for name, value := range map[string]string{
		"application_name":                    "executioner",
		"statement_timeout":                   limit,
		"lock_timeout":                        strconv.FormatInt(min(cfg.StatementTimeout, 10*time.Second).Milliseconds(), 10),
		"idle_in_transaction_session_timeout": limit,
	} {
		if _, ok := c.RuntimeParams[name]; !ok {
			c.RuntimeParams[name] = value
		}
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = postgresConnect
		c.DialFunc = (&net.Dialer{
			Timeout:         postgresConnect,
			KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3},
		}).DialContext
	}
	return c, cfg, nil
}

// hasManyHosts reports whether the address names more than one server.
func hasManyHosts(c *pgx.ConnConfig) bool {
	for _, f := range c.Fallbacks {
		if f.Host != c.Host || f.Port != c.Port {
			return true
		}
	}
	return false
}

// whyUnread says why an address can't be read without quoting any of it.
func whyUnread(dsn string, err error) string {
	if _, e := url.Parse(dsn); e != nil {
		return "it is not a URL; characters such as / ? # @ : % must be written as %2F %3F %23 %40 %3A %25 in it"
	}
	text := err.Error()
	if i := strings.Index(text, "`: "); i >= 0 { // after the address
		text = text[i+len("`: "):]
	}
	return secretsOf(dsn).scrub(text)
}

// secretsOf returns the passwords that are in an address, and others.
func secretsOf(dsn string, others ...string) secrets {
	if u, err := url.Parse(dsn); err == nil {
		password, _ := u.User.Password()
		others = append(others, password, u.Query().Get("password"), u.Query().Get("sslpassword"))
	}
	return newSecrets(others...)
}

// passwordFromFile reads PGPASSWORD_FILE, which containers are given, where no
// password was named nearer by.
func passwordFromFile(dsn string, c *pgx.ConnConfig) error {
	path := os.Getenv("PGPASSWORD_FILE")
	u, err := url.Parse(dsn)
	if path == "" || err != nil || os.Getenv("PGPASSWORD") != "" || u.Query().Has("password") {
		return nil //nolint:nilerr // pgx has read it
	}
	if _, ok := u.User.Password(); ok {
		return nil
	}
	password, err := os.ReadFile(path)
	if err != nil {
		return &fault.Error{
			Code: fault.InvalidConfig, Msg: "the file with the database's password can't be read", At: path, Err: err,
			Hint: "PGPASSWORD_FILE names it",
		}
	}
	c.Password = strings.TrimRight(string(password), "\r\n")
	return nil
}

// poolOf takes the settings of a pool out of the address, where pgx's own pool has them.
func poolOf(dsn string, c *pgx.ConnConfig, size int) (int, error) {
	asked := c.RuntimeParams[poolSetting]
	delete(c.RuntimeParams, poolSetting)
	for name := range c.RuntimeParams {
		if strings.HasPrefix(name, "pool_") {
			return 0, errForm(dsn, "the address has a setting %s, which is not known", name)
		}
	}
	return poolSize(dsn, asked, size)
}

func connectPostgres(ctx context.Context, c *pgx.ConnConfig, d dialect, cfg Config) (*Store, error) {
	writers := min(postgresWriters, (cfg.Pool-1)/2)
	write, reads := postgresPool(c, writers), postgresPool(c, cfg.Pool-writers)
	answered := func(err error) bool {
		var pg *pgconn.PgError
		return errors.As(err, &pg)
	}
	if err := makeReady(ctx, d, reads, cfg.Patience, answered); err != nil {
		return nil, errors.Join(err, write.Close(), reads.Close())
	}
	return newStore(cfg, d, reads, write, make([]*sql.Conn, writers)...), nil
}

// postgresPool returns a pool of at most n connections, none of which is open yet.
func postgresPool(c *pgx.ConnConfig, n int) *sql.DB {
	return pooled(postgresConnector{c}, n)
}

func postgresDialect(c *pgx.ConnConfig, cfg Config, hide secrets) dialect {
	migrations, err := fs.Sub(postgresFiles, "postgres/migrations")
	if err != nil {
		panic(err) // the path is a constant that fs.ValidPath accepts
	}
	d := dialect{
		kind:       Postgres,
		size:       "SELECT pg_database_size(current_database())",
		migrations: migrations,
		version:    postgresVersion,
		versions: `CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,
			at TIMESTAMPTZ NOT NULL DEFAULT now())`,
		exclusively: postgresExclusively,
		stamp:       func(context.Context, *sql.Conn, int64) error { return nil }, // schema reads what was recorded
		shape:       postgresShape,
		expected:    postgresExpected,
		queues:      true,
		begin:       "BEGIN",
		lock:        " FOR UPDATE",
		token:       upsertToken,
		fault:       postgresTrouble,
		timeout:     cfg.StatementTimeout + postgresMargin,
		translate:   translateServer(postgresAddress(c), hide, postgresMeaning),
	}
	d.schema = func(ctx context.Context, conn *sql.Conn) (int64, error) { return postgresSchema(ctx, &d, conn) }
	return d
}

// postgresAddress returns where we connect to, as people are shown it.
func postgresAddress(c *pgx.ConnConfig) string {
	return fmt.Sprintf("postgres://%s@%s/%s", c.User, net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))), c.Database)
}

// postgresExclusively runs do in one transaction, under a lock that ends with it.
func postgresExclusively(ctx context.Context, c *sql.Conn, do func(*sql.Conn) error) error {
	return inTransaction(ctx, c, "BEGIN", func() error {
		if _, err := c.ExecContext(ctx, "SELECT pg_advisory_xact_lock(?)", int64(postgresLock)); err != nil {
			return err
		}
		if _, err := c.ExecContext(ctx, "SET LOCAL statement_timeout = 0"); err != nil {
			return err
		}
		return do(c)
	})
}

const postgresState = `SELECT current_setting('server_version_num')::bigint, current_setting('server_encoding'), pg_is_in_recovery(),
	COALESCE(current_schema(), ''),
	COALESCE(to_regclass(quote_ident(current_schema()) || '.schema_versions') IS NOT NULL, FALSE)`

// postgresSchema returns the version of the schema, 0 where there is none. It also
// looks whether this is a server, and a database, that can be worked with.
func postgresSchema(ctx context.Context, d *dialect, c *sql.Conn) (int64, error) {
	var version int64
	var encoding, schema string
	var standby, there bool
	if err := c.QueryRowContext(ctx, postgresState).Scan(&version, &encoding, &standby, &schema, &there); err != nil {
		return 0, err
	}
	switch {
	case version < postgresOldest:
		return 0, fault.New(fault.Unavailable, "the database server is PostgreSQL %d.%d, which is too old", version/10000, version%10000).
			WithHint("use PostgreSQL %d or newer", postgresOldest/10000)
	case encoding != "UTF8":
		return 0, fault.New(fault.Unavailable, "the database has the encoding %s, which can't hold all texts", encoding).
			WithHint("create one with UTF-8: createdb --encoding=UTF8 --template=template0 NAME")
	case standby:
		return 0, &pgconn.PgError{Code: "25006", Severity: "ERROR", Message: "the server is in recovery"}
	case schema == "":
		return 0, &pgconn.PgError{Code: "3F000", Severity: "ERROR", Message: "no schema has been selected to create in"}
	case !there:
		return 0, nil
	}
	recorded, err := recordedVersions(ctx, c)
	if err != nil {
		return 0, err
	}
	return verifyVersions(d, recorded)
}
