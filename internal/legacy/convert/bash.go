package convert

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/fault"
)

// script is a shell script in the making of its jobs. Each job has a shell of its own, so
// what a line sets for those behind it goes before each that needs it.
type script struct {
	*Result
	posix    bool           // it says that it is for /bin/sh
	assigned map[string]int // how often a variable is set, anywhere
	prelude  []setting
	speaking []*syntax.Stmt // echo lines that wait for a command
	remarks  []string       // comments that wait for it
	last     []string       // jobs that the next one waits for
	behind   []string       // jobs in the background that nobody has waited for
	strict   bool           // set -e
	peak     int            // jobs in the background at once
}

// setting is a statement that changes the shell for those behind it.
type setting struct {
	text    string
	defines []string // variables and functions; none: it is for all
	refs    []string
	options string // of a set: its letters, such as eu; p stands for pipefail
}

// bash makes jobs of a script's commands, one after the other.
func (r *Result) bash(src Source) error {
	file, err := syntax.NewParser(syntax.KeepComments(true), syntax.Variant(syntax.LangBash)).Parse(bytes.NewReader(src.Data), src.Name)
	var wrong syntax.ParseError
	if errors.As(err, &wrong) {
		return fault.New(fault.InvalidWorkflow, "%s:%d:%d: %s", src.Name, wrong.Pos.Line(), wrong.Pos.Col(), wrong.Text)
	} else if err != nil {
		return fault.New(fault.InvalidWorkflow, "%s: %v", src.Name, err)
	}
	first, _, _ := strings.Cut(string(src.Data), "\n")
	s := &script{Result: r, posix: strings.HasPrefix(first, "#!") && !strings.Contains(first, "bash") && !strings.Contains(first, "ksh"), assigned: assignments(file)}
	r.Flow.EnvVariables = client.Env{}
	r.head = append(r.head, "Made of the script "+src.Name+". Each command is a job with a shell of its own.")
	for i, stmt := range file.Stmts {
		s.stmt(stmt, i == len(file.Stmts)-1)
	}
	s.finish()
	return nil
}

// finish settles what is known at the end of the script.
func (s *script) finish() {
	if len(s.speaking) > 0 {
		s.job(nil)
	}
	if len(s.Flow.EnvVariables) == 0 {
		s.Flow.EnvVariables = nil
	}
	if s.peak > 0 {
		s.Flow.Parallel, s.Flow.MaxWorkers = new(true), new(s.peak+1)
	}
	if !s.strict && len(s.Flow.Jobs) > 1 {
		s.note(0, "without set -e the script went on after a command that failed; the workflow does not, unless a job has continue_on_error: true")
	}
}

// stmt takes one statement at the top of the script.
func (s *script) stmt(stmt *syntax.Stmt, end bool) {
	s.remarks = append(s.remarks, remarksOf(stmt)...)
	stmt.Comments = nil
	call, _ := stmt.Cmd.(*syntax.CallExpr)
	if stmt.Background || stmt.Negated || len(stmt.Redirs) > 0 {
		call = nil
	}
	switch {
	case s.moves(stmt):
	case call != nil && len(call.Args) == 0:
		s.assign(stmt, call.Assigns, false)
	case s.declares(stmt):
	case call != nil && s.builtin(stmt, call, end):
	case onlySets(stmt):
		s.set(stmt, setNames(stmt)...)
	default:
		s.job(stmt)
	}
}

