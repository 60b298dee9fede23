package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/executionerhq/executioner/internal/nearest"
)

// SyntaxError says why a text can't be read, and where.
type SyntaxError struct {
	Offset int    // bytes of the text before what is wrong
	Msg    string // such as: minute 60 is not from 0 to 59
	Hint   string // what to write, or empty
}

// Error returns the message.
func (e *SyntaxError) Error() string { return e.Msg }

func wrong(offset int, hint, format string, args ...any) *SyntaxError {
	return &SyntaxError{Offset: offset, Msg: fmt.Sprintf(format, args...), Hint: hint}
}

// unit is one of the fields of a cron expression.
type unit struct {
	name      string
	low, high int
	words     []string // names of low, low+1, …
}

var (
	weekdays = [...]string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
	months   = [...]string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	units    = [...]unit{
		{"second", 0, 59, nil},
		{"minute", 0, 59, nil},
		{"hour", 0, 23, nil},
		{"day of the month", 1, 31, nil},
		{"month", 1, 12, months[:]},
		{"day of the week", 0, 7, weekdays[:]},
	}
	macros = [...][2]string{
		{"@yearly", "0 0 1 1 *"},
		{"@annually", "0 0 1 1 *"},
		{"@monthly", "0 0 1 * *"},
		{"@weekly", "0 0 * * 0"},
		{"@daily", "0 0 * * *"},
		{"@midnight", "0 0 * * *"},
		{"@hourly", "0 * * * *"},
	}
)

// maxText is how long an expression may be, in bytes.
const maxText = 1000

// ParseCron reads a cron expression: minute, hour, day of the month, month and day of the
// week, with the second before them when there are six; or one of @yearly, @monthly,
// @weekly, @daily, @hourly. The error is a *SyntaxError.
func ParseCron(text string) (*Cron, error) {
	if len(text) > maxText {
		return nil, wrong(0, "", "is longer than %d bytes", maxText)
	}
	if at := strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }); at >= 0 {
		return nil, wrong(at, "", "has a character that no expression has")
	}
	expression, err := unfold(text)
	if err != nil {
		return nil, err
	}
	fields := words(expression)
	switch {
	case len(fields) == 6:
	case len(fields) == 5:
		fields = append([]word{{0, "0"}}, fields...)
	default:
		return nil, wrong(0, "write minute, hour, day of the month, month and day of the week, such as 30 2 * * MON-FRI",
			"has %d fields, not 5, or 6 with seconds", len(fields))
	}
	c := &Cron{text: strings.TrimSpace(text)}
	for i, f := range fields {
		if err := c.read(i, f); err != nil {
			return nil, err
		}
	}
	c.eitherD = !wild(fields[3].text) && !wild(fields[5].text)
	if !c.possible() {
		return nil, wrong(fields[3].at, "", "names a day that none of its months has")
	}
	return c, nil
}

// unfold returns the five fields that a name such as @daily stands for.
func unfold(text string) (string, error) {
	name := strings.TrimSpace(text)
	if !strings.HasPrefix(name, "@") {
		return text, nil
	}
	var known []string
	for _, m := range macros {
		if strings.EqualFold(name, m[0]) {
			return m[1], nil
		}
		known = append(known, m[0])
	}
	at := strings.Index(text, "@")
	switch near := nearest.Of(name, known); {
	case strings.HasPrefix(name, "@every"):
		return "", wrong(at, "write the field every instead of cron, such as every: 15m", "has @every, which is a field of its own")
	case name == "@reboot":
		return "", wrong(at, "a unit of systemd can start something at boot", "has @reboot, which is no time")
	case near != "":
		return "", wrong(at, fmt.Sprintf("did you mean %q?", near), "has %s, which is not known", shown(name))
	default:
		return "", wrong(at, "there are "+strings.Join(known, ", "), "has %s, which is not known", shown(name))
	}
}

// word is a part of a text, and where it begins.
type word struct {
	at   int
	text string
}

func words(text string) []word {
	var all []word
	for from := 0; ; {
		for from < len(text) && (text[from] == ' ' || text[from] == '\t') {
			from++
		}
		if from == len(text) {
			return all
		}
		end := from
		for end < len(text) && text[end] != ' ' && text[end] != '\t' {
			end++
		}
		all = append(all, word{from, text[from:end]})
		from = end
	}
}

// wild reports whether a field of days leaves the choice to the other one.
func wild(text string) bool { return text[0] == '*' || text == "?" }

// read reads the n-th field.
func (c *Cron) read(n int, f word) error {
	at := f.at
	for part := range strings.SplitSeq(f.text, ",") {
		w := word{at, part}
		at += len(part) + 1
		if done, err := c.special(n, w); err != nil {
			return err
		} else if done {
			continue
		}
		low, high, step, err := units[n].span(w)
		if err != nil {
			return err
		}
		for v := low; v <= high; v += step {
			c.set(n, v)
		}
	}
	return nil
}

func (c *Cron) set(n, v int) {
	switch n {
	case 0:
		c.second |= 1 << v
	case 1:
		c.minute |= 1 << v
	case 2:
		c.hour |= 1 << v
	case 3:
		c.dom.days |= 1 << v
	case 4:
		c.month |= 1 << v
	case 5:
		c.dow.days |= 1 << (v % 7)
	}
}

