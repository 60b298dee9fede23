package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
)

// sqliteKept is how many statements a connection that reads keeps prepared: more than the
// service asks again and again. To prepare one takes longer than most take to run.
const sqliteKept = 64

// sqliteReads returns a pool of connections that only read, none of which is open yet.
func sqliteReads(path string, cfg Config) (*sql.DB, error) {
	c, err := sqliteConnector(path, cfg, "query_only(1)")
	if err != nil {
		return nil, err
	}
	return pooled(sqliteReader{c}, sqliteReaders), nil
}

// sqliteReader makes connections that keep what they prepare. database/sql could keep
// statements as well, but takes a second connection to prepare the first of a transaction.
type sqliteReader struct{ driver.Connector }

// Connect implements driver.Connector.
func (r sqliteReader) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := r.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	inner, ok := conn.(sqliteConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the driver's connection is a %T", conn), conn.Close())
	}
	return &sqliteReading{sqliteConn: inner}, nil
}

// sqliteConn is what is used of a connection of the driver.
type sqliteConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.SessionResetter
	driver.Validator
}

// sqliteReading is one connection that reads. Like all connections, it is used by one
// goroutine at a time. It is its own transaction.
type sqliteReading struct {
	sqliteConn
	kept []sqliteStmt // that nobody uses just now; the one used last is the last
}

var (
	_ driver.QueryerContext = (*sqliteReading)(nil)
	_ driver.ConnBeginTx    = (*sqliteReading)(nil)
	_ driver.Tx             = (*sqliteReading)(nil)
)

// sqliteStmt is a statement that was prepared.
type sqliteStmt struct {
	prepared sqlitePrepared
	text     string
}

// sqlitePrepared is what is used of a statement of the driver.
type sqlitePrepared interface {
	driver.Stmt
	driver.StmtQueryContext
	driver.StmtExecContext
}

// QueryContext implements driver.QueryerContext.
func (c *sqliteReading) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.take(ctx, text)
	if err != nil {
		return nil, err
	}
	rows, err := s.prepared.QueryContext(ctx, args)
	if err != nil {
		_ = s.prepared.Close() // says the same
		return nil, err
	}
	return &sqliteRows{Rows: rows, conn: c, stmt: s}, nil
}

// take returns a statement for the caller alone, who keeps or closes it.
func (c *sqliteReading) take(ctx context.Context, text string) (s sqliteStmt, err error) {
	for i := range slices.Backward(c.kept) {
		if s = c.kept[i]; s.text == text {
			c.kept = slices.Delete(c.kept, i, i+1)
			return s, nil
		}
	}
	made, err := c.PrepareContext(ctx, text)
	if err != nil {
		return s, err
	}
	prepared, ok := made.(sqlitePrepared)
	if !ok {
		return s, errors.Join(fmt.Errorf("the driver's statement is a %T", made), made.Close())
	}
	return sqliteStmt{prepared, text}, nil
}

// keep keeps a statement for the next who needs it, in place of one that was not used for long.
func (c *sqliteReading) keep(s sqliteStmt) (err error) {
	if len(c.kept) >= sqliteKept {
		err = c.kept[0].prepared.Close()
		c.kept = slices.Delete(c.kept, 0, 1)
	}
	c.kept = append(c.kept, s)
	return err
}

// BeginTx implements driver.ConnBeginTx. It takes no lock and needs no time, so it does not
// end with a context, after which nobody would know whether a transaction has begun.
func (c *sqliteReading) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	return c, c.run("BEGIN")
}

// Commit implements driver.Tx.
func (c *sqliteReading) Commit() error { return c.run("COMMIT") }

// Rollback implements driver.Tx.
func (c *sqliteReading) Rollback() error { return c.run("ROLLBACK") }

func (c *sqliteReading) run(text string) error {
	s, err := c.take(context.Background(), text)
	if err != nil {
		return err
	}
	if _, err := s.prepared.ExecContext(context.Background(), nil); err != nil {
		_ = s.prepared.Close() // says the same
		return err
	}
	return c.keep(s)
}

// Close implements driver.Conn.
func (c *sqliteReading) Close() error {
	errs := make([]error, 0, len(c.kept)+1)
	for _, s := range c.kept {
		errs = append(errs, s.prepared.Close())
	}
	c.kept = nil
	return errors.Join(append(errs, c.sqliteConn.Close())...)
}

// sqliteRows is the answer to a statement, which is kept when that was read without an error.
type sqliteRows struct {
	driver.Rows
	conn *sqliteReading
	stmt sqliteStmt
}

// Close implements driver.Rows.
func (r *sqliteRows) Close() error {
	if err := r.Rows.Close(); err != nil {
		return errors.Join(err, r.stmt.prepared.Close())
	}
	return r.conn.keep(r.stmt)
}
