// Package lint finds what is allowed in a workflow but probably not meant, and holds
// workflows against the rules that a team has. It is pure.
package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/expr"
	"github.com/executionerhq/executioner/internal/nearest"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Level says what becomes of a finding.
type Level string

// The levels. An error makes `lint` fail, and of a team's rule also validate and run.
const (
	Error Level = "error"
	Warn  Level = "warn"
)

// Finding is one thing that was found.
type Finding struct {
	Rule  string
	Level Level
	Job   run.JobID // as the file calls it; empty: the workflow itself
	Msg   string    // for a person, one line
	Hint  string    // what to do about it, or empty
	Pos   workflow.Pos
}

// Rule is one of those that lint has.
type Rule struct {
	Name  string
	Level Level  // of most of its findings
	Asked bool   // it is looked for only when it is asked for
	Doc   string // what it finds, in one line

	find func(*linter)
}

// Rules returns all that there are, in the order of the documents.
func Rules() []Rule {
	return []Rule{
		{Name: "unknown-field", Level: Warn, Doc: "a field that does not exist, and so is ignored", find: unknownFields},
		{Name: "unreachable-job", Level: Warn, Doc: "a job that can never run: its condition is always false, or a job can't end as it asks for", find: unreachable},
		{Name: "redundant-dependency", Level: Warn, Doc: "a dependency that another one implies", find: redundant},
		{Name: "missing-timeout", Level: Warn, Doc: "a job for which nobody chose a timeout", find: missingTimeout},
		{Name: "retry-without-limit", Level: Warn, Doc: "retries that go on for ever, or can't happen", find: retries},
		{Name: secretRule, Level: Error, Doc: "a password or token that stands in the file", find: secrets},
		{Name: "unused-param", Level: Warn, Doc: "a parameter that nothing uses", find: unusedParams},
		{Name: "shell-footguns", Level: Warn, Doc: "shell commands that do harm or hide failures", find: footguns},
		{Name: "unquoted-variable", Level: Warn, Doc: "a variable that the shell splits into words", find: unquoted},
		{Name: "outputs-shared", Level: Warn, Doc: "a file that two jobs say they make", find: sharedOutputs},
		{Name: "schedule-clock-change", Level: Warn, Doc: "a schedule whose time the clocks skip or show twice on a day of the next year", find: clockChanges},
		{Name: "schedule-never-fires", Level: Warn, Doc: "a schedule that never fires from now on", find: neverFires},
		{Name: "missing-description", Level: Warn, Asked: true, Doc: "a job without a description", find: missingDescription},
		{Name: "missing-owner", Level: Warn, Asked: true, Doc: "a job without an owner", find: missingOwner},
	}
}

// Problems returns findings as problems of the workflow's files, in the same order. The
// line of one that is about a secret is not shown.
func Problems(w *workflow.Workflow, found []Finding) workflow.Problems {
	notes := make([]workflow.Note, len(found))
	for i, f := range found {
		notes[i] = workflow.Note{
			Pos: f.Pos, Msg: f.Msg + " (" + f.Rule + ")", Hint: f.Hint,
			Warning: f.Level == Warn, Private: f.Rule == secretRule,
		}
	}
	return w.Origin.Problems(notes)
}

// secretRule is the name of the rule whose findings must not be shown with their line.
const secretRule = "secret-in-plain-text"

// ignoreRule is the name of findings about lint_ignore itself.
const ignoreRule = "lint-ignore"

// Names returns the names of all rules.
func Names() []string {
	var all []string
	for _, r := range Rules() {
		all = append(all, r.Name)
	}
	return all
}

// Check returns what lint finds in a workflow that was loaded with its Origin, by
// place. asked are the names of rules that are not looked for otherwise. What a
// lint_ignore speaks of is left out.
func Check(w *workflow.Workflow, c *expr.Compiler, asked []string) []Finding {
	l := &linter{Workflow: w, compiler: c, index: indexOf(w), children: needed(w)}
	for _, r := range Rules() {
		if r.Asked && !slices.Contains(asked, r.Name) {
			continue
		}
		l.rule = r
		r.find(l)
	}
	found := l.silence(asked)
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Or(a.Pos.Compare(b.Pos), cmp.Compare(a.Rule, b.Rule))
	})
	return found
}

