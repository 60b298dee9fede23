package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/lint"
	"github.com/executionerhq/executioner/internal/trial"
	"github.com/executionerhq/executioner/internal/workflow"
)

func (c *command) testCommand() *cobra.Command {
	only := ""
	cmd := &cobra.Command{
		Use:   "test FILE...",
		Short: "Run the tests of workflow files, without starting a job",
		Long: `Run the tests of workflow files. The tests of nightly.yaml are in nightly.test.yaml beside
it; FILE is either of the two. A test says how jobs end (they succeed unless it says
otherwise) and what is expected: states, reasons, order, tries, environment, duration.
The workflow is read and planned as for a run, with a clock of its own; no process is
started, no secret is read, and nothing is inherited from this shell.

The exit code is 1 when a test fails, and 3 when a test file is not valid.`,
		Example: `  executioner test nightly.yaml
  executioner test *.test.yaml --run 'load fails' --json`,
		Args:              atLeast(1, "a workflow file or a test file"),
		ValidArgsFunction: completeFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			pattern, err := regexp.Compile(only)
			if err != nil {
				return fault.New(fault.Usage, "--run %q is no regular expression: %v", only, err)
			}
			return c.test(args, pattern)
		},
	}
	cmd.Flags().StringVar(&only, "run", "", "run only the tests whose name matches this regular expression, `PATTERN`")
	c.jsonFlag(cmd, "the files with their tests and what was not as expected")
	return cmd
}

// testReport is what came of the tests of one file.
type testReport struct {
	File     string       `json:"file"`
	Workflow string       `json:"workflow,omitempty"`
	OK       bool         `json:"ok"`
	Tests    []testResult `json:"tests"`
	// Problems are those of a test file that is not valid, or not there.
	Problems workflow.Problems `json:"problems,omitempty"`

	code fault.Code // of a file whose tests can't be run; empty: they were
}

type testResult struct {
	Name        string             `json:"name"`
	OK          bool               `json:"ok"`
	Differences []trial.Difference `json:"differences,omitempty"`
}

func (c *command) test(files []string, only *regexp.Regexp) error {
	reports := make([]*testReport, len(files))
	code := fault.ExitOK
	for i, file := range files {
		r := c.testFile(file, only)
		reports[i] = r
		switch {
		case r.code != "":
			code = fault.ExitCode(fault.New(r.code, "the tests can't be run"))
		case !r.OK:
			code = cmp.Or(code, fault.ExitJobFailed)
		}
		if !c.json {
			c.printTests(r)
		}
	}
	if c.json {
		c.printJSON(c.Out, struct {
			OK    bool          `json:"ok"`
			Files []*testReport `json:"files"`
		}{code == fault.ExitOK, reports})
	}
	if code != fault.ExitOK {
		return status(code)
	}
	return nil
}

// testFile runs the tests of one file.
func (c *command) testFile(file string, only *regexp.Regexp) *testReport {
	r := &testReport{File: file, Tests: []testResult{}}
	if err := c.runTests(r, only); err != nil {
		r.OK, r.code = false, fault.CodeOf(err)
		if !errors.As(err, &r.Problems) {
			r.Problems = workflow.Problems{{Msg: message(err), Hint: fault.HintOf(err)}}
		}
	}
	return r
}

func (c *command) runTests(r *testReport, only *regexp.Regexp) error {
	var err error
	if r.File, err = testsOf(r.File); err != nil {
		return err
	}
	data, err := c.read(r.File)
	if err != nil {
		return err
	}
	tests, err := workflow.LoadTests(workflow.Source{Name: r.File, Data: data})
	if err != nil {
		return err
	}
	if r.Workflow, err = testedBy(r.File, tests.Workflow); err != nil {
		return err
	}
	cfg, err := c.trial(r.Workflow, tests)
	if err != nil {
		return err
	}
	r.OK = true
	var problems workflow.Problems
	for i := range tests.Cases {
		if !only.MatchString(tests.Cases[i].Name) {
			continue
		}
		v, err := trial.Run(cfg, &tests.Cases[i])
		if err != nil {
			return err
		}
		problems = append(problems, v.Problems...)
		r.Tests = append(r.Tests, testResult{v.Case.Name, v.OK(), v.Differences})
		r.OK = r.OK && v.OK()
	}
	if len(problems) > 0 {
		return &fault.Error{Code: fault.InvalidWorkflow, Msg: "the test file is not valid", Err: problems}
	}
	return nil
}

