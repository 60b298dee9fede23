package plan

// What cleans up, or waits for another ending than success, must not start beside
// anything that it needs, directly or not. That all it depends on has ended is not
// enough: a job that is cancelled or skipped before it starts ends at once, while what
// it needs in turn may still run.
//
// A job is settled when it and all that it needs, directly or not, have ended for good.
// For each job Plan.gate counts what is missing for that: itself, and what it needs and
// is not settled.

// gated are the jobs that start only when all they need is settled.
const gated = always | hook | choosy

// justItself is the count of a job that is settled as soon as it ends.
const justItself = 1

// newGate returns the counts of jobs of which nothing has ended, nil where none is gated.
func (p *Plan) newGate() []int32 {
	waits := false
	for i := range p.jobs {
		waits = waits || p.jobs[i].is(gated)
	}
	if !waits {
		return nil
	}
	gate := make([]int32, len(p.jobs))
	for i := range gate {
		gate[i] = int32(len(p.wf.Jobs[i].Needs)) + justItself
	}
	return gate
}

// opens reports whether nothing that job i needs keeps it from starting beside it.
func (p *Plan) opens(i int) bool {
	return p.gate == nil || p.gate[i] <= justItself || !p.jobs[i].is(gated)
}

// pass notes that job i has ended for good. It lets go what waited for all that is
// settled by that.
func (p *Plan) pass(i int) {
	if p.gate == nil {
		return
	}
	if p.gate[i]--; p.gate[i] > 0 {
		return
	}
	for settled := []int32{int32(i)}; len(settled) > 0; {
		last := settled[len(settled)-1]
		settled = settled[:len(settled)-1]
		for _, d := range p.graph.of(int(last)) {
			p.gate[d]--
			switch j := &p.jobs[d]; {
			case p.gate[d] == 0:
				settled = append(settled, d)
			case p.gate[d] == justItself && j.unmet == 0 && j.is(gated):
				p.met.push(int(d)) // dropped there if it has ended, and waits for what it needs to be settled
			}
		}
	}
}
