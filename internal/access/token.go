package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// tokenPrefix lets people and scanners see what a leaked text is.
const tokenPrefix = "exe_"

const (
	tokenIDBytes = 8  // names a token; no secret
	secretBytes  = 32 // of a token, a session or a one-time code
)

// NewToken returns a token: its text, which is shown once and never kept, its id, by which
// it is found, and the hash of the text, which is what is kept.
func NewToken() (text, id, hash string) {
	b := make([]byte, tokenIDBytes)
	rand.Read(b) // never fails
	id = hex.EncodeToString(b)
	text = tokenPrefix + id + "_" + NewSecret()
	return text, id, Hash(text)
}

// TokenID returns the id within the text of a token. ok is false for what is no token of ours.
func TokenID(text string) (id string, ok bool) {
	rest, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok {
		return "", false
	}
	id, secret, ok := strings.Cut(rest, "_")
	if !ok || len(id) != hex.EncodedLen(tokenIDBytes) || strings.Trim(id, "0123456789abcdef") != "" {
		return "", false
	}
	return id, len(secret) == base64.RawURLEncoding.EncodedLen(secretBytes)
}

// NewSecret returns 256 random bits as 43 characters that need no escaping in URLs,
// headers and cookies: for sessions, their CSRF tokens and one-time tokens.
func NewSecret() string {
	b := make([]byte, secretBytes)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// Hash returns the SHA-256 of a secret of NewToken or NewSecret in hexadecimal digits. It
// is no good for passwords.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Same reports whether two hashes or secrets are equal, in a time that does not depend on
// where they differ.
func Same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
