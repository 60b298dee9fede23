// Package oralint says what Oracle 12c to 19c would refuse in an SQL text, or do other
// than what is meant. It knows little and refuses the rest: the words, functions and
// types that our texts use are on lists, and what is not on a list is a problem. It is
// for texts that follow our convention: keywords in capitals, names in small letters.
//
// It is no parser. That a text is well formed is for scripts/oracle-grammar to say, and
// that it does what is meant for a database.
package oralint

import (
	"fmt"
	"regexp"
	"strings"
)

// statement is a text that is being looked at.
type statement struct {
	text   string
	tokens []token
	shape  string
	lobs   map[string]bool // names of columns
	found  []string
}

// Check returns what is wrong with one statement, nil when nothing is. lobs are the
// names of the columns that hold large objects, as LOBs returns them.
func Check(text string, lobs map[string]bool) []string {
	s := &statement{text: text, tokens: tokens(text), lobs: lobs}
	s.shape = shape(s.tokens)
	for _, check := range []func(*statement){
		checkWords, checkSymbols, checkOperands, checkBinds, checkPhrases, checkParentheses, checkFrom, checkCalls,
		checkColumns, checkCasts, checkGroups, checkMerge, checkLOBs, checkLOBOrder,
	} {
		check(s)
	}
	return s.found
}

func (s *statement) say(format string, args ...any) {
	s.found = append(s.found, fmt.Sprintf(format, args...))
}

// at returns the text of a token, "" beyond the ends.
func (s *statement) at(i int) string {
	if i < 0 || i >= len(s.tokens) {
		return ""
	}
	return s.tokens[i].text
}

func words(s string) map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(s) {
		all[w] = true
	}
	return all
}

// The lists. They are as long as our texts need; a word is added when a text needs it
// and Oracle's manual has it, from 12.1 on.
var (
	firstWords = words(`SELECT WITH INSERT UPDATE DELETE MERGE CREATE ALTER DROP SET LOCK`)
	keywords   = words(`SELECT DISTINCT FROM WHERE GROUP BY HAVING ORDER ASC DESC NULLS FIRST LAST FETCH NEXT ROWS ONLY OFFSET
		AS ON JOIN LEFT INNER OUTER CROSS UNION ALL MINUS INTERSECT AND OR NOT IN EXISTS IS NULL LIKE ESCAPE BETWEEN
		CASE WHEN THEN ELSE END OVER PARTITION WITH FOR UPDATE OF NOWAIT SKIP LOCKED
		INSERT INTO VALUES SET DELETE MERGE USING MATCHED
		CREATE TABLE UNIQUE INDEX SEQUENCE START INCREMENT NOCACHE CACHE ORDER ALTER DROP ADD MODIFY RENAME COLUMN TO CONSTRAINTS PURGE
		CASCADE CONSTRAINT PRIMARY FOREIGN KEY REFERENCES CHECK DEFAULT CHAR BYTE
		TRANSACTION READ LOCK EXCLUSIVE MODE NEXTVAL CURRVAL ROWNUM INTERVAL DAY HOUR MINUTE SECOND TIME ZONE SYSTIMESTAMP`)
	functions = words(`COUNT SUM MIN MAX AVG COALESCE NULLIF NVL DECODE UPPER LOWER LENGTH SUBSTR TRIM REPLACE INSTR CAST
		ROW_NUMBER RANK LAG LEAD ABS ROUND TRUNC MOD GREATEST LEAST`)
	types = words(`VARCHAR2 NUMBER CLOB BLOB RAW TIMESTAMP BINARY_DOUBLE`)
	// before are the keywords that a parenthesis may follow without being called.
	before = words(`IN VALUES AND OR NOT ON AS BY WHEN THEN ELSE WHERE HAVING OVER USING KEY CHECK UNIQUE EXISTS FROM JOIN SELECT
		UNION ALL MINUS INTERSECT SET ADD MODIFY DEFAULT BETWEEN LIKE CASE WITH INTO INSERT DISTINCT`)
	// reserved are Oracle's reserved words, which can't be names.
	reserved = words(`ACCESS ADD ALL ALTER AND ANY AS ASC AUDIT BETWEEN BY CHAR CHECK CLUSTER COLUMN COLUMN_VALUE COMMENT COMPRESS
		CONNECT CREATE CURRENT DATE DECIMAL DEFAULT DELETE DESC DISTINCT DROP ELSE EXCLUSIVE EXISTS FILE FLOAT FOR FROM GRANT
		GROUP HAVING IDENTIFIED IMMEDIATE IN INCREMENT INDEX INITIAL INSERT INTEGER INTERSECT INTO IS LEVEL LIKE LOCK LONG
		MAXEXTENTS MINUS MLSLABEL MODE MODIFY NESTED_TABLE_ID NOAUDIT NOCOMPRESS NOT NOWAIT NULL NUMBER OF OFFLINE ON ONLINE
		OPTION OR ORDER PCTFREE PRIOR PUBLIC RAW RENAME RESOURCE REVOKE ROW ROWID ROWNUM ROWS SELECT SESSION SET SHARE SIZE
		SMALLINT START SUCCESSFUL SYNONYM SYSDATE TABLE THEN TO TRIGGER UID UNION UNIQUE UPDATE USER VALIDATE VALUES VARCHAR
		VARCHAR2 VIEW WHENEVER WHERE WITH`)
)

