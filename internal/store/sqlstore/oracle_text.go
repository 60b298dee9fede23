package sqlstore

import (
	"regexp"
	"slices"
	"strings"
)

// oracleKind is what has to be done with a statement besides running it.
type oracleKind int

const (
	oraclePlain  oracleKind = iota
	oracleBegin             // control of transactions, which Oracle has no statements for
	oracleCommit            //
	oracleUndo              //
	oracleDefine            // of tables; commits by itself
	oracleQuery             //
	oracleUnless            // INSERT of a row that may be there, and is then left alone
	oracleUpsert            // then is an INSERT for when nothing was changed
	oracleNext              // then is an INSERT of a run; its id is the next one, which is also the result
	oracleMoved             // then is an INSERT of a run with an id of its own, which is not given again
	oracleReturn            // then is a SELECT of a row that was changed
)

// oraclePlan is how one of our statements is carried out.
type oraclePlan struct {
	kind  oracleKind
	text  string
	order []int // which of the values each bind of text has; nil: one after the other
	rows  int   // of an INSERT: how many there are values for, one after the other
	then  *oraclePlan
}

// oracleRenamed is a column's name that Oracle reserves, see the migrations.
var oracleRenamed = regexp.MustCompile(`\bfile\b`)

// oracleLOBs are the columns that hold large objects. They are written last: Oracle
// takes binds that may be long after all others.
var oracleLOBs = []string{"file_path", "working_dir", "detail", "out_detail", "out_values", "options", "body", "note", "grant_list", "paused_why", "given", "broken_why"}

const (
	oracleNextID = `UPDATE run_ids SET last_id = last_id + 1`
	oracleLastID = `SELECT last_id FROM run_ids`
	oracleMoveID = `UPDATE run_ids SET last_id = ? WHERE last_id < ?`

	oracleToken    = `UPDATE commits SET commit_no = ?, at_us = ? WHERE writer = ? AND commit_no < ?`
	oracleNewToken = `INSERT INTO commits (writer, commit_no, at_us) VALUES (?, ?, ?)`
)

// oracleUntyped is a value whose type Oracle must be told: NULL is bound as a text,
// which COALESCE does not mix with numbers.
var oracleUntyped = regexp.MustCompile(`COALESCE\((\w+_us), \?\)`)

// planOracle returns how to carry out a statement of ours.
func planOracle(query string) *oraclePlan {
	q := strings.Join(strings.Fields(hints.ReplaceAllString(query, "")), " ")
	q = oracleUntyped.ReplaceAllString(q, "COALESCE($1, CAST(? AS NUMBER(19)))")
	word, _, _ := strings.Cut(q, " ")
	switch word {
	case "BEGIN":
		return &oraclePlan{kind: oracleBegin}
	case "COMMIT":
		return &oraclePlan{kind: oracleCommit}
	case "ROLLBACK":
		return &oraclePlan{kind: oracleUndo}
	case "CREATE", "ALTER", "DROP":
		return &oraclePlan{kind: oracleDefine, text: q}
	case "SELECT":
		return &oraclePlan{kind: oracleQuery, text: oracleSelect(q)}
	}
	if query == upsertToken {
		token := &oraclePlan{kind: oracleUpsert, text: rebind(oracleToken, ':'), order: []int{1, 2, 0, 1}}
		token.then = &oraclePlan{kind: oracleUnless, text: rebind(oracleNewToken, ':'), rows: 1}
		return token
	}
	return planOracleChange(query, oracleRenamed.ReplaceAllString(q, "file_path"))
}

// oracleSelect returns a query in Oracle's words.
func oracleSelect(q string) string {
	q = oracleRenamed.ReplaceAllString(q, "file_path")
	q = strings.ReplaceAll(q, " LIMIT ?", " FETCH FIRST ? ROWS ONLY")
	if !hasFrom(q) {
		q += " FROM dual"
	}
	return rebind(q, ':')
}

// hasFrom reports whether a query reads a table, subqueries aside.
func hasFrom(q string) bool {
	depth := 0
	for i := range len(q) {
		switch {
		case q[i] == '(':
			depth++
		case q[i] == ')':
			depth--
		case depth == 0 && strings.HasPrefix(q[i:], " FROM "):
			return true
		}
	}
	return false
}

