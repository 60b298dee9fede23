package cli

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// update rewrites docs/commands.md: go test ./internal/cli -run TestCommandReference -update
var update = flag.Bool("update", false, "rewrite the command reference")

const reference = "../../docs/commands.md"

// TestCommandReference compares docs/commands.md with the commands as they are.
func TestCommandReference(t *testing.T) {
	got := commandReference()
	if *update {
		if err := os.WriteFile(reference, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is out of date; to write it: go test ./internal/cli -run TestCommandReference -update", reference)
	}
}

// TestEveryCommandIsDescribed asks each command for what its help must have.
func TestEveryCommandIsDescribed(t *testing.T) {
	walk((&command{}).root(), func(cmd *cobra.Command) {
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: Short %q", cmd.CommandPath(), cmd.Short)
		}
		if cmd.HasParent() && cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		if cmd.HasParent() && cmd.Args == nil {
			t.Errorf("%s takes any arguments", cmd.CommandPath())
		}
	})
}

func walk(cmd *cobra.Command, visit func(cmd *cobra.Command)) {
	if cmd.Hidden {
		return
	}
	visit(cmd)
	for _, sub := range cmd.Commands() {
		walk(sub, visit)
	}
}

// commandReference writes all commands as Markdown.
func commandReference() string {
	var b strings.Builder
	b.WriteString("# Commands\n\nWritten from the program's own help by `go test ./internal/cli -run TestCommandReference -update`.\n")
	walk((&command{}).root(), func(cmd *cobra.Command) {
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n```\n%s\n```\n", cmd.CommandPath(), cmd.Short, cmd.UseLine())
		if cmd.Long != "" {
			fmt.Fprintf(&b, "\n```text\n%s\n```\n", strings.TrimSpace(cmd.Long))
		}
		if cmd.Example != "" {
			fmt.Fprintf(&b, "\nExamples:\n\n```sh\n%s\n```\n", unindent(cmd.Example))
		}
		writeFlags(&b, cmd)
	})
	return b.String()
}

func writeFlags(b *strings.Builder, cmd *cobra.Command) {
	any := false
	cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		if !any {
			b.WriteString("\n| flag | meaning |\n| --- | --- |\n")
			any = true
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if value != "" {
			name += " " + value
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0" {
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", name, strings.ReplaceAll(usage, "|", `\|`))
	})
}

func unindent(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	}
	return strings.Join(lines, "\n")
}