// moves takes what changes the directory or the output of all that follows, where that is
// part of a larger statement: cd DIR || exit, cd DIR && make, exec >FILE.
func (s *script) moves(stmt *syntax.Stmt) bool {
	if stmt.Background || stmt.Negated {
		return false
	}
	if first(stmt) == "exec" && len(stmt.Redirs) > 0 && len(stmt.Cmd.(*syntax.CallExpr).Args) == 1 {
		s.note(int(stmt.Pos().Line()), "exec with a redirection is done in each job behind it")
		s.set(stmt)
		return true
	}
	both, is := stmt.Cmd.(*syntax.BinaryCmd)
	if !is || len(stmt.Redirs) > 0 || first(both.X) != "cd" && first(both.X) != "." && first(both.X) != "source" {
		return false
	}
	if both.Op == syntax.OrStmt {
		s.set(stmt)
		return true
	}
	if both.Op == syntax.AndStmt {
		s.job(stmt)
		s.set(both.X)
		return true
	}
	return false
}

// first returns the program of a simple command.
func first(stmt *syntax.Stmt) string {
	if call, is := stmt.Cmd.(*syntax.CallExpr); is && len(call.Args) > 0 {
		return call.Args[0].Lit()
	}
	return ""
}

// remarksOf returns the comments of a statement, without the line that names the shell.
func remarksOf(stmt *syntax.Stmt) []string {
	var all []string
	for _, c := range stmt.Comments {
		if text := strings.TrimSpace(c.Text); text != "" && !(c.Pos().Line() == 1 && strings.HasPrefix(text, "!")) {
			all = append(all, text)
		}
	}
	return all
}

// declares takes functions, export, readonly and declare.
func (s *script) declares(stmt *syntax.Stmt) bool {
	switch cmd := stmt.Cmd.(type) {
	case *syntax.FuncDecl:
		s.set(stmt, cmd.Name.Value)
		return true
	case *syntax.DeclClause:
		export := cmd.Variant.Value == "export"
		for _, a := range cmd.Args {
			if a.Name == nil || a.Naked && !s.knows(a.Name.Value) {
				s.set(stmt)
				return true
			}
		}
		if !export && cmd.Variant.Value != "readonly" {
			s.set(stmt, setNames(stmt)...)
			return true
		}
		s.assign(stmt, cmd.Args, export)
		return true
	}
	return false
}

func (s *script) knows(name string) bool {
	_, known := s.Flow.EnvVariables[name]
	return known
}

// assign makes entries of env_variables of assignments, where they are constant and the
// only ones of their names. Others are made anew in each job.
func (s *script) assign(stmt *syntax.Stmt, all []*syntax.Assign, export bool) {
	values := make(client.Env)
	for _, a := range all {
		if a.Naked {
			continue
		}
		value, ok := s.constant(a, values)
		if !ok {
			names := setNames(stmt)
			if export {
				names = nil // programs may look for it
			}
			s.note(int(stmt.Pos().Line()), "%s is worked out anew in each job that needs it", strings.Join(setNames(stmt), ", "))
			s.set(stmt, names...)
			return
		}
		values[a.Name.Value] = value
	}
	for name, value := range values {
		s.Flow.EnvVariables[name] = value
	}
}

// usual are variables that every environment has.
var usual = []string{"HOME", "PATH", "USER", "SHELL"}

