package cli

import (
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/workflow"
)

// maxPart is the largest file that a workflow file may include, in bytes: the limit of
// what all may have together.
const maxPart = 64 << 20

// readPart reads a file that a workflow file includes.
func readPart(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("it is a directory")
	}
	return io.ReadAll(io.LimitReader(f, maxPart+1))
}

func (c *command) showCommand() *cobra.Command {
	var origin bool
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "Show a workflow file with its includes, templates and defaults put in place",
		Long: `Show a workflow as one file: what it includes, the templates that its jobs extend, its
defaults and its environment files are put in place. Nothing is run.

With --origin a comment behind each field says where it comes from: file and line, and
the template or default_ field that it came through; "default" stands behind what no
file says. Secrets are shown as ***.`,
		Example: `  executioner show nightly.yaml
  executioner show nightly.yaml --origin
  executioner show nightly.yaml --origin --json | jq '.origins[] | select(.default | not)'`,
		Args:              exactly(1, "the workflow file"),
		ValidArgsFunction: completeFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			return c.showFile(args[0], origin)
		},
	}
	cmd.Flags().BoolVar(&origin, "origin", false, "say where each field comes from, and show the defaults, too")
	c.jsonFlag(cmd, "the workflow, the files that were read, and with --origin where each field comes from")
	return cmd
}

// showJSON is show --json.
type showJSON struct {
	File     string                `json:"file"`
	Files    []string              `json:"files"` // that were read besides it
	Workflow json.RawMessage       `json:"workflow"`
	Origins  []workflow.Provenance `json:"origins,omitempty"`
}

func (c *command) showFile(file string, origin bool) error {
	c.later = true // what values parameters get says nothing about a file
	src, host, err := c.source(file)
	if err != nil {
		return err
	}
	made, err := workflow.Compose(src, host)
	var problems workflow.Problems
	if errors.As(err, &problems) && !c.json { // in JSON they are part of the error
		problems.Format(c.Err)
	}
	if err != nil {
		return err
	}
	c.warn(made.Workflow.Warnings)
	how := workflow.Show{Origins: origin, Hide: hiding(made.Workflow)}
	if c.json {
		how.To = workflow.JSON
	}
	text, origins := made.Print(how)
	if c.json {
		c.printJSON(c.Out, showJSON{file, append([]string{}, made.Workflow.Files...), text, origins})
		return nil
	}
	_, err = c.Out.Write(text)
	return fault.Wrap(err, fault.Unavailable, "the workflow can't be written")
}

// hiding returns what hides the secrets of a workflow wherever they stand in it.
func hiding(wf *workflow.Workflow) func(field, text string) string {
	var secrets []string
	collect := func(vars []workflow.Var) {
		for _, v := range vars {
			if mask.SecretName(v.Name) {
				secrets = append(secrets, v.Value)
			}
		}
	}
	collect(wf.Env)
	for i := range wf.Jobs {
		collect(wf.Jobs[i].Env)
	}
	masker := mask.New(append(secrets, wf.Mail.Password))
	return func(field, text string) string {
		if mask.SecretName(field) && text != "" {
			return mask.Replacement
		}
		return masker.String(text)
	}
}
