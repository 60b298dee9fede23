package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

func (c *command) workflowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "workflow",
		Short: "Register workflows with the service, to be run by name",
		Long: `Register workflows with the service, to be run by name: executioner run NAME, through a
server. A name has versions, of which the newest that is enabled is run, or NAME@VERSION.
An operator may run what is registered, and nothing else.

These commands work through a server (--server, EXECUTIONER_SERVER), or on its database.`,
		Example: `  executioner workflow register nightly.yaml --note "loads two more tables"
  executioner workflow list
  executioner run nightly -p day=2026-01-31`,
		Args: onlyCommands,
		RunE: needsCommand,
	}
	cmd.AddCommand(
		c.workflowRegisterCommand(), c.workflowListCommand(), c.workflowShowCommand(), c.workflowVersionsCommand(),
		c.workflowDiffCommand(), c.workflowEnableCommand(true), c.workflowEnableCommand(false),
	)
	return cmd
}

// withWorkflows uses the registered workflows of the server, or of the database.
func (c *command) withWorkflows(cmd *cobra.Command, use func(ctx context.Context, w workflows) error) error {
	if !c.remotely() {
		return c.withHistory(cmd, func(ctx context.Context, _ string, st store.Store) error {
			return use(ctx, &workflowsHere{c, st})
		})
	}
	ctx, stop := c.interruptible(cmd.Context())
	defer stop()
	return c.withServer(func(s Runs) error { return use(ctx, s.(*remote).server) })
}

// aboutWorkflow completes a command about one registered workflow.
func (c *command) aboutWorkflow(cmd *cobra.Command, use func(ctx context.Context, w workflows, name string, version int) error) *cobra.Command {
	cmd.Args = exactly(1, "the name of a registered workflow")
	cmd.ValidArgsFunction = c.completeRegistered
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		name, version, err := splitRegistered(args[0])
		if err != nil {
			return err
		}
		return c.withWorkflows(cmd, func(ctx context.Context, w workflows) error { return use(ctx, w, name, version) })
	}
	return cmd
}

// splitRegistered splits NAME@VERSION. Version 0 stands for none.
func splitRegistered(ref string) (name string, version int, err error) {
	name, text, is := strings.Cut(ref, "@")
	if is {
		if version, err = versionOf(text); err != nil {
			return "", 0, err
		}
	}
	return name, version, access.CheckName("workflow", name)
}

func versionOf(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fault.New(fault.Usage, "%q is not a version", text).WithHint("for example: nightly@3")
	}
	return n, nil
}

func (c *command) completeRegistered(cmd *cobra.Command, args []string, _ string) (offered []cobra.Completion, _ cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	_ = c.withWorkflows(cmd, func(ctx context.Context, w workflows) error {
		all, err := w.Workflows(ctx)
		for i := range all {
			offered = append(offered, all[i].Name)
		}
		return err
	}) // nothing is offered then
	return offered, cobra.ShellCompDirectiveNoFileComp
}

// completeToRun offers workflow files, and with a server its registered workflows where one of
// them is meant.
func (c *command) completeToRun(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 && c.remotely() && !strings.ContainsAny(word, "/.") {
		all, directive := c.completeRegistered(cmd, args, word)
		all = slices.DeleteFunc(all, func(name cobra.Completion) bool { return !strings.HasPrefix(name, word) })
		if len(all) > 0 && word != "" {
			return all, directive
		}
	}
	return completeFiles(cmd, args, word)
}

