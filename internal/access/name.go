package access

import (
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
