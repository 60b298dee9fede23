package run

// Counts are the jobs of one attempt by how they stand.
type Counts struct {
	Total     int `json:"total"`     // jobs in the workflow
	Running   int `json:"running"`   // RUNNING now
	Succeeded int `json:"succeeded"` // SUCCESS, and SKIPPED because an earlier attempt did it
	Failed    int `json:"failed"`    // FAILED and TIMEOUT, and SKIPPED because an earlier attempt let it fail
	Skipped   int `json:"skipped"`   // SKIPPED for any other reason
	Cancelled int `json:"cancelled"`
}

// Apply counts a job's transition. Transitions of the run itself and marks change nothing.
func (c *Counts) Apply(t *Transition) {
	if t.Job == "" || t.From == t.To {
		return
	}
	c.add(t.From, "", -1)
	c.add(t.To, t.Reason, +1)
}

// add changes the count that a state belongs to. SKIPPED is final, so a reason is
// only needed on the way in.
func (c *Counts) add(s State, r Reason, n int) {
	switch s {
	case Running:
		c.Running += n
	case Success:
		c.Succeeded += n
	case Failed, Timeout:
		c.Failed += n
	case Skipped:
		switch r {
		case AlreadySucceeded:
			c.Succeeded += n
		case FailuresAllowed:
			c.Failed += n
		default:
			c.Skipped += n
		}
	case Cancelled:
		c.Cancelled += n
	}
}

// Summary is how an attempt of a run ended.
type Summary struct {
	State  State
	Reason Reason
	Counts Counts
}