const maxName = 30 // bytes; 128 from 12.2 on

func checkWords(s *statement) {
	if !firstWords[s.at(0)] {
		s.say("a statement that begins with %q", s.at(0))
	}
	for _, t := range s.tokens {
		switch t.kind {
		case keyword:
			if !keywords[t.text] && !functions[t.text] && !types[t.text] {
				s.say("%s is not on the list of keywords", t.text)
			}
		case name:
			checkName(s, t.text)
		}
	}
}

func checkName(s *statement, n string) {
	switch {
	case n != strings.ToLower(n):
		s.say("%s is neither in capitals nor in small letters", n)
	case n[0] == '_':
		s.say("name %s begins with _", n)
	case len(n) > maxName:
		s.say("name %s is longer than %d", n, maxName)
	case reserved[strings.ToUpper(n)]:
		s.say("name %s is a reserved word", n)
	}
}

func checkSymbols(s *statement) {
	if strings.HasSuffix(strings.TrimSpace(s.text), ";") {
		s.say("a semicolon at the end")
	}
	for _, t := range s.tokens {
		switch {
		case t.text == "''":
			s.say("an empty string, which is NULL")
		case t.text == "/":
			s.say("a division, which is not one of integers")
		case t.kind == symbol && !strings.Contains(" ( ) , . + - * = <> != < > <= >= || ", " "+t.text+" "):
			s.say("symbol %s", t.text)
		}
	}
}

// checkOperands refuses a value right after another, as in "limit 10" where limit is
// taken for an alias.
func checkOperands(s *statement) {
	for i := 1; i < len(s.tokens); i++ {
		before, t := s.tokens[i-1], s.tokens[i]
		if (t.kind == num || t.kind == str || t.kind == bind) && (before.kind != keyword && before.kind != symbol || before.text == ")") {
			s.say("%s after %s", t.text, before.text)
		}
	}
}

// checkParentheses looks at what follows some of them.
func checkParentheses(s *statement) {
	for i := range s.tokens {
		if s.at(i+1) != "(" {
			continue
		}
		after := s.at(s.closing(i+1) + 1)
		switch s.at(i) {
		case "VALUES":
			if after == "," {
				s.say("several rows in VALUES")
			}
		case "FROM", "JOIN", "USING":
			if after == "AS" {
				s.say("AS before the alias of a subquery")
			}
		}
	}
}

// closing returns the place of the parenthesis that closes the one at i.
func (s *statement) closing(i int) int {
	depth := 0
	for ; i < len(s.tokens); i++ {
		switch s.at(i) {
		case "(":
			depth++
		case ")":
			depth--
		}
		if depth == 0 {
			return i
		}
	}
	return i
}

// checkBinds wants :1, :2, … in order, each once: the driver takes values by place.
func checkBinds(s *statement) {
	n := 0
	for _, t := range s.tokens {
		if t.kind != bind {
			continue
		}
		n++
		if want := fmt.Sprintf(":%d", n); t.text != want {
			s.say("bind %s in the place of %s", t.text, want)
		}
	}
}

// phrase is something that is refused wherever a pattern finds it in a statement's shape.
type phrase struct {
	what string
	re   *regexp.Regexp
}

func deny(what, re string) phrase { return phrase{what, regexp.MustCompile(re)} }

const list = `\( [^()]*(?:\([^()]*\)[^()]*)*\)` // parentheses with at most one level more in them

