package failpoint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An action is what happens at a step.
type action string

const (
	none      action = "-"
	kill      action = "kill"
	killOther action = "kill-other"
	killBoth  action = "kill-both"
	delay     action = "delay"
	enospc    action = "enospc"
	eio       action = "eio"
	emfile    action = "emfile"
	eagain    action = "eagain"
	short     action = "short"
)

// A kind says which actions a step can take.
type kind int

const (
	passing kind = iota // At
	failing             // Err
	writing             // Short
)

// allows says which actions a step of this kind can take.
func (k kind) allows(a action) bool {
	switch a {
	case kill, killOther, killBoth, delay:
		return true
	case enospc, eio, emfile, eagain:
		return k == failing
	case short:
		return k == writing
	}
	return false
}

// A rule is one part of EXECUTIONER_FAILPOINT.
type rule struct {
	role, name string // role is empty where any process is meant
	action     action
	hit        int  // 1 is the first
	later      bool // at all later hits too
}

// A script is the rules of EXECUTIONER_FAILPOINT and the hits so far. It is used by one
// goroutine at a time.
type script struct {
	rules []rule
	hits  map[string]int
}

// parse reads EXECUTIONER_FAILPOINT.
func parse(text string) (*script, error) {
	s := &script{hits: map[string]int{}}
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		r, err := parseRule(part)
		if err != nil {
			return nil, fmt.Errorf("failpoint %q: %w", part, err)
		}
		s.rules = append(s.rules, r)
	}
	return s, nil
}

func parseRule(part string) (rule, error) {
	name, what, ok := strings.Cut(part, "=")
	if !ok {
		return rule{}, fmt.Errorf("not of the form name=action")
	}
	r := rule{name: name, hit: 1}
	if role, rest, ok := strings.Cut(name, ":"); ok {
		r.role, r.name = role, rest
	}
	word, at, counted := strings.Cut(what, "@")
	r.action = action(word)
	if !failing.allows(r.action) && !writing.allows(r.action) {
		return rule{}, fmt.Errorf("no action is named %q", word)
	}
	if counted {
		at, r.later = strings.CutSuffix(at, "+")
		n, err := strconv.Atoi(at)
		if err != nil || n < 1 {
			return rule{}, fmt.Errorf("%q is not the number of a hit", at)
		}
		r.hit = n
	}
	return r, nil
}

// reach counts a hit of the named step and says what is to happen there. The first rule
// that fits decides.
func (s *script) reach(role, name string, k kind) action {
	s.hits[name]++
	i := slices.IndexFunc(s.rules, func(r rule) bool { return r.fits(role, name, s.hits[name]) && k.allows(r.action) })
	if i < 0 {
		return none
	}
	return s.rules[i].action
}

func (r rule) fits(role, name string, hit int) bool {
	return r.name == name && (r.role == "" || r.role == role) &&
		(hit == r.hit || r.later && hit > r.hit)
}
