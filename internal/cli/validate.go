package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/workflow"
)

func (c *command) validateCommand() *cobra.Command {
	noValidators, strict := false, false
	cmd := &cobra.Command{
		Use:   "validate FILE...",
		Short: "Check workflow files without running them",
		Long: `Check workflow files: every problem of every file is told, each with its place.
No job is run and nothing is recorded; programs that a file names as its validators are
asked, unless --no-validators is given. The exit code is 0 when all files are valid,
3 when one is not, 4 when one is not there. With --strict a file with warnings is not.
With a server (--server, EXECUTIONER_SERVER) the server is asked, too, which takes a role
that may run files.`,
		Example: `  executioner validate nightly.yaml
  executioner validate flows/*.json --json | jq '.files[] | select(.ok | not)'`,
		Args:              atLeast(1, "a workflow file"),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			by := func(wf *workflow.Workflow) (workflow.Problems, error) { return c.judgeAll(cmd.Context(), wf) }
			if noValidators {
				by = c.judge
			}
			if c.remotely() {
				by = c.judgeThere(cmd.Context(), by)
			}
			return c.validate(args, by, strict)
		},
	}
	cmd.Flags().BoolVar(&noValidators, "no-validators", false, "run no validators of the files: for files that are not trusted")
	cmd.Flags().BoolVar(&strict, "strict", false, "warnings count as errors")
	c.paramFlag(cmd)
	c.jsonFlag(cmd, "the files with their problems")
	return cmd
}

// fileReport is what validate finds out about one file.
type fileReport struct {
	File        string             `json:"file"`
	OK          bool               `json:"ok"`
	Application string             `json:"application,omitempty"`
	Jobs        int                `json:"jobs"`
	Tests       int                `json:"tests,omitempty"` // of a test file
	Problems    []workflow.Problem `json:"problems"`        // errors and warnings, in the order of the file

	err         error
	thereFailed bool // err came from asking who judges it
}

func (c *command) validate(files []string, by judge, strict bool) error {
	var refused error
	c.later = true // whether a value is given says nothing about a file
	reports := make([]fileReport, len(files))
	code := fault.ExitOK
	for i, file := range files {
		reports[i] = c.examine(file, by)
		if reports[i].refused() {
			refused = reports[i].err
			break
		}
		if strict && reports[i].OK && len(reports[i].Problems) > 0 {
			reports[i].OK, reports[i].err = false, fault.New(fault.InvalidWorkflow, "there are warnings")
		}
		if got := fault.ExitCode(reports[i].err); code == fault.ExitOK || fault.CodeOf(reports[i].err) == fault.InvalidWorkflow {
			code = got
		}
		if !c.json {
			c.printFileReport(&reports[i])
		}
	}
	if refused != nil { // nothing is known of the file
		return refused
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

// refused reports whether a server did not say anything about the file.
func (r *fileReport) refused() bool {
	switch fault.CodeOf(r.err) {
	case fault.Forbidden, fault.Unauthorized, fault.RateLimited, fault.Unavailable:
		return r.thereFailed
	}
	return false
}

// examine looks at one file.
func (c *command) examine(file string, by judge) fileReport {
	r := fileReport{File: file, Problems: []workflow.Problem{}}
	src, host, err := c.source(file)
	if err != nil {
		r.fail(err)
		return r
	}
	var wf *workflow.Workflow
	_, isTest := workflow.IsTestFile(file)
	if isTest {
		err = r.examineTests(src)
	} else {
		wf, err = c.loadFrom(src, host)
	}
	var problems workflow.Problems
	if errors.As(err, &problems) {
		r.Problems, r.err = problems, err
		return r
	}
	if err != nil {
		r.fail(err)
		return r
	}
	if isTest {
		r.OK = true
		return r
	}
	r.Application, r.Jobs = wf.Application, len(wf.Jobs)
	r.Problems = append(r.Problems, wf.Warnings...)
	found, err := by(wf)
	r.thereFailed = err != nil && c.remotely()
	if r.err = err; err != nil && fault.CodeOf(err) != fault.InvalidWorkflow {
		r.fail(err)
		return r
	}
	r.Problems = append(r.Problems, found...)
	r.OK = r.err == nil
	return r
}

// examineTests looks at a file of tests.
func (r *fileReport) examineTests(src workflow.Source) error {
	tests, err := workflow.LoadTests(src)
	if err == nil {
		r.Tests = len(tests.Cases)
	}
	return err
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
	if fault.CodeOf(r.err) == fault.InvalidConfig { // the file may be good
		fmt.Fprintf(c.Out, "%s: not checked: the rules of this site can't be used\n", clean(r.File))
		return
	}
	if r.OK {
		what := plural(r.Jobs, "job")
		if r.Tests > 0 {
			what = plural(r.Tests, "test")
		}
		fmt.Fprintf(c.Out, "%s: ok: %s\n", clean(r.File), what)
		return
	}
	n := 0
	for i := range r.Problems {
		if !r.Problems[i].Warning {
			n++
		}
	}
	if n == 0 {
		fmt.Fprintf(c.Out, "%s: not valid with --strict: %s\n", clean(r.File), plural(len(r.Problems), "warning"))
		return
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
