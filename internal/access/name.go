package access

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"github.com/executionerhq/executioner/internal/fault"
)

// MaxName is how many characters the name of a user, a token or a workflow may have.
const MaxName = 64

// CheckName returns a fault Usage unless a name of a user, a token or a registered workflow
// is 1 to 64 of a-z, A-Z, 0-9 and . _ - @ +, and begins with a letter or a digit. What is a
// "user", or else, is for the message.
func CheckName(what, name string) error {
	const hint = "use 1 to 64 letters, digits and . _ - @ +, beginning with a letter or a digit"
	if name == "" || len(name) > MaxName || !alphanumeric(name[0]) {
		return fault.New(fault.Usage, "%q can't be the name of a %s", cut(name), what).WithHint(hint)
	}
	for i := range len(name) {
		if !alphanumeric(name[i]) && strings.IndexByte("._-@+", name[i]) < 0 {
			return fault.New(fault.Usage, "%q can't be the name of a %s", cut(name), what).WithHint(hint)
		}
	}
	return nil
}

// ProviderPrefix is what the names of users begin with that an identity provider vouches for,
// and of nobody else.
const ProviderPrefix = "oidc+"

// Local is who whoever started the service is, by the token of the start. By its socket it is
// local:NAME, NAME being the user of the operating system.
const Local = "local"

// CheckNewUser is CheckName for a user whom an administrator adds: not one that others are
// known by.
func CheckNewUser(name string) error {
	switch {
	case strings.HasPrefix(name, ProviderPrefix):
		return fault.New(fault.Usage, "%q is a name that logging in at the identity provider gives", cut(name)).
			WithHint("leave %s out", ProviderPrefix)
	case name == Local:
		return fault.New(fault.Usage, "%q is the name of whoever started the service", Local)
	}
	return CheckName("user", name)
}

// providerTag is how many characters of a provider's user tell those of one name apart: 50 bits.
const providerTag = 10

// Subject is who a user is for good: the URL of an identity provider and what it calls the
// user, which nobody there can change.
func Subject(issuer, sub string) string { return issuer + " " + sub }

// ProviderName returns what a user of an identity provider is called from the first login on:
// oidc+CLAIM.TAG. The claim is for people to read, and what can't be in a name is _ in it. The tag is
// made of the subject: who takes somebody's name there has another one.
func ProviderName(claim, subject string) string {
	readable := []byte(claim)
	for i, c := range readable {
		if !alphanumeric(c) && strings.IndexByte("._-@", c) < 0 {
			readable[i] = '_'
		}
	}
	readable = readable[:min(len(readable), MaxName-len(ProviderPrefix)-1-providerTag)]
	sum := sha256.Sum256([]byte(subject))
	tag := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:providerTag]
	return ProviderPrefix + string(readable) + "." + tag
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// cut returns as much of a name as belongs into a message.
func cut(name string) string {
	if len(name) > 2*MaxName {
		return name[:2*MaxName] + "…"
	}
	return name
}
