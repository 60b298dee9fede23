package sqlstore

import (
	"strings"

	"github.com/executionerhq/executioner/internal/run"
)

// A transition without an outcome, which is most of them, goes through a narrower
// statement, so that nothing is bound for columns that stay NULL.
const (
	plainColumns   = "run_id, seq, attempt, job, try_no, from_state, to_state, reason, cause, detail, at_us, until_us"
	outcomeColumns = plainColumns + ", exit_code, signal_no, cpu_us, max_rss, output_bytes, dropped_bytes, survivors, " +
		"out_state, out_reason, out_detail, out_values, out_ended_us"
)

// insertSizes are the numbers of rows of one statement. A few sizes, each prepared
// once, cover every batch.
var insertSizes = [...]int{16, 4, 1}

// inserts holds the statements for rows of some columns, one for each of insertSizes.
type inserts [len(insertSizes)]string

func insertsInto(columns string) (all inserts) {
	row := "(?" + strings.Repeat(",?", strings.Count(columns, ",")) + ")"
	for i, n := range insertSizes {
		all[i] = "INSERT INTO transitions (" + columns + ") VALUES " + row + strings.Repeat(","+row, n-1)
	}
	return all
}

// insert writes transitions, of which the first gets the number seq.
func (t *tx) insert(id run.ID, seq int64, ts []run.Transition) error {
	plain := func(r *run.Transition) bool { return r.Outcome == nil }
	if err := t.insertThose(&t.plain, id, seq, ts, plain); err != nil {
		return err
	}
	outcome := func(r *run.Transition) bool { return r.Outcome != nil }
	return t.insertThose(&t.outcome, id, seq, ts, outcome)
}

func (t *tx) insertThose(statements *inserts, id run.ID, seq int64, ts []run.Transition, those func(*run.Transition) bool) error {
	left := 0
	for i := range ts {
		if those(&ts[i]) {
			left++
		}
	}
	next := 0
	for s, size := range insertSizes {
		for ; left >= size; left -= size {
			t.args = t.args[:0]
			for rows := 0; rows < size; next++ {
				if those(&ts[next]) {
					t.args = appendRow(t.args, id, seq+int64(next), &ts[next])
					rows++
				}
			}
			if err := t.later(nil, statements[s], t.args...); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendRow adds the values of outcomeColumns, or of plainColumns only when there is no outcome.
func appendRow(args []any, id run.ID, seq int64, r *run.Transition) []any {
	args = append(args, int64(id), seq, int64(r.Attempt), text(r.Job), int64(r.Try),
		r.From.String(), r.To.String(), text(r.Reason), text(r.Cause), text(r.Detail), micros(r.At), micros(r.Until))
	o := r.Outcome
	if o == nil {
		return args
	}
	return append(args, int64(o.ExitCode), int64(o.Signal), o.CPU.Microseconds(), o.MaxRSS, o.Output, o.Dropped,
		int64(o.Survivors), differs(o.State.String(), r.To.String()),
		differs(string(o.Reason), string(r.Reason)), differs(o.Detail, r.Detail), text(o.Values), micros(o.Ended))
}

// differs returns how a part of an outcome is stored: NULL when the transition says the same.
func differs(of, from string) any {
	if of == from {
		return nil
	}
	return of
}
