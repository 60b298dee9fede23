// Package policy reads the commands of a workflow and says what is dangerous in
// them. It is pure.
//
// It is a seat belt, not a wall: it sees a command's text, parsed as the shell would
// parse it, and not what a script, a variable or a remote page holds. The walls are
// allow_shell: false, the whitelist in strict mode, and containment.
//
// What is watched depends on the level; each level has the rules of those below it.
// A program in the whitelist is not looked at wherever it is called, and neither is
// a command whose beginning matches an allowlist pattern. Programs by absolute path
// are watched only when workspace_paths is set, and never in the system's own
// directories (/bin, /usr/bin, …): otherwise most files would be all warnings.
package policy

import (
	"regexp"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Levels of findings.
const (
	Warning = "warning" // never refuses a run
	Always  = "always"  // watched whatever the level is
	Low     = "low"
	Medium  = "medium"
	High    = "high"
)

// Finding is one thing that a rule found in a job's command.
type Finding struct {
	Job   run.JobID
	Rule  string // its name, such as "sudo"; see Rules
	Level string // of the rule
	Msg   string // for a person, one line
}

// Review returns what the workflow's policy finds, in the order of jobs and, within
// a job, of the command's text. The same is said once per job.
func Review(w *workflow.Workflow) []Finding {
	r := newReviewer(&w.Security)
	var all []Finding
	known := make(map[string][]Finding) // by command: many jobs have the same
	for i := range w.Jobs {
		job := &w.Jobs[i]
		found, ok := known[job.Command]
		if !ok {
			found = r.review(job.Command)
			known[job.Command] = found
		}
		for _, f := range found {
			f.Job = job.ID
			all = append(all, f)
		}
	}
	return all
}

// Refused returns the fault that keeps the run from starting, with every finding in
// it, or nil: under the policy "warn", and when there is nothing but warnings.
func Refused(w *workflow.Workflow, findings []Finding) error {
	if w.Security.Policy != "strict" {
		return nil
	}
	var list strings.Builder
	n := 0
	for _, f := range findings {
		if f.Level == Warning {
			continue
		}
		n++
		list.WriteString("\n  job " + string(f.Job) + ": " + f.Rule + ": " + f.Msg)
	}
	if n == 0 {
		return nil
	}
	return fault.New(fault.InvalidWorkflow, "the security policy (strict, level %s) refuses this workflow:%s",
		w.Security.Level, list.String()).
		WithHint("Change the commands, add their programs to command_whitelist or a pattern to " +
			"command_allowlist_patterns, or set security_policy to \"warn\".")
}

// reviewer reads one command after the other. It is not safe for concurrent use.
type reviewer struct {
	level     int
	whitelist map[string]bool
	patterns  []*regexp.Regexp
	workspace []string
	parser    *syntax.Parser

	found []Finding // in the present command
	depth int       // of commands within strings
}

// maxDepth ends the reading of strings within strings.
const maxDepth = 8

func newReviewer(s *workflow.Security) *reviewer {
	r := &reviewer{
		level:     rank(s.Level),
		whitelist: make(map[string]bool, len(s.Whitelist)),
		workspace: s.WorkspacePaths,
		parser:    syntax.NewParser(syntax.Variant(syntax.LangBash)),
	}
	for _, name := range s.Whitelist {
		r.whitelist[name] = true
	}
	for _, p := range s.AllowlistPatterns {
		// One that does not compile was refused with the file; here it allows nothing.
		if re, err := regexp.Compile(`^(?:` + p + `)`); err == nil {
			r.patterns = append(r.patterns, re)
		}
	}
	return r
}

func rank(level string) int {
	switch level {
	case Low:
		return 1
	case High:
		return 3
	default:
		return 2
	}
}

func (r *reviewer) review(command string) []Finding {
	r.found = nil
	for _, re := range r.patterns {
		if re.MatchString(command) {
			return nil
		}
	}
	r.text(command)
	return r.found
}

// text reads a command, or a string that a shell within it is given.
func (r *reviewer) text(command string) {
	if r.depth >= maxDepth {
		return
	}
	r.depth++
	defer func() { r.depth-- }()
	parser := r.parser
	if r.depth > 1 { // the other one is in the middle of its text
		parser = syntax.NewParser(syntax.Variant(syntax.LangBash))
	}
	// Statement by statement: what is before an error is run by a shell, too. The
	// loop has no break, which this iterator does not heed after an error.
	for stmt, err := range parser.StmtsSeq(strings.NewReader(command)) {
		if err != nil {
			r.find(unparsable, "the command can't be parsed as shell: "+err.Error())
			continue
		}
		r.walk(stmt)
	}
}

// find records a finding if its level is watched.
func (r *reviewer) find(rule ruleID, msg string) {
	info := rules[rule]
	switch info.Level {
	case Low, Medium, High:
		if rank(info.Level) > r.level {
			return
		}
	}
	f := Finding{Rule: info.Name, Level: info.Level, Msg: msg}
	for _, other := range r.found {
		if other == f {
			return
		}
	}
	r.found = append(r.found, f)
}
