package workflow

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxVariable is how long the value of a parameter or secret may be, in bytes: Linux
// passes at most 128 KiB as one variable.
const maxVariable = 120 << 10

// refusal is why a value can't be that of a parameter.
type refusal struct {
	msg  string // such as: must be a date
	hint string
}

func refuse(format string, args ...any) *refusal { return &refusal{msg: fmt.Sprintf(format, args...)} }

// accept returns the value that a text stands for, or why it is none. now is what
// relative dates are counted from.
func (p *Param) accept(text string, now time.Time) (string, *refusal) {
	if r := variableText(text); r != nil {
		return "", r
	}
	if p.Type == ListParam {
		items, r := listItems(text)
		if r != nil {
			return "", r
		}
		return p.acceptItems(items)
	}
	value, r := p.typed(text, now)
	if r == nil {
		r = p.bounded(value)
	}
	return value, r
}

// acceptItems returns the value of a list.
func (p *Param) acceptItems(items []string) (string, *refusal) {
	for _, item := range items {
		if item == "" || strings.ContainsAny(item, "\n\r") {
			return "", refuse("must be a list whose items are neither empty nor have line breaks")
		}
		if r := p.bounded(item); r != nil {
			return "", &refusal{msg: fmt.Sprintf("has the item %s, which %s", p.show(item), r.msg), hint: r.hint}
		}
	}
	value := strings.Join(items, "\n")
	return value, variableText(value)
}

// show quotes a value unless it is secret.
func (p *Param) show(value string) string {
	if p.Secret || secretName(p.Name) {
		return masked
	}
	return quote(value)
}

// variableText refuses what can't be the value of a variable.
func variableText(text string) *refusal {
	switch {
	case strings.IndexByte(text, 0) >= 0:
		return refuse("must not contain a NUL byte")
	case len(text) > maxVariable:
		return refuse("must have at most %d bytes, not %d", maxVariable, len(text))
	case !utf8.ValidString(text):
		return refuse("must be UTF-8")
	}
	return nil
}

// listItems splits the text of a list: a JSON list, else lines, else what stands between commas.
func listItems(text string) ([]string, *refusal) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil
	}
	if text[0] == '[' {
		return jsonItems(text)
	}
	between := ","
	if strings.Contains(text, "\n") {
		between = "\n"
	}
	items := strings.Split(text, between)
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return items, nil
}

// jsonItems reads a JSON list of scalars.
func jsonItems(text string) ([]string, *refusal) {
	var raw []any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&raw); err != nil {
		return nil, &refusal{msg: "begins like a JSON list but is none", hint: `write ["a","b"] or a,b`}
	}
	if _, err := d.Token(); err != io.EOF { //nolint:errorlint // Token returns it as it is
		return nil, &refusal{msg: "has text behind a JSON list", hint: `write ["a","b"] or a,b`}
	}
	items := make([]string, len(raw))
	for i, v := range raw {
		switch v := v.(type) {
		case string:
			items[i] = v
		case json.Number:
			items[i] = v.String()
		case bool:
			items[i] = strconv.FormatBool(v)
		default:
			return nil, refuse("must be a list of texts, numbers, true and false")
		}
	}
	return items, nil
}

// typed returns a text in the form of the parameter's type.
func (p *Param) typed(text string, now time.Time) (string, *refusal) {
	trimmed := strings.TrimSpace(text)
	switch p.Type {
	case IntParam:
		v, err := strconv.ParseInt(trimmed, 10, 64)
		if err != nil {
			return "", refuse("must be a whole number")
		}
		return strconv.FormatInt(v, 10), nil
	case NumberParam:
		if _, ok := decimal(trimmed); !ok {
			return "", refuse("must be a number")
		}
		return trimmed, nil
	case BoolParam:
		return truth(trimmed)
	case DateParam:
		return date(trimmed, now)
	case DurationParam:
		return durationText(trimmed)
	case EnumParam, StringParam, ListParam:
	}
	return text, nil
}

// decimal reads a number in decimal digits: no hexadecimal, no Inf.
func decimal(text string) (float64, bool) {
	if strings.Trim(text, "+-.0123456789eE") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil && !math.IsInf(v, 0)
}

func truth(text string) (string, *refusal) {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1":
		return "true", nil
	case "false", "no", "off", "0":
		return "false", nil
	}
	return "", refuse("must be true or false")
}

func durationText(text string) (string, *refusal) {
	if v, ok := decimal(text); ok && v >= 0 && v <= maxSeconds {
		return text, nil
	}
	if v, err := ParseDuration(text); err == nil && v >= 0 && v <= maxSeconds*time.Second {
		return text, nil
	}
	return "", &refusal{msg: "must be a duration", hint: "write seconds as a number, or a duration such as 90s, 1h30m or 2d"}
}

// date reads YYYY-MM-DD, today, yesterday, tomorrow, today-N and today+N.
func date(text string, now time.Time) (string, *refusal) {
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t.Format(time.DateOnly), nil
	}
	days, ok := relativeDays(text)
	switch {
	case !ok:
		return "", &refusal{msg: "must be a date", hint: "write it as 2026-01-31, or today, yesterday, tomorrow, today-7"}
	case now.IsZero():
		return "", refuse("must be a date such as 2026-01-31: what day it is today is not known")
	}
	day := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC) // where no hour is missing
	return day.AddDate(0, 0, days).Format(time.DateOnly), nil
}

// relativeDays returns how many days from today a text means.
func relativeDays(text string) (int, bool) {
	switch text {
	case "today":
		return 0, true
	case "yesterday":
		return -1, true
	case "tomorrow":
		return 1, true
	}
	rest, ok := strings.CutPrefix(text, "today")
	if !ok || len(rest) < 2 || rest[0] != '-' && rest[0] != '+' {
		return 0, false
	}
	const most = 36500
	n, err := strconv.ParseUint(rest[1:], 10, 32)
	switch {
	case err != nil || n > most:
		return 0, false
	case rest[0] == '-':
		return -int(n), true
	}
	return int(n), true
}

// bounded refuses a value that is not within what the declaration allows.
func (p *Param) bounded(value string) *refusal {
	switch {
	case len(p.Values) > 0 && !slices.Contains(p.Values, value):
		return refuse("must be one of %s", printable(strings.Join(p.Values, ", ")))
	case p.Min != "" && lessNumber(value, p.Min):
		return refuse("must be at least %s", p.Min)
	case p.Max != "" && lessNumber(p.Max, value):
		return refuse("must be at most %s", p.Max)
	case p.Pattern == "":
		return nil
	}
	if whole, err := wholeMatch(p.Pattern); err == nil && !whole.MatchString(value) {
		return refuse("must match %s", printable(p.Pattern))
	}
	return nil
}

// lessNumber compares numbers as written: whole ones exactly.
func lessNumber(a, b string) bool {
	x, errX := strconv.ParseInt(a, 10, 64)
	y, errY := strconv.ParseInt(b, 10, 64)
	if errX == nil && errY == nil {
		return x < y
	}
	v, _ := decimal(a)
	w, _ := decimal(b)
	return v < w
}

// wholeMatch compiles a pattern that must match a whole value.
func wholeMatch(pattern string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(pattern); err != nil { // alone, so that a bracket can't close ours
		return nil, err
	}
	return regexp.Compile(`\A(?:` + pattern + `)\z`)
}