// special reads what only fields of days have: L, L-3, LW, 15W, 5L, MON#2. done says that
// it was one of them.
func (c *Cron) special(n int, w word) (done bool, err error) {
	text := strings.ToUpper(w.text)
	switch {
	case n == 3 && strings.ContainsAny(text, "LW"):
		return true, c.monthDay(w, text)
	case n == 5 && text == "L":
		return true, wrong(w.at, "write SAT, or 6L for the last Saturday of the month", "has L alone as the day of the week")
	case n == 5 && strings.HasSuffix(text, "L") && !strings.ContainsAny(text, "-/"):
		day, err := units[n].number(word{w.at, w.text[:len(text)-1]})
		if err == nil {
			c.dow.last |= 1 << (day % 7)
		}
		return true, err
	case n == 5 && strings.Contains(text, "#"):
		return true, c.nthDay(w)
	case n >= 3 && text == "?" && n != 4:
		for v := units[n].low; v <= units[n].high; v++ {
			c.set(n, v)
		}
		return true, nil
	}
	return false, nil
}

func (c *Cron) monthDay(w word, text string) error {
	switch {
	case text == "L":
		c.dom.last |= 1
	case text == "LW":
		c.dom.lastBiz = true
	case strings.HasPrefix(text, "L-"):
		n, err := strconv.Atoi(text[2:])
		if err != nil || n < 0 || n > 27 {
			return wrong(w.at, "write a number of days before the last one, such as L-3", "has %s, whose number is not from 0 to 27", shown(w.text))
		}
		c.dom.last |= 1 << n
	case strings.HasSuffix(text, "W"):
		day, err := units[3].number(word{w.at, w.text[:len(text)-1]})
		if err != nil {
			return err
		}
		c.dom.near |= 1 << day
	default:
		return wrong(w.at, "write L, L-3, LW or 15W", "has %s, which is no day of the month", shown(w.text))
	}
	return nil
}

func (c *Cron) nthDay(w word) error {
	name, number, _ := strings.Cut(w.text, "#")
	day, err := units[5].number(word{w.at, name})
	if err != nil {
		return err
	}
	n, bad := strconv.Atoi(number)
	if bad != nil || n < 1 || n > 5 {
		return wrong(w.at+len(name)+1, "write 1 to 5, such as MON#2 for the second Monday", "has the number %s of a weekday, not one from 1 to 5", shown(number))
	}
	c.dow.nth[day%7] |= 1 << n
	return nil
}

// span reads *, a value or a range, with a step or without.
func (u *unit) span(w word) (low, high, step int, err error) {
	text, stepText, stepped := strings.Cut(w.text, "/")
	low, high, step = u.low, u.high, 1
	switch from, to, ranged := strings.Cut(text, "-"); {
	case text == "*":
		if u.high == 7 {
			high = 6 // Sunday is there once
		}
	case ranged:
		if low, err = u.number(word{w.at, from}); err != nil {
			return 0, 0, 0, err
		}
		if high, err = u.number(word{w.at + len(from) + 1, to}); err != nil {
			return 0, 0, 0, err
		}
		if u.high == 7 && high == 0 && low > 0 {
			high = 7 // FRI-SUN
		}
	default:
		if low, err = u.number(word{w.at, text}); err != nil {
			return 0, 0, 0, err
		}
		if high = low; stepped {
			return 0, 0, 0, wrong(w.at, fmt.Sprintf("write %d-%d and the step behind it", low, u.top()), "has a step behind one %s", u.name)
		}
	}
	if low > high {
		return 0, 0, 0, wrong(w.at, fmt.Sprintf("write %d-%d,%d-%d", low, u.top(), u.low, high), "has a range of the %s that ends before it begins", u.name)
	}
	if stepped {
		step, err = u.step(word{w.at + len(text) + 1, stepText})
	}
	return low, high, step, err
}

// top is the highest value that says something new.
func (u *unit) top() int {
	if u.high == 7 {
		return 6
	}
	return u.high
}

func (u *unit) step(w word) (int, error) {
	n, err := strconv.Atoi(w.text)
	if err != nil || n < 1 || n > u.high {
		return 0, wrong(w.at, "", "has the step %s of the %s, not one from 1 to %d", shown(w.text), u.name, u.high)
	}
	return n, nil
}

// number reads a value: a number or a name.
func (u *unit) number(w word) (int, error) {
	for i, name := range u.words {
		if strings.EqualFold(name, w.text) {
			return u.low + i, nil
		}
	}
	n, err := strconv.Atoi(w.text)
	switch {
	case w.text == "":
		return 0, wrong(w.at, "", "lacks a value for the %s", u.name)
	case err != nil || w.text[0] == '+' || w.text[0] == '-':
		return 0, wrong(w.at, u.hint(w.text), "has %s, which is no %s", shown(w.text), u.name)
	case n < u.low || n > u.high:
		return 0, wrong(w.at, "", "has the %s %s, which is not from %d to %d", u.name, shown(w.text), u.low, u.high)
	}
	return n, nil
}

// hint says what to write instead of a word that is not known.
func (u *unit) hint(text string) string {
	if near := nearest.Of(strings.ToUpper(text), u.words); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	switch {
	case strings.ContainsAny(text, "~H"):
		return "jitter spreads the times of many schedules"
	case u.words != nil:
		return "there are " + strings.Join(u.words, ", ")
	}
	return ""
}

// shown returns a text in quotes, and cut when it is long.
func shown(text string) string {
	if r := []rune(text); len(r) > 40 {
		text = string(r[:40]) + "…"
	}
	return strconv.Quote(text)
}
