package workflow

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// update rewrites what is generated: go test ./internal/workflow -run TestFieldOrder -update-order
var updateOrder = flag.Bool("update-order", false, "rewrite printfields.go from docs/workflow-file.md")

// TestFieldOrder compares the order in which fields are printed with that of the
// documentation. Fields that are not documented yet are not looked at.
func TestFieldOrder(t *testing.T) {
	page, err := os.ReadFile("../../docs/workflow-file.md")
	if err != nil {
		t.Fatal(err)
	}
	tables := []struct {
		name, section string
		got           []string
	}{
		{"workflowOrder", "Fields of the workflow", workflowOrder[:]},
		{"jobOrder", "Fields of a job", jobOrder[:]},
	}
	var file strings.Builder
	file.WriteString("package workflow\n\n// Written from docs/workflow-file.md by go test ./internal/workflow -run TestFieldOrder -update-order\n")
	for _, table := range tables {
		want := documentedFields(t, string(page), table.section)
		if !slices.Equal(want, table.got) && !*updateOrder {
			t.Errorf("%s: fields are printed in another order than they are documented; to mend it: go test ./internal/workflow -run TestFieldOrder -update-order", table.section)
		}
		fmt.Fprintf(&file, "\n// %s is the order of %s.\nvar %s = [...]string{\n", table.name, strings.ToLower(table.section), table.name)
		for _, name := range want {
			fmt.Fprintf(&file, "\t%q,\n", name)
		}
		file.WriteString("}\n")
	}
	if *updateOrder {
		if err := os.WriteFile("printfields.go", []byte(file.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func documentedFields(t *testing.T, page, section string) []string {
	_, part, ok := strings.Cut(page, "\n## "+section+"\n")
	if !ok {
		t.Fatalf("no section %q", section)
	}
	part, _, _ = strings.Cut(part, "\n## ")
	var names []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllStringSubmatch(part, -1) {
		names = append(names, m[1])
	}
	return names
}
