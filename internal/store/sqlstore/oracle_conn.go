package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	goora "github.com/sijms/go-ora/v2"
	"github.com/sijms/go-ora/v2/network"
)

// oracleConnector makes connections that understand our statements.
type oracleConnector struct{ url string }

// Connect implements driver.Connector. The driver leaves its socket open when a logon
// fails, so that is closed here.
func (c oracleConnector) Connect(ctx context.Context) (driver.Conn, error) {
	connector, ok := goora.NewConnector(c.url).(*goora.OracleConnector)
	if !ok {
		return nil, errors.New("the driver has another connector")
	}
	within, cancel := context.WithTimeout(ctx, oracleConnect)
	defer cancel()
	line := &oracleLine{ctx: within}
	connector.Dialer(line)
	stop := line.cutAtEnd(within)
	conn, err := connector.Connect(context.WithoutCancel(ctx))
	stop()
	if ctx.Err() != nil {
		line.cut()
		return nil, ctx.Err()
	}
	if err != nil {
		line.cut()
		return nil, &oracleUnreached{err}
	}
	inner, ok := conn.(*goora.Connection)
	if !ok {
		return nil, fmt.Errorf("the driver's connection is a %T", conn)
	}
	return &oracleConn{inner: inner, line: line, statements: map[oracleKey]*goora.Stmt{}}, nil
}

// Driver implements driver.Connector.
func (oracleConnector) Driver() driver.Driver { return goora.GetDefaultDriver() }

// oracleUnreached is the error of a connection that was not made.
type oracleUnreached struct{ cause error }

func (u *oracleUnreached) Error() string { return u.cause.Error() }
func (u *oracleUnreached) Unwrap() error { return u.cause }

// errOracleGone is in place of driver.ErrBadConn, of which database/sql would conclude
// that it may run the statement again, which may have been executed.
var errOracleGone = errors.New("the connection is broken")

// oracleLine dials for the driver and remembers the sockets. It is safe for concurrent use.
//
// No context that can end is handed to the driver: it would have the server interrupted,
// from another goroutine and without a lock, and may interrupt the next call. When a
// context ends, the line is cut instead.
type oracleLine struct {
	ctx context.Context // for dialing

	mu      sync.Mutex
	sockets []net.Conn
	isCut   bool
}

// DialContext is called by the driver.
func (l *oracleLine) DialContext(_ context.Context, netw, address string) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}}
	c, err := d.DialContext(l.ctx, netw, address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sockets = append(l.sockets, c)
	if l.isCut {
		_ = c.Close()
	}
	return c, nil
}

func (l *oracleLine) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = true
	for _, c := range l.sockets {
		_ = c.Close()
	}
}

// cutAtEnd cuts the line when ctx ends before stop is called.
func (l *oracleLine) cutAtEnd(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, l.cut)
}

// oracleConn translates each statement on its way to the driver. Like all connections,
// it is used by one goroutine at a time.
type oracleConn struct {
	inner      *goora.Connection
	line       *oracleLine
	tx         driver.Tx // nil outside of a transaction
	bad        bool
	statements map[oracleKey]*goora.Stmt // changes of rows that were prepared
}

// oracleKey is a statement of the driver. One that was run for several rows can't be
// run for one, nor the other way round.
type oracleKey struct {
	text  string
	array bool
}

var (
	_ driver.QueryerContext     = (*oracleConn)(nil)
	_ driver.ExecerContext      = (*oracleConn)(nil)
	_ driver.ConnBeginTx        = (*oracleConn)(nil)
	_ driver.ConnPrepareContext = (*oracleConn)(nil)
	_ driver.Validator          = (*oracleConn)(nil)
	_ driver.SessionResetter    = (*oracleConn)(nil)
	_ driver.NamedValueChecker  = (*oracleConn)(nil)
)

// Close implements driver.Conn. It does not wait for a server that does not answer.
func (c *oracleConn) Close() error {
	if c.bad {
		c.line.cut()
	}
	_ = c.inner.Close() // says goodbye, which nobody needs to have heard
	c.line.cut()
	return nil
}

// IsValid implements driver.Validator.
func (c *oracleConn) IsValid() bool { return !c.bad }

