package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/client"
)

// schemaFile is the schema that init writes beside a workflow file, for editors. It
// begins with a dot because people have nothing to do with it.
const schemaFile = ".executioner.schema.json"

func (c *command) schemaCommand() *cobra.Command {
	out, format := "", "json"
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of workflow files, for editors",
		Long: `Print the JSON Schema (2020-12) of workflow files: with it editors complete and explain
fields and mark mistakes. It needs no network. An editor with the YAML language server
finds it by a line at the beginning of a workflow file, which init writes:

  # yaml-language-server: $schema=./` + schemaFile + `

The schema refuses unknown fields, of which the program only warns. Whether dependencies
fit, and all that needs more than one file, is told by validate.`,
		Example: `  executioner schema -o ` + schemaFile + `
  executioner schema | less`,
		Args: exactly(0, ""),
		RunE: func(_ *cobra.Command, _ []string) error {
			if err := oneOf("format", format, "json"); err != nil {
				return err
			}
			if out == "" {
				_, err := c.Out.Write(client.Schema())
				return err
			}
			if err := replaceFile(out, out, client.Schema()); err != nil {
				return err
			}
			return c.print("wrote " + clean(out) + "\n")
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "write to this `FILE`, not to the standard output")
	_ = cmd.MarkFlagFilename("output", "json")
	cmd.Flags().StringVar(&format, "format", format, "the `FORMAT`: json")
	c.completeFlag(cmd, "format", completeWords("json"))
	return cmd
}

// writeSchema writes the schema beside a workflow file, and returns the name of what was
// written. A file of that name that is no schema of this program is left alone.
func writeSchema(beside string) (string, error) {
	path := filepath.Join(filepath.Dir(beside), schemaFile)
	old, err := os.ReadFile(path)
	switch {
	case err == nil && (bytes.Equal(old, client.Schema()) || !bytes.Contains(old, []byte(`"Executioner workflow"`))):
		return "", nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", nil //nolint:nilerr // the workflow is written; without a schema it is as good
	}
	return path, replaceFile(path, path, client.Schema())
}
