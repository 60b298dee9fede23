package workflow

import (
	"slices"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/schedule"
)

// TriggerKind says what a trigger waits for.
type TriggerKind string

// The kinds of triggers.
const (
	WebhookTrigger TriggerKind = "webhook" // a signed request
	FilesTrigger   TriggerKind = "files"   // a file
)

// SignatureForm says how the requests of a webhook are signed.
type SignatureForm string

// The forms of signatures. The first one is the default.
const (
	OwnSignature    SignatureForm = "executioner" // as notifications of kind webhook are: with the time
	GitHubSignature SignatureForm = "github"      // X-Hub-Signature-256
)

// Trigger says what, when it arrives, makes a service run a workflow.
type Trigger struct {
	Name        string
	Description string
	Kind        TriggerKind

	// Of a webhook:
	Secret    Secret        // where the key of signatures comes from; one of Env and File is set
	Signature SignatureForm // empty: OwnSignature
	Within    time.Duration // by how much a request's time may differ from ours; 0: DefaultWithin
	Fields    []Var         // parameters, and the field of the request's body that each gets: names with full stops between them

	// Of files:
	Pattern string        // an absolute path; its last part may be a pattern
	Done    string        // a file counts when there is one of its name with this behind it; empty: when it has not changed for Settle
	Settle  time.Duration // 0: DefaultSettle
	Every   time.Duration // between two looks; 0: DefaultLook
	Param   string        // the parameter that gets the file's path; empty: none

	Overlap   schedule.Overlap // empty: schedule.QueueOverlap
	MaxQueued int
	Params    []Var // values of other parameters, as they can be given
	Paused    bool
}

// Defaults and limits of triggers.
const (
	DefaultWithin = 5 * time.Minute
	DefaultSettle = 10 * time.Second
	DefaultLook   = 5 * time.Second
	maxTriggers   = 1000
	maxWithin     = time.Hour
	maxField      = 255
)

// Schedule returns what the runs of a trigger have in common with those of a schedule.
func (t *Trigger) Schedule() Schedule {
	s := Schedule{Name: t.Name, Overlap: t.Overlap, MaxQueued: t.MaxQueued, Params: t.Params, Paused: t.Paused}
	if s.Overlap == "" {
		s.Overlap = schedule.QueueOverlap
	}
	return s
}

// Trigger returns the trigger of that name, or nil.
func (w *Workflow) Trigger(name string) *Trigger {
	i := slices.IndexFunc(w.Triggers, func(t Trigger) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return &w.Triggers[i]
}

// Check returns a fault InvalidWorkflow when a text can't be the value of the parameter. The
// fault does not repeat the value of a secret one.
func (p *Param) Check(text string, now time.Time) error {
	if _, r := p.accept(text, now); r != nil {
		return fault.New(fault.InvalidWorkflow, "parameter %s: %s, not %s", p.Name, r.msg, p.show(text)).WithHint("%s", r.hint)
	}
	return nil
}

// triggerText writes a trigger in one line, to compare it.
func triggerText(t *Trigger) string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, strings.TrimSpace(name+" "+value))
		}
	}
	span := func(name string, d time.Duration) {
		if d != 0 {
			add(name, d.String())
		}
	}
	add("", string(t.Kind))
	if t.Kind == WebhookTrigger {
		add("signed with", t.Secret.Source())
	}
	add("as", string(t.Signature))
	span("within", t.Within)
	for _, f := range t.Fields {
		add(f.Name+" from", f.Value)
	}
	add("", t.Pattern)
	add("done", t.Done)
	span("settle", t.Settle)
	span("every", t.Every)
	add("param", t.Param)
	s := t.Schedule()
	s.Name, s.Overlap = "", t.Overlap
	add("", scheduleText(&s))
	add("for", t.Description)
	return strings.Join(parts, ", ")
}

// triggers compares triggers by their names.
func (c *changes) triggers(old, new *Workflow) {
	texts := func(w *Workflow) (all []Var) {
		for i := range w.Triggers {
			all = append(all, Var{w.Triggers[i].Name, triggerText(&w.Triggers[i])})
		}
		return all
	}
	c.varsOf("triggers.", texts(old), texts(new))
}

// triggers writes triggers.
func (e *encoder) triggers(w *Workflow) {
	list(e, "triggers", w.Triggers, func(t *Trigger) {
		e.string("name", t.Name)
		e.string("description", t.Description)
		e.string("kind", string(t.Kind))
		e.string("env", t.Secret.Env)
		e.string("file", t.Secret.File)
		e.string("signature", string(t.Signature))
		e.int("within", int64(t.Within))
		e.varList("fields", t.Fields)
		e.string("pattern", t.Pattern)
		e.string("done", t.Done)
		e.int("settle", int64(t.Settle))
		e.int("every", int64(t.Every))
		e.string("param", t.Param)
		e.string("overlap", string(t.Overlap))
		e.int("max_queued", int64(t.MaxQueued))
		e.varList("params", t.Params)
		e.bool("paused", t.Paused)
	})
}

var snapshotTriggerFields = fields[Trigger]{
	"name":        func(d *decoder, t *Trigger, f field) { d.string(f, &t.Name) },
	"description": func(d *decoder, t *Trigger, f field) { d.string(f, &t.Description) },
	"kind":        func(d *decoder, t *Trigger, f field) { word(d, f, &t.Kind) },
	"env":         func(d *decoder, t *Trigger, f field) { d.string(f, &t.Secret.Env) },
	"file":        func(d *decoder, t *Trigger, f field) { d.string(f, &t.Secret.File) },
	"signature":   func(d *decoder, t *Trigger, f field) { word(d, f, &t.Signature) },
	"within":      func(d *decoder, t *Trigger, f field) { d.nanoseconds(f, &t.Within) },
	"fields":      func(d *decoder, t *Trigger, f field) { snapshotVars(d, f, &t.Fields) },
	"pattern":     func(d *decoder, t *Trigger, f field) { d.string(f, &t.Pattern) },
	"done":        func(d *decoder, t *Trigger, f field) { d.string(f, &t.Done) },
	"settle":      func(d *decoder, t *Trigger, f field) { d.nanoseconds(f, &t.Settle) },
	"every":       func(d *decoder, t *Trigger, f field) { d.nanoseconds(f, &t.Every) },
	"param":       func(d *decoder, t *Trigger, f field) { d.string(f, &t.Param) },
	"overlap":     func(d *decoder, t *Trigger, f field) { word(d, f, &t.Overlap) },
	"max_queued":  func(d *decoder, t *Trigger, f field) { d.exactInt(f, &t.MaxQueued) },
	"params":      func(d *decoder, t *Trigger, f field) { snapshotVars(d, f, &t.Params) },
	"paused":      func(d *decoder, t *Trigger, f field) { d.bool(f, &t.Paused) },
}
