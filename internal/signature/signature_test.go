package signature

import (
	"strconv"
	"testing"
	"time"
)

// The values are those of openssl dgst -sha256 -hmac, and of GitHub's documentation.
func TestSign(t *testing.T) {
	if got, want := SignGitHub([]byte("It's a Secret to Everybody"), []byte("Hello, World!")), "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"; got != want {
		t.Error(got)
	}
	if !VerifyGitHub([]byte("k"), SignGitHub([]byte("k"), []byte("x")), []byte("x")) || VerifyGitHub([]byte("k"), SignGitHub([]byte("l"), []byte("x")), []byte("x")) {
		t.Error("a signature is taken for another")
	}
	now := time.Unix(1_800_000_000, 0)
	secret, body := []byte("secret"), []byte(`{"a":1}`)
	at := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	signed := func(d time.Duration) string { return Sign(secret, at(d), body) }
	for name, c := range map[string]struct {
		timestamp, signature, body string
		good                       bool
	}{
		"good":            {at(0), signed(0), string(body), true},
		"old enough":      {at(-5 * time.Minute), signed(-5 * time.Minute), string(body), true},
		"expired":         {at(-301 * time.Second), signed(-301 * time.Second), string(body), false},
		"of the future":   {at(301 * time.Second), signed(301 * time.Second), string(body), false},
		"another time":    {at(time.Second), signed(0), string(body), false},
		"no time":         {"", Sign(secret, "", body), string(body), false},
		"another body":    {at(0), signed(0), `{"a":2}`, false},
		"upper case":      {at(0), "V1" + signed(0)[2:], string(body), false},
		"nothing":         {at(0), "", string(body), false},
		"a GitHub one":    {at(0), SignGitHub(secret, body), string(body), false},
		"another version": {at(0), "v2" + signed(0)[2:], string(body), false},
	} {
		if got := Verify(secret, c.timestamp, c.signature, []byte(c.body), now, 5*time.Minute); got != c.good {
			t.Errorf("%s: %v", name, got)
		}
	}
}
