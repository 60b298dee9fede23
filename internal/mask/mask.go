// Package mask hides secrets in everything that is shown, logged or sent: the
// values of variables whose names say that they are secret are replaced by "***".
//
// It is a seat belt against accidents. A command that prints its password
// backwards, or in pieces, is not stopped.
package mask

import "strings"

// Replacement stands where a secret stood, whatever its length.
const Replacement = "***"

// MinLength is the length in bytes below which a value is not looked for in free
// text: hiding each "a" or "42" would make logs unreadable and hide nothing.
const MinLength = 4

// minEncoded is the length of a secret from which on its encoded forms are hidden too.
const minEncoded = 8

// secretWords are what makes the name of a variable secret, in lower case.
var secretWords = [...]string{"password", "passwd", "secret", "token", "key", "credential"}

// SecretName reports whether a variable of that name holds a secret: its name
// contains password, passwd, secret, token, key or credential, or ends in PWD and
// is not PWD or OLDPWD. Upper and lower case are the same.
func SecretName(name string) bool {
	name = strings.ToLower(name)
	for _, word := range secretWords {
		if strings.Contains(name, word) {
			return true
		}
	}
	return strings.HasSuffix(name, "pwd") && name != "pwd" && name != "oldpwd"
}

// Masker replaces secrets in text. It never changes, so it is safe for concurrent
// use. A nil Masker has nothing to hide and passes everything on.
type Masker struct {
	index *index
}

// New returns a Masker for these secrets, or nil when none of them can be hidden.
//
// Values shorter than MinLength bytes are not looked for. Each line of a secret of
// several lines is a secret of its own. Secrets of 8 bytes and more are also found
// when they are written in base64 (also in the middle of something longer, as in
// "Authorization: Basic") or escaped for a URL. Where secrets overlap in the text,
// all that they cover is hidden behind one replacement.
func New(secrets []string) *Masker {
	ix := newIndex(forms(secrets))
	if ix == nil {
		return nil
	}
	return &Masker{index: ix}
}

// String returns s without secrets; s itself when there are none in it.
func (m *Masker) String(s string) string {
	if m == nil || len(s) < MinLength {
		return s
	}
	b := []byte(s)
	if out, changed := m.replace(b); changed {
		return string(out)
	}
	return s
}

// Bytes returns b without secrets; b itself when there are none in it. It does not
// write to b.
func (m *Masker) Bytes(b []byte) []byte {
	if m == nil {
		return b
	}
	out, _ := m.replace(b)
	return out
}

func (m *Masker) replace(b []byte) (out []byte, changed bool) {
	done := 0 // what lies before is in out
	for sp := range m.index.spans(b, 0) {
		out = append(out, b[done:max(done, sp.start)]...)
		out = append(out, Replacement...)
		done, changed = sp.end, true
	}
	if !changed {
		return b, false
	}
	return append(out, b[done:]...), true
}
