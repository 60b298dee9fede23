package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// postgresConnector makes pgx's connections known to database/sql. pgx has such a
// driver too, which brings a second pool with it; and as statements and values have
// to be translated on their way, there is not much that it would do for us.
type postgresConnector struct{ config *pgx.ConnConfig }

func (c postgresConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, c.config.Copy())
	if err != nil {
		return nil, err
	}
	return &postgresConn{conn: conn, used: time.Now()}, nil
}

func (c postgresConnector) Driver() driver.Driver { return c }

// Open is what database/sql asks of a driver, but not of one with connectors.
func (c postgresConnector) Open(string) (driver.Conn, error) {
	return nil, errors.New("connections are made by the connector")
}

// postgresConn is one connection. pgx prepares each statement when it is first used
// and keeps it, so that there is nothing to prepare here.
type postgresConn struct {
	conn    *pgx.Conn
	used    time.Time // when it was last taken from the pool
	pending []putOff  // what is sent with the next statement
}

// putOff is a statement that is not sent alone.
type putOff struct {
	text string
	args []any
	rows *int64 // that it changed; nil when nobody wants to know
}

var (
	_ driver.ExecerContext     = (*postgresConn)(nil)
	_ driver.QueryerContext    = (*postgresConn)(nil)
	_ driver.ConnBeginTx       = (*postgresConn)(nil)
	_ driver.SessionResetter   = (*postgresConn)(nil)
	_ driver.NamedValueChecker = (*postgresConn)(nil)
	_ queuer                   = (*postgresConn)(nil)
	_ driver.StmtExecContext   = (*postgresStmt)(nil)
	_ driver.StmtQueryContext  = (*postgresStmt)(nil)
)

func (c *postgresConn) Prepare(query string) (driver.Stmt, error) {
	return &postgresStmt{conn: c, text: postgresText(query)}, nil
}

func (c *postgresConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.exec(ctx, postgresText(query), args)
}

func (c *postgresConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.query(ctx, postgresText(query), args)
}

func (c *postgresConn) exec(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	if len(c.pending) > 0 {
		return c.execBehind(ctx, text, args)
	}
	tag, err := c.conn.Exec(ctx, text, plainValues(args)...)
	if err != nil {
		return nil, notSent(err)
	}
	return driver.RowsAffected(tag.RowsAffected()), nil
}

// execBehind runs a statement behind those that are pending. A transaction in which
// nothing was sent ends without a word.
func (c *postgresConn) execBehind(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	unsent := strings.HasPrefix(c.pending[0].text, "BEGIN")
	switch {
	case text == "ROLLBACK":
		c.pending = nil
		if unsent {
			return driver.RowsAffected(0), nil
		}
		return c.exec(ctx, text, args)
	case text == "COMMIT" && unsent && len(c.pending) == 1:
		c.pending = nil
		return driver.RowsAffected(0), nil
	}
	answers, err := c.sendPending(ctx, &putOff{text: text, args: plainValues(args)})
	if err != nil {
		return nil, notSent(err)
	}
	tag, err := answers.Exec()
	if err = errors.Join(err, answers.Close()); err != nil {
		return nil, notSent(err)
	}
	return driver.RowsAffected(tag.RowsAffected()), nil
}

// sendPending sends what is pending, and one statement more if there is one, of which
// the answer is the next of those that are returned.
func (c *postgresConn) sendPending(ctx context.Context, last *putOff) (pgx.BatchResults, error) {
	all := c.pending
	c.pending = nil
	var b pgx.Batch
	for _, p := range all {
		b.Queue(p.text, p.args...)
	}
	if last != nil {
		b.Queue(last.text, last.args...)
	}
	answers := c.conn.SendBatch(ctx, &b)
	for _, p := range all {
		tag, err := answers.Exec()
		if err != nil {
			_ = answers.Close() // says the same
			return nil, err
		}
		if p.rows != nil {
			*p.rows = tag.RowsAffected()
		}
	}
	return answers, nil
}

// queue implements queuer.
func (c *postgresConn) queue(query string, args []any, rows *int64) {
	for i := range args {
		if s, ok := args[i].(string); ok {
			args[i] = escape(s)
		}
	}
	c.pending = append(c.pending, putOff{postgresText(query), args, rows})
}

// flush implements queuer.
func (c *postgresConn) flush(ctx context.Context) error {
	if len(c.pending) == 0 || len(c.pending) == 1 && c.pending[0].text == "BEGIN" {
		return nil
	}
	answers, err := c.sendPending(ctx, nil)
	if err != nil {
		return notSent(err)
	}
	return answers.Close()
}

func (c *postgresConn) query(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	rows, end, err := c.ask(ctx, text, plainValues(args))
	if err != nil {
		return nil, notSent(err)
	}
	// An error of the statement shows with its first row only.
	r := &postgresRows{rows: rows, end: end, more: rows.Next()}
	if err := rows.Err(); err != nil {
		_ = r.Close() // says the same
		return nil, notSent(err)
	}
	return r, nil
}