// ResetSession implements driver.SessionResetter.
func (c *oracleConn) ResetSession(context.Context) error {
	if c.bad || c.tx != nil {
		return driver.ErrBadConn
	}
	return nil
}

// CheckNamedValue implements driver.NamedValueChecker.
func (c *oracleConn) CheckNamedValue(v *driver.NamedValue) (err error) {
	if v.Value, err = driver.DefaultParameterConverter.ConvertValue(v.Value); err != nil {
		return err
	}
	switch s, ok := v.Value.(string); {
	case ok && s == "":
		v.Value = escapeMark // nothing, in the other form: as it is, it would be NULL
	case ok:
		v.Value = escape(s)
	}
	return nil
}

// within calls the driver, and cuts the line when ctx ends before that returns.
func (c *oracleConn) within(ctx context.Context, call func(context.Context) error) error {
	stop := c.line.cutAtEnd(ctx)
	err := call(context.WithoutCancel(ctx))
	stop()
	return c.checked(ctx, err)
}

// checked notes what an error, or the end of a context, means for the connection.
func (c *oracleConn) checked(ctx context.Context, err error) error {
	ended := ctx.Err()
	if ended != nil {
		c.bad = true // the line is cut, or will be
	}
	if err == nil {
		return nil
	}
	var ora *network.OracleError
	if !errors.As(err, &ora) || oracleCodeTrouble(ora.ErrCode) == lost {
		c.bad = true
	}
	if ended != nil {
		return fmt.Errorf("%w: %w", ended, err)
	}
	if errors.Is(err, driver.ErrBadConn) {
		return errOracleGone
	}
	return err
}

// Begin implements driver.Conn.
func (c *oracleConn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// BeginTx has a transaction that reads see one moment all the way through. The driver
// would commit and roll back under ctx, which may have ended by then.
func (c *oracleConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	if opts.ReadOnly {
		err := c.within(ctx, func(ctx context.Context) error {
			_, err := c.inner.ExecContext(ctx, "SET TRANSACTION READ ONLY", nil)
			return err
		})
		if err != nil {
			return nil, errors.Join(err, c.end(driver.Tx.Rollback))
		}
	}
	return oracleTx{c}, nil
}

func (c *oracleConn) begin() error {
	if c.tx != nil {
		return errors.New("a transaction has begun already")
	}
	tx, err := c.inner.BeginTx(context.Background(), driver.TxOptions{})
	if err == nil {
		c.tx = tx
	}
	return c.checked(context.Background(), err)
}

func (c *oracleConn) end(how func(driver.Tx) error) error {
	tx := c.tx
	c.tx = nil
	if tx == nil {
		return errors.New("no transaction has begun")
	}
	err := how(tx)
	if err != nil {
		c.bad = true // it may still be in the transaction
	}
	return c.checked(context.Background(), err)
}

type oracleTx struct{ c *oracleConn }

func (t oracleTx) Commit() error   { return t.c.end(driver.Tx.Commit) }
func (t oracleTx) Rollback() error { return t.c.end(driver.Tx.Rollback) }

// Prepare implements driver.Conn.
func (c *oracleConn) Prepare(query string) (driver.Stmt, error) {
	return &oracleStmt{c, planOracle(query)}, nil
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *oracleConn) PrepareContext(_ context.Context, query string) (driver.Stmt, error) {
	return c.Prepare(query)
}

// ExecContext implements driver.ExecerContext.
func (c *oracleConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.exec(ctx, planOracle(query), args)
}

// QueryContext implements driver.QueryerContext.
func (c *oracleConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.query(ctx, planOracle(query), args)
}

// oracleStmt is a statement whose plan is made. What the driver prepares is kept by
// the connection.
type oracleStmt struct {
	c    *oracleConn
	plan *oraclePlan
}

func (s *oracleStmt) Close() error  { return nil }
func (s *oracleStmt) NumInput() int { return -1 }

func (s *oracleStmt) Exec([]driver.Value) (driver.Result, error) { return nil, driver.ErrSkip }
func (s *oracleStmt) Query([]driver.Value) (driver.Rows, error)  { return nil, driver.ErrSkip }

func (s *oracleStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.c.exec(ctx, s.plan, args)
}

func (s *oracleStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.c.query(ctx, s.plan, args)
}
