package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/workflow"
)

// fmtFlags say what fmt does with what it formats.
type fmtFlags struct {
	check bool
	diff  bool
	to    string
}

func (c *command) fmtCommand() *cobra.Command {
	f := &fmtFlags{}
	cmd := &cobra.Command{
		Use:   "fmt FILE...",
		Short: "Format workflow files, and convert between YAML and JSON",
		Long: `Format workflow files in place: indented by two, fields in the order of the
documentation (jobs last), one blank line between jobs. Comments, the spelling of
values, anchors and aliases are kept, and what a file says is not changed: that is
checked before it is written. A file that can't be read is refused and left alone; one
with wrong or unknown fields is formatted.

With --check nothing is written; files that would change are named and the exit code is
1. With --diff the changes are shown and nothing is written. With --to the result goes
to a new file beside the old one, with that ending; JSON has no comments, so they are
left out, and told. - is the standard input, written to the standard output.`,
		Example: `  executioner fmt nightly.yaml
  executioner fmt --check flows/*.yaml
  executioner fmt nightly.json --to yaml`,
		Args:              atLeast(1, "a workflow file"),
		ValidArgsFunction: completeFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			if f.to != "" {
				if err := oneOf("to", f.to, "yaml", "json"); err != nil {
					return err
				}
			}
			return c.format(args, f)
		},
	}
	cmd.Flags().BoolVar(&f.check, "check", false, "write nothing; name the files that would change, and end with 1 if there are any")
	cmd.Flags().BoolVar(&f.diff, "diff", false, "write nothing; show what would change")
	cmd.Flags().StringVar(&f.to, "to", "", "convert to this `FORMAT`: yaml or json")
	c.completeFlag(cmd, "to", completeWords("yaml", "json"))
	c.jsonFlag(cmd, "the files, and whether each was changed")
	return cmd
}

// formatted is what fmt did with one file.
type formatted struct {
	File     string             `json:"file"`
	To       string             `json:"to,omitempty"` // the file that was or would be written; missing when nothing changes
	Changed  bool               `json:"changed"`
	Written  bool               `json:"written"`
	Lost     int                `json:"comments_lost,omitempty"`
	Diff     string             `json:"diff,omitempty"`
	Text     string             `json:"text,omitempty"` // of the standard input
	Problems []workflow.Problem `json:"problems,omitempty"`
}

// format formats files. One that can't be read does not keep the others from it.
func (c *command) format(files []string, f *fmtFlags) error {
	all := []formatted{}
	var failed error
	changed := false
	for _, file := range files {
		r, err := c.formatFile(file, f)
		if err != nil {
			if len(files) == 1 && c.json {
				return err
			}
			failed = c.formatFailed(&r, err, failed)
		}
		changed = changed || r.Changed
		all = append(all, r)
	}
	if c.json {
		c.printJSON(c.Out, struct {
			Files []formatted `json:"files"`
		}{all})
	}
	switch {
	case failed != nil:
		return status(fault.ExitCode(failed))
	case f.check && changed:
		return status(fault.ExitJobFailed)
	}
	return nil
}

// formatFailed tells why a file was not formatted, and returns the first such error.
func (c *command) formatFailed(r *formatted, err, before error) error {
	var problems workflow.Problems
	if errors.As(err, &problems) {
		r.Problems = problems
		if !c.json {
			problems.Format(c.Err)
			fmt.Fprintf(c.Err, "executioner: %s was left alone: it can't be read\n", clean(r.File))
		}
	} else {
		r.Problems = []workflow.Problem{{File: r.File, Msg: message(err), Hint: fault.HintOf(err)}}
		if !c.json {
			c.report(err)
		}
	}
	if before != nil {
		return before
	}
	return err
}

func (c *command) formatFile(file string, f *fmtFlags) (formatted, error) {
	r := formatted{File: file}
	data, err := c.read(file)
	if err != nil {
		return r, err
	}
	src := workflow.Source{Name: file, Data: data}
	p, err := workflow.Print(src, workflow.Format(f.to))
	if err != nil {
		return r, err
	}
	r.Lost = p.Lost
	convert := f.to != "" && workflow.Format(f.to) != workflow.FormatOf(src)
	r.Changed = convert || !bytes.Equal(data, p.Text)
	if r.Changed {
		r.To = file
	}
	if convert && file != "-" {
		r.To = strings.TrimSuffix(file, filepath.Ext(file)) + "." + f.to
	}
	if p.Lost > 0 && !c.json {
		fmt.Fprintf(c.Err, "executioner: %s: %s left out: JSON has none\n", clean(file), plural(p.Lost, "comment"))
	}
	return r, c.putFormatted(&r, f, data, p.Text)
}

// putFormatted shows or writes what was formatted.
func (c *command) putFormatted(r *formatted, f *fmtFlags, old, text []byte) error {
	if f.diff && r.Changed {
		r.Diff = string(diff.Diff(r.File, old, r.To, text))
		if !c.json {
			return c.print(clean(r.Diff))
		}
	}
	switch {
	case f.check && r.Changed && !f.diff && !c.json:
		return c.print(clean(r.File) + "\n")
	case f.check, f.diff:
		return nil
	case r.File == "-":
		r.Text = string(text)
		if c.json {
			return nil
		}
		return c.print(r.Text)
	case !r.Changed:
		return nil
	}
	if r.To != r.File {
		if _, err := os.Lstat(r.To); !errors.Is(err, fs.ErrNotExist) {
			return fault.New(fault.Conflict, "%s is there already, and was left alone", r.To).WithHint("take it away, or convert with: executioner fmt - --to %s < %s", f.to, quote(r.File))
		}
	}
	if err := replaceFile(r.To, r.File, text); err != nil {
		return err
	}
	r.Written = true
	if c.json {
		return nil
	}
	return c.print("wrote " + clean(r.To) + "\n")
}

// replaceFile writes a file so that it is there either as it was or as it shall be, and
// survives a loss of power. It gets the mode of the file like, if that is there. A
// symbolic link stays one.
func replaceFile(path, like string, data []byte) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(like); err == nil {
		mode = info.Mode().Perm()
	}
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return unwritable(path, err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // it is gone when all went well
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close()); err != nil {
		return unwritable(path, err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return unwritable(path, err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return unwritable(path, err)
	}
	return unwritable(path, errors.Join(d.Sync(), d.Close()))
}

func unwritable(path string, err error) error {
	return fault.Wrap(err, fault.Unavailable, "%s can't be written", path)
}
