package sqlstore

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// escapeMark begins a text that is stored in another form, because the database
// accepts only UTF-8 without NUL: the name of a file may be any bytes. It is a
// control character that no text of ours begins with.
const escapeMark = "\x1a"

// escape returns how a text is stored in such a database.
func escape(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 && !strings.HasPrefix(s, escapeMark) {
		return s
	}
	return escapeMark + base64.RawStdEncoding.EncodeToString([]byte(s))
}

// unescape undoes escape. What escape did not make stays as it is.
func unescape(s string) string {
	coded, ok := strings.CutPrefix(s, escapeMark)
	if !ok {
		return s
	}
	b, err := base64.RawStdEncoding.Strict().DecodeString(coded)
	if err != nil {
		return s
	}
	return string(b)
}
