package sqlstore

import (
	"strconv"
	"strings"
)

// rebind writes the places of values, ? in our statements, as mark and a number: $1
// or :1. There is no other question mark in them.
func rebind(query string, mark byte) string {
	n := strings.Count(query, "?")
	if n == 0 {
		return query
	}
	b := make([]byte, 0, len(query)+3*n)
	number := int64(0)
	for i := range len(query) {
		if query[i] != '?' {
			b = append(b, query[i])
			continue
		}
		number++
		b = strconv.AppendInt(append(b, mark), number, 10)
	}
	return string(b)
}