func (c *command) workflowRegisterCommand() *cobra.Command {
	var called, note string
	cmd := &cobra.Command{
		Use:   "register FILE",
		Short: "Register a workflow file as a new version",
		Long: `Register a workflow file as the newest version of its name, which is that of the file
without its ending unless --name says another. The same text again is no new version.
What the file includes is put into the text that is kept. All versions of a name are of
one application.`,
		Example: `  executioner workflow register nightly.yaml
  executioner workflow register flows/load.yaml --name load-eu --note "two more tables"`,
		Args: exactly(1, "the workflow file"), ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if called == "" {
				called = strings.TrimSuffix(filepath.Base(args[0]), filepath.Ext(args[0]))
			}
			if err := access.CheckName("workflow", called); err != nil {
				return err
			}
			if strings.Contains(called, "@") {
				return fault.New(fault.Usage, "the name of a workflow can't have @, which begins a version")
			}
			r, err := c.registration(args[0])
			if err != nil {
				return err
			}
			r.Note = note
			return c.withWorkflows(cmd, func(ctx context.Context, w workflows) error {
				made, err := w.Register(ctx, called, r)
				if err != nil {
					return c.refusedText(err)
				}
				return c.printMade(&made)
			})
		},
	}
	cmd.Flags().StringVar(&called, "name", "", "register it under this `NAME`")
	cmd.Flags().StringVar(&note, "note", "", "`TEXT` that says what is new, for others")
	c.jsonFlag(cmd, "the version, with warnings about it")
	return cmd
}

func (c *command) printMade(made *wire.Registered) error {
	if c.json {
		c.printJSON(c.Out, made)
		return nil
	}
	c.warn(made.Warnings)
	fmt.Fprintf(c.Out, "%s@%d is registered; run it through a server: executioner run %s\n", made.Name, made.Version, made.Name)
	return nil
}

func (c *command) workflowListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List registered workflows, each with its newest version",
		Example: `  executioner workflow list --json | jq -r '.workflows[] | select(.enabled) | .name'`,
		Args:    exactly(0, ""), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withWorkflows(cmd, func(ctx context.Context, w workflows) error {
				all, err := w.Workflows(ctx)
				return c.printRegistered(all, err)
			})
		},
	}
	c.jsonFlag(cmd, "the workflows")
	return cmd
}

func (c *command) workflowVersionsCommand() *cobra.Command {
	cmd := c.aboutWorkflow(&cobra.Command{
		Use:     "versions NAME",
		Short:   "List the versions of a registered workflow, the newest first",
		Example: `  executioner workflow versions nightly`,
	}, func(ctx context.Context, w workflows, name string, _ int) error {
		all, err := w.WorkflowVersions(ctx, name)
		return c.printRegistered(all, err)
	})
	c.jsonFlag(cmd, "the versions")
	return cmd
}

func (c *command) printRegistered(all []wire.Registered, err error) error {
	if err != nil {
		return err
	}
	if c.json {
		c.printJSON(c.Out, wire.Workflows{Workflows: append([]wire.Registered{}, all...)})
		return nil
	}
	if len(all) == 0 {
		fmt.Fprintln(c.Out, "no workflow is registered")
		return nil
	}
	var t table
	t.add("WORKFLOW", "APPLICATION", "STATE", "REGISTERED", "BY", "NOTE")
	for i := range all {
		r := &all[i]
		t.add(fmt.Sprintf("%s@%d", oneLine(r.Name), r.Version), oneLine(r.Application), enabled(r.Enabled), stamp(&r.At), oneLine(r.By), oneLine(r.Note))
	}
	return t.print(c.Out, "", c.headline)
}

func (c *command) workflowShowCommand() *cobra.Command {
	source := false
	cmd := c.aboutWorkflow(&cobra.Command{
		Use:   "show NAME[@VERSION]",
		Short: "Show a registered workflow: the newest version that is enabled, or another",
		Long: `Show a registered workflow: the newest version that is enabled, or another. Its text is shown
to those who may change it.`,
		Example: `  executioner workflow show nightly
  executioner workflow show nightly@2 --source > nightly.yaml`,
	}, func(ctx context.Context, w workflows, name string, version int) error {
		r, err := w.RegisteredWorkflow(ctx, name, version)
		if err != nil {
			return err
		}
		return c.showRegistered(&r, source)
	})
	cmd.Flags().BoolVar(&source, "source", false, "print the text, and nothing else")
	c.jsonFlag(cmd, "the version, with its text")
	return cmd
}

