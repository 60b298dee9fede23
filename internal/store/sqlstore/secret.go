package sqlstore

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

// secrets are texts that no message may contain.
type secrets []string

// newSecrets returns the forms in which passwords may turn up.
func newSecrets(passwords ...string) (all secrets) {
	for _, p := range passwords {
		if p == "" {
			continue
		}
		all = append(all, p, url.QueryEscape(p), url.PathEscape(p), url.UserPassword("", p).String()[1:])
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) }) // a longer form may contain a shorter one
	return slices.Compact(all)
}

func (s secrets) scrub(text string) string {
	for _, secret := range s {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return text
}

// clean returns err, or its text alone when that has to be changed: what it wraps
// would still tell.
func (s secrets) clean(err error) error {
	text := err.Error()
	if scrubbed := s.scrub(text); scrubbed != text {
		return errors.New(scrubbed)
	}
	return err
}
