package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/policy"
	"github.com/executionerhq/executioner/internal/workflow"
)

func (c *command) validateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate FILE...",
		Short: "Check workflow files without running them",
		Long: `Check workflow files: every problem of every file is told, each with its place.
Nothing is run and nothing is recorded. The exit code is 0 when all files are valid,
3 when one is not, 4 when one is not there.`,
		Example: `  executioner validate nightly.yaml
  executioner validate flows/*.json --json | jq '.files[] | select(.ok | not)'`,
		Args:              atLeast(1, "a workflow file"),
		ValidArgsFunction: completeFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			return c.validate(args)
		},
	}
	c.jsonFlag(cmd, "the files with their problems")
	return cmd
}

// fileReport is what validate finds out about one file.
type fileReport struct {
	File        string             `json:"file"`
	OK          bool               `json:"ok"`
	Application string             `json:"application,omitempty"`
	Jobs        int                `json:"jobs"`
	Problems    []workflow.Problem `json:"problems"` // errors and warnings, in the order of the file

	err error
}

func (c *command) validate(files []string) error {
	reports := make([]fileReport, len(files))
	code := fault.ExitOK
	for i, file := range files {
		reports[i] = c.examine(file)
		if got := fault.ExitCode(reports[i].err); code == fault.ExitOK || fault.CodeOf(reports[i].err) == fault.InvalidWorkflow {
			code = got
		}
		if !c.json {
			c.printFileReport(&reports[i])
		}
	}
	if c.json {
		c.printJSON(c.Out, struct {
			Files []fileReport `json:"files"`
		}{reports})
	}
	if code != fault.ExitOK {
		return status(code)
	}
	return nil
}

// examine looks at one file.
func (c *command) examine(file string) fileReport {
	r := fileReport{File: file, Problems: []workflow.Problem{}}
	src, host, err := c.source(file)
	if err != nil {
		r.fail(err)
		return r
	}
	wf, err := workflow.Load(src, host)
	var problems workflow.Problems
	if errors.As(err, &problems) {
		r.Problems, r.err = problems, err
		return r
	}
	if err != nil {
		r.fail(err)
		return r
	}
	r.Application, r.Jobs = wf.Application, len(wf.Jobs)
	r.Problems = append(r.Problems, wf.Warnings...)
	findings := policy.Review(wf)
	r.err = policy.Refused(wf, findings)
	for _, f := range findings {
		p := workflow.Problem{File: file, Msg: finding(f), Warning: r.err == nil || f.Level == policy.Warning}
		if !p.Warning {
			p.Hint = fault.HintOf(r.err)
		}
		r.Problems = append(r.Problems, p)
	}
	r.OK = r.err == nil
	return r
}

// fail adds a problem that is about no place in the file.
func (r *fileReport) fail(err error) {
	r.err = err
	r.Problems = append(r.Problems, workflow.Problem{File: r.File, Msg: message(err), Hint: fault.HintOf(err)})
}

func (c *command) printFileReport(r *fileReport) {
	if len(r.Problems) > 0 {
		workflow.Problems(r.Problems).Format(c.Err)
	}
	if r.OK {
		fmt.Fprintf(c.Out, "%s: ok: %s\n", clean(r.File), plural(r.Jobs, "job"))
		return
	}
	n := 0
	for i := range r.Problems {
		if !r.Problems[i].Warning {
			n++
		}
	}
	fmt.Fprintf(c.Out, "%s: not valid: %s\n", clean(r.File), plural(n, "problem"))
}

// plural writes a number of things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return itoa(n) + " " + thing + "s"
}
