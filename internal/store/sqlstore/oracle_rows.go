package sqlstore

import (
	"context"
	"database/sql/driver"
	"io"
	"strconv"
)

// oracleRow is an answer of one value, or of none.
type oracleRow struct{ value driver.Value }

func (r *oracleRow) Columns() []string { return []string{"value"} }
func (r *oracleRow) Close() error      { return nil }

func (r *oracleRow) Next(dest []driver.Value) error {
	if r.value == nil {
		return io.EOF
	}
	dest[0], r.value = r.value, nil
	return nil
}

// oracleRows turns numbers, which the driver hands over as texts, into numbers.
type oracleRows struct {
	driver.Rows
	c    *oracleConn
	ctx  context.Context
	stop func() bool // of what cuts the line when ctx ends
	ints []bool      // which columns are numbers
}

func (r *oracleRows) Next(dest []driver.Value) error {
	if r.ints == nil {
		r.look()
	}
	if err := r.Rows.Next(dest); err != nil {
		if err == io.EOF { //nolint:errorlint // that is how rows end; what wraps it is a failure
			return err
		}
		return r.c.checked(r.ctx, err)
	}
	for i, v := range dest {
		if s, ok := v.(string); ok && r.ints[i] {
			if n, err := strconv.ParseInt(s, 10, 64); err == nil {
				dest[i] = n
			}
		}
	}
	return nil
}

func (r *oracleRows) look() {
	r.ints = make([]bool, len(r.Columns()))
	if t, ok := r.Rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		for i := range r.ints {
			r.ints[i] = t.ColumnTypeDatabaseTypeName(i) == "NUMBER"
		}
	}
}

// Close implements driver.Rows.
func (r *oracleRows) Close() error {
	err := r.Rows.Close()
	r.stop()
	return r.c.checked(r.ctx, err)
}
