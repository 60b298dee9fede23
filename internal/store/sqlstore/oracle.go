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
	"slices"
	"strconv"
	"strings"
	"time"

	goora "github.com/sijms/go-ora/v2"
	"github.com/sijms/go-ora/v2/network"

	"github.com/executionerhq/executioner/internal/fault"
)

//go:embed oracle/migrations/*.sql
var oracleFiles embed.FS

const (
	// oracleVersion is the number of the newest file in oracle/migrations.
	oracleVersion = 15
	// oracleWriters is the most connections that write; more would only wait for each other.
	oracleWriters = 2
	// oracleMargin is how much later than a statement's limit we give up waiting for the server.
	oracleMargin = 5 * time.Second
	// oracleConnect is how long to wait for a connection.
	oracleConnect = 10 * time.Second
	// oraclePrefetch is how many rows the server sends at once.
	oraclePrefetch = "200"
)

// openOracle connects, and brings the schema up to date. cfg has its defaults.
func openOracle(ctx context.Context, dsn string, cfg Config) (*Store, error) {
	u, cfg, err := oracleURL(dsn, cfg)
	if err != nil {
		return nil, err
	}
	password, _ := u.User.Password()
	writers := min(oracleWriters, cfg.Pool-1)
	// One more than writes: a migration holds its lock on a connection of its own.
	write, reads := oraclePool(u, writers+1), oraclePool(u, max(cfg.Pool-writers-1, 1))
	d := oracleDialect(u, write, cfg, oracleAddress(u), newSecrets(password))
	answered := func(err error) bool {
		var ora *network.OracleError
		return errors.As(err, &ora)
	}
	if err := makeReady(ctx, d, reads, cfg.Patience, answered); err != nil {
		return nil, d.translate("open database", errors.Join(err, write.Close(), reads.Close()))
	}
	return newStore(cfg, d, reads, write, make([]*sql.Conn, writers)...), nil
}

// oracleURL reads the address and adds what is to be so unless it says otherwise.
func oracleURL(dsn string, cfg Config) (*url.URL, Config, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, cfg, errForm(dsn, "the database's address is not a URL: "+
			"characters such as / ? # @ : %% must be written as %%2F %%3F %%23 %%40 %%3A %%25 in it")
	}
	u.Scheme = strings.ToLower(u.Scheme)
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), "1521")
	}
	q := u.Query()
	if u.Hostname() == "" || u.User.Username() == "" || strings.Trim(u.Path, "/") == "" && !hasOption(q, "SID") {
		return nil, cfg, errForm(dsn, "the database's address must name a user, a host and a service")
	}
	if cfg.Pool, err = poolSize(dsn, q.Get(poolSetting), cfg.Pool); err != nil {
		return nil, cfg, err
	}
	q.Del(poolSetting)
	if !slices.ContainsFunc(oracleTimeouts, func(name string) bool { return hasOption(q, name) }) {
		// It is also the limit for each answer, so it has to be longer than any statement may take.
		q.Set("TIMEOUT", strconv.Itoa(int((cfg.StatementTimeout+2*oracleMargin)/time.Second)))
	}
	if !hasOption(q, "PREFETCH_ROWS") {
		q.Set("PREFETCH_ROWS", oraclePrefetch)
	}
	u.RawQuery = q.Encode()
	if _, err := goora.ParseConfig(u.String()); err != nil {
		password, _ := u.User.Password()
		return nil, cfg, errForm(dsn, "the database's address can't be read: %s", newSecrets(password).scrub(err.Error()))
	}
	return u, cfg, nil
}

// oracleTimeouts are the names of one and the same option.
var oracleTimeouts = []string{"TIMEOUT", "CONNECT TIMEOUT", "CONNECTION TIMEOUT"}

// oraclePatient returns the address for connections on which a statement may take a day.
func oraclePatient(u *url.URL) *url.URL {
	q := u.Query()
	for key := range q {
		if slices.ContainsFunc(oracleTimeouts, func(name string) bool { return strings.EqualFold(key, name) }) {
			q.Del(key)
		}
	}
	q.Set("TIMEOUT", "86400")
	patient := *u
	patient.RawQuery = q.Encode()
	return &patient
}

