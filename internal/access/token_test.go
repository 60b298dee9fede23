package access

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
)

func TestNewToken(t *testing.T) {
	form := regexp.MustCompile(`^exe_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$`)
	seen := map[string]bool{}
	for range 100 {
		text, id, hash := NewToken()
		found, ok := TokenID(text)
		if !form.MatchString(text) || !ok || found != id || hash != Hash(text) || !Same(hash, Hash(text)) || len(hash) != 64 {
			t.Fatalf("%s, %s, %s", text, id, hash)
		}
		if seen[id] || seen[text] || strings.Contains(hash, text) {
			t.Fatal("twice the same")
		}
		seen[id], seen[text] = true, true
	}
	if Hash("abc") != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Error("not SHA-256")
	}
}

func TestTokenID(t *testing.T) {
	secret := strings.Repeat("_", 43)
	if id, ok := TokenID("exe_0123456789abcdef_" + secret); !ok || id != "0123456789abcdef" {
		t.Errorf("%s, %v", id, ok)
	}
	for _, text := range []string{
		"", "exe_", "exe__", "exe_0123456789abcdef", "exe_0123456789abcdef_", "exe_0123456789abcdef_" + secret + "x",
		"exe_0123456789abcdef_" + secret[1:], "exe_0123456789abcde_" + secret, "exe_0123456789abcdeF_" + secret,
		"exe_0123456789abcde'_" + secret, "Exe_0123456789abcdef_" + secret, " exe_0123456789abcdef_" + secret,
	} {
		if _, ok := TokenID(text); ok {
			t.Errorf("%q is a token", text)
		}
	}
}

func TestSame(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"", "", true}, {"a", "a", true}, {"a", "b", false}, {"a", "ab", false}, {"", "a", false}} {
		if Same(c.a, c.b) != c.want {
			t.Errorf("%q and %q", c.a, c.b)
		}
	}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "Z9", "0.b_c-d@e+f", strings.Repeat("x", 64), "ann@example.org"} {
		if err := CheckName("user", name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", ".", "-x", "_x", "@x", "a b", "a/b", "a:b", "ä", "a\n", "a\x00", "..", strings.Repeat("x", 65), strings.Repeat("x", 10_000)} {
		err := CheckName("user", name)
		if fault.CodeOf(err) != fault.Usage || fault.HintOf(err) == "" || len(err.Error()) > 300 {
			t.Errorf("%.80q: %v", name, err)
		}
	}
	if err := CheckName("token", "/"); err.Error() != `"/" can't be the name of a token` {
		t.Errorf("got %v", err)
	}
}

func TestLockedUntil(t *testing.T) {
	last := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for n, want := range map[int]time.Duration{
		-1: 0, 0: 0, 4: 0, 5: time.Minute, 6: 2 * time.Minute, 7: 4 * time.Minute, 10: 32 * time.Minute, 11: time.Hour, 12: time.Hour, 1 << 30: time.Hour,
	} {
		until := LockedUntil(n, last)
		if want == 0 && !until.IsZero() || want > 0 && until.Sub(last) != want {
			t.Errorf("%d: %v", n, until)
		}
	}
}
