package simtest

import (
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// Story is what became of an attempt: the part of a Trace that the oracle predicts.
type Story struct {
	Starts []Start // in order
	Jobs   map[run.JobID]Fate
	State  run.State
	Reason run.Reason
	Counts run.Counts
	End    time.Duration // since the attempt began
}

// Start is the start of one try.
type Start struct {
	Job run.JobID
	Try int
	At  time.Duration // since the attempt began
}

// Fate is what became of a job.
type Fate struct {
	State  run.State
	Reason run.Reason
	Cause  run.JobID
	Tries  int
}

// Tell returns the story of an attempt that was played.
func Tell(p *Played) Story {
	s := Story{Jobs: make(map[run.JobID]Fate)}
	for i := range p.Steps {
		out := &p.Steps[i].Output
		at := p.Steps[i].At.Sub(p.Start)
		for _, t := range out.Transitions {
			if t.Job != "" && !t.Mark() {
				s.Jobs[t.Job] = Fate{State: t.To, Reason: t.Reason, Cause: t.Cause, Tries: t.Try}
			}
		}
		for _, t := range out.Start {
			s.Starts = append(s.Starts, Start{Job: p.Workflow.Jobs[t.Job].ID, Try: t.Try, At: at})
		}
		if out.Done != nil {
			s.State, s.Reason, s.Counts, s.End = out.Done.State, out.Done.Reason, out.Done.Counts, at
		}
	}
	return s
}
