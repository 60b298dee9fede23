package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/legacy/migrate"
	"github.com/executionerhq/executioner/internal/workflow"
)

func (c *command) migrateCommand() *cobra.Command {
	out, write := "", false
	cmd := &cobra.Command{
		Use:   "migrate FILE",
		Short: "Turn an old JSON file into a YAML file with comments",
		Long: `Turn a JSON workflow file, such as one of the Python program, into a YAML file that means
the same. Old files need no migration to be run.

Fields that are commented out with a _ become comments, default_ fields become defaults,
and dependency_plugins a comment that says what to do. Both files are loaded and
compared: where the meaning would change the file is refused. It is left as it is.

The result is written to the standard output, to the file of -o, or with --write to a
file beside the old one that ends in .yaml and must not be there.`,
		Example: `  executioner migrate nightly.json
  executioner migrate nightly.json --write`,
		Args:              exactly(1, "a workflow file"),
		ValidArgsFunction: completeFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			c.later = true
			return c.migrate(args[0], out, write)
		},
	}
	c.outFlag(cmd, &out)
	cmd.Flags().BoolVar(&write, "write", false, "write to a new file beside the old one, with the ending .yaml")
	cmd.MarkFlagsMutuallyExclusive("output", "write")
	c.jsonFlag(cmd, "the new file, and what to know of it")
	return cmd
}

func (c *command) migrate(file, out string, write bool) error {
	src, host, err := c.source(file)
	if err != nil {
		return err
	}
	host.CheckDir = nil // whether it can run here is another question
	if write {
		if out, err = besides(file); err != nil {
			return err
		}
	}
	if outFormat(out, workflow.Source{Name: "a.yaml"}) == workflow.JSON {
		return fault.New(fault.Usage, "migrate writes YAML, so the name must not end in .json: %s", out)
	}
	if err := sameDirectory(src, file, out); err != nil {
		return err
	}
	name := out
	if name == "" {
		name = strings.TrimSuffix(file, filepath.Ext(file)) + ".yaml"
	}
	m, err := migrate.File(src, name, host)
	if err != nil {
		return c.tellProblems(err)
	}
	return c.made(out, name, host, m.Text, m.Notes)
}

// besides names the YAML file beside another, which must not be there.
func besides(file string) (string, error) {
	if file == "-" {
		return "", fault.New(fault.Usage, "the standard input has no file beside it").WithHint("name one: -o FILE")
	}
	out := strings.TrimSuffix(file, filepath.Ext(file)) + ".yaml"
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		return "", fault.New(fault.Conflict, "%s is there already, and was left alone", out).WithHint("name another: -o FILE")
	}
	return out, nil
}
