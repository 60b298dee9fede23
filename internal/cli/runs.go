package cli

import (
	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
)

func (c *command) runsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List recorded runs, or show one",
		Example: `  executioner runs list --state failed --since 24h
  executioner runs show @latest`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return fault.New(fault.Usage, "executioner runs needs list or show").
				WithHint("executioner runs list, or executioner runs show RUN")
		},
	}
	cmd.AddCommand(c.runsListCommand(), c.runsShowCommand())
	return cmd
}
