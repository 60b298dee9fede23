package workflow

import "github.com/executionerhq/executioner/internal/run"

// Unknown is a field that is ignored because there is none of its name.
type Unknown struct {
	Job  run.JobID // it stands in, as the file calls it; empty: in the workflow itself
	Name string
	Hint string // what was probably meant, or empty
	At   Pos

	number int // of the job, from 1; 0 for the workflow
}

// maxUnknown is how many unknown fields of a file are kept.
const maxUnknown = 10_000

// noteUnknown keeps an unknown field for lint. Its hint takes time to find.
func (d *decoder) noteUnknown(key uint32, name string, hint func() string) {
	if !d.host.Origin || d.learned == nil || len(d.learned.Unknown) >= maxUnknown {
		return
	}
	u := Unknown{Name: name, Hint: hint(), At: Pos{d.pos(key) + 1}}
	if d.job != nil {
		u.number = d.job.number
	}
	d.learned.Unknown = append(d.learned.Unknown, u)
}
