package notify

import (
	"context"
	"time"

	"github.com/executionerhq/executioner/internal/incident"
)

// pagerURL is where PagerDuty takes events.
const pagerURL = "https://events.pagerduty.com/v2/enqueue"

// maxPagerSummary is PagerDuty's bound.
const maxPagerSummary = 1024

// pager sends events of version 2 to PagerDuty, or to what understands the same.
type pager struct {
	poster
	key  string // the routing key
	host string // this one
}

var _ Sender = (*pager)(nil)

type pagerEvent struct {
	RoutingKey string        `json:"routing_key"`
	Action     string        `json:"event_action"`
	DedupKey   string        `json:"dedup_key"`
	Client     string        `json:"client,omitempty"`
	Payload    *pagerPayload `json:"payload,omitempty"`
}

type pagerPayload struct {
	Summary   string            `json:"summary"`
	Source    string            `json:"source"`
	Severity  string            `json:"severity"`
	Timestamp time.Time         `json:"timestamp"`
	Component string            `json:"component,omitempty"`
	Group     string            `json:"group,omitempty"`
	Class     string            `json:"class,omitempty"`
	Details   map[string]string `json:"custom_details,omitempty"`
}

// Send implements Sender. Events of a digest are sent one after the other; when one of
// them fails, all are sent again, which their keys make harmless.
func (s *pager) Send(ctx context.Context, p Parcel) (last Receipt) {
	p = p.bounded()
	for _, e := range s.events(&p) {
		if last = s.post(ctx, encode(e), nil, p.At); last.Err != nil {
			return last
		}
	}
	return last
}

// events are those of a parcel. A test is resolved at once, so that it wakes nobody for long.
func (s *pager) events(p *Parcel) (all []pagerEvent) {
	for i := range p.Messages {
		m := &p.Messages[i]
		e := pagerEvent{RoutingKey: s.key, DedupKey: m.Incident, Client: "executioner"}
		if e.DedupKey == "" {
			e.DedupKey = p.ID
		}
		end := pagerEvent{RoutingKey: s.key, Action: "resolve", DedupKey: e.DedupKey}
		if m.Do == incident.Resolve {
			all = append(all, end)
			continue
		}
		e.Action, e.Payload = "trigger", s.payload(m)
		all = append(all, e)
		if m.Event.Kind == incident.Test {
			all = append(all, end)
		}
	}
	return all
}

func (s *pager) payload(m *incident.Message) *pagerPayload {
	details := map[string]string{}
	for _, f := range m.Facts() {
		details[f.Name] = f.Value
	}
	return &pagerPayload{
		Summary: clip(m.Subject(), maxPagerSummary), Source: s.host, Severity: severity(&m.Event), Timestamp: m.Event.At.UTC(),
		Component: string(m.Event.Job), Group: m.Event.Application, Class: string(m.Event.Kind), Details: details,
	}
}

func severity(e *incident.Event) string {
	switch {
	case !e.Bad():
		return "info"
	case e.Kind == incident.Ended || e.Kind == incident.Missed:
		return "error"
	}
	return "warning"
}
