package run

import "encoding/json"

// Values are what a job handed on: texts by name, written as a JSON object with its
// names in order. The empty text has none. Being a text, they can't be changed, and
// equal ones compare as equal.
type Values string

// NewValues returns the values of a map.
func NewValues(m map[string]string) Values {
	if len(m) == 0 {
		return ""
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // texts can be written
	}
	return Values(b)
}

// Map returns the values by name. It is nil for none, and for a text that NewValues did
// not make.
func (v Values) Map() map[string]string {
	if v == "" {
		return nil
	}
	var m map[string]string
	if json.Unmarshal([]byte(v), &m) != nil {
		return nil
	}
	return m
}

// maxValueName is how long a value's name may be, in bytes.
const maxValueName = 255

// IsValueName reports whether a value may have that name: one that a variable of a shell
// may have.
func IsValueName(name string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != "" && len(name) <= maxValueName
}
