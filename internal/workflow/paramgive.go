package workflow

import (
	"slices"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
)

// Regive returns a workflow that was stored with the values of its secret parameters,
// which are stored nowhere and must be given again. All other parameters keep their
// values: giving one another value is a fault Usage, and so is a secret one that is missing.
func (w *Workflow) Regive(given []Given, now time.Time) (*Workflow, error) {
	again := *w
	again.Params = slices.Clone(w.Params)
	last := lastGiven(given)
	var missing []string
	for i := range again.Params {
		p := &again.Params[i]
		g, is := last[p.Name]
		switch {
		case is && (p.Secret || !g.Ambient):
			if err := p.regive(g, now); err != nil {
				return nil, err
			}
		case p.Secret && p.Given && p.Value == "":
			missing = append(missing, p.Name)
		}
	}
	for _, g := range given {
		if w.Param(g.Name) == nil && !g.Ambient {
			return nil, fault.New(fault.Usage, "%s: the stored workflow has no parameter %s", strings.TrimRight(g.From, "= "), quote(g.Name))
		}
	}
	if len(missing) > 0 {
		return nil, fault.New(fault.Usage, "secret parameters are not stored and must be given again: %s", strings.Join(missing, ", ")).
			WithHint("give -p %s=VALUE, or set %s%s", missing[0], ParamVariable, missing[0])
	}
	return &again, nil
}

// regive takes the value of a secret parameter, and refuses one that changes another.
func (p *Param) regive(g Given, now time.Time) error {
	value, r := p.accept(g.Value, now)
	switch {
	case r != nil:
		return fault.New(fault.Usage, "%s: %s", givenText(p, g), r.msg).WithHint("%s", r.hint)
	case p.Secret:
		p.Value, p.Given = value, true
	case value != p.Value:
		return fault.New(fault.Usage, "%s: the run keeps %s=%s, which it began with", givenText(p, g), p.Name, strings.Trim(p.show(p.Value), `"`)).
			WithHint("run the file anew with it, or resume with --with-current")
	}
	return nil
}

// Kept returns what a stored workflow gives the parameters of its file as it is now: the
// values that were given, and days that were meant relative to the day on which it began.
func (w *Workflow) Kept(from string) []Given {
	var kept []Given
	for i := range w.Params {
		p := &w.Params[i]
		_, relative := relativeDays(p.Default)
		if !p.Secret && (p.Given || p.Type == DateParam && relative) {
			kept = append(kept, Given{Name: p.Name, Value: p.text(), From: from + p.Name + "=", Ambient: true})
		}
	}
	return kept
}

// text returns the value as it can be given.
func (p *Param) text() string {
	if p.Type != ListParam {
		return p.Value
	}
	e := encoder{}
	e.out = append(e.out, '[')
	for i, item := range p.Items() {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		e.text(item)
	}
	return string(append(e.out, ']'))
}
