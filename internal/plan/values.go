package plan

import "github.com/executionerhq/executioner/internal/run"

// Handed returns what job i is filled in with, by variable; see workflow.OutputRefs. What
// is not known is not in it. Values of an earlier attempt count where its success does.
func (p *Plan) Handed(i int) run.Values {
	if len(p.values) == 0 {
		return ""
	}
	refs := p.wf.OutputRefs(i)
	if len(refs) == 0 {
		return ""
	}
	if p.ids == nil {
		p.ids = p.index()
	}
	handed := make(map[string]string)
	for _, ref := range refs {
		from, ok := p.ids[ref.Job]
		if !ok {
			continue
		}
		if value, ok := p.values[from].Map()[ref.Name]; ok {
			handed[ref.Variable] = value
		}
	}
	return run.NewValues(handed)
}

// rememberValues takes over what the jobs handed on that this attempt does not run again.
func (p *Plan) rememberValues(earlier map[run.JobID]Result) {
	for i := range p.jobs {
		if p.jobs[i].decision == run.AlreadySucceeded {
			p.setValues(i, earlier[p.id(i)].Values)
		}
	}
}

// keepValues keeps what a transition says that a job handed on.
func (p *Plan) keepValues(i int, t *run.Transition) {
	if t.Outcome != nil {
		p.setValues(i, handed(t))
	}
}

func (p *Plan) setValues(i int, v run.Values) {
	if v == "" {
		return
	}
	if p.values == nil {
		p.values = make(map[int]run.Values)
	}
	p.values[i] = v
}

// handed returns what a job handed on by the try whose end t records.
func handed(t *run.Transition) run.Values {
	if t.Outcome == nil || t.To != run.Success {
		return ""
	}
	return t.Outcome.Values
}
