package oratest

import (
	"fmt"
	"strings"
)

// oraError is an error as the client sees it.
type oraError struct {
	code int
	text string
}

func (e *oraError) Error() string { return fmt.Sprintf("ORA-%05d: %s", e.code, e.text) }

func refusal(code int, format string, args ...any) *oraError {
	return &oraError{code, fmt.Sprintf(format, args...)}
}

// oracleError returns Oracle's error for one of H2. Where Oracle has several and H2
// has one, it is the one that our statements can meet.
func oracleError(h2 int, text string) error {
	text, _, _ = strings.Cut(text, "\n")
	return refusal(oracleCode(h2), "[h2 %d] %s", h2, text)
}

func oracleCode(h2 int) int {
	switch h2 {
	case 23505:
		return 1 // unique constraint violated
	case 23502:
		return 1400 // NULL into NOT NULL
	case 23513:
		return 2290 // check constraint
	case 23506:
		return 2291 // parent key not found
	case 23503:
		return 2292 // child record found
	case 42101, 42111, 90035, 90045:
		return 955 // name is used by an existing object
	case 42102, 42104:
		return 942 // table or view does not exist
	case 90036:
		return 2289 // sequence does not exist
	case 42112:
		return 1418 // index does not exist
	case 42121:
		return 1430 // column being added exists
	case 42122:
		return 904 // invalid identifier
	case 22001:
		return 12899 // value too large for column
	case 22003:
		return 1438 // number too large for column
	case 40001:
		return 60 // deadlock
	case 50200:
		return 54 // resource busy
	case 57014:
		return 1013 // user requested cancel
	default:
		return 900 // invalid SQL statement
	}
}

// toH2 returns a statement with ? for each placeholder, and their names in order.
// What H2 would accept and Oracle's parser would not is refused here as far as it can
// be seen from single characters; the rest is for package oralint.
func toH2(text string) (h2 string, names []string, err error) {
	if strings.HasSuffix(strings.TrimSpace(text), ";") {
		return "", nil, refusal(933, "SQL command not properly ended")
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\'' || c == '"':
			end := strings.IndexByte(text[i+1:], c)
			if end < 0 {
				return "", nil, refusal(1756, "quoted string not properly terminated")
			}
			b.WriteString(text[i : i+end+2])
			i += end + 1
		case c == ':' && i+1 < len(text) && isWord(text[i+1]):
			end := i + 1
			for end < len(text) && isWord(text[end]) {
				end++
			}
			names = append(names, strings.ToUpper(text[i+1:end]))
			b.WriteByte('?')
			i = end - 1
		case strings.IndexByte("?$`[]%;", c) >= 0:
			return "", nil, refusal(911, "invalid character %q", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), names, nil
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// kind is how a statement goes with transactions.
type kind int

const (
	other    kind = iota // changes data: begins a transaction where there is none
	query                // only reads
	ddl                  // commits before and after
	readOnly             // SET TRANSACTION READ ONLY
	session              // of the driver, about the session: nothing to do
)

func kindOf(text string) kind {
	words := strings.Fields(strings.ToUpper(text))
	if len(words) == 0 {
		return other
	}
	switch words[0] {
	case "SELECT", "WITH":
		if strings.Contains(strings.Join(words, " "), " FOR UPDATE") {
			return other
		}
		return query
	case "CREATE", "DROP", "TRUNCATE", "COMMENT", "RENAME":
		return ddl
	case "ALTER":
		if len(words) > 1 && words[1] == "SESSION" {
			return session
		}
		return ddl
	case "SET":
		if strings.Join(words, " ") == "SET TRANSACTION READ ONLY" {
			return readOnly
		}
	}
	return other
}
