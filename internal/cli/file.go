package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/lint"
	"github.com/executionerhq/executioner/internal/nearest"
	"github.com/executionerhq/executioner/internal/policy"
	"github.com/executionerhq/executioner/internal/workflow"
)

// maxFile is the largest workflow file that is read, in bytes.
const maxFile = 1 << 30

// maxEntries is how many names of a directory are looked at for a guess.
const maxEntries = 10_000

func itoa(n int) string { return strconv.Itoa(n) }

// load reads a workflow file and tells its warnings. The error holds every problem.
func (c *command) load(path string) (*workflow.Workflow, error) { return c.reviewed(path, c.judge) }

// loadToRun is load for a file that is to be run: its validators are asked, too.
func (c *command) loadToRun(ctx context.Context, path string) (*workflow.Workflow, error) {
	return c.reviewed(path, func(wf *workflow.Workflow) (workflow.Problems, error) { return c.judgeAll(ctx, wf) })
}

// judge says what is to be said of a workflow. The error is what keeps it from being run.
type judge func(*workflow.Workflow) (workflow.Problems, error)

func (c *command) reviewed(path string, by judge) (*workflow.Workflow, error) {
	wf, err := c.parse(path)
	if err != nil {
		return nil, err
	}
	c.warn(wf.Warnings)
	err = c.review(wf, by)
	light := *wf
	light.Origin = nil // which keeps the files in memory
	return &light, err
}

// parse reads a workflow file. "-" is the standard input.
func (c *command) parse(path string) (*workflow.Workflow, error) {
	src, host, err := c.source(path)
	if err != nil {
		return nil, err
	}
	wf, err := c.loadFrom(src, host)
	return wf, c.showProblems(err)
}

// showProblems shows the problems of an error with their places, and returns it without
// them, so that none is shown twice. In JSON they are part of the error.
func (c *command) showProblems(err error) error {
	var problems workflow.Problems
	if c.json || !errors.As(err, &problems) {
		return err
	}
	problems.Format(c.Err)
	return told(err)
}

// told returns an error without the problems that are its cause: they have been shown.
func told(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	short := *f
	short.Err = nil
	return &short
}

// source reads the bytes of a workflow file and what must be known of this host.
func (c *command) source(path string) (workflow.Source, workflow.Host, error) {
	data, err := c.read(path)
	if err != nil {
		return workflow.Source{}, workflow.Host{}, err
	}
	given, err := c.given()
	if err != nil {
		return workflow.Source{}, workflow.Host{}, err
	}
	dir, err := os.Getwd()
	return workflow.Source{Name: path, Data: data}, lint.Checking(workflow.Host{
		Home: c.home(), Dir: dir, CheckDir: checkDir, Origin: true, ReadFile: readPart, Glob: filepath.Glob,
		Now: time.Now(), Zones: time.LoadLocation, Params: c.withKept(given), ParamsLater: c.later,
	}), fault.Wrap(err, fault.Unavailable, "the current directory is not known")
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
		return nil, fault.New(fault.NotFound, "there is no workflow file %s", path).WithHint("%s", instead(path))
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

// instead says what to do about a workflow file that is not there.
func instead(path string) string {
	for _, end := range []string{".yaml", ".yml", ".json"} {
		if _, err := os.Stat(path + end); err == nil {
			return "did you mean " + path + end + "?"
		}
	}
	if near := nearFile(path); near != "" {
		return "did you mean " + near + "?"
	}
	return "executioner init writes a first one"
}

// nearFile returns the workflow file beside path whose name is nearest to it, or nothing.
func nearFile(path string) string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) > maxEntries {
		return ""
	}
	var names []string
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case ".yaml", ".yml", ".json":
			names = append(names, e.Name())
		}
	}
	if near := nearest.Of(filepath.Base(path), names); near != "" {
		return filepath.Join(filepath.Dir(path), near)
	}
	return ""
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

// review tells what is to be said of a workflow.
func (c *command) review(wf *workflow.Workflow, by judge) error {
	problems, err := by(wf)
	var broken workflow.Problems
	switch {
	case err == nil:
		c.warn(problems)
	case errors.As(err, &broken) && fault.CodeOf(err) == fault.InvalidWorkflow && !c.json:
		problems.Format(c.Err)
		return told(err)
	}
	return err
}

func finding(f policy.Finding) string {
	return fmt.Sprintf("job %q: %s (%s)", string(f.Job), clean(f.Msg), f.Rule)
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
