package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/lint"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Problem is one thing that is wrong with a workflow.
type Problem struct {
	Message string
	Hint    string // what to do about it; may be empty
	Text    string // the line of the JSON text that it is about; may be empty
	Warning bool   // it does not keep the workflow from running
}

// InvalidError says what is wrong with a workflow: all of it, warnings included.
type InvalidError struct {
	Problems []Problem // at least one is no warning
}

// Error names the first problem, and how many more there are.
func (e *InvalidError) Error() string {
	var first string
	more := -1
	for _, p := range e.Problems {
		if p.Warning {
			continue
		}
		if more++; more == 0 {
			first = p.Message
		}
	}
	if more > 0 {
		return fmt.Sprintf("the workflow is not valid: %s (and %d more)", first, more)
	}
	return "the workflow is not valid: " + first
}

// Validate says what is wrong with the workflow, by the rules of executioner validate. The
// error is an *InvalidError. Relative paths of files that it includes are resolved
// against the current directory, and these files are read. Whether its directories
// exist is not looked at: it may be meant for another host.
func (w Workflow) Validate() error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	text, err := w.JSON()
	if err != nil {
		return err
	}
	return validate(text, dir)
}

// validate loads the JSON text of a workflow that is to stand in a directory.
func validate(text []byte, dir string) error {
	home, _ := os.UserHomeDir() // without one ~ is a problem of the file
	_, err := workflow.Load(workflow.Source{Name: "workflow.json", Data: text}, lint.Checking(workflow.Host{
		Home: home, Dir: dir, ReadFile: os.ReadFile, Glob: filepath.Glob, Now: time.Now(), Zones: time.LoadLocation, ParamsLater: true,
	}))
	var problems workflow.Problems
	if !errors.As(err, &problems) {
		return err
	}
	invalid := &InvalidError{}
	for _, p := range problems {
		invalid.Problems = append(invalid.Problems, Problem{Message: p.Msg, Hint: p.Hint, Text: p.Text, Warning: p.Warning})
	}
	return invalid
}

// JSON returns the workflow as the text of a JSON file, formatted as executioner fmt does.
// It need not be valid.
func (w Workflow) JSON() ([]byte, error) { return w.print(workflow.JSON) }

// YAML returns the workflow as the text of a YAML file, formatted as executioner fmt does.
// It need not be valid.
func (w Workflow) YAML() ([]byte, error) { return w.print(workflow.YAML) }

func (w Workflow) print(to workflow.Format) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(w); err != nil {
		return nil, fmt.Errorf("the workflow can't be written: %w", err)
	}
	p, err := workflow.Print(workflow.Source{Name: "workflow.json", Data: b.Bytes()}, to)
	if err != nil {
		return nil, fmt.Errorf("the workflow can't be written: %w", err)
	}
	return p.Text, nil
}

// WriteFile validates the workflow and writes it to a file: JSON when the name ends in
// .json, else YAML. Another program sees the file as it was or as it shall be, also
// after a loss of power; one that is there keeps its mode, a new one gets 0644.
func (w Workflow) WriteFile(path string) error {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	text, err := w.JSON()
	if err != nil {
		return err
	}
	if err := validate(text, filepath.Dir(absolute)); err != nil {
		return err
	}
	if strings.ToLower(filepath.Ext(path)) != ".json" {
		if text, err = w.YAML(); err != nil {
			return err
		}
	}
	return replace(absolute, text)
}

// replace writes a file beside the old one and puts it in its place. A symbolic link stays one.
func replace(path string, data []byte) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // it is gone when all went well
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