// planOracleChange is planOracle for a statement that changes rows. query is as we wrote it.
func planOracleChange(query, q string) *oraclePlan {
	if rest, unless := cutSuffixFrom(q, " ON CONFLICT "); unless {
		p := oracleWrite(rest)
		p.kind = oracleUnless
		return p
	}
	rest, returns := cutSuffixFrom(q, " RETURNING ")
	switch {
	case query == importAs:
		return &oraclePlan{kind: oracleMoved, text: rebind(oracleMoveID, ':'), order: []int{0, 0}, then: oracleWrite(q)}
	case returns && strings.HasPrefix(q, "INSERT INTO runs ("):
		withID := strings.NewReplacer("INSERT INTO runs (", "INSERT INTO runs (id, ", "VALUES (", "VALUES (?, ")
		return &oraclePlan{kind: oracleNext, text: oracleNextID, then: oracleWrite(withID.Replace(rest))}
	case returns:
		p := oracleWrite(rest)
		p.kind, p.then = oracleReturn, returned(rest, strings.TrimPrefix(q[len(rest):], " RETURNING "))
		return p
	}
	return oracleWrite(q)
}

func cutSuffixFrom(q, from string) (before string, found bool) {
	i := strings.LastIndex(q, from)
	if i < 0 {
		return q, false
	}
	return q[:i], true
}

// returned plans the SELECT of what an UPDATE with "WHERE id = ?" is to return.
func returned(update, column string) *oraclePlan {
	before, _, _ := strings.Cut(update, " WHERE id = ?")
	table := strings.Fields(update)[1]
	return &oraclePlan{
		kind: oracleQuery, text: "SELECT " + column + " FROM " + table + " WHERE id = :1",
		order: []int{strings.Count(before, "?")},
	}
}

var (
	insertForm = regexp.MustCompile(`^(INSERT INTO \w+ )\(([^()]*)\) VALUES \((.*)\)$`)
	updateForm = regexp.MustCompile(`^(UPDATE \w+ SET )(.*?)( WHERE .*)$`)
)

// oracleWrite plans a statement that changes rows: large objects go last, and several
// rows of an INSERT become one for which values are bound several times.
func oracleWrite(q string) *oraclePlan {
	if m := insertForm.FindStringSubmatch(q); m != nil {
		columns := strings.Split(m[2], ", ")
		first, more, _ := strings.Cut(m[3], "),(")
		rows := 1
		if more != "" {
			rows += 1 + strings.Count(more, "),(")
		}
		order := lobsLast(columns)
		values := topLevel(first)
		return oracleOrdered(m[1]+"("+strings.Join(pick(columns, order), ", ")+") VALUES (", values, order, ")", rows)
	}
	if m := updateForm.FindStringSubmatch(q); m != nil {
		sets := topLevel(m[2])
		columns := make([]string, len(sets))
		for i, s := range sets {
			columns[i], _, _ = strings.Cut(s, " ")
		}
		return oracleOrdered(m[1], sets, lobsLast(columns), m[3], 0)
	}
	return &oraclePlan{text: rebind(q, ':')}
}

// oracleOrdered plans a statement whose parts are written in another order, and so
// take the values in another order.
func oracleOrdered(before string, parts []string, order []int, after string, rows int) *oraclePlan {
	starts := make([]int, len(parts)+1)
	for i, p := range parts {
		starts[i+1] = starts[i] + strings.Count(p, "?")
	}
	var values []int
	for _, i := range order {
		for v := starts[i]; v < starts[i+1]; v++ {
			values = append(values, v)
		}
	}
	for range strings.Count(after, "?") {
		values = append(values, len(values))
	}
	if slices.IsSorted(values) {
		values = nil
	}
	return &oraclePlan{text: rebind(before+strings.Join(pick(parts, order), ", ")+after, ':'), order: values, rows: rows}
}

// lobsLast returns the places of columns with those of large objects after the others.
func lobsLast(columns []string) []int {
	order := make([]int, 0, len(columns))
	for _, lobs := range []bool{false, true} {
		for i, c := range columns {
			if slices.Contains(oracleLOBs, c) == lobs {
				order = append(order, i)
			}
		}
	}
	return order
}

func pick(from []string, order []int) []string {
	all := make([]string, len(order))
	for i, o := range order {
		all[i] = from[o]
	}
	return all
}

// topLevel splits at the commas that are not within parentheses.
func topLevel(list string) (parts []string) {
	depth, start := 0, 0
	for i := range len(list) {
		switch list[i] {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				parts = append(parts, strings.TrimSpace(list[start:i]))
				start = i + 1
			}
		}
	}
	return append(parts, strings.TrimSpace(list[start:]))
}
