package runs

import (
	"context"
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Hide hides secrets in every text of what is shown of a run, and of what Explain tells of it
// from then on. Names (of jobs and applications) are none, and what was recorded stays as it is.
func (d *Details) Hide(m *mask.Masker) {
	d.hidden = m
	v := &d.View
	hideTexts(m, &v.Detail, &v.File, &v.WorkingDir)
	v.Jobs = slices.Clone(v.Jobs)
	for i := range v.Jobs {
		j := &v.Jobs[i]
		hideTexts(m, &j.Description, &j.When, &j.Detail, &j.Command)
		j.Values = HideValues(m, j.Values)
		if j.Override != nil {
			o := *j.Override
			o.Note = m.String(o.Note)
			j.Override = &o
		}
	}
}

func hideTexts(m *mask.Masker, texts ...*string) {
	for _, t := range texts {
		*t = m.String(*t)
	}
}

// HideValues returns what a job handed on without secrets.
func HideValues(m *mask.Masker, values map[string]string) map[string]string {
	if values == nil {
		return nil
	}
	hidden := make(map[string]string, len(values))
	for name, v := range values {
		hidden[name] = m.String(v)
	}
	return hidden
}

// hide hides secrets in what explains a run, if its details have them hidden.
func (d *Details) hide(all []Decision) []Decision {
	for i := range all {
		all[i].Sentence = d.hidden.String(all[i].Sentence)
	}
	return all
}

// SecretsOf returns what is secret in any attempt of a run: see Secrets. read returns the
// workflow of another attempt than the latest.
func SecretsOf(d *Details, environ []string, read func(hash string) (*workflow.Workflow, error)) ([]string, error) {
	var all []string
	for i := range d.Attempts {
		a := &d.Attempts[i]
		wf := d.Workflow
		if a.Hash != d.View.WorkflowHash {
			var err error
			if wf, err = read(a.Hash); err != nil {
				return nil, err
			}
		}
		opt, err := StoredOptions(store.Run{Attempt: *a})
		if err != nil {
			return nil, err
		}
		all = append(all, Secrets(wf, environ, opt.Env)...)
	}
	return all, nil
}

// CompareHidden compares two workflows as workflow.Compare does, and hides the secrets of both:
// all of a field that is named like one, and in others what is one elsewhere.
func CompareHidden(before, after *workflow.Workflow, environ []string) workflow.Difference {
	d := workflow.Compare(before, after)
	m := mask.New(append(Secrets(before, environ, nil), Secrets(after, environ, nil)...))
	hideFields(d.Fields, m)
	for i := range d.Changed {
		hideFields(d.Changed[i].Fields, m)
	}
	return d
}

func hideFields(fields []workflow.FieldChange, m *mask.Masker) {
	for i := range fields {
		f := &fields[i]
		hideTexts(m, &f.Old, &f.New)
		_, name, ok := strings.Cut(f.Field, ".")
		if !ok || !mask.SecretName(name) {
			continue
		}
		for _, value := range []*string{&f.Old, &f.New} {
			if *value != "" {
				*value = mask.Replacement
			}
		}
	}
}

// hideRow hides the secrets of a run in a line of a list, where it says something in words. When
// they can't be found, the words are left out.
func (s *Service) hideRow(ctx context.Context, r store.Run, v *View) {
	if v.Detail == "" {
		return
	}
	wf, err := s.Workflow(ctx, r.Attempt.Hash)
	if err != nil {
		v.Detail = mask.Replacement
		return
	}
	opt, _ := StoredOptions(r) // what can't be read has no variables that could be in it
	m := mask.New(Secrets(wf, nil, opt.Env))
	hideTexts(m, &v.Detail, &v.File, &v.WorkingDir)
}