// trial returns what the tests of a workflow are run with. What the host is like makes no
// difference to them.
func (c *command) trial(file string, tests *workflow.Tests) (trial.Config, error) {
	data, err := c.read(file)
	if err != nil {
		return trial.Config{}, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return trial.Config{}, fault.Wrap(err, fault.Unavailable, "the current directory is not known")
	}
	host := lint.Checking(workflow.Host{Home: c.home(), Dir: dir, Zones: time.LoadLocation, ReadFile: readPart, Glob: filepath.Glob})
	load := func(given []workflow.Given, now time.Time) (*workflow.Workflow, error) {
		host.Params, host.Now = given, now
		return workflow.Load(workflow.Source{Name: file, Data: data}, host)
	}
	cfg := trial.Config{Tests: tests, Load: load, Conditions: c.Conditions}
	look := host
	look.ParamsLater, look.Now = true, time.Now()
	if wf, err := workflow.Load(workflow.Source{Name: file, Data: data}, look); err == nil {
		cfg.Declared = append([]workflow.Param{}, wf.Params...)
	}
	return cfg, nil
}

// testsOf returns the test file of a workflow file, or the file itself when it is one.
func testsOf(file string) (string, error) {
	if _, is := workflow.IsTestFile(file); is {
		return file, nil
	}
	if _, err := os.Stat(file); err != nil {
		return file, nil // whoever reads it says so
	}
	stem := strings.TrimSuffix(file, filepath.Ext(file))
	return beside(stem, []string{".test.yaml", ".test.yml", ".test.json"}, func() error {
		return fault.New(fault.NotFound, "%s has no tests", file).WithHint("write them to %s; docs/testing.md has an example", stem+".test.yaml")
	})
}

// testedBy returns the workflow file of a test file.
func testedBy(file, named string) (string, error) {
	if named != "" {
		if filepath.IsAbs(named) {
			return named, nil
		}
		return filepath.Join(filepath.Dir(file), named), nil
	}
	stem, _ := workflow.IsTestFile(file)
	return beside(stem, []string{".yaml", ".yml", ".json"}, func() error {
		return fault.New(fault.NotFound, "there is no workflow file beside %s", file).WithHint("name it there: workflow: FILE")
	})
}

// beside returns the file that is there with one of these extensions.
func beside(stem string, extensions []string, none func() error) (string, error) {
	for _, ext := range extensions {
		if _, err := os.Stat(stem + ext); err == nil {
			return stem + ext, nil
		}
	}
	return stem, none()
}

func (c *command) printTests(r *testReport) {
	if len(r.Problems) > 0 {
		r.Problems.Format(c.Err)
		fmt.Fprintf(c.Out, "FAIL  %s: its tests can't be run\n", clean(r.File))
		return
	}
	passed := 0
	for i := range r.Tests {
		if t := &r.Tests[i]; t.OK {
			passed++
		} else {
			c.printFailed(t)
		}
	}
	switch {
	case len(r.Tests) == 0:
		fmt.Fprintf(c.Out, "ok    %s: no test has such a name\n", clean(r.File))
	case r.OK:
		fmt.Fprintf(c.Out, "%s    %s: %s\n", c.paint().green("ok"), clean(r.File), plural(passed, "test"))
	default:
		fmt.Fprintf(c.Out, "%s  %s: %d of %s failed\n", c.paint().red("FAIL"), clean(r.File), len(r.Tests)-passed, plural(len(r.Tests), "test"))
	}
}

func (c *command) printFailed(t *testResult) {
	fmt.Fprintf(c.Out, "--- %s  %s\n", c.paint().red("FAIL"), oneLine(t.Name))
	for _, d := range t.Differences {
		fmt.Fprintf(c.Out, "    %s\n      want  %s\n      got   %s\n", oneLine(d.What), oneLine(d.Want),
			strings.ReplaceAll(clean(d.Got), "\n", "\n            "))
	}
}
