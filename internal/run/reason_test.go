package run

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// TestReasonsIsTheWholeList compares the list with the constants of the source, so
// that a new reason can't be left out of what the documents and tests go through.
func TestReasonsIsTheWholeList(t *testing.T) {
	var declared []Reason
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			declared = append(declared, Reason(text))
		}
		return true
	})
	if !slices.Equal(declared, Reasons()) {
		t.Errorf("declared %v\nlisted   %v", declared, Reasons())
	}
}

func TestReasonsAreDistinctWords(t *testing.T) {
	word := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	seen := make(map[Reason]bool)
	for _, r := range Reasons() {
		if seen[r] || !word.MatchString(string(r)) {
			t.Errorf("%q is there twice or not a word", r)
		}
		seen[r] = true
	}
}
