package workflow

import "github.com/executionerhq/executioner/internal/run"

// condition is a job's `when` and where it stands.
type condition struct {
	job  run.JobID
	at   int // offset
	text string
}

// noteWhen keeps a condition until all is known that it may speak of.
func (d *decoder) noteWhen(j *jobDraft, node uint32) {
	if d.host.CheckNames == nil || j.When == "" {
		return
	}
	if value := d.member(node, "when"); value != 0 {
		d.whens = append(d.whens, condition{j.ID, d.pos(value), j.When})
	}
}

// checkWhens looks at the conditions once more, now that parameters and jobs are known.
func (d *decoder) checkWhens(w *Workflow) {
	if len(d.whens) == 0 {
		return
	}
	check := d.host.CheckNames(w)
	for _, c := range d.whens {
		if err := check(c.text); err != nil {
			d.rep.error(c.at, "job %s: when: %s", quote(string(c.job)), printable(err.Error()))
		}
	}
}
