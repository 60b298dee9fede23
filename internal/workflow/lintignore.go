package workflow

import "github.com/executionerhq/executioner/internal/run"

// Ignore is a finding of lint that somebody does not want to hear of.
type Ignore struct {
	Job    run.JobID // it is for, as the file calls it; empty: for all
	Rule   string    // of lint; that there is one of this name is not checked here
	Reason string    // may be empty, which lint finds
	At     Pos

	number int // of the job, from 1; 0 for the workflow
}

// ignores reads lint_ignore of the job with that number, or of the workflow: reasons by
// the name of a rule.
func (d *decoder) ignores(f field, number int) {
	if !d.is(f, objectNode) {
		return
	}
	d.pairs(f.value, func(key, value uint32) {
		g := Ignore{number: number, Rule: d.text(key), At: Pos{d.pos(key) + 1}}
		switch d.kind(value) {
		case stringNode:
			g.Reason = d.text(value)
		case nullNode:
		default:
			d.wrong(field{"lint_ignore", key, value}, "write {"+printable(g.Rule)+": why}", "must give reasons, not %s", d.kind(value))
			return
		}
		d.learned.Ignores = append(d.learned.Ignores, g)
	})
}