func (c *command) showRegistered(r *wire.Registered, source bool) error {
	switch {
	case source && r.Source == "":
		return fault.New(fault.Forbidden, "the text of %s@%d is for those who may change it", r.Name, r.Version).
			WithHint("ask an administrator for a role that may: %s", access.Author)
	case source:
		return c.print(r.Source)
	case c.json:
		c.printJSON(c.Out, r)
		return nil
	}
	var t table
	t.add("workflow", fmt.Sprintf("%s@%d", oneLine(r.Name), r.Version))
	t.add("application", oneLine(r.Application))
	t.add("state", enabled(r.Enabled))
	t.add("registered", stamp(&r.At))
	t.add("by", oneLine(r.By))
	t.add("file", oneLine(r.File))
	if r.Note != "" {
		t.add("note", oneLine(r.Note))
	}
	if err := t.print(c.Out, "", nil); err != nil || r.Source == "" {
		return err
	}
	return c.print("\n" + clean(r.Source))
}

func (c *command) workflowDiffCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff NAME FROM TO",
		Short: "Show what changed from one version of a registered workflow to another",
		Long: `Show what changed from one version of a registered workflow to another. The exit code is 0
when nothing did, 1 when something did.`,
		Example: `  executioner workflow diff nightly 2 3`,
		Args:    exactly(3, "a name and two versions"), ValidArgsFunction: c.completeRegistered,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := access.CheckName("workflow", args[0]); err != nil {
				return err
			}
			from, err := versionOf(args[1])
			if err != nil {
				return err
			}
			to, err := versionOf(args[2])
			if err != nil {
				return err
			}
			return c.withWorkflows(cmd, func(ctx context.Context, w workflows) error {
				d, err := w.DiffWorkflow(ctx, args[0], from, to)
				if err != nil {
					return err
				}
				return c.printDifference(&d)
			})
		},
	}
	c.jsonFlag(cmd, "the differences")
	return cmd
}

func (c *command) printDifference(d *wire.Difference) error {
	if c.json {
		c.printJSON(c.Out, d)
	} else {
		for _, line := range d.Difference.Lines() {
			fmt.Fprintln(c.Out, clean(line))
		}
	}
	if d.Difference.Empty() {
		return nil
	}
	return status(1)
}

func (c *command) workflowEnableCommand(enable bool) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "disable NAME[@VERSION]",
		Short: "Let a version of a registered workflow, or all of them, not be run by name",
		Long: `Let a version of a registered workflow not be run by name; without VERSION all of them, so that
its schedules rest, too. Runs that go on are left alone.`,
		Example: `  executioner workflow disable nightly@3
  executioner workflow disable nightly`,
	}
	if enable {
		cmd.Use, cmd.Short = "enable NAME[@VERSION]", "Let a version of a registered workflow, or all of them, be run by name again"
		cmd.Long = `Let a version of a registered workflow be run by name again; without VERSION all of them, also
those that were disabled one by one.`
		cmd.Example = `  executioner workflow enable nightly@2
  executioner workflow enable nightly`
	}
	c.aboutWorkflow(cmd, func(ctx context.Context, w workflows, name string, version int) error {
		all, err := w.EnableWorkflow(ctx, name, version, enable)
		return c.printRegistered(all, err)
	})
	c.jsonFlag(cmd, "all versions")
	return cmd
}

// isRegistered reports whether what is to be run is named as a registered workflow is, and
// there is no such file.
func (c *command) isRegistered(ref string) bool {
	if !c.remotely() {
		return false
	}
	switch filepath.Ext(ref) {
	case ".yaml", ".yml", ".json": // a file is meant
		return false
	}
	if _, _, err := splitRegistered(ref); err != nil {
		return false
	}
	_, err := os.Stat(ref)
	return errors.Is(err, fs.ErrNotExist)
}
