package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/executionerhq/executioner/internal/store"
)

const (
	auditColumns = `seq, at_us, who, via, from_addr, action, object_name, application, result, detail, request_id`
	insertAudit  = `INSERT INTO audit_log (` + auditColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	selectAudit  = `SELECT ` + auditColumns + ` FROM audit_log`
	moveAudit    = `UPDATE audit_seq SET last_seq = last_seq + ? WHERE one_row = 1`
	raiseAudit   = `UPDATE audit_seq SET last_seq = ? WHERE one_row = 1 AND last_seq < ?`
	lastAudit    = `SELECT last_seq FROM audit_seq WHERE one_row = 1`
	oldestKept   = `SELECT seq FROM audit_log WHERE at_us >= ? ORDER BY seq LIMIT ?`
	pruneAudit   = `DELETE FROM audit_log WHERE seq < ?`
)

// AddAudit implements store.Accounts.
func (s *Store) AddAudit(ctx context.Context, es ...store.AuditEntry) (last int64, err error) {
	err = s.change(ctx, "record audit", func(t *tx) (err error) {
		last, err = t.appendAudit(es)
		return err
	})
	if err != nil {
		return 0, err
	}
	return last, nil
}

// note appends entries about what the operation changes, after all else that it does:
// others that append wait from then on. With entries no operation is harmless.
func (t *tx) note(es []store.AuditEntry) error {
	if len(es) == 0 {
		return nil
	}
	t.spoken = false
	_, err := t.appendAudit(es)
	return err
}

// appendAudit adds entries to the audit log and returns the number of the last.
func (t *tx) appendAudit(es []store.AuditEntry) (last int64, err error) {
	if err := t.exec(moveAudit, len(es)); err != nil { // which has others wait until the commit
		return 0, err
	}
	if _, err := t.row(lastAudit, nil, &last); err != nil {
		return 0, err
	}
	for i, e := range es {
		e.Seq = last - int64(len(es)-1-i)
		if err := t.insertAudit(e.Normal()); err != nil {
			return 0, err
		}
	}
	return last, nil
}

func (t *tx) insertAudit(e store.AuditEntry) error {
	return t.exec(insertAudit, e.Seq, micros(e.At), text(e.Who), text(e.Via), text(e.From), text(e.Action), text(e.Object),
		text(e.Application), text(e.Result), text(e.Detail), text(e.Request))
}

// Audit implements store.Accounts.
func (s *Store) Audit(ctx context.Context, f store.AuditFilter) (found []store.AuditEntry, err error) {
	q := auditQuery(f)
	err = s.view(ctx, "read audit log", func(ctx context.Context, t *sql.Tx) error {
		var err error
		found, err = list(askerOf(ctx, t), scanAudit, q.text.String(), q.args...)
		return err
	})
	return found, err
}

func auditQuery(f store.AuditFilter) *query {
	q := new(query)
	q.add(selectAudit+" WHERE seq > ?", f.After)
	if f.Before != 0 {
		q.add(" AND seq < ?", f.Before)
	}
	for _, is := range []struct{ column, value string }{
		{"who", f.Who}, {"action", f.Action}, {"application", f.Application}, {"result", string(f.Result)},
	} {
		if is.value != "" {
			q.add(" AND "+is.column+" = ?", is.value)
		}
	}
	if !f.Since.IsZero() {
		q.add(" AND at_us >= ?", f.Since.UnixMicro())
	}
	if !f.Until.IsZero() {
		q.add(" AND at_us < ?", f.Until.UnixMicro())
	}
	q.add(" ORDER BY seq DESC")
	q.addLimit(store.Filter{Limit: f.Limit})
	return q
}

func scanAudit(rows *sql.Rows) (e store.AuditEntry, err error) {
	err = rows.Scan(&e.Seq, timeInto{&e.At}, into(&e.Who), into(&e.Via), into(&e.From), into(&e.Action), into(&e.Object),
		into(&e.Application), into(&e.Result), into(&e.Detail), into(&e.Request))
	return e, err
}

// PruneAudit implements store.Accounts.
func (s *Store) PruneAudit(ctx context.Context, before time.Time) (n int64, err error) {
	err = s.change(ctx, "prune audit log", func(t *tx) error {
		kept, err := list(t.query, one[int64], oldestKept, before.UnixMicro(), 1)
		if err != nil {
			return err
		}
		if len(kept) == 0 {
			var last int64
			if _, err := t.row(lastAudit, nil, &last); err != nil {
				return err
			}
			kept = []int64{last + 1}
		}
		n, err = t.execRows(pruneAudit, kept[0])
		return err
	})
	return n, err
}

// ImportAudit implements store.Accounts.
func (s *Store) ImportAudit(ctx context.Context, es []store.AuditEntry) (n int, err error) {
	err = s.change(ctx, "import audit", func(t *tx) error {
		n = 0
		if err := t.exec(moveAudit, 0); err != nil { // as in AddAudit
			return err
		}
		for _, e := range es {
			added, err := t.importAudit(e.Normal())
			if err != nil {
				return err
			}
			if added {
				n++
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

func (t *tx) importAudit(e store.AuditEntry) (added bool, err error) {
	there, err := list(t.query, scanAudit, selectAudit+" WHERE seq = ?", e.Seq)
	if err != nil {
		return false, err
	}
	if len(there) > 0 {
		if there[0] != e {
			return false, store.ErrAuditTaken(e.Seq)
		}
		return false, nil
	}
	if err := t.insertAudit(e); err != nil {
		return false, err
	}
	return true, t.exec(raiseAudit, e.Seq, e.Seq)
}
