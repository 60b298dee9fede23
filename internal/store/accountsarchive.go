package store

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/executionerhq/executioner/internal/access"
)

// Normal returns a as a store gives it back: times in UTC to the microsecond, and nothing
// but nil where there is nothing. It shares no memory with a.
func (a AccountsArchive) Normal() AccountsArchive {
	a.Users, a.Tokens, a.Registered = slices.Clone(a.Users), slices.Clone(a.Tokens), slices.Clone(a.Registered)
	for i := range a.Users {
		u := &a.Users[i]
		u.Grants = normalGrants(u.Grants)
		u.Created, u.Changed = micros(u.Created), micros(u.Changed)
	}
	for i := range a.Tokens {
		t := &a.Tokens[i]
		t.Grants = normalGrants(t.Grants)
		t.Created, t.Expires, t.LastUsed, t.Revoked = micros(t.Created), micros(t.Expires), micros(t.LastUsed), micros(t.Revoked)
	}
	for i := range a.Registered {
		a.Registered[i].Source = slices.Clone(a.Registered[i].Source)
		a.Registered[i] = a.Registered[i].Normal()
	}
	a.Users, a.Tokens, a.Registered = orNil(a.Users), orNil(a.Tokens), orNil(a.Registered)
	return a
}

// Len returns how many rows there are.
func (a AccountsArchive) Len() int { return len(a.Users) + len(a.Tokens) + len(a.Registered) }

func normalGrants(gs []access.Grant) []access.Grant { return orNil(slices.Clone(gs)) }

// Beyond returns what is in a and not in there, in normal form. The fault is a Conflict when
// there has something else under the same name or id. When a token was last used makes no
// difference.
func (a AccountsArchive) Beyond(there AccountsArchive) (more AccountsArchive, err error) {
	a, there = a.Normal(), there.Normal()
	if more.Users, err = beyond(a.Users, there.Users, func(u User) (string, string) { return "user " + u.Name, exactly(u) }); err != nil {
		return more, err
	}
	if more.Tokens, err = beyond(a.Tokens, there.Tokens, func(t Token) (string, string) {
		t.LastUsed = time.Time{}
		return "token " + t.ID, exactly(t)
	}); err != nil {
		return more, err
	}
	more.Registered, err = beyond(a.Registered, there.Registered, func(r Registered) (string, string) {
		return "version " + strconv.Itoa(r.Version) + " of workflow " + r.Name, exactly(r)
	})
	return more, err
}

// beyond returns those of all that are not in there. known is what something is called, and a
// text that is the same for what is the same.
func beyond[T any](all, there []T, known func(T) (name, whole string)) (more []T, err error) {
	have := make(map[string]string, len(there))
	for _, t := range there {
		name, whole := known(t)
		have[name] = whole
	}
	for _, t := range all {
		name, whole := known(t)
		switch same, ok := have[name]; {
		case !ok:
			more = append(more, t)
		case same != whole:
			return nil, ErrAccountTaken(name)
		}
	}
	return more, nil
}

func exactly(v any) string { return fmt.Sprintf("%#v", v) }
