package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	goora "github.com/sijms/go-ora/v2"
	"github.com/sijms/go-ora/v2/network"
)

// query runs a statement that returns rows.
func (c *oracleConn) query(ctx context.Context, p *oraclePlan, args []driver.NamedValue) (driver.Rows, error) {
	switch p.kind {
	case oracleNext:
		return c.insertNext(ctx, p, args)
	case oracleReturn:
		n, err := c.change(ctx, p, args)
		if err != nil || n == 0 {
			return new(oracleRow), err
		}
		return c.query(ctx, p.then, args)
	case oracleQuery:
		stop := c.line.cutAtEnd(ctx) // until the rows are closed
		rows, err := c.inner.QueryContext(context.WithoutCancel(ctx), p.text, ordered(args, p.order))
		if err := c.checked(ctx, err); err != nil {
			stop()
			return nil, err
		}
		return &oracleRows{Rows: rows, c: c, ctx: ctx, stop: stop}, nil
	}
	return nil, fmt.Errorf("no query: %s", p.text)
}

// insertNext inserts a run under the id after the last one and returns that.
func (c *oracleConn) insertNext(ctx context.Context, p *oraclePlan, args []driver.NamedValue) (driver.Rows, error) {
	if _, err := c.change(ctx, p, nil); err != nil {
		return nil, err
	}
	rows, err := c.query(ctx, &oraclePlan{kind: oracleQuery, text: oracleLastID}, nil)
	if err != nil {
		return nil, err
	}
	id := make([]driver.Value, 1)
	err = errors.Join(rows.Next(id), rows.Close())
	if err == nil {
		_, err = c.change(ctx, p.then, append([]driver.NamedValue{{Value: id[0]}}, args...))
	}
	return &oracleRow{value: id[0]}, err
}

// exec runs a statement that returns none. One that changes rows does so in a
// transaction, its own if need be: committed by the way, it could be lost or run twice.
func (c *oracleConn) exec(ctx context.Context, p *oraclePlan, args []driver.NamedValue) (driver.Result, error) {
	switch p.kind {
	case oracleBegin:
		return driver.RowsAffected(0), c.begin()
	case oracleCommit:
		return driver.RowsAffected(0), c.end(driver.Tx.Commit)
	case oracleUndo:
		return driver.RowsAffected(0), c.end(driver.Tx.Rollback)
	case oracleDefine:
		return driver.RowsAffected(0), c.within(ctx, func(ctx context.Context) error {
			_, err := c.inner.ExecContext(ctx, p.text, nil)
			return err
		})
	}
	if c.tx != nil {
		n, err := c.steps(ctx, p, args)
		return driver.RowsAffected(n), err
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	n, err := c.steps(ctx, p, args)
	if err != nil {
		return nil, errors.Join(err, c.end(driver.Tx.Rollback))
	}
	return driver.RowsAffected(n), c.end(driver.Tx.Commit)
}

// steps carries a plan out and returns how many rows the last step changed.
func (c *oracleConn) steps(ctx context.Context, p *oraclePlan, args []driver.NamedValue) (int64, error) {
	n, err := c.change(ctx, p, args)
	var ora *network.OracleError
	switch {
	case p.kind == oracleUnless && errors.As(err, &ora) && ora.ErrCode == oraUnique:
		return 0, nil
	case err == nil && (p.kind == oracleUpsert && n == 0 || p.kind == oracleMoved):
		return c.steps(ctx, p.then, args)
	}
	return n, err
}

// maxArrayText is how long a text in an array may be, in bytes: a longer one is sent
// in another way, which arrays don't mix with.
const maxArrayText = 4000

// change runs one statement that changes rows.
func (c *oracleConn) change(ctx context.Context, p *oraclePlan, args []driver.NamedValue) (int64, error) {
	if p.rows <= 1 {
		return c.run(ctx, oracleKey{p.text, false}, ordered(args, p.order))
	}
	width := len(args) / p.rows
	if anyLong(args) {
		var total int64
		for ; len(args) > 0; args = args[width:] {
			n, err := c.run(ctx, oracleKey{p.text, false}, ordered(args[:width], p.order))
			if total += n; err != nil {
				return total, err
			}
		}
		return total, nil
	}
	return c.run(ctx, oracleKey{p.text, true}, ordered(columnsOf(args, width), p.order))
}

func anyLong(args []driver.NamedValue) bool {
	for _, a := range args {
		if s, ok := a.Value.(string); ok && len(s) > maxArrayText {
			return true
		}
	}
	return false
}

// columnsOf turns rows of values into an array for each column.
func columnsOf(args []driver.NamedValue, width int) []driver.NamedValue {
	columns := make([]driver.NamedValue, width)
	for i := range columns {
		values := make([]driver.Value, 0, len(args)/width)
		for j := i; j < len(args); j += width {
			values = append(values, args[j].Value)
		}
		columns[i].Value = values
	}
	return columns
}

// ordered returns the values in the order of the binds.
func ordered(args []driver.NamedValue, order []int) []driver.NamedValue {
	if order == nil {
		return args
	}
	all := make([]driver.NamedValue, len(order))
	for i, o := range order {
		all[i].Value = args[o].Value
	}
	return all
}

// run runs a statement that the driver prepares once. After a failure it is prepared anew.
func (c *oracleConn) run(ctx context.Context, key oracleKey, args []driver.NamedValue) (int64, error) {
	s, ok := c.statements[key]
	if !ok {
		s = goora.NewStmt(key.text, c.inner)
		c.statements[key] = s
	}
	var r driver.Result
	err := c.within(ctx, func(ctx context.Context) (err error) {
		r, err = s.ExecContext(ctx, args)
		return err
	})
	if err != nil {
		delete(c.statements, key)
		if !c.bad {
			_ = s.Close()
		}
		return 0, err
	}
	return r.RowsAffected()
}
