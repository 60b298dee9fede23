package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/workflow"
)

func (c *command) mergeCommand() *cobra.Command {
	out, override := "", false
	cmd := &cobra.Command{
		Use:   "merge FILE FILE...",
		Short: "Make one workflow file of several",
		Long: `Make one workflow file of several, by the rules of includes: where two say something
different, the later file wins, and it is told. Jobs merge by id, env_variables and
the like by name; a list replaces another unless its name has a + in front. Two jobs
with the same id that differ are an error, unless --override lets the later one's
fields win: then the result means what the last file would if it included the others.
Comments are kept, except those of a YAML file with aliases.

The result must be valid. It is written to the standard output, or to the file of -o,
whose ending says the format.`,
		Example: `  executioner merge base.yaml nightly.yaml -o all.yaml
  executioner merge base.yaml test.yaml --override > test-all.yaml`,
		Args:              atLeast(2, "two or more workflow files"),
		ValidArgsFunction: completeFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			c.later = true
			return c.merge(args, out, override)
		},
	}
	cmd.Flags().BoolVar(&override, "override", false, "of jobs with the same id let the fields of the later one win")
	c.outFlag(cmd, &out)
	c.jsonFlag(cmd, "the merged file, and which file won where they differ")
	return cmd
}

func (c *command) outFlag(cmd *cobra.Command, out *string) {
	cmd.Flags().StringVarP(out, "output", "o", "", "write to this `FILE`, not to the standard output")
	_ = cmd.MarkFlagFilename("output", "yaml", "yml", "json")
}

// madeJSON is merge --json and extract --json.
type madeJSON struct {
	File  string   `json:"file,omitempty"` // that was written
	Text  string   `json:"text,omitempty"` // when none was
	Jobs  int      `json:"jobs"`
	Notes []string `json:"notes"`
}

func (c *command) merge(files []string, out string, override bool) error {
	sources := make([]workflow.Source, len(files))
	var host workflow.Host
	for i, file := range files {
		src, h, err := c.source(file)
		if err != nil {
			return err
		}
		if err := sameDirectory(src, files[0], out); err != nil {
			return err
		}
		sources[i], host = src, h
	}
	host.CheckDir = nil // whether it can run here is another question
	m, err := workflow.Merge(sources, override, outFormat(out, sources[0]))
	if err != nil {
		return c.tellProblems(err)
	}
	if m.Lost > 0 {
		m.Notes = append(m.Notes, plural(m.Lost, "comment")+" left out: JSON has none")
	}
	return c.made(out, files[0], host, m.Text, m.Notes)
}

// outFormat is the format that the name of a file asks for, or else that of the source.
func outFormat(out string, src workflow.Source) workflow.Format {
	switch strings.ToLower(filepath.Ext(out)) {
	case ".json":
		return workflow.JSON
	case ".yaml", ".yml":
		return workflow.YAML
	}
	return workflow.FormatOf(src)
}

// sameDirectory refuses a file that names others by relative paths, when it would come to
// stand in another directory.
func sameDirectory(src workflow.Source, beside, out string) error {
	fields := workflow.RelativePaths(src)
	if len(fields) == 0 {
		return nil
	}
	if out == "" {
		out = beside
	}
	if filepath.Dir(out) == filepath.Dir(src.Name) {
		return nil
	}
	return fault.New(fault.Unsupported, "%s names other files by paths that are relative to it (%s), so it can't be moved to %s",
		src.Name, strings.Join(fields, ", "), filepath.Dir(out)).WithHint("write the result beside it with -o, or write absolute paths")
}

// tellProblems prints the problems of a file that is not valid.
func (c *command) tellProblems(err error) error {
	var problems workflow.Problems
	if errors.As(err, &problems) && !c.json { // in JSON they are part of the error
		problems.Format(c.Err)
	}
	return err
}

// made checks a file that was put together, and writes it.
func (c *command) made(out, like string, host workflow.Host, text []byte, notes []string) error {
	name := out
	if name == "" {
		name = like
	}
	wf, err := workflow.Load(workflow.Source{Name: name, Data: text}, host)
	if err != nil {
		return c.tellProblems(fmt.Errorf("the result, which was not written: %w", err))
	}
	v := madeJSON{File: out, Jobs: len(wf.Jobs), Notes: append([]string{}, notes...)}
	if !c.json {
		for _, note := range notes {
			fmt.Fprintf(c.Err, "executioner: %s\n", clean(note))
		}
	}
	switch {
	case out != "":
		if err := replaceFile(out, out, text); err != nil {
			return err
		}
		if !c.json {
			return c.print(fmt.Sprintf("wrote %s: %s\n", clean(out), plural(len(wf.Jobs), "job")))
		}
	case !c.json:
		return c.print(string(text))
	default:
		v.Text = string(text)
	}
	c.printJSON(c.Out, v)
	return nil
}
