package incident

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Do is what a message does.
type Do string

// What messages do.
const (
	Tell    Do = "event"   // tells of an event
	Open    Do = "open"    // opens an incident
	Remind  Do = "remind"  // reminds of an open one
	Resolve Do = "resolve" // ends it
)

// Message is what people are told. Its JSON is what webhooks and commands get.
type Message struct {
	Do       Do        `json:"do"`
	Rule     string    `json:"rule"`
	Incident string    `json:"incident,omitempty"` // the same from open to resolve; empty without one
	Event    Event     `json:"event"`
	Since    time.Time `json:"since,omitzero"`     // the first failure
	OpenedAt time.Time `json:"opened_at,omitzero"` // of the incident
	Reminder int       `json:"reminder,omitempty"` // its number
	Why      string    `json:"why"`                // this is told, for a person
}

// ID names the message to one notifier. The same decision made twice gives the same.
func (m *Message) ID(notifier string) string {
	e := &m.Event
	expected := ""
	if e.Kind == Missed {
		expected = e.At.UTC().Format(time.RFC3339Nano) // there is no run to tell one from the other
	}
	return digest(string(m.Do), m.Rule, m.Incident, strconv.Itoa(m.Reminder), e.Application, e.Run.String(),
		strconv.Itoa(e.Attempt), strconv.FormatInt(e.Seq, 10), string(e.Job), string(e.Kind), expected, notifier)
}

// Decide returns how a target stands after an event, and what people are told of it.
// Messages are in the order of the rules.
func Decide(rules []Rule, was State, e Event) (State, []Message) {
	s := was.apart()
	s.Target = e.Target()
	if again := s.count(&e); again {
		return was, nil
	}
	var told []Message
	for i := range rules {
		r := &rules[i]
		if !r.covers(&e) {
			continue
		}
		if r.Each {
			told = append(told, r.tell(&s, e)...)
			continue
		}
		told = append(told, r.incident(&s, e)...)
	}
	s.forget(rules)
	return s, told
}

// count adds the event to what is remembered. A condition is told of once for each
// attempt, however often it is seen.
func (s *State) count(e *Event) (again bool) {
	switch {
	case e.Bad():
		if e.Kind != Ended && s.Last.Kind == e.Kind && s.Last.Run == e.Run && s.Last.Attempt == e.Attempt &&
			(e.Run != 0 || s.Last.At.Equal(e.At)) {
			return true
		}
		if s.Failures == 0 {
			s.Since = e.At
		}
		s.Failures++
		e.Failures = s.Failures
		s.Last = *e
	case e.Good():
		s.Failures = 0
	}
	return false
}

func (r *Rule) tell(s *State, e Event) []Message {
	holds, note := r.holds(&e)
	if !holds {
		return nil
	}
	return []Message{{Do: Tell, Rule: r.Name, Event: e, Since: sinceOf(s), Why: fmt.Sprintf("rule %s is about it%s", r.Name, note)}}
}

func sinceOf(s *State) time.Time {
	if s.Failures == 0 {
		return time.Time{}
	}
	return s.Since
}

func (r *Rule) incident(s *State, e Event) []Message {
	rs := s.Rules[r.Name]
	switch {
	case e.Good() && rs.Open:
		return r.resolve(s, e, "it succeeded")
	case !e.Bad() || rs.Open || s.Failures < max(r.After, 1):
		return nil
	}
	holds, note := r.holds(&e)
	if !holds {
		return nil
	}
	why := "it failed"
	if e.Kind != Ended {
		why = "it is " + string(e.Kind)
	}
	if s.Failures > 1 {
		why += fmt.Sprintf(" for the %s time in a row", nth(s.Failures))
	}
	rs = RuleState{Open: true, OpenedAt: e.At, Run: e.Run, Why: why + note}
	if r.Remind > 0 {
		rs.RemindAt = e.At.Add(r.Remind)
	}
	s.Rules[r.Name] = rs
	return []Message{s.message(Open, r.Name, rs, e, rs.Why)}
}

func (r *Rule) resolve(s *State, e Event, why string) []Message {
	rs := s.Rules[r.Name]
	rs.Open, rs.EndedAt, rs.RemindAt = false, e.At, time.Time{}
	s.Rules[r.Name] = rs
	return []Message{s.message(Resolve, r.Name, rs, e, why)}
}

func (s *State) message(do Do, rule string, rs RuleState, e Event, why string) Message {
	return Message{
		Do: do, Rule: rule, Incident: digest(rule, s.Target.Key(), rs.OpenedAt.UTC().Format(time.RFC3339Nano)), Event: e,
		Since: s.Since, OpenedAt: rs.OpenedAt, Reminder: rs.Reminders, Why: why,
	}
}

// forget drops what rules remember that are not there any more.
func (s *State) forget(rules []Rule) {
	for name := range s.Rules {
		if find(rules, name) == nil {
			delete(s.Rules, name)
		}
	}
}

// Recover returns how a target that is late, stuck, slow or missed stands after a run
// of its application ended, and whom that is told.
func Recover(rules []Rule, was State, ended Event) (State, []Message) {
	s := was.apart()
	if s.Last.Run != ended.Run {
		s.Failures = 0
	}
	e := s.Last
	e.Run, e.Attempt, e.Seq, e.State, e.Reason, e.At = ended.Run, ended.Attempt, ended.Seq, ended.State, ended.Reason, ended.At
	e.Duration, e.Detail = ended.Duration, ""
	var told []Message
	for i := range rules {
		if s.Rules[rules[i].Name].Open {
			told = append(told, rules[i].resolve(&s, e, fmt.Sprintf("run %s ended %s", ended.Run, ended.State))...)
		}
	}
	s.forget(rules)
	return s, told
}

// RemindOf returns how a target stands after people were reminded of what is due.
// Reminders that were missed while nobody looked are not made up for.
func RemindOf(rules []Rule, was State, now time.Time) (State, []Message) {
	s := was.apart()
	var told []Message
	for _, name := range slices.Sorted(maps.Keys(s.Rules)) {
		rs := s.Rules[name]
		r := find(rules, name)
		if !rs.Open || rs.RemindAt.IsZero() || rs.RemindAt.After(now) {
			continue
		}
		if r == nil || r.Remind <= 0 {
			rs.RemindAt = time.Time{}
			s.Rules[name] = rs
			continue
		}
		rs.Reminders++
		rs.RemindAt = now.Add(r.Remind)
		s.Rules[name] = rs
		why := fmt.Sprintf("it has been open since %s", rs.OpenedAt.UTC().Format(time.RFC3339))
		told = append(told, s.message(Remind, name, rs, s.Last, why))
	}
	s.forget(rules)
	return s, told
}

// nth writes an ordinal number.
func nth(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}
