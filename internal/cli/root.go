package cli

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/nearest"
	"github.com/executionerhq/executioner/internal/runs"
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
	root.PersistentFlags().StringVar(&c.server, "server", "", "work with the runs of the server at this `URL`: https://HOST:PORT or unix:///PATH (default $"+serverVariable+")")
	old.flags(root)
	c.paramFlagOf(root, c.completeOldParams(old))
	root.SetFlagErrorFunc(wrongFlag)
	root.SetHelpCommand(helpCommand())
	for _, g := range c.groups() {
		root.AddGroup(&cobra.Group{ID: g.name, Title: g.name + ":"})
		for _, sub := range g.commands {
			sub.GroupID = g.name
			root.AddCommand(sub)
		}
	}
	c.completeJobFlags(root)
	if len(c.Args) > 0 && strings.HasPrefix(c.Args[0], cobra.ShellCompRequestCmd) {
		plainUsages(root)
	}
	return root
}

// wrongFlag reports a flag that can't be used as it stands.
func wrongFlag(cmd *cobra.Command, err error) error {
	wrong := fault.New(fault.Usage, "%s", err)
	switch text := err.Error(); {
	case text == "unknown flag: --dry-run" && (cmd.Name() == "run" || cmd.Name() == "resume"):
		return wrong.WithHint("executioner plan shows what would run, and runs nothing")
	case text == "flag needs an argument: --resume":
		return wrong.WithHint("name a run: --resume 12, or --resume %s for the newest", runs.Latest)
	}
	return wrong.WithHint("%s --help shows what there is", cmd.CommandPath())
}

// helpCommand is help for a command that is named, which must exist.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show what a command does, and its options",
		Long:  "Show what a command does, and its options: the same as COMMAND --help.",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
			parent, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var offered []cobra.Completion
			for _, sub := range parent.Commands() {
				if sub.IsAvailableCommand() && strings.HasPrefix(sub.Name(), word) {
					offered = append(offered, sub.Name()+"\t"+sub.Short)
				}
			}
			return offered, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			named, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 && named.HasSubCommands() {
				return unknownCommand(named, rest[0])
			}
			named.InitDefaultHelpFlag()
			return named.Help()
		},
	}
}

// group is commands under one heading of the help text.
type group struct {
	name     string
	commands []*cobra.Command
}

// groups are all commands.
func (c *command) groups() []group {
	return []group{
		{"Workflow files", []*cobra.Command{c.initCommand(), c.validateCommand(), c.lintCommand(), c.showCommand(), c.paramsCommand(), c.planCommand(), c.envCommand(), c.runCommand()}},
		{"Tools for workflow files", []*cobra.Command{c.fmtCommand(), c.graphCommand(), c.diffCommand(), c.mergeCommand(), c.extractCommand(), c.convertCommand(), c.migrateCommand(), c.schemaCommand(), c.simulateCommand(), c.scheduleCommand(), c.triggerCommand(), c.testCommand()}},
		{"Runs", []*cobra.Command{c.runsCommand(), c.statsCommand(), c.logsCommand(), c.explainCommand(), c.reproCommand(), c.resumeCommand(), c.cancelCommand(), c.markCommand()}},
		{"Service", []*cobra.Command{c.serveCommand(), c.workflowCommand(), c.userCommand(), c.tokenCommand(), c.auditCommand()}},
		{"Other", []*cobra.Command{c.notifyCommand(), c.incidentCommand(), c.dbCommand(), c.doctorCommand(), c.versionCommand(), c.completionCommand()}},
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
	if also := elsewhere(word); also != "" && !parent.HasParent() {
		return err.WithHint("did you mean: %s %s?", path, also)
	}
	if near := nearest.Of(word, names); near != "" {
		return err.WithHint("did you mean: %s %s?", path, near)
	}
	if parent.HasParent() {
		return err.WithHint("%s --help shows its commands", path)
	}
	if _, missing := os.Stat(word); missing == nil || filepath.Ext(word) != "" {
		return err.WithHint("to run a file: executioner run %s; executioner --help shows all commands", quote(word))
	}
	return err.WithHint("executioner --help shows all commands")
}

// elsewhere returns the command for what other programs call so.
func elsewhere(word string) string {
	switch word {
	case "list", "ls", "ps", "history":
		return "runs list"
	case "status", "state", "info":
		return "runs show @latest"
	case "start", "exec", "execute", "submit":
		return "run"
	case "stop", "kill", "abort":
		return "cancel"
	case "retry", "restart", "rerun", "continue":
		return "resume"
	case "check":
		return "validate"
	case "why":
		return "explain"
	case "backup", "import", "prune":
		return "db " + word
	}
	return ""
}

// exactly asks for n arguments, which are called what.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < n:
			return tooFew(cmd, what)
		case n == 0 && len(args) > 0:
			return fault.New(fault.Usage, "%s takes no argument, but there is %q", cmd.CommandPath(), args[0]).WithHint("%s", cmd.UseLine())
		case len(args) > n:
			return tooMany(cmd, args[n], fault.New(fault.Usage, "%s takes %s only, not also %q", cmd.CommandPath(), what, args[n]))
		}
		return nil
	}
}

// atLeast asks for n arguments or more, which are called what.
func atLeast(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < n {
			return tooFew(cmd, what)
		}
		return nil
	}
}

// atMost takes up to n arguments, which are called what.
func atMost(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return tooMany(cmd, args[n], fault.New(fault.Usage, "%s takes %s at most, not also %q", cmd.CommandPath(), what, args[n]))
		}
		return nil
	}
}

func tooFew(cmd *cobra.Command, what string) error {
	err := fault.New(fault.Usage, "%s needs %s", cmd.CommandPath(), what)
	if strings.HasPrefix(what, "a run") {
		return err.WithHint("%s; the newest run is %s", cmd.UseLine(), runs.Latest)
	}
	return err.WithHint("%s", cmd.UseLine())
}

func tooMany(cmd *cobra.Command, arg string, err *fault.Error) error {
	if name, _, is := strings.Cut(arg, "="); is && validName(name) && cmd.Flags().Lookup("param") != nil {
		return err.WithHint("a parameter is given with -p: -p %s", quote(arg))
	}
	return err.WithHint("%s", cmd.UseLine())
}

func (c *command) jsonFlag(cmd *cobra.Command, what string) {
	cmd.Flags().BoolVar(&c.json, "json", false, "print JSON: "+what)
}
