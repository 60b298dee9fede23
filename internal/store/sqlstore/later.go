package sqlstore

import (
	"context"
	"slices"
)

// later is a statement that is sent together with the next one, so that an answer is
// waited for once and not twice. Its own answer is looked at then.
type later struct {
	rows  int64 // that it changed
	check func(rows int64) error
}

// queuer is a driver's connection that can put statements off. An error of one is
// that of the statement with which it is sent.
type queuer interface {
	queue(query string, args []any, rows *int64)
	// flush sends what was put off.
	flush(ctx context.Context) error
}

// later runs a statement, now or at the latest before the transaction is committed.
// check, unless it is nil, is told how many rows were changed.
func (t *tx) later(check func(rows int64) error, query string, args ...any) error {
	if !t.d.queues {
		n, err := t.execRows(query, args...)
		if err != nil || check == nil {
			return err
		}
		return check(n)
	}
	l := &later{check: check}
	t.queue = append(t.queue, l)
	args = slices.Clone(args)
	return t.conn.Raw(func(c any) error {
		c.(queuer).queue(query, args, &l.rows)
		return nil
	})
}

// flush runs what was put off.
func (t *tx) flush() error {
	if len(t.queue) == 0 {
		return nil
	}
	err := t.conn.Raw(func(c any) error { return c.(queuer).flush(t.ctx) })
	if err != nil {
		return err
	}
	return t.checkQueue()
}

// checkQueue looks at the answers to what was put off, once they are there.
func (t *tx) checkQueue() error {
	all := t.queue
	t.queue = nil // a check may ask the database itself
	for _, l := range all {
		if l.check == nil {
			continue
		}
		if err := l.check(l.rows); err != nil {
			return err
		}
	}
	return nil
}
