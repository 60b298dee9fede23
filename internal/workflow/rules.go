package workflow

import (
	"bytes"
	"strings"

	"github.com/executionerhq/executioner/internal/fault"
)

// Rule is something that a team demands of workflows.
type Rule struct {
	Name    string // how it is spoken of
	For     Subject
	When    string // an expression: the rule is for what it holds of; empty: for all
	Require string // an expression that must hold
	Message string // what is told where it does not; never empty
	Warn    bool   // it is told, but stops nothing
	At      Pos    // of its object, in the file that has it
}

// Subject says what a rule is about.
type Subject string

// The choices for Subject.
const (
	EachJob       Subject = "job"      // it is evaluated for each job (default)
	WholeWorkflow Subject = "workflow" // it is evaluated once
)

// maxRules bounds the work of a hostile file.
const maxRules = 1000

// ruleDraft is a rule in the making.
type ruleDraft struct {
	Rule
	level string
}

// ruleFields are the names that a rule may have.
var ruleFields = fields[ruleDraft]{
	"name":    func(d *decoder, r *ruleDraft, f field) { d.string(f, &r.Name) },
	"for":     func(d *decoder, r *ruleDraft, f field) { d.subject(f, &r.For) },
	"when":    func(d *decoder, r *ruleDraft, f field) { d.expression(f, &r.When) },
	"require": func(d *decoder, r *ruleDraft, f field) { d.expression(f, &r.Require) },
	"message": func(d *decoder, r *ruleDraft, f field) { d.string(f, &r.Message) },
	"level":   func(d *decoder, r *ruleDraft, f field) { d.choice(f, &r.level, "error", "warn") },
}

func (d *decoder) subject(f field, into *Subject) {
	word := string(*into)
	d.choice(f, &word, string(EachJob), string(WholeWorkflow))
	*into = Subject(word)
}

// expression reads an expression of a rule.
func (d *decoder) expression(f field, into *string) {
	var text string
	if !d.is(f, stringNode) {
		return
	}
	d.string(f, &text)
	*into = strings.TrimSpace(text)
	if d.host.CheckRule == nil {
		return
	}
	if err := d.host.CheckRule(*into); err != nil {
		d.wrong(f, `write what is true of a good workflow, such as job.owner != "" or has(job.timeout)`, "is no condition: %s", printable(err.Error()))
	}
}

// rules reads a list of rules.
func (d *decoder) rules(f field, into *[]Rule) {
	seen := map[string]uint32{}
	d.items(f, func(item field) {
		if d.kind(item.value) != objectNode {
			d.wrong(item, "write {name: …, require: …}", "must be a list of objects with name and require, not of %s", d.kind(item.value))
			return
		}
		if len(*into) == maxRules {
			d.wrong(item, "", "must have at most %d members", maxRules)
		}
		if len(*into) >= maxRules {
			return
		}
		*into = append(*into, d.rule(item, seen))
	})
}

func (d *decoder) rule(item field, seen map[string]uint32) Rule {
	r := ruleDraft{Rule: Rule{For: EachJob, At: Pos{d.pos(item.value) + 1}}}
	readFields(d, item.value, ruleFields, &r)
	first, twice := seen[r.Name]
	switch {
	case strings.TrimSpace(r.Name) == "":
		d.rep.error(d.pos(item.value), "rules: name is missing")
	case twice:
		d.rep.errorAt(d.pos(item.value), d.pos(first), "", "two rules have the name %s: the first is", quote(r.Name))
	default:
		seen[r.Name] = item.value
	}
	if r.Require == "" && d.tree.member(item.value, "require") == 0 {
		d.rep.errorHint(d.pos(item.value), `add "require": what must hold, such as has(job.owner)`, "rule %s: require is missing", quote(r.Name))
	}
	if r.Message == "" {
		r.Message = "it must hold that " + r.Require
	}
	r.Warn = r.level == "warn"
	return r.Rule
}

// ruleFile is a file of rules that are for all workflows.
type ruleFile struct {
	rules []Rule
}

var ruleFileFields = fields[ruleFile]{
	"rules": func(d *decoder, w *ruleFile, f field) { d.rules(f, &w.rules) },
}

// LoadRules reads a file of rules: an object whose field rules is a list of them, as in
// a workflow. The Origin has the rules, and their places. Warnings come as problems.
// The error is like that of Load, with code InvalidConfig.
func LoadRules(src Source, host Host) (*Origin, Problems, error) {
	data := trimBOM(src.Data)
	rep := &reporter{name: src.Name, data: data}
	o := &Origin{rep: rep}
	if len(bytes.TrimSpace(data)) > 0 {
		if o.tree = read(src.Name, data, rep); o.tree != nil {
			d := &decoder{tree: o.tree, rep: rep, host: host, budget: maxLookups, learned: o}
			d.ruleFile(o)
		}
	}
	problems := rep.problems()
	if rep.failed() {
		return nil, nil, &fault.Error{Code: fault.InvalidConfig, Msg: "the rules of this site are not valid", Err: problems}
	}
	return o, problems, nil
}

func (d *decoder) ruleFile(o *Origin) {
	if d.kind(0) != objectNode {
		d.rep.error(d.pos(0), "a file of rules must be an object with the field rules, not %s", d.kind(0))
		return
	}
	var file ruleFile
	readFields(d, 0, ruleFileFields, &file)
	o.Rules = file.rules
}
