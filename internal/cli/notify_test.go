package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/incident"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
)

// outboxOf returns a store with an incident that is open, one that is over, and what was sent of them.
func outboxOf(t *testing.T) store.Outbox {
	t.Helper()
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	rules := []incident.Rule{{Name: "nightly", Remind: time.Hour}}
	s := memstore.New()
	var tell store.Tell
	for i, app := range []string{"app\x1b[31m", "over"} {
		e := incident.Event{Kind: incident.Ended, Application: app, Run: 7, Attempt: 1, State: "FAILED", At: at.Add(time.Duration(i) * time.Minute)}
		state, all := incident.Decide(rules, incident.State{}, e)
		if app == "over" {
			e.State, e.At = "SUCCESS", at.Add(time.Hour)
			var more []incident.Message
			state, more = incident.Decide(rules, state, e)
			all = append(all, more...)
		}
		tell.Incidents = append(tell.Incidents, store.Incident{
			Key: e.Target().Key(), Application: app, Open: state.Open(), Due: state.Due(), ChangedAt: at, Body: state.Encode(),
		})
		for j := range all {
			body := []byte("no JSON")
			if app != "over" {
				body = mustJSON(t, all[j])
			}
			tell.Notices = append(tell.Notices, store.Notice{
				ID: string(rune('a' + len(tell.Notices))), Notifier: "ops", CreatedAt: at.Add(-time.Duration(len(tell.Notices)) * time.Second), Due: at, Until: at, Body: body,
			})
		}
	}
	if err := s.Tell(t.Context(), tell); err != nil {
		t.Fatal(err)
	}
	claimed, err := s.ClaimNotices(t.Context(), "ops", at, at.Add(time.Hour), 1)
	if err != nil {
		t.Fatal(err)
	}
	gone := store.Settlement{ID: claimed[0].ID, Lease: claimed[0].Lease, State: store.NoticeGivenUp, Error: "HTTP 410 Gone", At: at}
	if err := s.Settle(t.Context(), []store.Settlement{gone}); err != nil {
		t.Fatal(err)
	}
	return s
}

func mustJSON(t *testing.T, m incident.Message) []byte {
	t.Helper()
	var out bytes.Buffer
	(&command{Program: Program{Out: &out}}).printJSON(&out, m)
	return out.Bytes()
}

func printed(t *testing.T, json bool, show func(*command) error) string {
	t.Helper()
	var out bytes.Buffer
	c := &command{Program: Program{Out: &out, Err: &out, Terminal: func() int { return 0 }}, json: json}
	if err := show(c); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestNoticesAreListed(t *testing.T) {
	s := outboxOf(t)
	list := func(c *command) error { return c.listNotices(t.Context(), s, store.NoticeFilter{}) }
	want := `{"id":"a","state":"pending","notifier":"ops","subject":"[app\u001b[31m] run 7 FAILED","created_at":"2026-01-31T12:00:00Z","due_at":"2026-01-31T12:00:00Z","tries":0}
{"id":"b","state":"pending","notifier":"ops","subject":"(can't be read)","created_at":"2026-01-31T11:59:59Z","due_at":"2026-01-31T12:00:00Z","tries":0}
{"id":"c","state":"given_up","notifier":"ops","subject":"(can't be read)","created_at":"2026-01-31T11:59:58Z","ended_at":"2026-01-31T12:00:00Z","tries":1,"error":"HTTP 410 Gone"}
`
	if diff := cmp.Diff(want, printed(t, true, list)); diff != "" {
		t.Error(diff)
	}
	lines := strings.Split(printed(t, false, list), "\n")
	if len(lines) != 5 || strings.Contains(lines[1], "\x1b") || !strings.HasSuffix(lines[3], "(can't be read)     HTTP 410 Gone") {
		t.Errorf("%q", lines)
	}
}

func TestIncidentsAreListed(t *testing.T) {
	s := outboxOf(t)
	found, err := s.Incidents(t.Context(), store.IncidentFilter{All: true})
	if err != nil {
		t.Fatal(err)
	}
	show := func(all bool) func(c *command) error {
		return func(c *command) error { return c.printIncidents(incidentViews(found, all)) }
	}
	open := `{"state":"open","application":"app\u001b[31m","kind":"ended","rule":"nightly","failures":1,"run":7,"why":"it failed","opened_at":"2026-01-31T12:00:00Z","remind_at":"2026-01-31T13:00:00Z","reminders":0}` + "\n"
	over := `{"state":"resolved","application":"over","kind":"ended","rule":"nightly","failures":0,"run":7,"why":"it failed","opened_at":"2026-01-31T12:01:00Z","ended_at":"2026-01-31T13:00:00Z","reminders":0}` + "\n"
	if diff := cmp.Diff(open, printed(t, true, show(false))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(over+open, printed(t, true, show(true))); diff != "" {
		t.Error(diff)
	}
	if got := printed(t, false, show(true)); strings.Contains(got, "\x1b") || strings.Count(got, "\n") != 3 {
		t.Errorf("%q", got)
	}
}
