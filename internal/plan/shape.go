package plan

import (
	"time"

	"github.com/executionerhq/executioner/internal/workflow"
)

// unknownJob is what a job counts for whose duration nobody knows.
const unknownJob = time.Second

// Waves groups jobs by how many others must have ended before them, one after the
// other: those of the first wave need nothing, those of the next only jobs of waves
// before it. With enough workers and jobs of equal length they would run so. Within
// a wave jobs are in file order. Jobs on a cycle are in none.
func Waves(wf *workflow.Workflow) [][]int {
	g := newGraph(wf.Jobs)
	depth := make([]int32, len(wf.Jobs))
	order := g.topological(wf.Jobs)
	deepest := int32(-1)
	for i := range depth {
		depth[i] = -1 // not reached
	}
	for _, i := range order {
		for _, need := range wf.Jobs[i].Needs {
			depth[i] = max(depth[i], depth[need])
		}
		depth[i]++
		deepest = max(deepest, depth[i])
	}
	waves := make([][]int, deepest+1)
	for i, d := range depth {
		if d >= 0 {
			waves[d] = append(waves[d], i)
		}
	}
	return waves
}

// CriticalPath returns the chain of jobs, each needing the one before it, that takes
// the longest: however many workers there are, a run can't be faster. expected says
// how long each job takes, by index; a job that it does not cover, or for which it
// has 0, counts as one second. Of chains that are equally long it is the one whose
// jobs come first in the file.
func CriticalPath(wf *workflow.Workflow, expected []time.Duration) []int {
	g := newGraph(wf.Jobs)
	ranks := g.ranks(wf.Jobs, func(i int) int64 {
		if i < len(expected) && expected[i] > 0 {
			return int64(expected[i])
		}
		return int64(unknownJob)
	})
	var path []int
	next := -1
	for i := range wf.Jobs {
		if len(wf.Jobs[i].Needs) == 0 && (next < 0 || ranks[i] > ranks[next]) {
			next = i
		}
	}
	for next >= 0 {
		at := next
		path, next = append(path, at), -1
		for _, d := range g.of(at) {
			if next < 0 || ranks[d] > ranks[next] {
				next = int(d)
			}
		}
	}
	return path
}
