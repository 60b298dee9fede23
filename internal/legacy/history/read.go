package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/run"
)

const (
	summaryTable = "run_summary"
	jobTable     = "job_history"
)

// The columns that are read. Those that an old schema lacks are taken for NULL, except
// what a row is nothing without.
var (
	summaryColumns = []string{
		"run_id", "attempt_id", "application_name", "working_dir", "status", "start_time", "end_time",
		"total_jobs", "completed_jobs", "failed_jobs", "skipped_jobs",
	}
	jobColumns = []string{
		"run_id", "attempt_id", "id", "description", "command", "status", "application_name",
		"duration_seconds", "memory_usage_mb", "retry_count", "last_error", "retry_history", "last_run",
	}
)

// table is what a table of the file has.
type table struct {
	columns map[string]bool
	rowid   bool
}

// schema looks at what the file has, and refuses what is no old history.
func (f *File) schema(ctx context.Context) error {
	var err error
	if f.jobs, err = f.table(ctx, jobTable); err != nil {
		return err
	}
	if f.summaries, err = f.table(ctx, summaryTable); err != nil {
		return err
	}
	if f.jobs.columns == nil && f.summaries.columns == nil {
		return notOld(f.path, "is the database of another program: it has no table "+jobTable)
	}
	if f.Version, err = f.version(ctx); err != nil {
		return err
	}
	if f.Version > Newest {
		return f.describe("the history has version %d of the schema; versions 1 to %d are known", f.Version, Newest)
	}
	for _, need := range []struct {
		table   table
		name    string
		columns []string
	}{{f.jobs, jobTable, []string{"run_id", "id", "status"}}, {f.summaries, summaryTable, []string{"run_id", "status"}}} {
		for _, c := range need.columns {
			if need.table.columns != nil && !need.table.columns[c] {
				return notOld(f.path, fmt.Sprintf("is no history of the old program: its table %s has no column %s", need.name, c))
			}
		}
	}
	return nil
}

// table returns the columns of a table, nil when there is none of that name.
func (f *File) table(ctx context.Context, name string) (table, error) {
	var t table
	rows, err := f.tx.QueryContext(ctx, "SELECT name FROM pragma_table_info(?)", name)
	if err != nil {
		return t, err
	}
	defer rows.Close() //nolint:errcheck // Err tells what there is to tell
	for rows.Next() {
		var column string
		if err := rows.Scan(&column); err != nil {
			return t, err
		}
		if t.columns == nil {
			t.columns = map[string]bool{}
		}
		t.columns[strings.ToLower(column)] = true
	}
	if err := rows.Err(); err != nil {
		return t, err
	}
	err = f.tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM pragma_table_list(?) WHERE schema = 'main' AND type = 'table' AND NOT wr", name).Scan(&t.rowid)
	return t, err
}

// version returns the newest version that the file says it has, 0 when it says none.
func (f *File) version(ctx context.Context) (int, error) {
	t, err := f.table(ctx, "schema_version")
	if err != nil || !t.columns["version"] {
		return 0, err
	}
	var version sql.NullInt64
	err = f.tx.QueryRowContext(ctx, "SELECT MAX(version) FROM schema_version WHERE typeof(version) = 'integer'").Scan(&version)
	return int(version.Int64), err
}

// Runs returns all runs in the order of their numbers, one after another, and tells
// report of rows and values that can't be used. After an error there are no more.
func (f *File) Runs(ctx context.Context, report func(Problem)) iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		err := f.each(ctx, report, func(r Run) bool { return yield(r, nil) })
		if err != nil {
			yield(Run{}, f.explain(err))
		}
	}
}

func (f *File) each(ctx context.Context, report func(Problem), yield func(Run) bool) (err error) {
	if err := f.strays(ctx, report); err != nil {
		return err
	}
	summaries, err := f.read(ctx, f.summaries, summaryTable, summaryColumns)
	if err != nil {
		return err
	}
	defer summaries.close(&err)
	jobs, err := f.read(ctx, f.jobs, jobTable, jobColumns)
	if err != nil {
		return err
	}
	defer jobs.close(&err)
	for summaries.more || jobs.more {
		r := Run{ID: least(summaries, jobs)}
		for summaries.at(r.ID) {
			r.Summaries = append(r.Summaries, summaries.cells.summary(report))
			summaries.next()
		}
		for jobs.at(r.ID) {
			r.Jobs = append(r.Jobs, jobs.cells.job(report))
			jobs.next()
		}
		if err := errors.Join(summaries.err, jobs.err); err != nil {
			return err
		}
		if !yield(r) {
			return nil
		}
	}
	return errors.Join(summaries.err, jobs.err)
}

