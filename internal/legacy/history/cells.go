package history

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// cells are the values of one row, as SQLite keeps them: any column may hold anything.
type cells struct {
	table     string
	columns   []string
	values    []any // the rowid, then the columns
	versioned bool  // there is a column attempt_id
	run       int64
	wrong     []string // what could not be used
}

func (c *cells) row() int64 {
	n, _ := c.values[0].(int64)
	return n
}

func (c *cells) value(column string) any {
	return c.values[1+slices.Index(c.columns, column)]
}

// attempt returns the number of the attempt: 1 where the schema knows no other, and 0,
// which no attempt has, where it can't be one.
func (c *cells) attempt() int {
	if !c.versioned {
		return 1
	}
	n, ok := c.value("attempt_id").(int64)
	if !ok || n < 1 || n > maxAttempts {
		return 0
	}
	return int(n)
}

// text returns a value as text that can be kept anywhere.
func (c *cells) text(column string) string {
	switch v := c.value(column).(type) {
	case nil:
		return ""
	case string:
		return legible(v)
	case []byte:
		return legible(string(v))
	default:
		return fmt.Sprint(v)
	}
}

// legible makes UTF-8 without NUL of what was written.
func legible(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// number returns a value that counts something, so that it is not negative, or none.
func (c *cells) number(column string, none float64) float64 {
	var n float64
	switch v := c.value(column).(type) {
	case nil:
		return none
	case int64:
		n = float64(v)
	case float64:
		n = v
	case string:
		parsed, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		if err != nil {
			parsed = -1
		}
		n = parsed
	default:
		n = -1
	}
	if !(n >= 0 && n <= maxNumber) { // also what is no number
		c.wrong = append(c.wrong, column+" is "+quoted(c.value(column)))
		return none
	}
	return n
}

// maxNumber is more than any number that a history counts.
const maxNumber = 1e12

func (c *cells) integer(column string) int64 { return int64(c.number(column, 0)) }

// takeWrong returns what could not be used since it was asked last.
func (c *cells) takeWrong() []string {
	wrong := c.wrong
	c.wrong = nil
	return wrong
}

// quoted shows a value as it would be written in SQL.
func quoted(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case string:
		return strconv.Quote(shorten(legible(v), 40))
	case []byte:
		return fmt.Sprintf("a blob of %d bytes", len(v))
	default:
		return fmt.Sprint(v)
	}
}
