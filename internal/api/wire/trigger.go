package wire

import (
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// Trigger is a trigger that a service has seen.
type Trigger struct {
	ID          string     `json:"trigger"`  // Workflow/Name
	Workflow    string     `json:"workflow"` // a registered one, or file:NAME for one of the service's directory
	Name        string     `json:"name"`
	Kind        string     `json:"kind"` // webhook or files
	Application string     `json:"application"`
	Path        string     `json:"path,omitempty"`       // where requests for a webhook are sent
	Last        *time.Time `json:"last_at"`              // when something arrived last, or it was seen first
	Gone        bool       `json:"gone,omitempty"`       // its workflow has it no more, or is disabled
	Paused      bool       `json:"paused"`               // by hand
	PausedBy    string     `json:"paused_by,omitempty"`  // who did
	PausedAt    *time.Time `json:"paused_at,omitempty"`  // and when
	PausedWhy   string     `json:"paused_why,omitempty"` // and why
}

// HookPath is where requests for a webhook are sent.
func HookPath(id string) string {
	workflow, name, _ := strings.Cut(id, "/")
	return "/hooks/" + url.PathEscape(workflow) + "/" + url.PathEscape(name)
}

// TriggerOf returns a trigger as it goes over the API.
func TriggerOf(s *store.Schedule) Trigger {
	t := Trigger{
		ID: s.ID, Workflow: s.Workflow, Name: s.Name, Kind: s.Kind, Application: s.Application, Last: sometime(s.Decided), Gone: s.Gone,
		Paused: s.Paused, PausedBy: s.PausedBy, PausedAt: sometime(s.PausedAt), PausedWhy: s.PausedWhy,
	}
	if s.Kind == store.Webhook {
		t.Path = HookPath(s.ID)
	}
	return t
}

// Triggers are all that the caller may see, by workflow and name.
type Triggers struct {
	Triggers []Trigger `json:"triggers"`
}

// Arrival is what became of a request or file that arrived.
type Arrival struct {
	Time     time.Time         `json:"time"`
	What     string            `json:"what,omitempty"` // the id of a delivery, or the path of a file
	Decision string            `json:"decision"`       // run, queue, cancel, skipped or refused
	Reason   string            `json:"reason,omitempty"`
	By       string            `json:"by,omitempty"`
	Detail   string            `json:"detail,omitempty"`
	State    store.FiringState `json:"state"`
	Run      run.ID            `json:"run,omitempty"`
	Params   map[string]string `json:"params,omitempty"` // values of parameters that it gave
	Existing bool              `json:"existing,omitempty" doc:"of a request: it came before, and this is what became of it then"`
}

// ArrivalOf returns what became of an arrival as it goes over the API.
func ArrivalOf(f *store.Firing) Arrival {
	a := Arrival{Time: f.Time.UTC(), What: f.What, Decision: f.Decision, Reason: f.Reason, By: f.By, Detail: f.Detail, State: f.State, Run: f.Run}
	_ = json.Unmarshal([]byte(f.Given), &a.Params) // without what can't be read
	return a
}

// Arrivals are a page of what became of what arrived by a trigger, the latest first.
type Arrivals struct {
	Arrivals []Arrival  `json:"arrivals"`
	Next     *time.Time `json:"next,omitempty"` // before of the next page
}
