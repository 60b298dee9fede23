package api

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"sync"

	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

// masker hides the secrets of a workflow.
func (s *server) masker(wf *workflow.Workflow, overrides []workflow.Var) *mask.Masker {
	return mask.New(runs.Secrets(wf, s.Environ, overrides))
}

// runMasker hides the secrets of a run: those of all of its attempts.
func (s *server) runMasker(ctx context.Context, d *runs.Details) (*mask.Masker, error) {
	key := maskerKey{d.View.Run, d.View.Attempt}
	if m, ok := s.maskers.get(key); ok {
		return m, nil
	}
	all, err := runs.SecretsOf(d, s.Environ, func(hash string) (*workflow.Workflow, error) { return s.Runs.Workflow(ctx, hash) })
	if err != nil {
		return nil, err
	}
	m := mask.New(all)
	s.maskers.put(key, m)
	return m, nil
}

// maskerOf is runMasker for a run that is not at hand.
func (s *server) maskerOf(ctx context.Context, id run.ID) (*mask.Masker, error) {
	r, err := s.History.Run(ctx, id)
	if err != nil {
		return nil, err
	}
	if m, ok := s.maskers.get(maskerKey{id, r.Attempt.Number}); ok {
		return m, nil
	}
	d, err := s.Runs.Show(ctx, r)
	if err != nil {
		return nil, err
	}
	return s.runMasker(ctx, &d)
}

type maskerKey struct {
	run     run.ID
	attempt int
}

// mostMaskers is how many runs' maskers are kept, of some 20 KiB each.
const mostMaskers = 256

// maskers remembers what hides the secrets of runs, as to find them takes their whole
// workflow. Safe for concurrent use.
type maskers struct {
	mu  sync.Mutex // guards all
	all map[maskerKey]*mask.Masker
}

func newMaskers() *maskers { return &maskers{all: make(map[maskerKey]*mask.Masker)} }

func (c *maskers) get(key maskerKey) (*mask.Masker, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, ok := c.all[key]
	return m, ok
}

func (c *maskers) put(key maskerKey, m *mask.Masker) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.all) >= mostMaskers {
		clear(c.all)
	}
	c.all[key] = m
}

func hideTexts(m *mask.Masker, texts ...*string) {
	for _, t := range texts {
		*t = m.String(*t)
	}
}

// hideTransition hides secrets in what a transition says in words.
func hideTransition(t *wire.Transition, m *mask.Masker) {
	t.Detail = m.String(t.Detail)
	if t.Outcome != nil { // it is of TransitionOf, nobody else's
		t.Outcome.Detail, t.Outcome.Values = m.String(t.Outcome.Detail), runs.HideValues(m, t.Outcome.Values)
	}
}

func hideTransitions(ts []wire.Transition, m *mask.Masker) {
	for i := range ts {
		hideTransition(&ts[i], m)
	}
}

// event returns a transition as it is told. Most say nothing in words, so that the run's
// secrets are not even looked for. When they can't be found, the words are left out.
func (s *server) event(ctx context.Context, id run.ID, t *run.Transition) wire.Transition {
	e := wire.TransitionOf(id, t)
	if e.Detail == "" && (e.Outcome == nil || e.Outcome.Detail == "" && len(e.Outcome.Values) == 0) {
		return e
	}
	m, err := s.maskerOf(ctx, id)
	if err == nil {
		hideTransition(&e, m)
		return e
	}
	if e.Detail != "" {
		e.Detail = mask.Replacement
	}
	if e.Outcome != nil {
		e.Outcome.Detail, e.Outcome.Values = e.Detail, nil
	}
	return e
}

// hideProblems returns what is wrong with a workflow without its secrets.
func hideProblems(all []workflow.Problem, m *mask.Masker) []workflow.Problem {
	hidden := slices.Clone(all)
	for i := range hidden {
		p := &hidden[i]
		hideTexts(m, &p.Msg, &p.Hint, &p.Text)
	}
	return hidden
}

// withoutText leaves the lines of the file out, for those who may not read it: they are cut,
// and a part of a secret is not found in them.
func withoutText(problems []workflow.Problem) []workflow.Problem {
	for i := range problems {
		problems[i].Text = ""
	}
	return problems
}

// hidePlan returns a preview as it is told, without secrets.
func hidePlan(p *runs.Preview, m *mask.Masker) wire.Plan {
	v := wire.PlanOf(p)
	hidePlanTexts(&v, m)
	return v
}

func hidePlanTexts(v *wire.Plan, m *mask.Masker) {
	v.File = m.String(v.File)
	for i := range v.Order {
		v.Order[i].When = m.String(v.Order[i].When)
	}
	for i := range v.Skipped {
		v.Skipped[i].Why = m.String(v.Skipped[i].Why)
	}
}

// hideVars hides the values of variables that are named like a secret, and secrets in others.
func hideVars(vars []workflow.Var, m *mask.Masker) []workflow.Var {
	hidden := slices.Clone(vars)
	for i := range hidden {
		v := &hidden[i]
		if v.Value = m.String(v.Value); mask.SecretName(v.Name) && v.Value != "" {
			v.Value = mask.Replacement
		}
	}
	return hidden
}

// hideWorkflow encodes a workflow without its secrets: it goes through all of the JSON, so
// that a new field of workflows can't be forgotten.
func hideWorkflow(wf *workflow.Workflow, m *mask.Masker) (json.RawMessage, error) {
	body, _, err := workflow.Encode(wf)
	if err != nil {
		return nil, err
	}
	in := json.NewDecoder(bytes.NewReader(body))
	in.UseNumber() // nanoseconds don't fit into a float
	var all map[string]any
	if err := in.Decode(&all); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the workflow can't be read")
	}
	hideFieldsOf(all, m)
	out, err := json.Marshal(all)
	return out, fault.Wrap(err, fault.Internal, "the workflow can't be written")
}

// isWord reports whether a field of an encoded workflow has names or words of a closed list,
// which are no secrets, and by which a reader finds what belongs together.
func isWord(field string) bool {
	switch field {
	case "id", "group", "application", "name", "needs", "on", "hook", "leftover", "job", "scope", "type", "overlap", "catch_up",
		"on_status", "policy", "level", "inherit", "input_env", "pools":
		return true
	}
	return false
}

// hideFieldsOf hides what is secret in an object of an encoded workflow.
func hideFieldsOf(object map[string]any, m *mask.Masker) {
	name, _ := object["name"].(string)
	secret, _ := object["secret"].(bool)
	secret = secret || mask.SecretName(name)
	for field, v := range object {
		switch params, ofCheck := v.(map[string]any); {
		case ofCheck && field == "params": // these have names of their own
			for of := range params {
				params[of] = hideValue(params[of], m, mask.SecretName(of))
			}
		case isWord(field):
		case secret && (field == "value" || field == "default" || field == "values"):
			object[field] = hideValue(v, m, true)
		default:
			object[field] = hideValue(v, m, field == "mail_password")
		}
	}
}

// hideValue hides what is secret in a value: all of its texts, or what looks like a secret.
func hideValue(v any, m *mask.Masker, all bool) any {
	switch v := v.(type) {
	case string:
		if all && v != "" {
			return mask.Replacement
		}
		return m.String(v)
	case json.Number:
		if all {
			return mask.Replacement
		}
	case []any:
		for i := range v {
			v[i] = hideValue(v[i], m, all)
		}
	case map[string]any:
		if !all {
			hideFieldsOf(v, m)
			return v
		}
		for field := range v {
			v[field] = hideValue(v[field], m, true)
		}
	}
	return v
}