// least returns the smallest number that a reader is at.
func least(a, b *reader) int64 {
	switch {
	case !a.more:
		return b.cells.run
	case !b.more:
		return a.cells.run
	default:
		return min(a.cells.run, b.cells.run)
	}
}

// reader goes through a table in the order of runs.
type reader struct {
	rows  *sql.Rows
	cells cells
	more  bool
	err   error
}

// read begins to read a table. Each column is read as an expression, because for a plain
// column of type TIMESTAMP the driver would make something else of the text.
func (f *File) read(ctx context.Context, t table, name string, columns []string) (*reader, error) {
	r := &reader{cells: cells{table: name, columns: columns, values: make([]any, len(columns)+1)}}
	if t.columns == nil {
		return r, nil
	}
	expressions := make([]string, 0, len(columns)+1)
	for _, c := range slices.Concat([]string{"rowid"}, columns) {
		switch {
		case t.columns[c] || c == "rowid" && t.rowid:
			expressions = append(expressions, "+"+c)
		default:
			expressions = append(expressions, "NULL")
		}
	}
	r.cells.versioned = t.columns["attempt_id"]
	query := "SELECT " + //nolint:gosec // made of names that stand above
		strings.Join(expressions, ", ") + " FROM " + name + " WHERE typeof(run_id) = 'integer' ORDER BY run_id"
	if t.rowid {
		query += ", rowid"
	}
	var err error
	if r.rows, err = f.tx.QueryContext(ctx, query); err != nil {
		return r, err
	}
	r.next()
	if r.err != nil {
		r.close(&r.err)
	}
	return r, r.err
}

func (r *reader) at(id int64) bool { return r.more && r.cells.run == id }

// next goes to the next row.
func (r *reader) next() {
	r.more = r.rows.Next()
	if !r.more {
		r.err = r.rows.Err()
		return
	}
	into := make([]any, len(r.cells.values))
	for i := range into {
		r.cells.values[i] = nil
		into[i] = &r.cells.values[i]
	}
	if r.err = r.rows.Scan(into...); r.err != nil {
		r.more = false
		return
	}
	r.cells.run, _ = r.cells.values[1].(int64)
}

func (r *reader) close(err *error) {
	if r.rows != nil {
		*err = errors.Join(*err, r.rows.Close())
	}
}

// strays reports the rows that say of no run to belong to it.
func (f *File) strays(ctx context.Context, report func(Problem)) error {
	for _, t := range []struct {
		table
		name string
	}{{f.summaries, summaryTable}, {f.jobs, jobTable}} {
		if t.columns == nil {
			continue
		}
		rowid := "0"
		if t.rowid {
			rowid = "rowid"
		}
		query := "SELECT " + rowid + ", +run_id FROM " + t.name + " WHERE typeof(run_id) <> 'integer'"
		if err := f.stray(ctx, t.name, query, report); err != nil {
			return err
		}
	}
	return nil
}

func (f *File) stray(ctx context.Context, name, query string, report func(Problem)) error {
	rows, err := f.tx.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err tells what there is to tell
	for rows.Next() {
		var row int64
		var id any
		if err := rows.Scan(&row, &id); err != nil {
			return err
		}
		report(Problem{Table: name, Row: row, Reason: "run_id is " + quoted(id), Skipped: true})
	}
	return rows.Err()
}

// summary makes a Summary of the cells of a row.
func (c *cells) summary(report func(Problem)) Summary {
	s := Summary{
		Row: c.row(), Attempt: c.attempt(), Application: c.text("application_name"), WorkingDir: c.text("working_dir"),
		Status: c.text("status"), Start: c.text("start_time"), End: c.text("end_time"),
		Total: c.integer("total_jobs"), Completed: c.integer("completed_jobs"),
		Failed: c.integer("failed_jobs"), Skipped: c.integer("skipped_jobs"),
	}
	for _, reason := range c.takeWrong() {
		report(s.problem(c.run, "%s", reason))
	}
	return s
}

// job makes a Job of the cells of a row.
func (c *cells) job(report func(Problem)) Job {
	j := Job{
		Row: c.row(), Attempt: c.attempt(), ID: run.JobID(c.text("id")), Description: c.text("description"),
		Command: c.text("command"), Status: c.text("status"), Application: c.text("application_name"),
		Seconds: c.number("duration_seconds", -1), MemoryMB: c.number("memory_usage_mb", 0), Retries: c.integer("retry_count"),
		LastError: c.text("last_error"), RetryHistory: c.text("retry_history"), LastRun: c.text("last_run"),
	}
	for _, reason := range c.takeWrong() {
		report(j.problem(c.run, "%s", reason))
	}
	return j
}
