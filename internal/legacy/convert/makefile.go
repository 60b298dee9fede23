package convert

import (
	"regexp"
	"slices"
	"strings"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/fault"
)

// makefile is what a makefile says, and the jobs that are made of it.
type makefile struct {
	*Result
	vars     map[string]string // unexpanded
	exported []string
	rules    map[string]*target
	order    []string // of targets
	patterns []string // targets of rules with %
	oneShell bool

	current []*target // whose recipe is being read
	remarks []string  // comments that wait for a rule
	skip    []string  // what is left out until then: endif, endef
	state   map[string]int
	made    map[string]string // id of the job, by target
}

type target struct {
	name    string
	needs   []string
	recipe  []recipeLine
	remarks []string
	title   string
	line    int
}

type recipeLine struct {
	text string
	line int
}

var (
	makeAssign = regexp.MustCompile(`^(?:override\s+)?(export\s+)?([^\s:#=?+!]+)\s*(=|:=|::=|:::=|\?=|\+=|!=)\s*(.*)$`)
	makeWord   = regexp.MustCompile(`^(-?include|sinclude|ifeq|ifneq|ifdef|ifndef|else|endif|define|endef|export|unexport|vpath|undefine)\b\s*(.*)$`)
	shellState = regexp.MustCompile(`(^|[\s;&|({])(cd|exit|export|set|exec|umask|trap|ulimit|shift|unset)\b|^[A-Za-z_][A-Za-z0-9_]*=`)
)

// makefile makes a job of each target that the wanted ones need.
func (r *Result) makefile(src Source) error {
	m := &makefile{
		Result: r, rules: map[string]*target{}, state: map[string]int{}, made: map[string]string{},
		vars: map[string]string{"CC": "cc", "CXX": "c++", "AR": "ar", "RM": "rm -f", "MAKE": "make", "CURDIR": src.Dir, "SHELL": "/bin/sh"},
	}
	m.read(string(src.Data))
	goals := src.Targets
	if len(goals) == 0 {
		goals = m.defaultGoal()
	}
	r.head = append(r.head, "Made of the makefile "+src.Name+", for "+strings.Join(goals, ", ")+".")
	r.note(0, "make leaves out targets that are up to date; the jobs are always run")
	for _, goal := range goals {
		if m.rules[goal] == nil {
			return fault.New(fault.NotFound, "%s has no target %s", src.Name, goal).WithHint("it has %s", strings.Join(m.order, ", "))
		}
		m.make(goal)
	}
	m.rest()
	m.export()
	return nil
}

// rest tells which targets nobody wanted.
func (m *makefile) rest() {
	var left []string
	for _, name := range m.order {
		if m.made[name] == "" {
			left = append(left, name)
		}
	}
	if len(left) > 0 {
		m.note(0, "left out, because the wanted targets do not need them: %s", strings.Join(left, ", "))
	}
}

func (m *makefile) export() {
	for _, name := range m.exported {
		value, ok := m.expand(m.vars[name], &expansion{})
		if !ok || strings.Contains(value, "$") {
			m.note(0, "the exported variable %s can't be worked out", name)
			continue
		}
		if m.Flow.EnvVariables == nil {
			m.Flow.EnvVariables = client.Env{}
		}
		m.Flow.EnvVariables[name] = value
	}
}

func (m *makefile) defaultGoal() []string {
	if goal := m.vars[".DEFAULT_GOAL"]; goal != "" {
		return []string{goal}
	}
	return m.order[:min(1, len(m.order))]
}

