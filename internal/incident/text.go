package incident

import (
	"fmt"
	"strings"
	"time"
)

// Subject says in one line what the message is about.
func (m *Message) Subject() string {
	e := &m.Event
	what := "run " + e.Run.String()
	switch {
	case e.Kind == Test:
		return "[executioner] Test message: nothing has happened"
	case e.Job != "":
		what = string(e.Job)
	case e.Run == 0:
		what = "run"
	}
	text := "[" + e.Application + "] " + what + " " + m.happened()
	switch m.Do {
	case Resolve:
		return "[" + e.Application + "] Resolved: " + what + " " + m.happened()
	case Remind:
		return fmt.Sprintf("%s (reminder %d)", text, m.Reminder)
	case Open, Tell:
	}
	if e.Failures > 1 {
		text += fmt.Sprintf(" (%s time in a row)", nth(e.Failures))
	}
	return text
}

func (m *Message) happened() string {
	e := &m.Event
	switch e.Kind {
	case Ended:
		return e.State
	case Missed:
		return "has not begun"
	case Slow:
		if m.Do == Resolve {
			return "is not slow any more"
		}
		return "takes longer than usual"
	case Late, Stuck:
		if m.Do == Resolve {
			return "is not " + string(e.Kind) + " any more"
		}
		return "is " + string(e.Kind)
	case Test:
	}
	return "was tested"
}

// Fact is something that is known, for a list.
type Fact struct{ Name, Value string }

// Facts are what is known, in order; what is not known is left out.
func (m *Message) Facts() (all []Fact) {
	e := &m.Event
	add := func(name, value string) {
		if value != "" {
			all = append(all, Fact{name, value})
		}
	}
	add("Application", e.Application)
	if e.Run != 0 {
		add("Run", fmt.Sprintf("%s, attempt %d", e.Run, e.Attempt))
	}
	add("Job", string(e.Job))
	if e.Job != "" && e.Try > 1 {
		add("Try", fmt.Sprint(e.Try))
	}
	add("State", e.State)
	add("Reason", string(e.Reason))
	add("Detail", e.Detail)
	if e.Duration > 0 {
		add("Duration", e.Duration.Round(time.Millisecond).String())
	}
	if e.Usual > 0 {
		add("Usual duration", e.Usual.Round(time.Millisecond).String())
	}
	if e.Failures > 0 {
		add("Failures in a row", fmt.Sprint(e.Failures))
	}
	if e.Failures > 1 && !m.Since.IsZero() {
		add("Failing since", m.Since.UTC().Format(time.RFC3339))
	}
	add("At", e.At.UTC().Format(time.RFC3339))
	add("Told because", m.Why)
	return all
}

// Text is the message for a person, in lines.
func (m *Message) Text() string {
	var b strings.Builder
	b.WriteString(m.Subject() + "\n\n")
	for _, f := range m.Facts() {
		b.WriteString(f.Name + ": " + f.Value + "\n")
	}
	if m.Event.Run != 0 && m.Event.Kind != Test {
		b.WriteString("\nMore: executioner runs show " + m.Event.Run.String() + "; executioner explain " + m.Event.Run.String() + "\n")
	}
	return b.String()
}
