package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (c *command) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Say which version this is",
		Example: `  executioner version
  executioner version --json | jq -r .version`,
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error {
			if c.json {
				c.printJSON(c.Out, c.Build)
				return nil
			}
			return c.print(c.Build.line())
		},
	}
	c.jsonFlag(cmd, "version, revision, Go version and platform")
	return cmd
}

func (b Build) line() string {
	line := fmt.Sprintf("executioner %s, %s, %s", b.Version, b.Go, b.Platform)
	if b.Revision != "" {
		line += fmt.Sprintf(", revision %.12s of %s", b.Revision, b.Time)
	}
	return line + "\n"
}
