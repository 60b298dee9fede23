package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/workflow"
)

func (c *command) paramsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "params FILE",
		Short: "Show the parameters and secrets of a workflow file",
		Long: `Show the parameters that a workflow file declares, with their types, what they must be
and the value that a run would get now, and the secrets with where each comes from.
Values of secrets are neither read nor shown. Nothing is run.`,
		Example: `  executioner params nightly.yaml
  executioner params nightly.yaml -p day=yesterday --json | jq '.params[] | select(.required)'`,
		Args:              exactly(1, "the workflow file"),
		ValidArgsFunction: completeFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			return c.showParams(args[0])
		},
	}
	c.paramFlag(cmd)
	c.jsonFlag(cmd, "the parameters and secrets")
	return cmd
}

// paramsJSON is params --json.
type paramsJSON struct {
	Application string       `json:"application"`
	Params      []paramJSON  `json:"params"`
	Secrets     []secretJSON `json:"secrets"`
}

type paramJSON struct {
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

type secretJSON struct {
	Name string `json:"name"`
	Job  string `json:"job,omitempty"` // of the sub-workflow that declares it
	From string `json:"from"`
}

func (c *command) showParams(file string) error {
	c.later = true
	wf, err := c.parse(file)
	if err != nil {
		return err
	}
	v := paramsJSON{Application: wf.Application, Params: []paramJSON{}, Secrets: []secretJSON{}}
	for i := range wf.Params {
		v.Params = append(v.Params, paramView(&wf.Params[i]))
	}
	for i := range wf.Secrets {
		s := &wf.Secrets[i]
		v.Secrets = append(v.Secrets, secretJSON{s.Name, string(s.Scope), s.Source()})
	}
	if c.json {
		c.printJSON(c.Out, v)
		return nil
	}
	return c.printParams(&v, file)
}

// paramView shows a parameter, without the value of a secret one.
func paramView(p *workflow.Param) paramJSON {
	v := paramJSON{
		Name: p.Name, Type: p.Type, Required: p.Required, Secret: p.Secret || mask.SecretName(p.Name),
		Default: p.Default, Value: p.Value, Given: p.Given,
		Values: p.Values, Pattern: p.Pattern, Min: p.Min, Max: p.Max, Description: p.Description,
	}
	if v.Secret {
		v.Value, v.Default = stars(v.Value), stars(v.Default)
	}
	return v
}

// stars hides a value, if there is one.
func stars(value string) string {
	if value == "" {
		return ""
	}
	return mask.Replacement
}

func (c *command) printParams(v *paramsJSON, file string) error {
	if len(v.Params)+len(v.Secrets) == 0 {
		fmt.Fprintf(c.Out, "%s has no parameters\n", clean(file))
		return nil
	}
	var t table
	t.add("NAME", "TYPE", "VALUE", "DESCRIPTION")
	for i := range v.Params {
		p := &v.Params[i]
		t.add(p.Name, p.kind(), oneLine(p.shown()), oneLine(p.Description))
	}
	for _, s := range v.Secrets {
		t.add(oneLine(s.Name), "secret", "from "+oneLine(s.From), "")
	}
	return t.print(c.Out, "", nil)
}

// kind says what the value must be.
func (p *paramJSON) kind() string {
	kind := string(p.Type)
	for i, value := range p.Values {
		kind += []string{": ", "|"}[min(i, 1)] + oneLine(value)
	}
	if p.Min != "" || p.Max != "" {
		kind += " " + p.Min + ".." + p.Max
	}
	if p.Pattern != "" {
		kind += " /" + oneLine(p.Pattern) + "/"
	}
	return kind
}

// shown says which value it has, and from where.
func (p *paramJSON) shown() string {
	switch {
	case p.Given:
		return p.Value + " (given)"
	case p.Required:
		return "(required)"
	case p.Default != "" && p.Default != p.Value:
		return p.Value + " (" + p.Default + ")"
	}
	return p.Value
}
