package wire

import (
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Param is a parameter of a workflow.
type Param struct {
	Name        string             `json:"name"`
	Type        workflow.ParamType `json:"type"`
	Required    bool               `json:"required"`
	Secret      bool               `json:"secret"`
	Default     string             `json:"default"`
	Value       string             `json:"value"` // that a run would get now
	Given       bool               `json:"given"`
	Values      []string           `json:"values,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	Min         string             `json:"min,omitempty"`
	Max         string             `json:"max,omitempty"`
	Description string             `json:"description"`
}

// ParamOf returns a parameter as it is shown, without the value of a secret one. Secrets in
// the texts of others are hidden by m, which may be nil.
func ParamOf(p *workflow.Param, m *mask.Masker) Param {
	v := Param{
		Name: p.Name, Type: p.Type, Required: p.Required, Secret: p.Secret || mask.SecretName(p.Name),
		Default: p.Default, Value: p.Value, Given: p.Given,
		Values: p.Values, Pattern: p.Pattern, Min: p.Min, Max: p.Max, Description: p.Description,
	}
	if v.Secret {
		v.Value, v.Default = stars(v.Value), stars(v.Default)
	}
	if m != nil {
		v.Value, v.Default, v.Description = m.String(v.Value), m.String(v.Default), m.String(v.Description)
	}
	return v
}

// ParamsOf returns the parameters of a workflow: see ParamOf.
func ParamsOf(wf *workflow.Workflow, m *mask.Masker) []Param {
	all := make([]Param, len(wf.Params))
	for i := range wf.Params {
		all[i] = ParamOf(&wf.Params[i], m)
	}
	return all
}

// stars hides a value, if there is one.
func stars(value string) string {
	if value == "" {
		return ""
	}
	return mask.Replacement
}