// linter looks at one workflow.
type linter struct {
	*workflow.Workflow
	compiler *expr.Compiler
	index    map[run.JobID]int
	children [][]int
	rule     Rule // that is being looked for
	found    []Finding
	scripts  []script // of the jobs' commands, parsed when first asked for
	parsed   bool
}

func indexOf(w *workflow.Workflow) map[run.JobID]int {
	index := make(map[run.JobID]int, len(w.Jobs))
	for i := range w.Jobs {
		index[w.Jobs[i].ID] = i
	}
	return index
}

// needed returns, by job, the jobs that need it.
func needed(w *workflow.Workflow) [][]int {
	all := make([][]int, len(w.Jobs))
	for i := range w.Jobs {
		for _, n := range w.Jobs[i].Needs {
			all[n] = append(all[n], i)
		}
	}
	return all
}

// report adds a finding about a job; i is negative for the workflow itself.
func (l *linter) report(i int, field, hint, format string, args ...any) {
	var job run.JobID
	if i >= 0 {
		job = l.Jobs[i].ID
	}
	l.add(l.rule.Level, job, l.Origin.At(job, field), hint, format, args...)
}

func (l *linter) add(level Level, job run.JobID, pos workflow.Pos, hint, format string, args ...any) {
	f := Finding{Rule: l.rule.Name, Level: level, Job: job, Pos: pos, Hint: hint, Msg: fmt.Sprintf(format, args...)}
	if named := l.Origin.Named(job); named != "" && !within(job, named) {
		f.Job = named
	}
	if f.Job != "" {
		f.Msg = fmt.Sprintf("job %s: %s", quote(string(f.Job)), f.Msg)
	}
	l.found = append(l.found, f)
}

// each visits the jobs that stand in the file: of those that are made of one, as by a
// matrix, the first only. Jobs of a sub-workflow are for the lint of that file.
func (l *linter) each(visit func(i int, j *workflow.Job)) {
	seen := make(map[run.JobID]bool, len(l.Jobs))
	for i := range l.Jobs {
		j := &l.Jobs[i]
		named := l.Origin.Named(j.ID)
		if seen[named] && named != "" || within(j.ID, named) {
			continue
		}
		seen[named] = true
		visit(i, j)
	}
}

// within reports whether a job is one of a sub-workflow, of which the file has only the
// job that names it.
func within(job, named run.JobID) bool {
	return named != "" && strings.Contains(strings.TrimPrefix(string(job), string(named)), "/")
}

// silence leaves out what is ignored, and says which ignores are wrong or in vain.
func (l *linter) silence(asked []string) []Finding {
	if l.Origin == nil {
		return l.found
	}
	used := make([]bool, len(l.Origin.Ignores))
	var heard []Finding
	for _, f := range l.found {
		silent := false
		for i, g := range l.Origin.Ignores {
			if g.Rule == f.Rule && (g.Job == "" || g.Job == f.Job) {
				used[i], silent = true, true
			}
		}
		if !silent {
			heard = append(heard, f)
		}
	}
	l.found = heard
	l.rule = Rule{Name: ignoreRule, Level: Warn}
	for i, g := range l.Origin.Ignores {
		l.ignore(g, used[i], asked)
	}
	return l.found
}

func (l *linter) ignore(g workflow.Ignore, used bool, asked []string) {
	known := slices.IndexFunc(Rules(), func(r Rule) bool { return r.Name == g.Rule })
	say := func(hint, format string, args ...any) { l.add(Warn, g.Job, g.At, hint, format, args...) }
	switch {
	case known < 0:
		hint := "executioner lint --rules shows what there is"
		if near := nearest.Of(g.Rule, Names()); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		say(hint, "lint_ignore: there is no rule %s", quote(g.Rule))
	case strings.TrimSpace(g.Reason) == "":
		say("write why, as its value", "lint_ignore: %s has no reason", g.Rule)
	case !used && (!Rules()[known].Asked || slices.Contains(asked, g.Rule)):
		say("take it out", "lint_ignore: %s silences nothing", g.Rule)
	}
}

// quote returns a text in quotes, safe for a terminal, and cut when it is long.
func quote(text string) string {
	if r := []rune(text); len(r) > 60 {
		text = string(r[:60]) + "…"
	}
	return fmt.Sprintf("%q", text)
}