// read goes through the lines, of which one that ends in \ goes on in the next.
func (m *makefile) read(text string) {
	lines := strings.Split(strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line, number := lines[i], i+1
		recipe := strings.HasPrefix(line, "\t")
		for strings.HasSuffix(line, `\`) && !strings.HasSuffix(line, `\\`) && i+1 < len(lines) {
			i++
			if recipe {
				line += "\n" + strings.TrimPrefix(lines[i], "\t")
			} else {
				line = strings.TrimSuffix(line, `\`) + " " + strings.TrimSpace(lines[i])
			}
		}
		m.line(line, number, recipe)
	}
}

func (m *makefile) line(line string, number int, recipe bool) {
	text := strings.TrimSpace(line)
	if len(m.skip) > 0 {
		m.skipped(text)
		return
	}
	switch {
	case recipe && len(m.current) > 0:
		for _, t := range m.current {
			t.recipe = append(t.recipe, recipeLine{text, number})
		}
	case text == "":
		m.remarks = nil
	case text[0] == '#':
		m.remarks = append(m.remarks, strings.TrimSpace(strings.TrimLeft(text, "#")))
	default:
		m.statement(text, number)
	}
}

// skipped passes over a conditional or a define.
func (m *makefile) skipped(text string) {
	word, _, _ := strings.Cut(text, " ")
	switch word {
	case m.skip[len(m.skip)-1]:
		m.skip = m.skip[:len(m.skip)-1]
	case "ifeq", "ifneq", "ifdef", "ifndef":
		m.skip = append(m.skip, "endif")
	case "define":
		m.skip = append(m.skip, "endef")
	}
}

func (m *makefile) statement(text string, number int) {
	if w := makeWord.FindStringSubmatch(text); w != nil && !makeAssign.MatchString(text) {
		m.directive(w[1], w[2], number)
		return
	}
	colon, equals := strings.Index(text, ":"), strings.Index(text, "=")
	if a := makeAssign.FindStringSubmatch(text); a != nil && (colon < 0 || equals < colon || strings.HasPrefix(text[colon:], ":=") || strings.HasPrefix(text[colon:], "::")) {
		m.assign(a[1] != "", a[2], a[3], a[4], number)
		return
	}
	if colon < 0 {
		m.note(number, "not understood, and left out: %s", shown(text))
		return
	}
	m.rule(text[:colon], strings.TrimLeft(text[colon:], ":"), number)
}

func (m *makefile) directive(word, rest string, number int) {
	m.current = nil
	switch word {
	case "export":
		m.exported = append(m.exported, strings.Fields(rest)...)
		if rest == "" {
			m.note(number, "export of all variables is left out")
		}
	case "ifeq", "ifneq", "ifdef", "ifndef":
		m.skip = append(m.skip, "endif")
		m.note(number, "the conditional is left out, with all that it has: %s %s", word, shown(rest))
	case "define":
		m.skip = append(m.skip, "endef")
		m.note(number, "define is left out: %s", shown(rest))
	default:
		m.note(number, "left out: %s %s", word, shown(rest))
	}
}

func (m *makefile) assign(export bool, name, how, value string, number int) {
	m.current = nil
	if i := strings.Index(value, " #"); i >= 0 {
		value = strings.TrimSpace(value[:i])
	}
	old, known := m.vars[name]
	switch {
	case how == "!=":
		value = "$(shell " + value + ")"
	case how == "?=" && known && name != "CC" && name != "CXX":
		value = old
	case how == "+=" && old != "":
		value = old + " " + value
	case strings.HasPrefix(how, ":"):
		if now, ok := m.expand(value, &expansion{}); ok {
			value = strings.ReplaceAll(now, "$", "$$")
		}
	}
	m.vars[name] = value
	if export {
		m.exported = append(m.exported, name)
	}
}

// rule reads the first line of a rule.
func (m *makefile) rule(names, rest string, number int) {
	m.current = nil
	title := ""
	if before, said, found := strings.Cut(rest, "#"); found {
		rest, title = before, strings.TrimSpace(strings.TrimLeft(said, "#"))
	}
	rest, inline, _ := strings.Cut(rest, ";")
	remarks := m.remarks
	m.remarks = nil
	targets, ok := m.expand(names, &expansion{})
	needs, fine := m.expand(rest, &expansion{})
	switch {
	case !ok || !fine:
		m.note(number, "the rule is left out, because its names can't be worked out: %s:%s", shown(names), shown(rest))
		return
	case strings.Contains(targets, "%") || strings.Contains(needs, "%"):
		m.patterns = append(m.patterns, strings.Fields(targets)...)
		m.current = []*target{{}} // its recipe is left out with it
		m.note(number, "the pattern rule is left out: %s:%s", shown(names), shown(rest))
		return
	case strings.Contains(rest, "="):
		m.note(number, "the variable of a target is left out: %s:%s", shown(names), shown(rest))
		return
	}
	for _, name := range strings.Fields(targets) {
		if strings.HasPrefix(name, ".") && strings.ToUpper(name) == name {
			m.oneShell = m.oneShell || name == ".ONESHELL"
			continue
		}
		t := m.rules[name]
		if t == nil {
			t = &target{name: name, line: number}
			m.rules[name] = t
			m.order = append(m.order, name)
		}
		for _, need := range strings.Fields(strings.ReplaceAll(needs, "|", " ")) {
			if !slices.Contains(t.needs, need) {
				t.needs = append(t.needs, need)
			}
		}
		t.remarks = append(t.remarks, remarks...)
		if t.title == "" {
			t.title = title
		}
		if inline = strings.TrimSpace(inline); inline != "" {
			t.recipe = append(t.recipe, recipeLine{inline, number})
		}
		m.current = append(m.current, t)
	}
}

const (
	making = 1
	done   = 2
)

// make adds the jobs of what a target needs, then its own.
func (m *makefile) make(name string) {
	t := m.rules[name]
	if m.state[name] == done {
		return
	}
	m.state[name] = making
	var ids []string
	var files []client.Check
	for _, need := range t.needs {
		switch {
		case m.rules[need] == nil:
			files = append(files, m.file(t, need)...)
		case m.state[need] == making:
			m.note(t.line, "%s and %s need each other: one of it is left out, as make does", name, need)
		default:
			m.make(need)
			ids = append(ids, m.made[need])
		}
	}
	m.state[name] = done
	job := client.Job{ID: m.id(name), Description: t.title, PreChecks: files}
	m.made[name] = job.ID
	if len(ids) > 0 {
		job.Dependencies = client.Needs(ids...)
	}
	m.comments[job.ID] = t.remarks
	text := m.script(t, job.ID)
	job.Command = client.Shell(text)
	if shell := m.vars["SHELL"]; text != "" && shell != "/bin/sh" && !strings.Contains(shell, "$") {
		job.Command = inShell(shell, text)
	}
	m.Flow.Jobs = append(m.Flow.Jobs, job)
}

// file returns the check that a file that nothing makes is there.
func (m *makefile) file(t *target, name string) []client.Check {
	switch {
	case strings.ContainsAny(name, "*?["):
		return nil
	case strings.HasSuffix(name, ".o"), slices.ContainsFunc(m.patterns, func(pattern string) bool { return matches(pattern, name) }):
		m.note(t.line, "%s needs %s, which a pattern rule may make: no job does", t.name, name)
		return nil
	}
	return []client.Check{{Name: "check_file_exists", Params: map[string]any{"path": name}}}
}

// matches reports whether a pattern with a % is for a file.
func matches(pattern, name string) bool {
	before, after, _ := strings.Cut(pattern, "%")
	return len(name) > len(before)+len(after) && strings.HasPrefix(name, before) && strings.HasSuffix(name, after)
}

// script returns the recipe of a target for one shell.
func (m *makefile) script(t *target, id string) string {
	var lines, broken []string
	for _, l := range t.recipe {
		text, ignore := bare(l.text)
		x := &expansion{target: t, recipe: true}
		text, ok := m.expand(text, x)
		if !ok {
			broken = append(broken, x.stuck)
			m.note(l.line, "%s is not converted, so the job %s fails", shown(x.stuck), id)
			m.comments[id] = append(m.comments[id], "not converted: "+x.stuck)
		}
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		switch {
		case ignore && text[0] != '#':
			text = forgiven(text)
		case len(t.recipe) > 1 && !m.oneShell && shellState.MatchString(text):
			text = alone(text) // each line has a shell of its own in make
		}
		lines = append(lines, text)
	}
	if len(lines) > 1 {
		lines = append([]string{"set -e"}, lines...)
	}
	if len(broken) > 0 {
		lines = append([]string{"echo 'this was not converted: see the comment' >&2", "exit 1"}, lines...)
	}
	return strings.Join(lines, "\n")
}

// forgiven returns a line that may fail.
func forgiven(text string) string {
	if strings.ContainsAny(text, ";&|<>#\n") {
		return "{\n" + text + "\n} || :"
	}
	return text + " || :"
}

// alone returns a line in a shell of its own.
func alone(text string) string {
	if strings.ContainsAny(text, "#\n") {
		return "(\n" + text + "\n)"
	}
	return "(" + text + ")"
}

// bare takes the marks before a line of a recipe away. A - lets the line fail.
func bare(text string) (string, bool) {
	ignore := false
	for text != "" && strings.IndexByte("@-+ \t", text[0]) >= 0 {
		ignore = ignore || text[0] == '-'
		text = text[1:]
	}
	return text, ignore
}
