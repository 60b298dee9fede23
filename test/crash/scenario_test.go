//go:build linux

package crash

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// A target is who is killed.
type target string

const (
	theEngine target = "engine"
	theKeeper target = "keeper"
	both      target = "both"
)

// A blow is what happens to the program while it runs: it is killed at a moment, or the
// steps of it are steered.
type blow struct {
	target target // empty: nobody is killed from outside
	after  int    // lines of the ledger since the program was started
	pause  time.Duration
	gap    time.Duration // both: from one to the other
	last   target        // both: who is killed second
	steps  string        // EXECUTIONER_FAILPOINT
	full   bool          // with durability full
	newer  bool          // the program is of a newer version
}

func (b blow) String() string {
	var parts []string
	if b.target != "" {
		parts = append(parts, fmt.Sprintf("kill %s %v after line %d", b.target, b.pause, b.after))
	}
	if b.target == both {
		parts = append(parts, fmt.Sprintf("the %s %v later", b.last, b.gap))
	}
	if b.full {
		parts = append(parts, "durability full")
	}
	if b.newer {
		parts = append(parts, "a newer version")
	}
	if b.steps != "" {
		parts = append(parts, b.steps)
	}
	return strings.Join(parts, ", ")
}

// A scenario is a workflow and what is done to it. It is made from a seed.
type scenario struct {
	seed   uint64
	flow   flow
	blows  []blow     // one for each round
	asides [][]string // commands between the rounds
}

// newScenario makes the scenario of a seed. steps are the names of all steps.
func newScenario(seed uint64, steps []step) scenario {
	r := rand.New(rand.NewPCG(seed, 0x6372617368))
	s := scenario{seed: seed, flow: newFlow(r)}
	for range 1 + r.IntN(4) {
		s.blows = append(s.blows, newBlow(r, len(s.flow.Jobs), steps))
		s.asides = append(s.asides, newAside(r))
	}
	return s
}

func newBlow(r *rand.Rand, jobs int, steps []step) blow {
	if len(steps) > 0 && r.IntN(5) < 2 {
		return blow{steps: newSteering(r, steps)}
	}
	b := blow{target: theEngine, pause: time.Duration(r.IntN(6000)) * time.Microsecond}
	if keeperThere {
		b.target = []target{theEngine, theEngine, theKeeper, both}[r.IntN(4)]
	}
	switch r.IntN(4) {
	case 0: // by the clock: while it begins, or whenever
		b.pause = time.Duration(r.IntN(80_000)) * time.Microsecond
	case 1: // anywhere
		b.after = r.IntN(2*jobs + 1)
	default: // early enough that something is left for the next round
		b.after = r.IntN(jobs/2 + 1)
	}
	b.last = []target{theEngine, theKeeper}[r.IntN(2)]
	b.gap = []time.Duration{0, time.Duration(r.IntN(1000)) * time.Microsecond, time.Duration(r.IntN(50)) * time.Millisecond}[r.IntN(3)]
	return b
}

// newSteering kills at a step, and holds up others.
func newSteering(r *rand.Rand, steps []step) string {
	kill := []string{"kill", "kill", "kill-other", "kill-both"}[r.IntN(4)]
	rules := []string{fmt.Sprintf("%s=%s@%d", steps[r.IntN(len(steps))].name, kill, 1+r.IntN(6))}
	for range r.IntN(3) {
		rules = append(rules, fmt.Sprintf("%s=delay@%d", steps[r.IntN(len(steps))].name, 1+r.IntN(6)))
	}
	return strings.Join(rules, ",")
}

// newAside is what somebody looks at meanwhile, which must change nothing.
func newAside(r *rand.Rand) []string {
	return [][]string{nil, nil, {"runs", "list"}, {"runs", "show", "1"}, {"explain", "1"}}[r.IntN(5)]
}