var phrases = []phrase{
	deny("NOT NULL before DEFAULT", ` NOT NULL DEFAULT `),
	deny("ON UPDATE of a foreign key", ` REFERENCES [a-z_]+ `+list+` ON UPDATE `),
	deny("ON DELETE other than CASCADE or SET NULL", ` ON DELETE (?:SET DEFAULT|[^CS])`),
	deny("FOR UPDATE with a row limit", ` ROWS ONLY FOR UPDATE `),
	deny("an index with WHERE", `^ CREATE (?:UNIQUE )?INDEX .* WHERE `),
	deny("UPDATE with FROM", `^ UPDATE \w+ SET (?:[^()]|`+list+`)* FROM `),
	deny("DELETE with USING", `^ DELETE FROM \w+ USING `),
	deny("WITH before a change", `^ WITH .* \) (?:INSERT|UPDATE|DELETE|MERGE) `),
	deny("* beside other columns", ` SELECT \* ,|, \* `),
	deny("EXISTS as a column", ` SELECT (?:NOT )?EXISTS `),
	deny("a comparison as a column", ` SELECT (?:[^()]*, )?[a-z0-9_. ]+ (?:=|<>|!=|<|>|<=|>=) `),
	deny("a column as a condition", ` (?:WHERE|AND|OR|NOT|ON) [a-z0-9_]+(?: \. [a-z0-9_]+)? (?:AND|OR|ORDER|GROUP|FETCH|$)`),
	deny("an order of tuples", `\) (?:<|>|<=|>=) \(`),
	deny("a comparison with NULL", ` (?:=|<>|!=) NULL (?:AND|OR|THEN|\)|$)`),
	deny("DROP TABLE with CASCADE alone", ` DROP TABLE \w+ CASCADE (?:$|PURGE)`),
	deny("AS before the alias of a table", ` (?:FROM|JOIN|UPDATE|INTO) [a-z0-9_]+ AS `),
	deny("ADD COLUMN", ` ADD COLUMN `),
	deny("ALTER COLUMN", ` ALTER COLUMN `),
	deny("a bind in a function that wants to know its type: CAST it", ` (?:COALESCE|NVL|NULLIF|DECODE|GREATEST|LEAST) \( (?:[^()]*, )?: [,)]`),
	deny("a condition after SKIP LOCKED or NOWAIT", ` (?:SKIP LOCKED|NOWAIT) [^$]`),
	deny("SKIP without LOCKED", ` SKIP (?:[^L]|$)`),
	deny("a transaction setting other than READ ONLY", `^ SET (?:TRANSACTION READ [^O]|TRANSACTION [^R]|[^T])`),
	deny("NULLS FIRST or LAST left out where it matters", ` ORDER BY (?:[^()]*, )?[a-z_. ]*_us(?: DESC| ASC)? (?:,|FETCH|$)`),
}

func checkPhrases(s *statement) {
	for _, p := range phrases {
		if p.re.MatchString(s.shape) {
			s.say("%s", p.what)
		}
	}
}

// checkFrom wants a FROM in each SELECT, at its own depth.
func checkFrom(s *statement) {
	waiting := map[int]bool{}
	depth := 0
	end := func() {
		if waiting[depth] {
			s.say("SELECT without FROM")
			waiting[depth] = false
		}
	}
	for _, t := range s.tokens {
		switch t.text {
		case "(":
			depth++
		case ")":
			end()
			depth--
		case "SELECT":
			waiting[depth] = true
		case "FROM":
			waiting[depth] = false
		case "UNION", "MINUS", "INTERSECT":
			end()
		}
	}
	end()
}

// checkCalls wants each function to be on the list. A name before a parenthesis is a
// table or an index with its columns, or a call of something unknown.
func checkCalls(s *statement) {
	defines := s.at(0) == "CREATE" || s.at(0) == "ALTER"
	for i, t := range s.tokens {
		if s.at(i+1) != "(" || t.kind != keyword && t.kind != name {
			continue
		}
		previous := s.at(i - 1)
		switch {
		case t.kind == name && (defines || previous == "INTO" || previous == "WITH" || s.at(0) == "WITH" && previous == ","):
		case functions[t.text] || before[t.text] || types[t.text]:
		default:
			s.say("%s is not on the list of functions", t.text)
		}
	}
}

// checkGroups wants each plain column of a simple SELECT with GROUP BY to be grouped by.
func checkGroups(s *statement) {
	m := grouped.FindStringSubmatch(s.shape)
	if m == nil {
		return
	}
	by := map[string]bool{}
	for _, c := range strings.Split(m[2], " , ") {
		by[strings.TrimSpace(c)] = true
	}
	for _, c := range strings.Split(m[1], " , ") {
		column, _, _ := strings.Cut(strings.TrimSpace(c), " AS ")
		if plain.MatchString(column) && !by[column] {
			s.say("%s is not grouped by", column)
		}
	}
}

var (
	grouped = regexp.MustCompile(`^ SELECT (.*?) FROM .* GROUP BY (.*?)(?: HAVING .*| ORDER BY .*| FETCH .*)?$`)
	plain   = regexp.MustCompile(`^[a-z0-9_]+(?: \. [a-z0-9_]+)?$`)
)

// checkMerge looks at what only MERGE has.
func checkMerge(s *statement) {
	if s.at(0) != "MERGE" {
		return
	}
	if mergeOn.MatchString(s.shape) {
		s.say("ON without parentheses in MERGE")
	}
	if m := mergeKey.FindStringSubmatch(s.shape); m != nil && m[1] == m[2] {
		s.say("MERGE changes %s, by which it joins", m[1])
	}
}

var (
	mergeOn  = regexp.MustCompile(` ON [^(]`)
	mergeKey = regexp.MustCompile(` ON \( (?:\w+ \. )?(\w+) = .* UPDATE SET (?:\w+ \. )?(\w+) =`)
)
