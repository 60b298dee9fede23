package cli

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
)

// firstFile is what init writes when no name is given.
const firstFile = "workflow.yaml"

// firstWorkflow is the commented workflow that init writes. @NAME@, @DIR@ and @FILE@
// stand for what is known only then.
//
//go:embed init.yaml
var firstWorkflow string

func (c *command) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a first workflow, with comments, that runs as it is",
		Long: `Write a first workflow that runs as it is, with comments that explain its fields. The
jobs work in the current directory. A file that is there already is left alone. Beside
it goes ` + schemaFile + `, with which editors complete and check fields; it is not
needed to run the workflow.`,
		Example: `  executioner init
  executioner run workflow.yaml`,
		Args:              atMost(1, "one file"),
		ValidArgsFunction: completeFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			file := firstFile
			if len(args) == 1 {
				file = args[0]
			}
			return c.writeFirst(file)
		},
	}
}

func (c *command) writeFirst(file string) error {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".yaml", ".yml":
	default:
		return fault.New(fault.Usage, "init writes YAML, so the name must end in .yaml or .yml, not %q", file).
			WithHint("executioner init %s", quote(strings.TrimSuffix(file, filepath.Ext(file))+".yaml"))
	}
	dir, err := os.Getwd()
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "the current directory is not known")
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fault.New(fault.Conflict, "%s is there already, and was left alone", file).
			WithHint("name another: executioner init %s", quote("my-"+filepath.Base(file)))
	case err != nil:
		return &fault.Error{
			Code: fault.Unavailable, Msg: "the workflow file can't be written", Err: err,
			Hint: "name one in a directory that exists: executioner init FILE",
		}
	}
	text := strings.NewReplacer(
		"@NAME@", yamlString(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))),
		"@DIR@", yamlString(dir), "@FILE@", quote(file),
	).Replace(firstWorkflow)
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fault.Wrap(err, fault.Unavailable, "the workflow file can't be written")
	}
	also := ""
	schema, err := writeSchema(file)
	switch {
	case err != nil:
		return err
	case schema != "":
		also = "wrote " + clean(schema) + ", for editors\n"
	}
	q := quote(file)
	return c.print(fmt.Sprintf(`wrote %s
%s
check it:    executioner validate %s
see a plan:  executioner plan %s
run it:      executioner run %s
`, clean(file), also, q, q, q))
}

// yamlString writes text as a YAML string: a double-quoted one is what Go writes,
// but for what Go escapes and YAML does not know.
func yamlString(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '/' || r == '_' || r == '.' || r == '-' || r >= '0' && r <= '9'
	}
	if strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 && strings.HasPrefix(s, "/") {
		return s
	}
	return strconv.QuoteToGraphic(s)
}
