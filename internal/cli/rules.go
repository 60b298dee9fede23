package cli

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"

	"github.com/executionerhq/executioner/internal/expr"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/lint"
	"github.com/executionerhq/executioner/internal/policy"
	"github.com/executionerhq/executioner/internal/workflow"
)

// rulesVariable names the one file of rules that counts beside those of the workflow.
const rulesVariable = "EXECUTIONER_RULES"

// siteRules is the file of rules for all workflows of this host.
const siteRules = "/etc/executioner/rules.yaml"

// ruleFiles returns the files of rules that may be there, and whether they must be.
func (c *command) ruleFiles() (files []string, must bool) {
	if file := c.getenv(rulesVariable); file != "" {
		return []string{file}, true
	}
	files = []string{siteRules}
	if config := cmp.Or(c.getenv("XDG_CONFIG_HOME"), filepath.Join(c.home(), ".config")); filepath.IsAbs(config) {
		files = append(files, filepath.Join(config, "executioner", "rules.yaml"))
	}
	return files, false
}

// ruleSource is rules of one file.
type ruleSource struct {
	rules []workflow.Rule
	file  string // empty: the workflow's own
}

// enforce holds a workflow against the rules.
func (s *ruleSource) enforce(wf *workflow.Workflow, compiler *expr.Compiler) []lint.Finding {
	found := lint.Enforce(wf, s.rules, compiler)
	for i := range found {
		if s.file != "" {
			found[i].Hint = "the rule is in " + s.file
		}
	}
	return found
}

// ruleSources returns the rules of a workflow and those of the site.
func (c *command) ruleSources(wf *workflow.Workflow) ([]ruleSource, error) {
	var all []ruleSource
	if wf.Origin != nil {
		all = append(all, ruleSource{rules: wf.Origin.Rules})
	}
	files, must := c.ruleFiles()
	for _, file := range files {
		rules, err := c.loadRules(file, must)
		if err != nil {
			return nil, err
		}
		all = append(all, ruleSource{rules, file})
	}
	return all, nil
}

// enforce holds a workflow against its rules and those of the site.
func (c *command) enforce(wf *workflow.Workflow) (workflow.Problems, error) {
	sources, err := c.ruleSources(wf)
	if err != nil {
		return nil, err
	}
	compiler := expr.NewCompiler()
	var found []lint.Finding
	for _, s := range sources {
		found = append(found, s.enforce(wf, compiler)...)
	}
	_, problems := enforceSubs(wf, compiler)
	return append(lint.Problems(wf, found), problems...), nil
}

// enforceSubs holds the sub-workflows of a workflow against the rules that they have
// themselves. What is found in several of them alike is told once.
func enforceSubs(wf *workflow.Workflow, compiler *expr.Compiler) (found []lint.Finding, problems workflow.Problems) {
	if wf.Origin == nil {
		return nil, nil
	}
	told := map[workflow.Problem]bool{}
	for _, sub := range wf.Origin.Subs {
		broken := lint.Enforce(sub, sub.Origin.Rules, compiler)
		for i, p := range lint.Problems(sub, broken) {
			if !told[p] {
				told[p] = true
				found, problems = append(found, broken[i]), append(problems, p)
			}
		}
	}
	return found, problems
}

// loadRules reads a file of rules. One that need not be there has none.
func (c *command) loadRules(file string, must bool) ([]workflow.Rule, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) && !must {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.InvalidConfig, "the file of rules can't be read")
	}
	o, warnings, err := workflow.LoadRules(workflow.Source{Name: file, Data: data}, lint.Checking(workflow.Host{}))
	var problems workflow.Problems
	if errors.As(err, &problems) && !c.json {
		problems.Format(c.Err)
		err = told(err)
	}
	if err != nil {
		return nil, err
	}
	c.warn(warnings)
	return o.Rules, nil
}

// judge says what the security policy and the rules find in a workflow. The error is
// what keeps it from being run.
func (c *command) judge(wf *workflow.Workflow) (workflow.Problems, error) {
	findings := policy.Review(wf)
	refused := policy.Refused(wf, findings)
	problems := policyProblems(wf, findings, refused)
	broken, err := c.enforce(wf)
	if err != nil {
		return problems, err
	}
	problems = append(problems, broken...)
	for i := range broken {
		if refused == nil && !broken[i].Warning {
			refused = &fault.Error{Code: fault.InvalidWorkflow, Msg: "the workflow does not keep the rules", Err: broken}
		}
	}
	return problems, refused
}

// policyProblems gives findings their place.
func policyProblems(wf *workflow.Workflow, findings []policy.Finding, refused error) workflow.Problems {
	notes := make([]workflow.Note, len(findings))
	for i, f := range findings {
		notes[i] = workflow.Note{Pos: wf.Origin.At(f.Job, "command"), Msg: finding(f), Warning: refused == nil || f.Level == policy.Warning}
		if !notes[i].Warning {
			notes[i].Hint = fault.HintOf(refused)
		}
	}
	problems := wf.Origin.Problems(notes)
	for i := range problems {
		problems[i].File = cmp.Or(problems[i].File, wf.File)
	}
	return problems
}
