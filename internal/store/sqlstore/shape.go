package sqlstore

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"
)

// shape is what a schema consists of: each column and index by its name, and what it
// is. Two databases with the same shape are used in the same way.
type shape map[string]string

// readShape asks the database.
func readShape(ctx context.Context, d *dialect, c *sql.Conn) (shape, error) {
	rows, err := c.QueryContext(ctx, d.shape)
	if err != nil {
		return nil, err
	}
	s := shape{}
	_, err = collect(rows, func(r *sql.Rows) (none struct{}, err error) {
		var what, how string
		if err := r.Scan(&what, into(&how)); err != nil {
			return none, err
		}
		s[what] = how
		return none, nil
	})
	return s, err
}

// String returns a line for each part, in order.
func (s shape) String() string {
	var b strings.Builder
	for _, what := range slices.Sorted(maps.Keys(s)) {
		b.WriteString(what + ": " + s[what] + "\n")
	}
	return b.String()
}

// parseShape reads what String returned.
func parseShape(text string) shape {
	s := shape{}
	for line := range strings.Lines(text) {
		if what, how, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); ok {
			s[what] = how
		}
	}
	return s
}

const columnOf = "column "

// differences says what of have is not as in want. Tables that are not in want, and
// more indexes, are nobody's business.
func (want shape) differences(have shape) (all []string) {
	tables := map[string]bool{}
	for _, what := range slices.Sorted(maps.Keys(want)) {
		tables[tableOf(what)] = true
		how, there := have[what]
		switch {
		case !there:
			all = append(all, what+" is missing")
		case how != want[what]:
			all = append(all, what+" is "+how+" in place of "+want[what])
		}
	}
	for _, what := range slices.Sorted(maps.Keys(have)) {
		if _, known := want[what]; !known && strings.HasPrefix(what, columnOf) && tables[tableOf(what)] {
			all = append(all, what+" is not known")
		}
	}
	return all
}

// tableOf returns the table of a column, and "" for an index.
func tableOf(what string) string {
	name, ok := strings.CutPrefix(what, columnOf)
	if !ok {
		return ""
	}
	table, _, _ := strings.Cut(name, ".")
	return table
}

// checkShape returns a fault when the schema is not the one that the migrations make.
func checkShape(ctx context.Context, d *dialect, c *sql.Conn) error {
	have, err := readShape(ctx, d, c)
	if err != nil {
		return err
	}
	found := parseShape(d.expected).differences(have)
	if len(found) == 0 {
		return nil
	}
	const most = 5
	if len(found) > most {
		found = append(found[:most], "and more")
	}
	return errSchema("%s", strings.Join(found, "; "))
}

// Check compares the schema with the one that this program made or would make. It
// returns a fault that says what differs, when somebody has changed it by hand.
func (s *Store) Check(ctx context.Context) error {
	return s.d.translate("check database", s.patiently(ctx, func(ctx context.Context) error {
		c, err := s.reads.Conn(ctx)
		if err != nil {
			return err
		}
		defer c.Close() //nolint:errcheck // it goes back to the pool
		recorded, err := recordedVersions(ctx, c)
		if err != nil {
			return err
		}
		if _, err := verifyVersions(&s.d, recorded); err != nil {
			return err
		}
		if s.d.shape == "" {
			return nil
		}
		return checkShape(ctx, &s.d, c)
	}))
}
