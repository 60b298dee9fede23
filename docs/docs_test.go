// Package docs holds the documents. Its tests keep them true.
package docs

import (
	"bytes"
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/executionerhq/executioner/internal/check"
	"github.com/executionerhq/executioner/internal/lint"
	"github.com/executionerhq/executioner/internal/policy"
	"github.com/executionerhq/executioner/internal/run"
)

// documents returns the pages that people read, relative to this directory.
func documents(t *testing.T) []string {
	t.Helper()
	pages := []string{"../README.md", "../CHANGELOG.md", "../CONTRIBUTING.md"}
	for _, pattern := range []string{"*.md", "decisions/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	return pages
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var (
	fence    = regexp.MustCompile("(?ms)^```.*?^```$")
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	external = regexp.MustCompile(`^[a-z]+:`)
)

func TestRelativeLinksResolve(t *testing.T) {
	for _, page := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(read(t, page), ""), -1) {
			if !external.MatchString(m[1]) {
				if problem := broken(t, page, m[1]); problem != "" {
					t.Errorf("%s: link %s: %s", page, m[1], problem)
				}
			}
		}
	}
}

// broken says what is wrong with a link of a page.
func broken(t *testing.T, page, target string) string {
	t.Helper()
	file, anchor, _ := strings.Cut(target, "#")
	path := page
	if file != "" {
		path = filepath.Join(filepath.Dir(page), file)
	}
	if _, err := os.Stat(path); err != nil {
		return err.Error()
	}
	if anchor == "" {
		return ""
	}
	for _, h := range heading.FindAllStringSubmatch(fence.ReplaceAllString(read(t, path), ""), -1) {
		if slug(h[1]) == anchor {
			return ""
		}
	}
	return "there is no such heading"
}

// slug is the anchor that a heading gets.
func slug(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		default:
			return -1
		}
	}, title)
}

// block is a shell block that is marked for execution.
type block struct {
	line   int
	exit   int
	script string
}

var marked = regexp.MustCompile("(?ms)^<!-- run(?: exit (\\d+))? -->\n```sh\n(.*?)^```$")

func blocks(t *testing.T, text string) []block {
	t.Helper()
	var all []block
	for _, m := range marked.FindAllStringSubmatchIndex(text, -1) {
		b := block{line: 1 + strings.Count(text[:m[0]], "\n"), script: text[m[4]:m[5]]}
		if m[2] >= 0 {
			b.exit, _ = strconv.Atoi(text[m[2]:m[3]]) // the pattern lets digits through only
		}
		all = append(all, b)
	}
	if want := strings.Count(text, "<!-- run"); want != len(all) {
		t.Errorf("%d blocks are marked, %d are well-formed", want, len(all))
	}
	return all
}

// TestMarkedBlocksRun executes what the documents show. The blocks of one page share a
// directory, so each goes on where the one before ended.
func TestMarkedBlocksRun(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	bin := build(t)
	examples, err := filepath.Abs("../examples")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, page := range documents(t) {
		marked := blocks(t, read(t, page))
		if len(marked) == 0 {
			continue
		}
		ran += len(marked)
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.Symlink(examples, filepath.Join(dir, "examples")); err != nil {
				t.Fatal(err)
			}
			for _, b := range marked {
				b.execute(t, bin, dir)
			}
		})
	}
	if ran == 0 {
		t.Error("no block is marked: the pattern does not match any more")
	}
}

// build compiles the program and returns the directory that it is in.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "executioner"), "../cmd/executioner")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

func (b block) execute(t *testing.T, bin, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-eu", "-c", b.script)
	cmd.Dir = dir
	cmd.WaitDelay = time.Second
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "EXECUTIONER_") }),
		"PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		"PWD="+dir, "HOME="+dir, "XDG_STATE_HOME="+filepath.Join(dir, "state"))
	out := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	_ = cmd.Run() // its exit code is looked at
	if got := cmd.ProcessState.ExitCode(); got != b.exit {
		t.Errorf("line %d: exit code %d, want %d\n%s%s", b.line, got, b.exit, b.script, out)
	}
}

