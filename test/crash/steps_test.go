//go:build linux

package crash

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// A step is one named step of the program.
type step struct {
	name string
	kind string // At, Err or Short
	at   string // file and line
}

// findSteps reads the source of all that is linked into the program for its steps.
func findSteps() (steps []step, err error) {
	c := exec.Command("go", "list", "-deps", "-tags", "failpoints", "-f",
		`{{$d := .Dir}}{{if .Module}}{{if .Module.Main}}{{range .GoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}{{end}}{{end}}`, mainPackage)
	out, err := c.Output()
	if err != nil {
		return nil, err
	}
	for _, path := range strings.Fields(string(out)) {
		found, err := stepsOf(path)
		if err != nil {
			return nil, err
		}
		steps = append(steps, found...)
	}
	return steps, nil
}

// stepsOf finds the calls failpoint.At, Err and Short of one file.
func stepsOf(path string) (steps []step, err error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		f, ok := call.Fun.(*ast.SelectorExpr)
		if x, named := f, ok; !named || !isFailpoint(x) {
			return true
		}
		at := set.Position(call.Pos())
		lit, ok := call.Args[0].(*ast.BasicLit)
		if !ok {
			err = fmt.Errorf("%s: the name of a step must be a literal", at)
			return true
		}
		name, _ := strconv.Unquote(lit.Value)
		steps = append(steps, step{name: name, kind: f.Sel.Name, at: fmt.Sprintf("%s:%d", filepath.Base(at.Filename), at.Line)})
		return true
	})
	return steps, err
}

func isFailpoint(f *ast.SelectorExpr) bool {
	x, ok := f.X.(*ast.Ident)
	return ok && x.Name == "failpoint" && (f.Sel.Name == "At" || f.Sel.Name == "Err" || f.Sel.Name == "Short")
}

// A hit is one line of EXECUTIONER_FAILPOINT_LOG.
type hit struct {
	role         target
	name, action string
}

// readHits reads the log of the steps that were reached.
func readHits(path string) (hits []hit) {
	b, _ := os.ReadFile(path) // no step was reached
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 {
			hits = append(hits, hit{target(f[0]), f[1], f[2]})
		}
	}
	return hits
}
