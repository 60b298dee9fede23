package check

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// params are a check's parameters as they are in the file.
type params struct {
	values map[string]any
	expand func(string) string
}

// text returns a parameter with its variables replaced. Missing ones are "".
func (p params) text(name string) string {
	s := p.raw(name)
	if p.expand != nil && strings.Contains(s, "$") {
		s = p.expand(s)
	}
	return s
}

// raw returns a parameter as it is written.
func (p params) raw(name string) string {
	switch v := p.values[name].(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

// required returns a parameter that must be there, or what is wrong.
func (p params) required(name string) (value, problem string) {
	if value = p.text(name); strings.TrimSpace(value) == "" {
		return "", "its parameter " + name + " is missing or empty"
	}
	return value, ""
}

// number returns a number that is not negative, or what is wrong.
func (p params) number(name string, otherwise float64) (value float64, problem string) {
	text := strings.TrimSpace(p.text(name))
	if text == "" {
		return otherwise, ""
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(value) || value < 0 {
		return 0, fmt.Sprintf("its parameter %s is %q, which is no number of 0 or more", name, text)
	}
	return value, ""
}

// seconds returns a duration, at most about 290 years.
func seconds(n float64) time.Duration {
	return time.Duration(min(n*float64(time.Second), math.MaxInt64/2))
}