// constant returns the value of an assignment as env_variables has it.
func (s *script) constant(a *syntax.Assign, also client.Env) (string, bool) {
	if a.Append || a.Array != nil || a.Index != nil || s.assigned[a.Name.Value] != 1 {
		return "", false
	}
	if a.Value == nil {
		return "", true
	}
	var b strings.Builder
	ok := true
	literal := func(text string, raw bool) {
		if raw && strings.Contains(text, `\`) || strings.Contains(text, "${") || raw && b.Len() == 0 && strings.HasPrefix(text, "~") {
			ok = false
		}
		b.WriteString(text)
	}
	variable := func(p *syntax.ParamExp) {
		name := ""
		if p.Param != nil {
			name = p.Param.Value
		}
		_, beside := also[name]
		simple := !p.Excl && !p.Length && !p.Width && p.Index == nil && p.Slice == nil && p.Repl == nil && p.Exp == nil && p.Names == 0
		if !simple || !beside && !s.knows(name) && !slices.Contains(usual, name) {
			ok = false
		}
		b.WriteString("${" + name + "}")
	}
	for _, part := range a.Value.Parts {
		switch part := part.(type) {
		case *syntax.Lit:
			literal(part.Value, true)
		case *syntax.SglQuoted:
			literal(part.Value, false)
			ok = ok && !part.Dollar
		case *syntax.ParamExp:
			variable(part)
		case *syntax.DblQuoted:
			ok = ok && !part.Dollar
			for _, in := range part.Parts {
				switch in := in.(type) {
				case *syntax.Lit:
					if strings.Contains(in.Value, `\`) {
						ok = false
					}
					literal(in.Value, false)
				case *syntax.ParamExp:
					variable(in)
				default:
					ok = false
				}
			}
		default:
			ok = false
		}
	}
	return b.String(), ok
}

// builtin takes commands of the shell that are no jobs.
func (s *script) builtin(stmt *syntax.Stmt, call *syntax.CallExpr, end bool) bool {
	line := int(stmt.Pos().Line())
	switch name := call.Args[0].Lit(); name {
	case "set":
		options, ok := setOptions(call)
		if !ok {
			options = "?"
		}
		s.strict = s.strict || strings.Contains(options, "e")
		s.prelude = append(s.prelude, setting{text: source(stmt), options: options})
	case "cd", "pushd", "popd", "shopt", "umask", "ulimit", "source", ".", "alias", "unset":
		s.set(stmt)
	case "trap":
		s.note(line, "the trap is set in each job behind it, so it works at the end of each")
		s.set(stmt)
	case "echo", "printf", ":", "true":
		if !plainWords(call) {
			return false
		}
		if names := defaulted(call); len(names) > 0 {
			s.set(stmt, names...)
			return true
		}
		s.speaking = append(s.speaking, stmt)
	case "wait":
		if len(call.Args) > 1 && len(s.behind) > 1 {
			s.note(line, "wait waits for all jobs that are in the background")
		}
		s.last, s.behind = append(slices.Clone(s.last), s.behind...), nil
	case "exit":
		if !end {
			s.note(line, "what follows exit is not left out")
		}
		return len(call.Args) == 1 || call.Args[1].Lit() == "0"
	default:
		return false
	}
	return true
}

// plainWords reports whether a command has no substitution in its words.
func plainWords(call *syntax.CallExpr) bool {
	for node := range syntax.Preorder(call) {
		switch node.(type) {
		case *syntax.CmdSubst, *syntax.ProcSubst:
			return false
		}
	}
	return true
}

// set remembers a statement for the jobs behind it.
func (s *script) set(stmt *syntax.Stmt, defines ...string) {
	s.prelude = append(s.prelude, setting{text: source(stmt), defines: defines, refs: references(stmt)})
}

// job adds a job with the echo lines that wait, and a statement, if there is one.
func (s *script) job(stmt *syntax.Stmt) {
	background := stmt != nil && stmt.Background
	var lines, refs []string
	title := ""
	for _, e := range s.speaking {
		lines, refs = append(lines, source(e)), append(refs, references(e)...)
		if text := spoken(e); title == "" {
			title = text
		}
	}
	s.speaking = nil
	name := "echo"
	if stmt != nil {
		stmt.Background = false
		lines, refs = append(lines, source(stmt)), append(refs, references(stmt)...)
		name = nodeName(stmt)
		s.warn(stmt)
	}
	simple := false
	if stmt != nil && len(lines) == 1 {
		_, simple = stmt.Cmd.(*syntax.CallExpr)
	}
	text := strings.Join(append(s.needed(refs, simple), lines...), "\n")
	job := client.Job{ID: s.id(name), Description: title, Command: client.Shell(text), Dependencies: client.Needs(s.last...)}
	if !s.posix && needsBash(text) {
		job.Command = inShell("bash", text)
	}
	if len(job.Dependencies) == 0 {
		job.Dependencies = nil
	}
	s.comments[job.ID], s.remarks = s.remarks, nil
	s.Flow.Jobs = append(s.Flow.Jobs, job)
	if background {
		s.behind = append(s.behind, job.ID)
		s.peak = max(s.peak, len(s.behind))
		return
	}
	s.last = []string{job.ID}
}

// warn notes what a statement does that does not reach the jobs behind it.
func (s *script) warn(stmt *syntax.Stmt) {
	line := int(stmt.Pos().Line())
	var kept syntax.Node = stmt.Cmd // what it changes reaches the jobs behind it: see moves
	if both, is := stmt.Cmd.(*syntax.BinaryCmd); is && both.Op == syntax.AndStmt {
		kept = both.X.Cmd
	}
	for _, name := range setNames(stmt) {
		s.note(line, "%s is set by a job, and the jobs behind it do not see it", name)
	}
	for node := range syntax.Preorder(stmt) {
		switch n := node.(type) {
		case *syntax.ParamExp:
			if n.Param != nil && strings.Trim(n.Param.Value, "0123456789@*#") == "" && n.Param.Value != "0" {
				s.note(line, "the script's arguments are not there ($%s): use params", n.Param.Value)
			}
		case *syntax.CallExpr:
			if len(n.Args) > 0 && node != kept && slices.Contains([]string{"cd", "source", ".", "set", "umask"}, n.Args[0].Lit()) {
				s.note(line, "what %s changes is changed for this job only", n.Args[0].Lit())
			}
			if len(n.Args) > 0 && n.Args[0].Lit() == "exit" && (len(n.Args) == 1 || n.Args[1].Lit() == "0") {
				s.note(line, "exit ends this job only, and those behind it are run")
			}
		}
	}
}

// needed returns the settings that a job needs, for what it refers to.
func (s *script) needed(refs []string, simple bool) []string {
	want := map[string]bool{}
	add := func(names []string) {
		for _, name := range names {
			want[name] = true
		}
	}
	add(refs)
	take := make([]bool, len(s.prelude))
	others := false
	for i := len(s.prelude) - 1; i >= 0; i-- {
		p := &s.prelude[i]
		take[i] = len(p.defines) == 0 || slices.ContainsFunc(p.defines, func(name string) bool { return want[name] })
		if take[i] {
			add(p.refs)
			others = others || p.options == ""
		}
	}
	free := true // of variables that may not be set
	for name := range want {
		free = free && (s.knows(name) || slices.Contains(usual, name))
	}
	var lines []string
	for i := range s.prelude {
		p := &s.prelude[i]
		idle := p.options != "" && simple && !others && strings.Trim(p.options, "ep") == "" ||
			p.options != "" && simple && !others && free && strings.Trim(p.options, "epu") == ""
		if take[i] && !idle {
			lines = append(lines, p.text)
		}
	}
	return lines
}

// source prints a statement.
func source(stmt *syntax.Stmt) string {
	var b strings.Builder
	_ = syntax.NewPrinter(syntax.Indent(2)).Print(&b, stmt) // to memory
	return strings.TrimRight(b.String(), "\n")
}

// spoken returns what an echo of a constant says.
func spoken(stmt *syntax.Stmt) string {
	call, is := stmt.Cmd.(*syntax.CallExpr)
	if !is || len(call.Args) != 2 || call.Args[0].Lit() != "echo" {
		return ""
	}
	text := call.Args[1].Lit()
	if len(call.Args[1].Parts) == 1 {
		switch q := call.Args[1].Parts[0].(type) {
		case *syntax.SglQuoted:
			text = q.Value
		case *syntax.DblQuoted:
			if len(q.Parts) == 1 {
				if l, is := q.Parts[0].(*syntax.Lit); is {
					text = l.Value
				}
			}
		}
	}
	return shown(strings.Trim(text, "=-*# \t"))
}
