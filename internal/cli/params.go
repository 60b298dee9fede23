package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
)

func (c *command) paramsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "params FILE",
		Short: "Show the parameters and secrets of a workflow file",
		Long: `Show the parameters that a workflow file declares, with their types, what they must be
and the value that a run would get now, and the secrets with where each comes from.
Values of secrets are neither read nor shown. Nothing is run.

With a server, what is no file is a registered workflow: NAME or NAME@VERSION. Its secrets
are a matter of the server's host.`,
		Example: `  executioner params nightly.yaml
  executioner params nightly.yaml -p day=yesterday --json | jq '.params[] | select(.required)'`,
		Args:              exactly(1, "the workflow file"),
		ValidArgsFunction: c.completeToRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			if c.isRegistered(args[0]) {
				return c.showRegisteredParams(cmd, args[0])
			}
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
	Params      []wire.Param `json:"params"`
	Secrets     []secretJSON `json:"secrets"`
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
	v := paramsJSON{Application: wf.Application, Params: wire.ParamsOf(wf, nil), Secrets: []secretJSON{}}
	for i := range wf.Secrets {
		s := &wf.Secrets[i]
		v.Secrets = append(v.Secrets, secretJSON{s.Name, string(s.Scope), s.Source()})
	}
	return c.printParams(&v, file)
}

// showRegisteredParams shows the parameters of a registered workflow of the server.
func (c *command) showRegisteredParams(cmd *cobra.Command, ref string) error {
	if len(c.params) > 0 {
		return fault.New(fault.Unsupported, "values can't be tried with the parameters of a registered workflow").
			WithHint("plan tries them: executioner plan %s -p NAME=VALUE", quote(ref))
	}
	name, version, err := splitRegistered(ref)
	if err != nil {
		return err
	}
	return c.withWorkflows(cmd, func(ctx context.Context, w workflows) error {
		r, err := w.RegisteredWorkflow(ctx, name, version)
		if err != nil {
			return noSuch(ref, err)
		}
		v := paramsJSON{Application: r.Application, Params: append([]wire.Param{}, r.Params...), Secrets: []secretJSON{}}
		return c.printParams(&v, ref)
	})
}

func (c *command) printParams(v *paramsJSON, file string) error {
	if c.json {
		c.printJSON(c.Out, v)
		return nil
	}
	if len(v.Params)+len(v.Secrets) == 0 {
		fmt.Fprintf(c.Out, "%s has no parameters\n", clean(file))
		return nil
	}
	var t table
	t.add("NAME", "TYPE", "VALUE", "DESCRIPTION")
	for i := range v.Params {
		p := &v.Params[i]
		t.add(p.Name, kindOf(p), oneLine(shownParam(p)), oneLine(p.Description))
	}
	for _, s := range v.Secrets {
		t.add(oneLine(s.Name), "secret", "from "+oneLine(s.From), "")
	}
	return t.print(c.Out, "", nil)
}

// kindOf says what the value must be.
func kindOf(p *wire.Param) string {
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

// shownParam says which value it has, and from where.
func shownParam(p *wire.Param) string {
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
