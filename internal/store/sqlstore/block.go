package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// blockSize is the number of ids of a block. The table run_blocks says of each block
// between which times its runs were submitted.
const blockSize = 1000

// blockGrain is what bounds are rounded to, outwards: otherwise each new run would have
// to change its block's row, which programs would wait for each other for.
const blockGrain = int64(time.Minute / time.Microsecond)

const (
	newBlock   = `INSERT INTO run_blocks (first_id, min_us, max_us) VALUES (?, ?, ?) ON CONFLICT (first_id) DO NOTHING`
	lowerBlock = `UPDATE run_blocks SET min_us = ? WHERE first_id = ? AND min_us > ?`
	raiseBlock = `UPDATE run_blocks SET max_us = ? WHERE first_id = ? AND max_us < ?`
)

// widen makes the bounds of a new run's block include it.
func (t *tx) widen(id run.ID, at time.Time) error {
	if at.IsZero() {
		return nil // it is in no span of time
	}
	first, us := firstOf(id), at.UnixMicro()
	lower := roundDown(us)
	upper := lower + blockGrain - 1
	if err := t.later(nil, newBlock, first, lower, upper); err != nil {
		return err
	}
	if err := t.later(nil, lowerBlock, lower, first, us); err != nil {
		return err
	}
	return t.later(nil, raiseBlock, upper, first, us)
}

// firstOf returns the lowest id of a run's block.
func firstOf(id run.ID) int64 { return int64(id) - int64(id)%blockSize }

// roundDown returns the last multiple of blockGrain that is not after us.
func roundDown(us int64) int64 {
	rest := us % blockGrain
	if rest < 0 {
		rest += blockGrain
	}
	return us - rest
}

// span is a range of ids: from is the lowest, to is above the highest. to is 0 when there
// is no end.
type span struct{ from, to run.ID }

// mostSpans is how many ranges are searched one by one, the newest ones. The older ones
// are searched together with what is between them.
const mostSpans = 20

// spans returns where the runs are that a filter lets through, highest ids first.
func spans(ctx context.Context, t *sql.Tx, f store.Filter) ([]span, error) {
	if f.Since.IsZero() && f.Until.IsZero() {
		return []span{{to: f.Before}}, nil
	}
	q := blockQuery(f)
	rows, err := t.QueryContext(ctx, q.text.String(), q.args...)
	if err != nil {
		return nil, err
	}
	firsts, err := collect(rows, one[int64])
	return joined(firsts, f.Before), err
}

func blockQuery(f store.Filter) *query {
	q := new(query)
	q.add("SELECT b.first_id FROM run_blocks b WHERE b.first_id >= 0")
	if f.Before != 0 {
		q.add(" AND b.first_id < ?", f.Before)
	}
	if !f.Since.IsZero() {
		q.add(" AND b.max_us >= ?", f.Since.UnixMicro())
	}
	if !f.Until.IsZero() {
		q.add(" AND b.min_us < ?", f.Until.UnixMicro())
	}
	q.add(" ORDER BY b.first_id DESC")
	return q
}

// joined makes ranges of blocks, of which the highest comes first: blocks side by side
// are one.
func joined(firsts []int64, before run.ID) (all []span) {
	for _, first := range firsts {
		from, to := run.ID(first), run.ID(first+blockSize)
		if before != 0 {
			to = min(to, before)
		}
		if last := len(all) - 1; last >= 0 && (all[last].from == to || len(all) == mostSpans) {
			all[last].from = from
			continue
		}
		all = append(all, span{from, to})
	}
	return all
}