// ask returns the rows of an answer, and what to call when they have been read.
func (c *postgresConn) ask(ctx context.Context, text string, args []any) (pgx.Rows, func() error, error) {
	if len(c.pending) == 0 {
		rows, err := c.conn.Query(ctx, text, args...)
		return rows, func() error { return nil }, err
	}
	answers, err := c.sendPending(ctx, &putOff{text: text, args: args})
	if err != nil {
		return nil, nil, err
	}
	rows, err := answers.Query()
	if err != nil {
		_ = answers.Close() // says the same
		return nil, nil, err
	}
	return rows, answers.Close, nil
}

// notSent lets database/sql take another connection when nothing was sent on this one.
func notSent(err error) error {
	if pgconn.SafeToRetry(err) {
		return errors.Join(driver.ErrBadConn, err)
	}
	return err
}

func plainValues(args []driver.NamedValue) []any {
	all := make([]any, len(args))
	for i := range args {
		all[i] = args[i].Value
	}
	return all
}

// CheckNamedValue is called for each value of a statement. pgx knows all that we use.
func (c *postgresConn) CheckNamedValue(v *driver.NamedValue) error {
	if s, ok := v.Value.(string); ok {
		v.Value = escape(s)
	}
	return nil
}

// Begin is what BeginTx took the place of.
func (c *postgresConn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// BeginTx has a transaction that reads see one moment all the way through. It begins
// with its first statement.
func (c *postgresConn) BeginTx(_ context.Context, opts driver.TxOptions) (driver.Tx, error) {
	begin := "BEGIN"
	if opts.ReadOnly {
		begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
	}
	c.queue(begin, nil, nil)
	return postgresTx{c}, nil
}

type postgresTx struct{ conn *postgresConn }

func (t postgresTx) Commit() error   { return t.end("COMMIT") }
func (t postgresTx) Rollback() error { return t.end("ROLLBACK") }

func (t postgresTx) end(text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), postgresConnect)
	defer cancel()
	_, err := t.conn.exec(ctx, text, nil)
	return err
}

// ResetSession is called when the connection is taken from the pool. One that was
// not used for a while may have been cut without a word.
func (c *postgresConn) ResetSession(ctx context.Context) error {
	if c.conn.IsClosed() || c.conn.PgConn().TxStatus() != 'I' {
		return driver.ErrBadConn
	}
	c.pending = nil
	idle := time.Since(c.used)
	c.used = time.Now()
	if idle > time.Second && ping(ctx, c.conn) != nil {
		return driver.ErrBadConn
	}
	return nil
}

func ping(ctx context.Context, conn *pgx.Conn) error {
	within, cancel := context.WithTimeout(ctx, postgresConnect)
	defer cancel()
	return conn.Ping(within)
}

// Close tells the server, if it listens.
func (c *postgresConn) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return c.conn.Close(ctx)
}

// postgresStmt is a statement that is used again and again.
type postgresStmt struct {
	conn *postgresConn
	text string
}

func (s *postgresStmt) Close() error  { return nil } // pgx keeps it
func (s *postgresStmt) NumInput() int { return -1 }  // the server checks

func (s *postgresStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.exec(ctx, s.text, args)
}

func (s *postgresStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.query(ctx, s.text, args)
}

// Exec and Query are what those with a context took the place of.

func (s *postgresStmt) Exec([]driver.Value) (driver.Result, error) { return nil, driver.ErrSkip }
func (s *postgresStmt) Query([]driver.Value) (driver.Rows, error)  { return nil, driver.ErrSkip }

// postgresRows is an answer, of which the next row has been asked for already.
type postgresRows struct {
	rows pgx.Rows
	end  func() error // of what it was sent with
	more bool
}

func (r *postgresRows) Columns() []string {
	all := make([]string, len(r.rows.FieldDescriptions()))
	for i, f := range r.rows.FieldDescriptions() {
		all[i] = f.Name
	}
	return all
}

func (r *postgresRows) Close() error {
	r.rows.Close()
	return errors.Join(r.rows.Err(), r.end())
}

func (r *postgresRows) Next(dest []driver.Value) error {
	if !r.more {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	values, err := r.rows.Values()
	if err != nil {
		return err
	}
	for i, v := range values {
		switch v := v.(type) {
		case int32:
			dest[i] = int64(v)
		case int16:
			dest[i] = int64(v)
		default:
			dest[i] = v
		}
	}
	r.more = r.rows.Next()
	return nil
}

// hints are what only SQLite is told.
var hints = regexp.MustCompile(` (?:NOT INDEXED|INDEXED BY \w+)`)

// postgresText returns a statement of ours as PostgreSQL wants it.
func postgresText(query string) string {
	if query == importAs {
		return postgresImportAs
	}
	query = strings.ReplaceAll(query, "SUM(seq)", "SUM(seq)::bigint") // which is NUMERIC otherwise
	return rebind(hints.ReplaceAllString(query, ""), '$')
}

// postgresImportAs is importAs for a sequence that does not look at the ids that are
// there. It is moved on past the id, never back.
const postgresImportAs = `WITH moved AS (
	SELECT CASE WHEN $1 > last_value THEN setval(pg_get_serial_sequence('runs', 'id'), $1) END FROM runs_id_seq)
	INSERT INTO runs (id, ` + importColumns + `) SELECT $1::bigint, $2, $3, $4, $5::bigint, $6::bigint, $7, $8::bigint, $9::bigint, 1, $10, $11, $12 FROM moved`
