package local

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/run"
)

// maxOutput is how many bytes the file may have in which a job hands something on.
const maxOutput = 64 << 10

// parseOutput reads what a job wrote: one JSON object of plain values and lists of these, or lines NAME=VALUE
// among which empty ones and those that begin with # count for nothing. Of one name the
// last value counts.
func parseOutput(b []byte) (map[string]string, error) {
	switch {
	case len(b) > maxOutput:
		return nil, fmt.Errorf("it has more than %d bytes", maxOutput)
	case !utf8.Valid(b):
		return nil, errors.New("it is not UTF-8")
	}
	values := make(map[string]string)
	parse := parseLines
	if trimmed := bytes.TrimSpace(b); len(trimmed) > 0 && trimmed[0] == '{' {
		parse = parseObject
	}
	err := parse(b, func(name, value string) error {
		switch {
		case !run.IsValueName(name):
			return fmt.Errorf("%.50q is not a name: letters, digits and _ make one, and no digit begins it", name)
		case strings.IndexByte(value, 0) >= 0:
			return fmt.Errorf("the value of %s has a NUL byte", name)
		}
		values[name] = value
		return nil
	})
	return values, err
}

func parseLines(b []byte, add func(name, value string) error) error {
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return fmt.Errorf("line %d is not NAME=VALUE", n)
		}
		if err := add(name, value); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return nil
}

func parseObject(b []byte, add func(name, value string) error) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if _, err := d.Token(); err != nil { // {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		value, err := d.Token()
		if err != nil {
			return err
		}
		text, err := plainText(value)
		if value == json.Delim('[') {
			text, err = listText(d)
		}
		if err != nil {
			return fmt.Errorf("%.50q: %w", name, err)
		}
		if err := add(name.(string), text); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil { // }
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	return nil
}

// listText returns a JSON list of plain values, whose beginning was read, as JSON of texts:
// a job may become one for each.
func listText(d *json.Decoder) (string, error) {
	items := []string{}
	for d.More() {
		value, err := d.Token()
		if err != nil {
			return "", err
		}
		item, err := plainText(value)
		if err != nil {
			return "", err
		}
		items = append(items, item)
	}
	if _, err := d.Token(); err != nil { // ]
		return "", err
	}
	b, err := json.Marshal(items)
	return string(b), err
}

// plainText returns a JSON value that is neither a list nor an object, as text.
func plainText(value json.Token) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return fmt.Sprint(v), nil
	case nil:
		return "", errors.New("null is not a value")
	default:
		return "", errors.New("a list or an object is not a plain value")
	}
}

// kept returns values as they are recorded, with secrets hidden.
func kept(values map[string]string, masker *mask.Masker) run.Values {
	for name, value := range values {
		values[name] = masker.String(value)
	}
	return run.NewValues(values)
}
