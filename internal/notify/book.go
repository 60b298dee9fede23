package notify

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/incident"
	"github.com/executionerhq/executioner/internal/store"
)

// book is how the targets of one application stand while events are added. It is not
// safe for concurrent use.
type book struct {
	rules    []incident.Rule
	pages    map[string]*bookPage // by the target's key
	messages []incident.Message   // in the order in which they were decided
}

type bookPage struct {
	state  incident.State
	stored store.Incident
}

func newBook(rules []incident.Rule, stored []store.Incident) *book {
	b := &book{rules: rules, pages: make(map[string]*bookPage, len(stored))}
	for _, i := range stored {
		b.pages[i.Key] = &bookPage{state: incident.Decode(i.Body), stored: i}
	}
	return b
}

// add decides about an event. The end of a run is also the end of what was wrong with
// it while it went on.
func (b *book) add(e incident.Event) {
	target := e.Target()
	p := b.pages[target.Key()]
	if p == nil {
		p = &bookPage{state: incident.State{Target: target}, stored: store.Incident{Key: target.Key(), Application: target.Application}}
		b.pages[target.Key()] = p
	}
	b.turn(p, func(s incident.State) (incident.State, []incident.Message) { return incident.Decide(b.rules, s, e) })
	if e.Kind != incident.Ended || e.Job != "" {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(b.pages)) {
		if other := b.pages[key]; other.state.Target.Kind != incident.Ended {
			b.turn(other, func(s incident.State) (incident.State, []incident.Message) { return incident.Recover(b.rules, s, e) })
		}
	}
}

func (b *book) remind(key string, now time.Time) {
	b.turn(b.pages[key], func(s incident.State) (incident.State, []incident.Message) { return incident.RemindOf(b.rules, s, now) })
}

func (b *book) turn(p *bookPage, decide func(incident.State) (incident.State, []incident.Message)) {
	state, told := decide(p.state)
	p.state = state
	b.messages = append(b.messages, told...)
}

// changed returns what is to be stored anew.
func (b *book) changed(now time.Time) (all []store.Incident) {
	for _, p := range b.pages {
		i := p.stored
		i.Open, i.Due, i.Body = p.state.Open(), p.state.Due(), p.state.Encode()
		if bytes.Equal(i.Body, p.stored.Body) || i.Version == 0 && p.state.Empty() {
			continue
		}
		i.ChangedAt = now
		all = append(all, i)
	}
	return all
}
