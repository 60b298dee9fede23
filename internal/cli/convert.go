package cli

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/legacy/convert"
	"github.com/executionerhq/executioner/internal/lint"
	"github.com/executionerhq/executioner/internal/workflow"
)

func (c *command) convertCommand() *cobra.Command {
	out, dir := "", ""
	cmd := &cobra.Command{
		Use:   "convert KIND FILE [TARGET...]",
		Short: "Make a workflow of a script, a crontab, a makefile or a list of SQL scripts",
		Long: `Make a workflow of a file of another kind:

  bash       a shell script: exports become env_variables, each command a job that waits
             for the one before it; functions and settings go into the jobs that need them
  cron       a crontab: each line is a job; the time of the only line is the schedule of the
             workflow, those of several are comments
  makefile   the targets that TARGET (or the first one) needs, with their dependencies
  sql-list   a list of SQL scripts for SQL*Plus, one after the other, with checks

What could not be carried over is told, and stands in comments at the beginning of the
result: read it before you run it. Nothing is run by convert. The result is written to
the standard output, or to the file of -o.`,
		Example: `  executioner convert bash nightly.sh -o nightly.yaml
  crontab -l | executioner convert cron -
  executioner convert makefile Makefile all`,
		Args: atLeast(2, "a kind ("+strings.Join(convert.Kinds(), ", ")+") and a file"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return convert.Kinds(), cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveDefault
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 2 && args[0] != "makefile" {
				return fault.New(fault.Usage, "only a makefile has targets, but there is %q", args[2])
			}
			return c.convert(args[0], args[1], args[2:], dir, out)
		},
	}
	c.outFlag(cmd, &out)
	cmd.Flags().StringVar(&dir, "working-dir", "", "the `DIRECTORY` where jobs start (default that of FILE; ~ for cron)")
	_ = cmd.MarkFlagDirname("working-dir")
	c.jsonFlag(cmd, "the workflow, and what could not be carried over")
	return cmd
}

func (c *command) convert(kind, file string, targets []string, dir, out string) error {
	data, err := c.read(file)
	if err != nil {
		return err
	}
	beside := dir
	if beside == "" && file != "-" {
		beside = filepath.Dir(file)
	}
	at, err := filepath.Abs(beside)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "the current directory is not known")
	}
	r, err := convert.From(kind, convert.Source{Name: file, Data: data, Dir: at, Targets: targets})
	if err != nil {
		return err
	}
	if dir != "" {
		r.Flow.WorkingDir = at
	}
	text, err := r.YAML()
	if err != nil {
		return err
	}
	name := out
	if name == "" {
		name = "converted.yaml"
	}
	if outFormat(out, workflow.Source{Name: name}) == workflow.JSON {
		return fault.New(fault.Usage, "convert writes YAML, so the name must not end in .json: %s", out)
	}
	here, err := os.Getwd()
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "the current directory is not known")
	}
	host := lint.Checking(workflow.Host{Home: c.home(), Dir: here, Zones: time.LoadLocation})
	return c.made(out, name, host, text, r.Notes)
}
