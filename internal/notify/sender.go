package notify

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/executionerhq/executioner/internal/incident"
	"github.com/executionerhq/executioner/internal/run"
)

// Sender is one way of telling people. It is safe for concurrent use.
type Sender interface {
	// Send hands one parcel over and says what the receiver said. It ends with ctx.
	Send(ctx context.Context, p Parcel) Receipt
}

// Parcel is what is sent at once: a message, or those of a digest.
type Parcel struct {
	ID       string // the same each time that it is sent, so that a receiver can tell a repetition
	Messages []incident.Message
	At       time.Time // when it is sent
}

// Receipt is what became of a parcel.
type Receipt struct {
	Said       string        // by the receiver, in a few words: HTTP 204, exit code 0
	Err        error         // why it did not take the parcel; nil when it did
	Permanent  bool          // it would say so again: it is not tried again
	Blocked    string        // the network that notify.allow would have to name; empty: it is not that
	RetryAfter time.Duration // the receiver asked for that much time; 0 when it did not
}

// Bounds of what is sent. Names may have thousands of characters.
const (
	maxMessages = 100  // of a parcel
	maxName     = 300  // bytes of a name
	maxDetail   = 2000 // bytes of a sentence
	maxTags     = 20
)

// subject says in one line what the parcel is about.
func (p *Parcel) subject() string {
	if n := len(p.Messages); n != 1 {
		return "[executioner] " + digestTitle(p.Messages)
	}
	return printable(p.Messages[0].Subject())
}

func digestTitle(all []incident.Message) string {
	apps := map[string]bool{}
	for i := range all {
		apps[all[i].Event.Application] = true
	}
	title := counted(len(all), "message")
	if len(apps) == 1 && len(all) > 0 {
		title += " of " + printable(all[0].Event.Application)
	}
	return title
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return run.ID(n).String() + " " + what + "s"
}

// text is the parcel in lines for a person.
func (p *Parcel) text() string {
	if len(p.Messages) == 1 {
		return p.Messages[0].Text()
	}
	var b strings.Builder
	b.WriteString(p.subject() + "\n\n")
	for i := range p.Messages {
		m := &p.Messages[i]
		b.WriteString(m.Event.At.UTC().Format(time.DateTime) + "  " + printable(m.Subject()) + "\n")
	}
	return b.String()
}

// bounded returns the parcel without what is too long or no text.
func (p Parcel) bounded() Parcel {
	all := make([]incident.Message, 0, min(len(p.Messages), maxMessages))
	for _, m := range p.Messages[:min(len(p.Messages), maxMessages)] {
		e := &m.Event
		e.Application, e.Job = clip(e.Application, maxName), run.JobID(clip(string(e.Job), maxName))
		e.Detail, m.Why, m.Rule = clip(e.Detail, maxDetail), clip(m.Why, maxDetail), clip(m.Rule, maxName)
		var tags []string
		for _, t := range e.Tags[:min(len(e.Tags), maxTags)] {
			tags = append(tags, clip(t, maxName))
		}
		e.Tags = tags
		all = append(all, m)
	}
	p.Messages = all
	return p
}

// clip makes one line of a text, of at most n bytes, without characters that are none.
func clip(text string, n int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\u2028' || r == '\u2029' || unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) <= n {
		return text
	}
	cut := n - len("…")
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
