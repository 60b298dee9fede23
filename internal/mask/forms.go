package mask

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

// forms returns every text that must not appear: the secrets, their lines and
// their encoded forms, without duplicates, longest first.
func forms(secrets []string) []string {
	var all []string
	for _, secret := range secrets {
		all = append(all, plainForms(secret)...)
		if len(secret) >= minEncoded {
			all = append(all, base64Forms(secret)...)
			all = append(all, urlForms(secret)...)
		}
	}
	all = slices.DeleteFunc(all, func(s string) bool { return len(s) < MinLength })
	slices.SortFunc(all, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(all)
}

// plainForms returns the secret and each of its lines. Space around is not part of
// a secret: a file's last newline often is not there when the value is printed.
func plainForms(secret string) []string {
	all := []string{strings.TrimSpace(secret)}
	for line := range strings.SplitSeq(secret, "\n") {
		all = append(all, strings.TrimSpace(line))
	}
	return all
}

// base64Forms returns what every base64 text that contains the secret must contain:
// one form for each of the three places at which it may begin within a group of
// three bytes, without the characters at both ends that depend on its neighbours.
func base64Forms(secret string) []string {
	var all []string
	for before := range 3 {
		whole := (before + len(secret)) * 8 / 6 // characters that are full
		first := []int{0, 2, 3}[before]         // characters that depend on what is before
		padded := append(make([]byte, before), secret...)
		all = append(all,
			base64.RawStdEncoding.EncodeToString(padded)[first:whole],
			base64.RawURLEncoding.EncodeToString(padded)[first:whole])
	}
	return all
}

// urlForms returns the secret as it stands in a URL, with upper and lower case digits.
func urlForms(secret string) []string {
	all := []string{url.QueryEscape(secret), url.PathEscape(secret)}
	for _, s := range all[:2] {
		all = append(all, lowerEscapes(s))
	}
	return all
}

// lowerEscapes turns "%2F" into "%2f" and leaves all else.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(s[i+1:i+3]))
		}
	}
	return string(b)
}
