package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/policy"
	"github.com/executionerhq/executioner/internal/workflow"
)

// maxFile is the largest workflow file that is read, in bytes.
const maxFile = 1 << 30

func itoa(n int) string { return strconv.Itoa(n) }

// load reads a workflow file and tells its warnings. The error holds every problem.
func (c *command) load(path string) (*workflow.Workflow, error) {
	wf, err := c.parse(path)
	if err != nil {
		return nil, err
	}
	c.warn(wf.Warnings)
	return wf, c.review(wf)
}

// parse reads a workflow file. "-" is the standard input.
func (c *command) parse(path string) (*workflow.Workflow, error) {
	src, host, err := c.source(path)
	if err != nil {
		return nil, err
	}
	wf, err := workflow.Load(src, host)
	var problems workflow.Problems
	if errors.As(err, &problems) && !c.json { // in JSON they are part of the error
		problems.Format(c.Err)
	}
	return wf, err
}

// source reads the bytes of a workflow file and what must be known of this host.
func (c *command) source(path string) (workflow.Source, workflow.Host, error) {
	data, err := c.read(path)
	if err != nil {
		return workflow.Source{}, workflow.Host{}, err
	}
	dir, err := os.Getwd()
	return workflow.Source{Name: path, Data: data}, workflow.Host{Home: c.home(), Dir: dir, CheckDir: checkDir},
		fault.Wrap(err, fault.Unavailable, "the current directory is not known")
}

// warn tells problems that stop nothing.
func (c *command) warn(problems workflow.Problems) {
	if !c.json {
		problems.Format(c.Err)
		return
	}
	for i := range problems {
		c.printJSON(c.Err, struct {
			Warning workflow.Problem `json:"warning"`
		}{problems[i]})
	}
}

func (c *command) read(path string) ([]byte, error) {
	if path == "-" {
		data, err := io.ReadAll(io.LimitReader(c.In, maxFile))
		return data, fault.Wrap(err, fault.Unavailable, "the standard input can't be read")
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.New(fault.NotFound, "there is no workflow file %s", path).
			WithHint("executioner init writes a first one")
	case err != nil:
		return nil, fault.Wrap(err, fault.NotFound, "the workflow file can't be read")
	case info.IsDir():
		return nil, fault.New(fault.InvalidWorkflow, "%s is a directory, not a workflow file", path)
	case info.Size() > maxFile:
		return nil, fault.New(fault.InvalidWorkflow, "%s is larger than 1 GiB", path)
	}
	data, err := os.ReadFile(path)
	return data, fault.Wrap(err, fault.Unavailable, "the workflow file can't be read")
}

// checkDir says what keeps a directory from being worked in.
func checkDir(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("the directory does not exist")
	case err != nil:
		return err
	case !info.IsDir():
		return errors.New("it is not a directory")
	case unix.Access(path, unix.R_OK|unix.X_OK) != nil:
		return errors.New("the directory can't be read")
	case unix.Access(path, unix.W_OK) != nil:
		return errors.New("the directory can't be written to")
	}
	return nil
}

// review holds the commands against the workflow's security policy.
func (c *command) review(wf *workflow.Workflow) error {
	findings := policy.Review(wf)
	if err := policy.Refused(wf, findings); err != nil {
		return err
	}
	problems := make(workflow.Problems, len(findings))
	for i, f := range findings {
		problems[i] = workflow.Problem{File: wf.File, Msg: finding(f), Warning: true}
	}
	c.warn(problems)
	return nil
}

func finding(f policy.Finding) string {
	return fmt.Sprintf("job %s: %s (%s)", clean(string(f.Job)), clean(f.Msg), f.Rule)
}

// name returns a path as it is shown: relative when it is below the current directory.
func name(path string) string {
	if dir, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
			return rel
		}
	}
	return path
}
