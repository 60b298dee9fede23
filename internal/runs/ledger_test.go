package runs_test

import (
	"reflect"
	"time"

	"github.com/executionerhq/executioner/internal/engine/enginetest"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// check compares what was recorded of a simulated run with what really happened.
func (s *sim) check() {
	history := s.history()
	attempts, err := s.st.Attempts(s.Context(), s.id)
	if err != nil {
		s.Fatal(err)
	}
	s.checkMoves(history)
	s.checkAttempts(history, attempts)
	s.checkTasks(history)
	s.checkOrder(history)
	s.checkPlayed(history, attempts)
	s.checkAsked(history)
	s.checkPunctual(history)
	s.checkStopped(history)
}

// checkMoves: numbers have no holes, and every move is legal and goes on from the last.
func (s *sim) checkMoves(history []run.Transition) {
	type place struct {
		attempt int
		job     run.JobID
	}
	states := make(map[place]run.State)
	for i, t := range history {
		at := place{t.Attempt, t.Job}
		if t.Seq != int64(i+1) || states[at] != t.From || !t.Mark() && !t.From.CanMove(t.To) || t.Reason == run.Stuck {
			s.Errorf("entry %d when %s: %+v", i+1, states[at], t)
		}
		states[at] = t.To
	}
}

// checkAttempts: each has ended exactly once, with its last transition, and its counts
// are those of its transitions.
func (s *sim) checkAttempts(history []run.Transition, attempts []store.Attempt) {
	for _, a := range attempts {
		counts := run.Counts{Total: len(s.wf.Jobs)}
		var last run.Transition
		ends := 0
		for _, t := range history {
			if t.Attempt != a.Number {
				continue
			}
			counts.Apply(&t)
			if last = t; t.Job == "" && !t.Mark() && t.To.Ended() {
				ends++
			}
		}
		if ends != 1 || last.Job != "" || !last.To.Ended() || a.State != last.To || !a.EndedAt.Equal(last.At) {
			s.Errorf("attempt %d ended %d times, last with %+v, and is %+v", a.Number, ends, last, a)
		}
		if a.Counts != counts || counts.Running != 0 {
			s.Errorf("attempt %d has counts %+v, its transitions make %+v", a.Number, a.Counts, counts)
		}
	}
}

// checkTasks: every recorded end is what really happened, or it is lost because the
// program crashed, and its keeper if it had one; and what has no process never had one
// to lose.
func (s *sim) checkTasks(history []run.Transition) {
	processes := make(map[run.TaskID]enginetest.Process)
	for _, p := range s.world.Ledger() {
		processes[p.ID] = p
	}
	for _, t := range history {
		if t.Job == "" || t.Mark() || t.From != run.Running {
			continue
		}
		id := run.TaskID{Run: s.id, Attempt: t.Attempt, Job: t.Job, Try: t.Try}
		p, began := processes[id]
		delete(processes, id)
		if t.Reason == run.Lost {
			if !s.leftIn(t.Attempt) {
				s.Errorf("%s is lost, though its program went on", id)
			}
			if s.kept && !p.Lost {
				s.Errorf("%s is lost, though its keeper knows: %+v", id, p)
			}
			continue
		}
		if !began || p.Ended.IsZero() || p.Ended.After(t.At.Add(time.Microsecond)) || !reflect.DeepEqual(p.Outcome, *t.Outcome) {
			s.Errorf("%s: recorded is %+v %+v, what happened is %+v", id, t, t.Outcome, p)
		}
		if t.To != p.Outcome.State {
			s.Errorf("%s is %s, it ended %s", id, t.To, p.Outcome.State)
		}
	}
	for id := range processes {
		s.Errorf("%s ran, and no end of it is recorded", id)
	}
}

// leftIn reports whether a program left an attempt before its end.
func (s *sim) leftIn(attempt int) bool {
	began := false
	for _, one := range s.played {
		if one.attempt == attempt {
			began = true
			if one.left {
				return true
			}
		}
	}
	return !began // its program crashed before it could begin
}

// checkOrder: no job starts before what it needs is done, in this attempt or an earlier
// one, and none that has succeeded starts again unless that was asked for.
func (s *sim) checkOrder(history []run.Transition) {
	overrides, err := s.st.Overrides(s.Context(), s.id)
	if err != nil {
		s.Fatal(err)
	}
	attempt := 0
	done := make(map[run.JobID]bool)   // has succeeded, as of the beginning of the attempt
	latest := make(map[run.JobID]bool) // as of now
	here := make(map[run.JobID]run.Transition)
	var again map[run.JobID]bool
	for _, t := range history {
		if t.Attempt != attempt {
			attempt = t.Attempt
			for _, o := range overrides {
				if o.Attempt == attempt-1 {
					latest[o.Job] = true
				}
			}
			clear(here)
			for id := range latest {
				done[id] = latest[id]
			}
			again = s.descendants(s.asked(attempt))
		}
		if t.Job == "" || t.Mark() {
			continue
		}
		if t.To == run.Running {
			if done[t.Job] && !again[t.Job] {
				s.Errorf("attempt %d: %s had succeeded and started again", attempt, t.Job)
			}
			s.checkNeeds(t, here)
		}
		if t.Reason == run.AlreadySucceeded && !done[t.Job] {
			s.Errorf("attempt %d: %s had not succeeded and was taken for done", attempt, t.Job)
		}
		here[t.Job] = t
		if t.Reason != run.AlreadySucceeded {
			latest[t.Job] = t.To == run.Success
		}
	}
}

func (s *sim) checkNeeds(t run.Transition, here map[run.JobID]run.Transition) {
	for _, n := range s.wf.Jobs[s.wf.Index(t.Job)].Needs {
		need := here[s.wf.Jobs[n].ID]
		passed := need.Reason == run.SkipRequested || need.Reason == run.AlreadySucceeded || need.Reason == run.NotSelected
		if need.To != run.Success && !passed || need.At.After(t.At) {
			s.Errorf("attempt %d: %s started when %s was %+v", t.Attempt, t.Job, need.Job, need)
		}
	}
}

// asked returns the jobs that an attempt was asked to run again.
func (s *sim) asked(attempt int) []run.JobID { return s.options[attempt].From }

// checkPlayed: what a program said of an attempt that it brought to its end, and what
// its follower saw, is what is recorded.
func (s *sim) checkPlayed(history []run.Transition, attempts []store.Attempt) {
	for _, one := range s.played {
		var recorded []run.Transition
		for _, t := range history {
			if t.Attempt == one.attempt {
				recorded = append(recorded, t)
			}
		}
		if one.left {
			if len(one.seen) > len(recorded) || !equal(one.seen, recorded[:len(one.seen)]) {
				s.Errorf("attempt %d was left: seen %+v, recorded %+v", one.attempt, one.seen, recorded)
			}
			continue
		}
		if !equal(one.seen, recorded) {
			s.Errorf("attempt %d: seen %+v, recorded %+v", one.attempt, one.seen, recorded)
		}
		a := attempts[one.attempt-1]
		if one.sum != (run.Summary{State: a.State, Reason: a.Reason, Counts: a.Counts}) {
			s.Errorf("attempt %d ended as %+v, recorded is %+v", one.attempt, one.sum, a)
		}
	}
}

// checkAsked: a request has an effect only on the attempt that it was meant for.
func (s *sim) checkAsked(history []run.Transition) {
	for _, t := range history {
		if t.Mark() && t.Detail == "asked by ann" && s.wanted[t.Attempt] == 0 {
			s.Errorf("nobody asked this of attempt %d: %+v", t.Attempt, t)
		}
	}
}

// checkPunctual: a job is repeated at the very moment that was recorded for it, unless
// commits fail or are slow, or there was no program at that moment.
func (s *sim) checkPunctual(history []run.Transition) {
	due := make(map[run.JobID]time.Time)
	for _, t := range history {
		late := s.kept && s.leftIn(t.Attempt) && t.At.After(due[t.Job]) // nobody was there
		if t.Reason == run.Retry && s.disk == goodDisk && !t.At.Equal(due[t.Job]) && !late {
			s.Errorf("due at %s: %+v", due[t.Job], t)
		}
		due[t.Job] = t.Until
	}
}

// checkStopped: what runs when it or its run is cancelled is asked to stop and ends
// within its grace, unless commits fail or the program is gone.
func (s *sim) checkStopped(history []run.Transition) {
	if s.disk == failingDisk {
		return
	}
	cancelled := make(map[run.TaskID]time.Time) // a whole attempt under the zero job and try
	for _, t := range history {
		if t.Mark() && (t.Reason == run.RunCancelled || t.Reason == run.Interrupted || t.Reason == run.JobCancelled) {
			cancelled[run.TaskID{Run: s.id, Attempt: t.Attempt, Job: t.Job, Try: t.Try}] = t.At.Add(maxCommit * time.Second)
		}
	}
	for _, p := range s.world.Ledger() {
		for _, id := range []run.TaskID{p.ID, {Run: s.id, Attempt: p.ID.Attempt}} {
			by, ok := cancelled[id]
			if !ok || s.leftIn(id.Attempt) {
				continue
			}
			if p.Stop == nil && p.Ended.After(by) || p.Ended.After(by.Add(maxGrace*time.Second)) {
				s.Errorf("%s was cancelled by %s; it was asked to stop %v and ended at %s", p.ID, by, p.Stop != nil, p.Ended)
			}
		}
	}
}

func equal(a, b []run.Transition) bool {
	return len(a) == len(b) && (len(a) == 0 || reflect.DeepEqual(a, b))
}
