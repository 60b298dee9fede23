package plan

import "github.com/executionerhq/executioner/internal/workflow"

// graph is the workflow's dependencies, turned round: who waits for whom. It is
// two flat slices, so that a million jobs cost megabytes and no pointers.
type graph struct {
	start      []int32 // dependents of job i are dependents[start[i]:start[i+1]]
	dependents []int32
}

func newGraph(jobs []workflow.Job) graph {
	g := graph{start: make([]int32, len(jobs)+1)}
	for i := range jobs {
		for _, need := range jobs[i].Needs {
			g.start[need+1]++
		}
	}
	for i := range jobs {
		g.start[i+1] += g.start[i]
	}
	g.dependents = make([]int32, g.start[len(jobs)])
	fill := append([]int32(nil), g.start...)
	for i := range jobs {
		for _, need := range jobs[i].Needs {
			g.dependents[fill[need]] = int32(i)
			fill[need]++
		}
	}
	return g
}

// of returns the jobs that wait for job i, in file order.
func (g *graph) of(i int) []int32 { return g.dependents[g.start[i]:g.start[i+1]] }

// topological returns the jobs so that each comes after what it needs. Jobs on a
// cycle, which a validated workflow doesn't have, are left out.
func (g *graph) topological(jobs []workflow.Job) []int32 {
	unmet := make([]int32, len(jobs))
	order := make([]int32, 0, len(jobs))
	for i := range jobs {
		unmet[i] = int32(len(jobs[i].Needs))
		if unmet[i] == 0 {
			order = append(order, int32(i))
		}
	}
	for at := 0; at < len(order); at++ {
		for _, d := range g.of(int(order[at])) {
			if unmet[d]--; unmet[d] == 0 {
				order = append(order, d)
			}
		}
	}
	return order
}

// ranks returns, for each job, the length of the longest chain that begins with it.
// weight says how long a job is.
func (g *graph) ranks(jobs []workflow.Job, weight func(i int) int64) []int64 {
	ranks := make([]int64, len(jobs))
	order := g.topological(jobs)
	for at := len(order) - 1; at >= 0; at-- {
		i := int(order[at])
		for _, d := range g.of(i) {
			ranks[i] = max(ranks[i], ranks[d])
		}
		ranks[i] += weight(i)
	}
	return ranks
}
