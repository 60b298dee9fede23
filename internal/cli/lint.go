package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/expr"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/lint"
	"github.com/executionerhq/executioner/internal/nearest"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// lintFlags say what lint looks for.
type lintFlags struct {
	strict bool
	also   []string
	rules  bool
}

func (c *command) lintCommand() *cobra.Command {
	f := &lintFlags{}
	cmd := &cobra.Command{
		Use:   "lint FILE...",
		Short: "Find what is allowed in workflow files but probably not meant",
		Long: `Find what is allowed in workflow files but probably not meant: jobs that can never run,
retries without an end, secrets in plain text, shell commands that hide failures, and so
on. Rules of the workflow and of the site are looked at as well. Nothing is run.

The exit code is 0 when there is nothing but warnings, 3 when there are errors or a file
is not valid; with --strict also when there are warnings. A finding that is meant to be
is silenced in the file, with a reason: lint_ignore: {RULE: why}.`,
		Example: `  executioner lint nightly.yaml
  executioner lint --strict --also missing-owner flows/*.yaml
  executioner lint --json nightly.yaml | jq -r '.files[].findings[].rule'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.rules {
				return exactly(0, "no file")(cmd, args)
			}
			return atLeast(1, "a workflow file")(cmd, args)
		},
		ValidArgsFunction: completeFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			if f.rules {
				c.printLintRules()
				return nil
			}
			return c.lint(args, f)
		},
	}
	cmd.Flags().BoolVar(&f.strict, "strict", false, "warnings count as errors")
	cmd.Flags().StringSliceVar(&f.also, "also", nil, "look for these `RULES` too, which are not looked for otherwise (comma-separated, repeatable)")
	cmd.Flags().BoolVar(&f.rules, "rules", false, "list the rules")
	c.completeFlag(cmd, "also", completeWords(askedRules()...))
	c.paramFlag(cmd)
	c.jsonFlag(cmd, "the files with what was found, or the rules")
	return cmd
}

func askedRules() []string {
	var all []string
	for _, r := range lint.Rules() {
		if r.Asked {
			all = append(all, r.Name)
		}
	}
	return all
}

// ruleView is a rule of lint in JSON.
type ruleView struct {
	Name  string     `json:"name"`
	Level lint.Level `json:"level"`
	Asked bool       `json:"asked"` // looked for only with --also
	Doc   string     `json:"description"`
}

func (c *command) printLintRules() {
	var all []ruleView
	for _, r := range lint.Rules() {
		all = append(all, ruleView{r.Name, r.Level, r.Asked, r.Doc})
	}
	if c.json {
		c.printJSON(c.Out, struct {
			Rules []ruleView `json:"rules"`
		}{all})
		return
	}
	for _, r := range all {
		also := ""
		if r.Asked {
			also = " (with --also)"
		}
		fmt.Fprintf(c.Out, "%-21s %-5s  %s%s\n", r.Name, r.Level, r.Doc, also)
	}
}

// lintFinding is a finding in JSON.
type lintFinding struct {
	Rule  string     `json:"rule"`
	Level lint.Level `json:"level"`
	Job   run.JobID  `json:"job,omitempty"`
	workflow.Problem
}

// lintReport is what lint finds in one file.
type lintReport struct {
	File     string        `json:"file"`
	OK       bool          `json:"ok"` // nothing makes lint fail
	Findings []lintFinding `json:"findings"`
	// Problems are those of a file that is not valid, or not there.
	Problems workflow.Problems `json:"problems,omitempty"`

	err error
}

func (c *command) lint(files []string, f *lintFlags) error {
	for _, name := range f.also {
		if !slices.Contains(lint.Names(), name) {
			err := fault.New(fault.Usage, "--also: there is no rule %q", name)
			if near := nearest.Of(name, lint.Names()); near != "" {
				return err.WithHint("did you mean %s?", near)
			}
			return err.WithHint("executioner lint --rules lists them")
		}
	}
	c.later = true
	reports := make([]lintReport, len(files))
	code := fault.ExitOK
	for i, file := range files {
		reports[i] = c.lintFile(file, f)
		if got := fault.ExitCode(reports[i].err); code == fault.ExitOK || fault.CodeOf(reports[i].err) == fault.InvalidWorkflow {
			code = got
		}
		if !c.json {
			c.printLint(&reports[i])
		}
	}
	if c.json {
		c.printJSON(c.Out, struct {
			Files []lintReport `json:"files"`
		}{reports})
	}
	if code != fault.ExitOK {
		return status(code)
	}
	return nil
}

// lintFile looks at one file.
func (c *command) lintFile(file string, f *lintFlags) lintReport {
	r := lintReport{File: file, Findings: []lintFinding{}}
	src, host, err := c.source(file)
	var wf *workflow.Workflow
	if err == nil {
		wf, err = workflow.Load(src, host)
	}
	if err == nil {
		r.Findings, err = c.findings(wf, f.also)
	}
	if r.err = err; err != nil {
		if !errors.As(err, &r.Problems) {
			r.Problems = workflow.Problems{{File: file, Msg: message(err), Hint: fault.HintOf(err)}}
		}
		return r
	}
	for i := range r.Findings {
		if r.Findings[i].Level == lint.Error || f.strict {
			r.err = fault.New(fault.InvalidWorkflow, "lint found errors")
		}
	}
	r.OK = r.err == nil
	return r
}

// findings are those of lint, and of the rules that the workflow and the site have.
func (c *command) findings(wf *workflow.Workflow, also []string) ([]lintFinding, error) {
	compiler := expr.NewCompiler()
	found := lint.Check(wf, compiler, also)
	sources, err := c.ruleSources(wf)
	if err != nil {
		return nil, err
	}
	for _, s := range sources {
		found = append(found, s.enforce(wf, compiler)...)
	}
	problems := lint.Problems(wf, found)
	ofSubs, more := enforceSubs(wf, compiler)
	found, problems = append(found, ofSubs...), append(problems, more...)
	all := make([]lintFinding, len(found))
	for i, p := range problems {
		all[i] = lintFinding{Rule: found[i].Rule, Level: found[i].Level, Job: found[i].Job, Problem: p}
	}
	return all, nil
}

// maxShown is how many findings of one file are shown to a person.
const maxShown = 100

func (c *command) printLint(r *lintReport) {
	if len(r.Problems) > 0 {
		r.Problems.Format(c.Err)
		fmt.Fprintf(c.Out, "%s: not valid\n", clean(r.File))
		return
	}
	n := map[lint.Level]int{}
	var shown workflow.Problems
	for i := range r.Findings {
		n[r.Findings[i].Level]++
		if len(shown) < maxShown {
			shown = append(shown, r.Findings[i].Problem)
		}
	}
	shown.Format(c.Out)
	if more := len(r.Findings) - len(shown); more > 0 {
		fmt.Fprintf(c.Out, "and %d more\n", more)
	}
	if len(r.Findings) == 0 {
		fmt.Fprintf(c.Out, "%s: nothing found\n", clean(r.File))
		return
	}
	fmt.Fprintf(c.Out, "%s: %s, %s\n", clean(r.File), plural(n[lint.Error], "error"), plural(n[lint.Warn], "warning"))
}