func TestReasonsAreDocumented(t *testing.T) {
	page := read(t, "state-machine.md")
	for _, r := range run.Reasons() {
		if !hasRow(page, string(r)) {
			t.Errorf("state-machine.md has no row for the reason %s", r)
		}
	}
}

func TestStatesAreDocumented(t *testing.T) {
	page := read(t, "state-machine.md")
	for _, s := range run.States() {
		if !strings.Contains(page, "\n| "+s.String()+" |") {
			t.Errorf("state-machine.md has no row for the state %s", s)
		}
	}
}

func TestChecksAreDocumented(t *testing.T) {
	page := section(t, read(t, "workflow-file.md"), "Checks")
	for _, d := range check.Docs() {
		if !hasRow(page, d.Name) {
			t.Errorf("workflow-file.md has no row for the check %s", d.Name)
		}
		for _, p := range d.Params {
			if !strings.Contains(page, "`"+p.Name+"`") {
				t.Errorf("workflow-file.md does not name the parameter %s of %s", p.Name, d.Name)
			}
		}
	}
	if want := len(check.Names()); len(check.Docs()) != want {
		t.Errorf("%d checks are described, there are %d", len(check.Docs()), want)
	}
}

func TestLintRulesAreDocumented(t *testing.T) {
	page := read(t, "rules.md")
	for _, r := range lint.Rules() {
		if !hasRow(page, r.Name) {
			t.Errorf("rules.md has no row for the rule %s", r.Name)
		}
		if !strings.Contains(page, "\n### "+r.Name) && !strings.Contains(page, " and "+r.Name+"\n") && !strings.Contains(page, "\n### "+r.Name+" and ") {
			t.Errorf("rules.md has no section for the rule %s", r.Name)
		}
	}
}

func TestPolicyRulesAreDocumented(t *testing.T) {
	page := section(t, read(t, "workflow-file.md"), "Security policy")
	for _, r := range policy.Rules() {
		if !strings.Contains(page, fmt.Sprintf("\n| `%s` | %s |", r.Name, r.Level)) {
			t.Errorf("workflow-file.md has no row for the rule %s, level %s", r.Name, r.Level)
		}
	}
}

func TestFieldsAreDocumented(t *testing.T) {
	page := read(t, "workflow-file.md")
	tests := []struct{ file, table, section string }{
		{"fields.go", "workflowFields", "Fields of the workflow"},
		{"job.go", "jobFields", "Fields of a job"},
	}
	for _, tt := range tests {
		names := keys(t, filepath.Join("../internal/workflow", tt.file), tt.table)
		part := section(t, page, tt.section)
		for _, name := range names {
			if !hasRow(part, name) {
				t.Errorf("%s: there is no row for %s", tt.section, name)
			}
		}
		for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllStringSubmatch(part, -1) {
			if !slices.Contains(names, m[1]) {
				t.Errorf("%s: %s is documented, but there is no such field", tt.section, m[1])
			}
		}
	}
}

// keys returns the names in a table of fields, as the source of the package has them.
func keys(t *testing.T, file, table string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Names[0].Name != table {
			return true
		}
		for _, e := range spec.Values[0].(*ast.CompositeLit).Elts {
			name, err := strconv.Unquote(e.(*ast.KeyValueExpr).Key.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
		return false
	})
	if len(names) == 0 {
		t.Fatalf("%s has no table %s", file, table)
	}
	return names
}

// section returns the part of a page below the heading of that name, up to the next of
// its level or a higher one.
func section(t *testing.T, page, title string) string {
	t.Helper()
	_, part, ok := strings.Cut(page, "\n## "+title+"\n")
	if !ok {
		t.Fatalf("there is no section %q", title)
	}
	part, _, _ = strings.Cut(part, "\n## ")
	return part
}

// hasRow reports whether a table has a row that begins with that word as code.
func hasRow(page, word string) bool { return strings.Contains(page, "\n| `"+word+"` |") }
