package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/nearest"
	"github.com/executionerhq/executioner/internal/scheduler"
	"github.com/executionerhq/executioner/internal/trigger"
	"github.com/executionerhq/executioner/internal/workflow"
)

// testedTrigger is trigger test --json.
type testedTrigger struct {
	Trigger string            `json:"trigger"`
	Kind    string            `json:"kind"`
	Params  map[string]string `json:"params,omitempty"` // of a webhook: what the body gives
	Files   []testedFile      `json:"files,omitempty"`  // of files: those that are there
}

type testedFile struct {
	Path     string    `json:"path"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	Done     bool      `json:"done,omitempty"` // its marker is there
}

func (c *command) triggerTestCommand() *cobra.Command {
	var body string
	cmd := &cobra.Command{
		Use:   "test FILE TRIGGER",
		Short: "Show what a trigger of a workflow file would run",
		Long: `Show what a trigger of a workflow file would make of a request's body, or which files it
finds now. Nothing is run, recorded or sent, and no signature is needed.`,
		Example: `  executioner trigger test build.yaml pushed --body event.json
  executioner trigger test load.yaml arrived`,
		Args:              exactly(2, "the workflow file and the name of a trigger"),
		ValidArgsFunction: completeOneFile,
		RunE:              func(_ *cobra.Command, args []string) error { return c.testTrigger(args[0], args[1], body) },
	}
	cmd.Flags().StringVar(&body, "body", "", "`FILE` with the body of a request, - is the standard input")
	_ = cmd.MarkFlagFilename("body", "json")
	c.jsonFlag(cmd, "the values of parameters, or the files")
	return cmd
}

func (c *command) testTrigger(file, name, body string) error {
	c.later = true
	wf, err := c.load(file)
	if err != nil {
		return err
	}
	t := wf.Trigger(name)
	if t == nil {
		names := make([]string, len(wf.Triggers))
		for i := range wf.Triggers {
			names[i] = wf.Triggers[i].Name
		}
		e := fault.New(fault.NotFound, "%s has no trigger %q", file, name)
		if near := nearest.Of(name, names); near != "" {
			return e.WithHint("did you mean %q?", near)
		}
		return e.WithHint("there are: %s", orNone(names))
	}
	out := testedTrigger{Trigger: name, Kind: string(t.Kind)}
	if t.Kind == workflow.FilesTrigger {
		err = out.look(t)
	} else {
		err = c.readBody(&out, wf, t, body)
	}
	if err != nil {
		return err
	}
	return c.printTested(&out)
}

// look finds the files that are there.
func (out *testedTrigger) look(t *workflow.Trigger) error {
	found, err := scheduler.ListFiles(t)
	for _, f := range found {
		out.Files = append(out.Files, testedFile{f.Path, f.Size, f.Modified.UTC(), f.Done})
	}
	return err
}

// mostBody is how large a request may be, in bytes.
const mostBody = 1 << 20

// readBody finds what a request gives.
func (c *command) readBody(out *testedTrigger, wf *workflow.Workflow, t *workflow.Trigger, file string) error {
	in := c.In
	if file != "" && file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return fault.Wrap(err, fault.NotFound, "the body of the request can't be read")
		}
		defer f.Close()
		in = f
	}
	var data []byte
	if file != "" {
		var err error
		if data, err = io.ReadAll(io.LimitReader(in, mostBody+1)); err != nil || len(data) > mostBody {
			return fault.New(fault.Usage, "the body of the request can't be read, or is larger than 1 MiB")
		}
	}
	values, err := trigger.Values(t.Fields, data)
	if err == nil {
		err = scheduler.Usable(wf.Params, t, values, time.Now())
	}
	out.Params = map[string]string{}
	for _, v := range values {
		out.Params[v.Name] = v.Value
	}
	return err
}

func (c *command) printTested(out *testedTrigger) error {
	if c.json {
		c.printJSON(c.Out, out)
		return nil
	}
	var t table
	if out.Kind == string(workflow.FilesTrigger) {
		t.add("FILE", "BYTES", "CHANGED", "MARKER")
		for _, f := range out.Files {
			marker := ""
			if f.Done {
				marker = "there"
			}
			t.add(oneLine(f.Path), fmt.Sprint(f.Size), stamp(&f.Modified), marker)
		}
		return t.print(c.Out, "", c.headline)
	}
	t.add("PARAMETER", "VALUE")
	for _, name := range sortedNames(out.Params) {
		t.add(oneLine(name), oneLine(out.Params[name]))
	}
	return t.print(c.Out, "", c.headline)
}
