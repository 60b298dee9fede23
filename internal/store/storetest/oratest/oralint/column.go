package oralint

import (
	"slices"
	"strconv"
)

const (
	maxChars = 1000 // of four bytes each
	maxBytes = 4000 // of a VARCHAR2
	maxRaw   = 2000
)

// definitions returns the tokens of each column that a statement defines.
func (s *statement) definitions() [][]token {
	switch {
	case s.at(0) == "CREATE" && s.at(1) == "TABLE" && s.at(3) == "(":
		return split(s.tokens[4:])
	case s.at(0) == "ALTER" && s.at(1) == "TABLE" && (s.at(3) == "ADD" || s.at(3) == "MODIFY"):
		if s.at(4) == "(" {
			return split(s.tokens[5:])
		}
		return split(s.tokens[4:])
	}
	return nil
}

// split returns what commas separate, up to the parenthesis that closes.
func split(all []token) (parts [][]token) {
	depth, start := 0, 0
	for i, t := range all {
		switch t.text {
		case "(":
			depth++
		case ")":
			if depth == 0 {
				return append(parts, all[start:i])
			}
			depth--
		case ",":
			if depth == 0 {
				parts = append(parts, all[start:i])
				start = i + 1
			}
		}
	}
	return append(parts, all[start:])
}

var notColumns = words(`CONSTRAINT PRIMARY FOREIGN UNIQUE CHECK`)

func checkColumns(s *statement) {
	for _, d := range s.definitions() {
		if len(d) == 0 || notColumns[d[0].text] {
			continue
		}
		if d[0].kind != name {
			s.say("%s in the place of a column's name", d[0].text)
		}
		checkType(s, d[1:])
	}
}

// checkType looks at a type and its length.
func checkType(s *statement, d []token) {
	if len(d) == 0 || !types[d[0].text] {
		s.say("a type that is not on the list: %s", shape(d))
		return
	}
	typ := d[0].text
	if typ != "VARCHAR2" && typ != "RAW" {
		return
	}
	if len(d) < 4 || d[1].text != "(" {
		s.say("%s without a length", typ)
		return
	}
	n, err := strconv.Atoi(d[2].text)
	limit := map[string]int{"CHAR": maxChars, "BYTE": maxBytes}[d[3].text]
	if typ == "RAW" {
		limit = maxRaw
	}
	switch {
	case limit == 0:
		s.say("VARCHAR2 without CHAR or BYTE, which is a setting of the database")
	case err != nil || n > limit:
		s.say("%s(%s) above %d", typ, d[2].text, limit)
	}
}

func checkCasts(s *statement) {
	for i, t := range s.tokens {
		if t.text != "CAST" {
			continue
		}
		depth := 0
		for j := i + 1; j < len(s.tokens); j++ {
			switch s.at(j) {
			case "(":
				depth++
			case ")":
				depth--
			case "AS":
				if depth == 1 && !types[s.at(j+1)] {
					s.say("CAST to %s, which is not on the list of types", s.at(j+1))
				}
			}
			if depth == 0 {
				break
			}
		}
	}
}

// LOBs returns the names of the columns that statements define as large objects.
func LOBs(texts []string) map[string]bool {
	lobs := map[string]bool{}
	for _, text := range texts {
		s := &statement{tokens: tokens(text)}
		for _, d := range s.definitions() {
			if len(d) > 1 && (d[1].text == "CLOB" || d[1].text == "BLOB") {
				lobs[d[0].text] = true
			}
		}
	}
	return lobs
}

var comparisons = words(`= <> != < > <= >= LIKE IN BETWEEN`)

// checkLOBs refuses what can't be done with large objects: to compare, sort, group,
// make distinct or index them. IS NULL and being read or written are all that is left.
func checkLOBs(s *statement) {
	clause := ""
	for i, t := range s.tokens {
		switch t.text {
		case "SELECT", "SET", "WHERE", "HAVING", "VALUES", "FROM":
			clause = t.text
			if t.text == "SELECT" && s.at(i+1) == "DISTINCT" {
				clause = "DISTINCT"
			}
		case "GROUP", "ORDER", "PARTITION":
			clause = "BY"
		case "UNION", "MINUS", "INTERSECT":
			if s.at(i+1) != "ALL" && s.readsLOB() {
				s.say("%s of large objects", t.text)
			}
		}
		if t.kind != name || !s.lobs[t.text] {
			continue
		}
		assigned := clause == "SET" && s.at(i+1) == "="
		switch {
		case (comparisons[s.at(i+1)] || s.at(i+1) == "NOT" || comparisons[s.at(i-1)]) && !assigned:
			s.say("large object %s compared", t.text)
		case clause == "BY" || clause == "DISTINCT":
			s.say("large object %s sorted, grouped or made distinct", t.text)
		case s.at(0) == "CREATE" && (s.at(1) == "INDEX" || s.at(1) == "UNIQUE"):
			s.say("large object %s in an index", t.text)
		}
	}
}

func (s *statement) readsLOB() bool {
	return slices.ContainsFunc(s.tokens, func(t token) bool { return t.kind == name && s.lobs[t.text] })
}

// checkLOBOrder wants large objects last where they are written: Oracle reads binds
// that may be long after the others.
func checkLOBOrder(s *statement) {
	var columns []string
	switch s.at(0) {
	case "INSERT":
		if s.at(3) != "(" {
			s.say("INSERT without the names of the columns")
			return
		}
		for _, c := range split(s.tokens[4:]) {
			columns = append(columns, c[0].text)
		}
	case "UPDATE":
		set := slices.IndexFunc(s.tokens, func(t token) bool { return t.text == "SET" })
		end := slices.IndexFunc(s.tokens, func(t token) bool { return t.text == "WHERE" })
		if end < 0 {
			end = len(s.tokens)
		}
		for _, c := range split(s.tokens[set+1 : end]) {
			columns = append(columns, c[0].text)
		}
	}
	large := false
	for _, c := range columns {
		if large && !s.lobs[c] {
			s.say("column %s after a large object", c)
		}
		large = large || s.lobs[c]
	}
}
