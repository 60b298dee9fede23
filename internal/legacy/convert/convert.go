// Package convert turns scripts, crontabs, makefiles and lists of SQL scripts into
// workflows. It is pure: it reads text and returns a workflow, with notes about what
// could not be carried over.
package convert

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Source is a file that is to be converted.
type Source struct {
	Name    string // as the user wrote it; messages begin with it
	Data    []byte
	Dir     string   // absolute: where the workflow's jobs work
	Targets []string // of a makefile: what is to be made; none means its first target
}

// Result is a workflow that was made of something else.
type Result struct {
	Flow  client.Workflow
	Notes []string // what a person should know; they are in the comments too

	head     []string            // comments above everything
	comments map[string][]string // comments above jobs, by id
	ids      map[string]bool
}

// Kinds are the words for what can be converted.
func Kinds() []string { return []string{"bash", "cron", "makefile", "sql-list"} }

// From converts a file of one of the Kinds. What can't be read, or has nothing to run, is
// a fault InvalidWorkflow.
func From(kind string, src Source) (*Result, error) {
	if !utf8.Valid(src.Data) || bytes.IndexByte(src.Data, 0) >= 0 {
		return nil, fault.New(fault.InvalidWorkflow, "%s is no text in UTF-8", src.Name).WithHint("iconv -f LATIN1 -t UTF-8 FILE writes one that is")
	}
	r := newResult(src)
	var err error
	switch kind {
	case "bash":
		err = r.bash(src)
	case "cron":
		err = r.cron(src)
	case "makefile":
		err = r.makefile(src)
	case "sql-list":
		err = r.sqlList(src)
	default:
		return nil, fault.New(fault.Usage, "there is no kind %q", kind).WithHint("one of %s", strings.Join(Kinds(), ", "))
	}
	if err == nil && len(r.Flow.Jobs) == 0 {
		err = fault.New(fault.InvalidWorkflow, "%s has nothing to run", src.Name)
	}
	return r, err
}

func newResult(src Source) *Result {
	name := strings.TrimSuffix(filepath.Base(src.Name), filepath.Ext(src.Name))
	if strings.Trim(name, "-. ") == "" {
		name = "workflow"
	}
	return &Result{
		Flow:     client.Workflow{ApplicationName: name, WorkingDir: src.Dir},
		comments: map[string][]string{}, ids: map[string]bool{},
	}
}

// note tells something about a line; 0 means the whole file. The same is told once.
func (r *Result) note(line int, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if line > 0 {
		text = fmt.Sprintf("line %d: %s", line, text)
	}
	if !slices.Contains(r.Notes, text) {
		r.Notes = append(r.Notes, text)
	}
}

// id returns an unused id for a job that is best called name.
func (r *Result) id(name string) string {
	var b strings.Builder
	for _, c := range name {
		switch {
		case c < 128 && (unicode.IsLetter(c) || unicode.IsDigit(c)), c == '_', c == '.':
			b.WriteRune(c)
		default:
			b.WriteByte('-')
		}
	}
	name = strings.Trim(b.String(), "-.")
	if len(name) > 60 {
		name = strings.TrimRight(name[:60], "-.")
	}
	if name == "" {
		name = "step"
	}
	id := name
	for n := 2; r.ids[id]; n++ {
		id = fmt.Sprintf("%s-%d", name, n)
	}
	r.ids[id] = true
	return id
}

// inShell returns a command that is run by a shell other than /bin/sh. In the words of a
// list ${NAME} would be replaced before the shell sees it; so what has that, or several
// lines, is read by the shell as a script, which leaves its standard input alone.
func inShell(shell, text string) client.Command {
	if !strings.Contains(text, "\n") && !strings.Contains(text, "${") {
		return client.Exec(shell, "-c", text)
	}
	end := "END"
	for slices.Contains(strings.Split(text, "\n"), end) {
		end += "_"
	}
	return client.Shell("exec " + shell + " /dev/fd/3 3<<'" + end + "'\n" + text + "\n" + end)
}

// YAML returns the workflow as text, with comments.
func (r *Result) YAML() ([]byte, error) {
	text, err := r.Flow.YAML()
	if err != nil {
		return nil, err
	}
	var out []string
	head := r.head
	for _, n := range r.Notes {
		head = append(head, "NOTE "+n)
	}
	out = append(out, asComments("", head)...)
	next := 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "  - id:") && next < len(r.Flow.Jobs) {
			out = append(out, asComments("  ", r.comments[r.Flow.Jobs[next].ID])...)
			next++
		}
		out = append(out, strings.TrimSuffix(line, "\n"))
	}
	p, err := workflow.Print(workflow.Source{Name: "converted.yaml", Data: []byte(strings.Join(out, "\n") + "\n")}, workflow.YAML)
	return p.Text, err
}

// asComments makes lines of comments.
func asComments(indent string, texts []string) []string {
	var out []string
	for _, text := range texts {
		for line := range strings.SplitSeq(text, "\n") {
			out = append(out, strings.TrimRight(indent+"# "+shown(line), " \t"))
		}
	}
	return out
}

// shown replaces what can't be in a comment.
func shown(text string) string {
	return strings.Map(func(c rune) rune {
		if c == '\t' {
			return ' '
		}
		if !unicode.IsPrint(c) {
			return '·'
		}
		return c
	}, strings.ToValidUTF8(text, "·"))
}