func hasOption(q url.Values, name string) bool {
	for key := range q {
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

// oracleAddress returns where we connect to, as people are shown it.
func oracleAddress(u *url.URL) string {
	return fmt.Sprintf("oracle://%s@%s%s", u.User.Username(), u.Host, u.Path)
}

// oraclePool returns a pool of at most n connections, none of which is open yet.
func oraclePool(u *url.URL, n int) *sql.DB {
	return pooled(oracleConnector{u.String()}, n)
}

func oracleDialect(u *url.URL, write *sql.DB, cfg Config, at string, hide secrets) dialect {
	migrations, err := fs.Sub(oracleFiles, "oracle/migrations")
	if err != nil {
		panic(err) // the path is a constant that fs.ValidPath accepts
	}
	d := dialect{
		kind:       Oracle,
		migrations: migrations,
		version:    oracleVersion,
		versions: `CREATE TABLE schema_versions (version NUMBER(19) NOT NULL, name VARCHAR2(200 CHAR) NOT NULL,
			checksum VARCHAR2(64 CHAR) NOT NULL, CONSTRAINT schema_versions_pk PRIMARY KEY (version))`,
		done:      oracleDone,
		stamp:     func(context.Context, *sql.Conn, int64) error { return nil }, // schema reads what was recorded
		begin:     "BEGIN",
		lock:      " FOR UPDATE",
		token:     upsertToken,
		fault:     oracleTrouble,
		timeout:   cfg.StatementTimeout + oracleMargin,
		translate: translateServer(at, hide, oracleMeaning),
	}
	d.schema = func(ctx context.Context, c *sql.Conn) (int64, error) { return oracleSchema(ctx, &d, c) }
	d.exclusively = func(ctx context.Context, c *sql.Conn, do func(*sql.Conn) error) error {
		return oracleExclusively(ctx, write, c, func() error { return oracleSlowly(ctx, u, do) })
	}
	return d
}

// oracleTables are ours, the table of versions and the lock aside.
var oracleTables = []string{
	"workflows", "runs", "run_ids", "attempts", "transitions", "requests", "overrides", "chores", "commits", "run_blocks",
}

// oracleSchema returns the version of the schema, 0 where there is none. The table of
// versions is made before all others, so those of which there is none are not ours.
func oracleSchema(ctx context.Context, d *dialect, c *sql.Conn) (int64, error) {
	recorded, err := recordedVersions(ctx, c)
	if err == nil || !isNoTable(err) {
		return verified(d, recorded, err)
	}
	strange, err := oracleStrange(ctx, c)
	if err != nil || strange == "" {
		return 0, err
	}
	recorded, err = recordedVersions(ctx, c) // another program of ours may have made both meanwhile
	if err == nil || !isNoTable(err) {
		return verified(d, recorded, err)
	}
	return 0, fault.New(fault.Unavailable, "the database has a table of another program with the name %s", strange).
		WithHint("use a schema (user) of its own; nothing was changed")
}

func verified(d *dialect, recorded map[int64]string, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return verifyVersions(d, recorded)
}

// oracleStrange returns a table that has the name of one of ours.
func oracleStrange(ctx context.Context, c *sql.Conn) (string, error) {
	for _, table := range oracleTables {
		var one int
		err := c.QueryRowContext(ctx, "SELECT 1 FROM "+table+" WHERE 1 = 0").Scan(&one)
		if errors.Is(err, sql.ErrNoRows) {
			return table, nil
		}
		if err != nil && !isNoTable(err) {
			return "", err
		}
	}
	return "", nil
}

func isNoTable(err error) bool {
	var ora *network.OracleError
	return errors.As(err, &ora) && ora.ErrCode == oraNoTable
}

const (
	oracleLockTable = `CREATE TABLE migration_lock (one_row NUMBER(1) NOT NULL, CONSTRAINT migration_lock_pk PRIMARY KEY (one_row))`
	oracleLockRow   = `INSERT INTO migration_lock (one_row) VALUES (1)`
	oracleLock      = `SELECT one_row FROM migration_lock FOR UPDATE`
)

// oracleExclusively runs do while no other program does. Each statement that defines
// something commits, so the lock is that of a row, held by another connection. (Locks
// of DBMS_LOCK would need a right that few users have.)
func oracleExclusively(ctx context.Context, write *sql.DB, c *sql.Conn, do func() error) error {
	for _, q := range []string{oracleLockTable, oracleLockRow} {
		if _, err := c.ExecContext(ctx, q); err != nil && !oracleDone(err) {
			return err
		}
	}
	holder, err := write.Conn(ctx)
	if err != nil {
		return err
	}
	defer holder.Close() //nolint:errcheck // nothing was written on it
	if _, err := holder.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	defer holder.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") //nolint:errcheck // the lock ends with the connection at the latest
	var one int
	if err := holder.QueryRowContext(ctx, oracleLock).Scan(&one); err != nil {
		return err
	}
	return do()
}

// oracleSlowly calls do with a connection that is made for it: any other gives up on a
// statement after the usual time, and an index of a long history takes longer.
func oracleSlowly(ctx context.Context, u *url.URL, do func(*sql.Conn) error) (err error) {
	db := oraclePool(oraclePatient(u), 1)
	defer func() { err = errors.Join(err, db.Close()) }()
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // db's end closes it
	return do(c)
}
