package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/nearest"
)

func shells() []string { return []string{"bash", "zsh", "fish"} }

func (c *command) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print what makes a shell complete commands, runs and jobs",
		Long: `Print a script that makes a shell complete commands and flags, the numbers of
recorded runs, the jobs of a run, workflow files, states and applications.

  bash, for this session (needs the package bash-completion):
    source <(executioner completion bash)
  bash, for ever:
    executioner completion bash > ~/.local/share/bash-completion/completions/executioner

  zsh, for ever (the directory must be in $fpath):
    executioner completion zsh > "${fpath[1]}/_executioner"
  and, if completion is not on yet, in ~/.zshrc:
    autoload -U compinit; compinit

  fish, for ever:
    executioner completion fish > ~/.config/fish/completions/executioner.fish`,
		Example:   "  source <(executioner completion bash)",
		Args:      exactly(1, "a shell: bash, zsh or fish"),
		ValidArgs: shells(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.completion(cmd.Root(), args[0])
		},
	}
}

func (c *command) completion(root *cobra.Command, shell string) error {
	var err error
	switch shell {
	case "bash":
		err = root.GenBashCompletionV2(c.Out, true)
	case "zsh":
		err = root.GenZshCompletion(c.Out)
	case "fish":
		err = root.GenFishCompletion(c.Out, true)
	default:
		unknown := fault.New(fault.Unsupported, "there is no completion for %q", shell)
		if near := nearest.Of(shell, shells()); near != "" {
			return unknown.WithHint("did you mean %s?", near)
		}
		return unknown.WithHint("there is one for %s", strings.Join(shells(), ", "))
	}
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "the output can't be written")
	}
	_, err = fmt.Fprintln(c.Out)
	return fault.Wrap(err, fault.Unavailable, "the output can't be written")
}
