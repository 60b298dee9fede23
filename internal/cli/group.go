package cli

import (
	"fmt"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

// manyItems is from how many jobs on those that one job of the file was made of are shown
// together, as far as they are alike: nobody reads a thousand lines of successes.
const manyItems = 20

// jobRow is a line about a job, or about several that were made of one and stand alike.
type jobRow struct {
	job   *runs.JobView // the first of them
	label string
	n     int
	tries int
	from  *time.Time // when the first of them started
	to    *time.Time // when the last of them ended
}

// likeness is what jobs have in common that are shown together.
type likeness struct {
	group   run.JobID
	state   run.State
	reason  run.Reason
	cause   run.JobID
	attempt int
}

// jobRows returns the lines about the jobs of a run, which are those of the workflow. With
// all each has its own.
func jobRows(wf *workflow.Workflow, jobs []runs.JobView, all bool) []jobRow {
	if wf == nil || len(wf.Jobs) != len(jobs) {
		all = true
	}
	groups := map[run.JobID]int{}
	if !all {
		for i := range wf.Jobs {
			groups[written(&wf.Jobs[i])]++
		}
	}
	rows := make([]jobRow, 0, len(jobs))
	alike := map[likeness]int{} // indexes of rows
	for i := range jobs {
		j := &jobs[i]
		row := jobRow{j, string(j.ID), 1, j.Tries, j.StartedAt, j.EndedAt}
		if all || groups[written(&wf.Jobs[i])] <= manyItems || !unremarkable(j) {
			rows = append(rows, row)
			continue
		}
		key := likeness{written(&wf.Jobs[i]), j.State, j.Reason, j.Cause, j.Attempt}
		if at, known := alike[key]; known {
			rows[at].join(&row)
			rows[at].label = fmt.Sprintf("%s (%d of %d)", key.group, rows[at].n, groups[key.group])
			continue
		}
		alike[key] = len(rows)
		rows = append(rows, row)
	}
	return rows
}

// unremarkable reports whether there is nothing about a job that somebody would look for.
func unremarkable(j *runs.JobView) bool {
	switch j.State {
	case run.Failed, run.Timeout, run.Running:
		return false
	case run.Cancelled:
		return j.Tries == 0
	}
	return j.Override == nil && j.RetryAt == nil
}

func (r *jobRow) join(other *jobRow) {
	r.n++
	r.tries += other.tries
	if r.from == nil || other.from != nil && other.from.Before(*r.from) {
		r.from = other.from
	}
	if r.to == nil || other.to != nil && other.to.After(*r.to) {
		r.to = other.to
	}
}

// together counts the jobs at the beginning of a list that are shown as one: those that
// were made of one job of the file, when they are many. What is said of them is the same.
func together(wf *workflow.Workflow, jobs []int, say func(*workflow.Job) string) int {
	first := &wf.Jobs[jobs[0]]
	n := 1
	for n < len(jobs) && written(&wf.Jobs[jobs[n]]) == written(first) && say(&wf.Jobs[jobs[n]]) == say(first) {
		n++
	}
	if n <= manyItems {
		return 1
	}
	return n
}
