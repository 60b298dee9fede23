package cli

import (
	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/nearest"
)

const exitCodes = `Exit codes: 0 all succeeded, 1 a job failed, 2 wrong usage, 3 invalid workflow, 4 not
found, 5 conflict or locked, 6 database unavailable, 70 internal error, 130 interrupted.
The old options at the root end with 0 or 1, and with 2 when they can't be understood.`

// root builds the whole command line.
func (c *command) root() *cobra.Command {
	old := &oldFlags{}
	root := &cobra.Command{
		Use:   "executioner",
		Short: "Run workflows: files of jobs with dependencies, retries, timeouts and checks",
		Long: `Executioner runs workflows: files of jobs (shell commands) with dependencies, retries,
timeouts and checks. It keeps every run's history, can always resume one, and says why
each thing happened. It needs no server and no set-up.

  executioner init            writes a first workflow
  executioner run FILE        runs one
  executioner resume          goes on with the newest run that did not succeed

` + exitCodes,
		Version:       c.Build.line(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(cmd *cobra.Command, args []string) error {
			return old.args(cmd, args)
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return flagGroups(cmd)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.runOld(cmd, args, old)
		},
	}
	root.SetVersionTemplate("{{.Version}}")
	root.CompletionOptions.DisableDefaultCmd = true // ours says more
	root.PersistentFlags().StringVar(&c.database, "database", "", "`ADDRESS` of the history: a file, postgres://… or oracle://… (default $"+DatabaseVariable+", or executioner/history.db in $XDG_STATE_HOME)")
	_ = root.MarkPersistentFlagFilename("database")
	old.flags(root)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fault.New(fault.Usage, "%s", err).WithHint("%s --help shows what there is", cmd.CommandPath())
	})
	for _, g := range c.groups() {
		root.AddGroup(&cobra.Group{ID: g.name, Title: g.name + ":"})
		for _, sub := range g.commands {
			sub.GroupID = g.name
			root.AddCommand(sub)
		}
	}
	return root
}

// group is commands under one heading of the help text.
type group struct {
	name     string
	commands []*cobra.Command
}

// groups are all commands.
func (c *command) groups() []group {
	return []group{
		{"Workflow files", []*cobra.Command{c.initCommand(), c.validateCommand(), c.planCommand(), c.envCommand(), c.runCommand()}},
		{"Runs", []*cobra.Command{c.runsCommand(), c.logsCommand(), c.explainCommand(), c.resumeCommand(), c.cancelCommand(), c.markCommand()}},
		{"Other", []*cobra.Command{c.dbCommand(), c.doctorCommand(), c.versionCommand(), c.completionCommand()}},
	}
}

// flagGroups reports flags that exclude each other as a fault: what cobra returns by
// itself has no code.
func flagGroups(cmd *cobra.Command) error {
	if err := cmd.ValidateFlagGroups(); err != nil {
		return &fault.Error{
			Code: fault.Usage, Msg: "these flags don't go together", Err: err,
			Hint: "leave all but one of them out; " + cmd.CommandPath() + " --help shows what they do",
		}
	}
	return nil
}

// unknownCommand says what was probably meant.
func unknownCommand(parent *cobra.Command, word string) error {
	var names []string
	for _, sub := range parent.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	path := parent.CommandPath()
	err := fault.New(fault.Usage, "there is no command %q", path+" "+word)
	if near := nearest.Of(word, names); near != "" {
		return err.WithHint("did you mean: %s %s?", path, near)
	}
	if parent.HasParent() {
		return err.WithHint("%s --help shows its commands", path)
	}
	return err.WithHint("to run a file: executioner run %s; executioner --help shows all commands", quote(word))
}

// exactly asks for n arguments, which are called what.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < n:
			return fault.New(fault.Usage, "%s needs %s", cmd.CommandPath(), what).WithHint("%s", cmd.UseLine())
		case n == 0 && len(args) > 0:
			return fault.New(fault.Usage, "%s takes no argument, but there is %q", cmd.CommandPath(), args[0]).WithHint("%s", cmd.UseLine())
		case len(args) > n:
			return fault.New(fault.Usage, "%s takes %s only, not also %q", cmd.CommandPath(), what, args[n]).WithHint("%s", cmd.UseLine())
		}
		return nil
	}
}

// atLeast asks for n arguments or more, which are called what.
func atLeast(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < n {
			return fault.New(fault.Usage, "%s needs %s", cmd.CommandPath(), what).WithHint("%s", cmd.UseLine())
		}
		return nil
	}
}

// atMost takes up to n arguments, which are called what.
func atMost(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return fault.New(fault.Usage, "%s takes %s at most, not also %q", cmd.CommandPath(), what, args[n]).WithHint("%s", cmd.UseLine())
		}
		return nil
	}
}

func (c *command) jsonFlag(cmd *cobra.Command, what string) {
	cmd.Flags().BoolVar(&c.json, "json", false, "print JSON: "+what)
}
