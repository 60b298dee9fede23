package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// paramFlag lets a command give the file's parameters their values.
func (c *command) paramFlag(cmd *cobra.Command) { c.paramFlagOf(cmd, c.completeParams) }

func (c *command) paramFlagOf(cmd *cobra.Command, offer completer) {
	cmd.Flags().StringArrayVarP(&c.params, "param", "p", nil, "give a parameter its value: `NAME=VALUE`, or @FILE with many (repeatable)")
	c.completeFlag(cmd, "param", offer)
}

// given returns the values of parameters, those that count more behind the others: the
// environment's, those of files, those of the command line.
func (c *command) given() ([]workflow.Given, error) {
	all := c.ambient()
	var single []workflow.Given
	for _, text := range c.params {
		if file, is := strings.CutPrefix(text, "@"); is {
			many, err := c.paramFile(file)
			if err != nil {
				return nil, err
			}
			all = append(all, many...)
			continue
		}
		name, value, ok := strings.Cut(text, "=")
		if !ok || !validName(name) {
			if !ok { // it may be a value whose name was forgotten
				name = text
			}
			return nil, fault.New(fault.Usage, "-p %s is not NAME=VALUE", clean(name)).
				WithHint("for example: -p day=2026-01-31, or -p @params.yaml")
		}
		single = append(single, workflow.Given{Name: name, Value: value, From: "-p " + name + "="})
	}
	all = append(all, single...)
	for i := range all {
		all[i].Ambient = all[i].Ambient || c.loose
	}
	return all, nil
}

// needed refuses a parameter of the command line that none of the workflows has.
func (c *command) needed(all ...*workflow.Workflow) error {
	for _, text := range c.params {
		name, _, _ := strings.Cut(text, "=")
		if strings.HasPrefix(text, "@") || slices.ContainsFunc(all, func(wf *workflow.Workflow) bool { return wf.Param(name) != nil }) {
			continue
		}
		return fault.New(fault.Usage, "-p %s: no file has such a parameter", clean(name)).WithHint("executioner params FILE shows those of a file")
	}
	return nil
}

// paramsAgain returns the parameters as they were given, to be given once more. Secrets are
// hidden.
func (c *command) paramsAgain(wf *workflow.Workflow) []string {
	var all []string
	for _, text := range c.params {
		name, _, ok := strings.Cut(text, "=")
		if p := wf.Param(name); ok && !strings.HasPrefix(text, "@") && (mask.SecretName(name) || p != nil && p.Secret) {
			text = name + "=" + mask.Replacement
		}
		all = append(all, text)
	}
	return all
}

// ambient returns the parameters that the environment gives.
func (c *command) ambient() []workflow.Given {
	var all []workflow.Given
	for _, v := range c.Environ {
		name, value, ok := strings.Cut(v, "=")
		if param, is := strings.CutPrefix(name, workflow.ParamVariable); ok && is && param != "" {
			all = append(all, workflow.Given{Name: param, Value: value, From: name + "=", Ambient: true})
		}
	}
	return all
}

// paramFile reads a file of parameters.
func (c *command) paramFile(path string) ([]workflow.Given, error) {
	data, err := c.read(path)
	if fault.CodeOf(err) == fault.NotFound {
		return nil, fault.New(fault.NotFound, "-p @%s: there is no such file of parameters", clean(path)).
			WithHint("-p @FILE reads NAME: VALUE lines from a file; for a value that begins with @ write -p NAME=@…")
	}
	if err != nil {
		return nil, fault.New(fault.CodeOf(err), "-p @%s: the file of parameters can't be read", clean(path)).
			WithHint("%s", message(err))
	}
	vars, err := workflow.ReadParams(workflow.Source{Name: path, Data: data})
	var problems workflow.Problems
	if errors.As(err, &problems) && !c.json {
		problems.Format(c.Err)
	}
	all := make([]workflow.Given, len(vars))
	for i, v := range vars {
		all[i] = workflow.Given{Name: v.Name, Value: v.Value, From: "-p @" + clean(path) + ": " + v.Name + "="}
	}
	return all, err
}

// regiven returns what a resume gives the parameters: of the run's stored workflow, or of
// its file as it is now.
func (c *command) regiven(req *runs.Resume) (err error) {
	req.Now = time.Now()
	req.Params, err = c.given()
	return err
}

// keepParams has a file that is read again get the values that a run began with.
func (c *command) keepParams(r store.Run, stored *workflow.Workflow) {
	c.kept = stored.Kept("run " + r.ID.String() + ": ")
}

// completeParams offers the parameters of the workflow file that was named.
func (c *command) completeParams(_ *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if strings.HasPrefix(word, "@") {
		return nil, cobra.ShellCompDirectiveDefault
	}
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	wf := c.glance(args[0])
	if wf == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return offerParams(wf, word)
}

// completeRunParams offers the parameters of the run that was named, or else of the one that
// would be resumed.
func (c *command) completeRunParams(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if strings.HasPrefix(word, "@") {
		return nil, cobra.ShellCompDirectiveDefault
	}
	directive := cobra.ShellCompDirectiveNoFileComp
	offered, _ := c.completing(cmd, func(ctx context.Context, s Runs) (offered []cobra.Completion, err error) {
		application, _ := cmd.Flags().GetString("application")
		r, err := c.toResume(ctx, s, args, application)
		if err != nil {
			return nil, err
		}
		wf, err := s.Workflow(ctx, r.Attempt.Hash)
		if err == nil {
			offered, directive = offerParams(wf, word)
		}
		return offered, err
	})
	return offered, directive
}

// offerParams returns the parameters of a workflow that begin with word, or values of the
// one that it names.
func offerParams(wf *workflow.Workflow, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if name, part, is := strings.Cut(word, "="); is {
		return offerValues(wf.Param(name), name, part), cobra.ShellCompDirectiveNoFileComp
	}
	var offered []cobra.Completion
	for i := range wf.Params {
		if p := &wf.Params[i]; strings.HasPrefix(p.Name, word) {
			offered = append(offered, p.Name+"=\t"+oneLine(paramText(p)))
		}
	}
	return offered, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// offerValues returns the values of a parameter that has few.
func offerValues(p *workflow.Param, name, part string) []cobra.Completion {
	var values []string
	switch {
	case p == nil:
	case len(p.Values) > 0:
		values = p.Values
	case p.Type == workflow.BoolParam:
		values = []string{"true", "false"}
	case p.Type == workflow.DateParam:
		values = []string{"today", "yesterday"}
	}
	var offered []cobra.Completion
	for _, v := range values {
		if strings.HasPrefix(v, part) {
			offered = append(offered, name+"="+v)
		}
	}
	return offered
}

// paramText says in a few words what a parameter is.
func paramText(p *workflow.Param) string {
	words := []string{string(p.Type)}
	if p.Required {
		words = append(words, "required")
	}
	if p.Description != "" {
		words = append(words, p.Description)
	}
	return strings.Join(words, ", ")
}

// glance reads a workflow file without telling what is wrong with it. Nil: it can't be used.
func (c *command) glance(path string) *workflow.Workflow {
	look := *c
	look.params, look.later = nil, true
	src, host, err := look.source(path)
	if err != nil {
		return nil
	}
	host.CheckDir = nil
	wf, err := workflow.Load(src, host)
	if err != nil {
		return nil
	}
	return wf
}

// withKept puts the values that a run began with behind the environment's, so that only
// what is given by hand wins over them.
func (c *command) withKept(given []workflow.Given) []workflow.Given {
	n := 0
	for n < len(given) && given[n].Ambient {
		n++
	}
	return slices.Concat(given[:n], c.kept, given[n:])
}
