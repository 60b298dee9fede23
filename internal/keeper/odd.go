package keeper

import (
	"strings"
	"unicode/utf8"
)

// Names of files, arguments and variables are bytes, JSON is text. So what is no UTF-8
// is sent as characters that nobody uses: oddFirst + b for the byte b. Their own bytes
// are sent in the same way.
const oddFirst = 0x10FF00

// isOdd reports whether a string has anything in it that can't be sent as it is.
func isOdd(s string) bool {
	return !utf8.ValidString(s) || strings.Contains(s, "\xf4\x8f\xbe") || strings.Contains(s, "\xf4\x8f\xbf")
}

// portable returns a string as it is sent.
func portable(s string) string {
	if !isOdd(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 || r >= oddFirst+utf8.RuneSelf {
			for _, c := range []byte(s[:n]) {
				b.WriteRune(oddFirst + rune(c))
			}
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// original returns the string that was sent.
func original(s string) string {
	if !isOdd(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if r >= oddFirst+utf8.RuneSelf {
			b.WriteByte(byte(r - oddFirst))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// portable returns a spec as it is sent, without its Setting.
func (s Spec) portable() Spec { return s.with(portable) }

// original returns the spec that was sent.
func (s Spec) original() Spec { return s.with(original) }

func (s Spec) with(f func(string) string) Spec {
	s.Path, s.Dir = f(s.Path), f(s.Dir)
	s.Args, s.Env, s.Secrets = all(s.Args, f), all(s.Env, f), all(s.Secrets, f)
	if s.Log != nil {
		log := *s.Log
		log.Path = f(log.Path)
		s.Log = &log
	}
	return s
}

func (s *Setting) with(f func(string) string) *Setting {
	if s == nil {
		return nil
	}
	return &Setting{Env: all(s.Env, f), Secrets: all(s.Secrets, f)}
}

// all applies f to a list, which it does not change.
func all(list []string, f func(string) string) []string {
	for i, s := range list {
		if !isOdd(s) {
			continue
		}
		made := append([]string(nil), list...)
		for j := i; j < len(made); j++ {
			made[j] = f(made[j])
		}
		return made
	}
	return list
}
