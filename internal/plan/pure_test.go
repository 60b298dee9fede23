package plan

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// allowed are the packages that the state machine may import. None of them can do I/O,
// read a clock or the environment, wait, or draw random numbers, but for fmt and time,
// of which impure lists the names that can.
var allowed = []string{
	"cmp", "fmt", "hash/fnv", "math", "slices", "time",
	"github.com/executionerhq/executioner/internal/run",
	"github.com/executionerhq/executioner/internal/workflow",
}

var impure = map[string][]string{
	"time": {"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTicker", "NewTimer", "Local", "LoadLocation"},
	"fmt":  {"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
}

// TestPlanIsPure reads the package's own source.
func TestPlanIsPure(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		read++
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range impurities(t, name, string(text)) {
			t.Error(p)
		}
	}
	if read == 0 {
		t.Error("there is no source to read")
	}
}

// TestImpuritiesAreNoticed shows that the test above can fail.
func TestImpuritiesAreNoticed(t *testing.T) {
	tests := []struct {
		source string
		want   string
	}{
		{`import "time"; var t time.Time; func f() { t = time.Unix(0, 0) }`, ""},
		{`import "os"`, "import of os"},
		{`import "net/http"`, "import of net/http"},
		{`import "sync"`, "import of sync"},
		{`import "context"`, "import of context"},
		{`import "log/slog"`, "import of log/slog"},
		{`import r "math/rand/v2"`, "import of math/rand/v2"},
		{`import "time"; func f() { time.Now() }`, "use of time.Now"},
		{`import clock "time"; var now = clock.Now`, "use of clock.Now"},
		{`import . "time"; func f() { Now() }`, "import of time under the name ."},
		{`import "time"; func f() { <-time.After(1) }`, "use of time.After"},
		{`import "time"; var zone = time.Local`, "use of time.Local"},
		{`import "fmt"; func f() { fmt.Println() }`, "use of fmt.Println"},
		{`func f() { go f() }`, "go statement"},
		{`var c chan int`, "channel"},
		{`func init() {}`, "func init"},
	}
	for _, tt := range tests {
		var want []string
		if tt.want != "" {
			want = []string{"x.go: " + tt.want}
		}
		if got := impurities(t, "x.go", "package x; "+tt.source); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", tt.source, got, want)
		}
	}
}

// impurities says what a source file does that the state machine must not do.
func impurities(t *testing.T, name, source string) (found []string) {
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	add := func(format string, args ...any) { found = append(found, name+": "+fmt.Sprintf(format, args...)) }
	known := make(map[string]string) // local name to path
	for _, spec := range file.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		local := path[strings.LastIndex(path, "/")+1:]
		if spec.Name != nil {
			local = spec.Name.Name
		}
		known[local] = path
		switch {
		case !slices.Contains(allowed, path):
			add("import of %s", path)
		case local == ".":
			add("import of %s under the name .", path)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			add("go statement")
		case *ast.ChanType:
			add("channel")
		case *ast.FuncDecl:
			if n.Name.Name == "init" && n.Recv == nil {
				add("func init")
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && slices.Contains(impure[known[x.Name]], n.Sel.Name) {
				add("use of %s.%s", x.Name, n.Sel.Name)
			}
		}
		return true
	})
	return found
}
