// Package simtest plays whole runs against a plan, with a made-up world instead of
// processes and a clock that jumps from event to event. It holds the generators of
// random runs, the simulator, an oracle that says by plain rules what must happen,
// and the promises that hold for every run.
//
// It is for tests only. Nothing in it is safe for concurrent use.
package simtest

import (
	"time"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Case is a run: how each of its attempts is asked for and what the world does to it.
type Case struct {
	Attempts []Attempt
}

// Attempt is one attempt of a Case. Durations are whole microseconds.
type Attempt struct {
	Workflow *workflow.Workflow
	Options  plan.Options // Run and Attempt are set by Simulate
	Ends     [][]End      // how tries end, by job index, again and again, and try; the last stands for all further ones
	// Admits is how long tasks that are offered wait, by job index, again and again; see
	// plan.Options.Offer. Empty: not at all.
	Admits    []time.Duration
	Early     bool        // what is asked at time 0 comes before Begin
	Asks      []Ask       // what is asked from outside, earliest first
	Noise     []Noise     // inputs that mean nothing, earliest first
	Overrides []run.JobID // declared successful by hand after the attempt
}

// End is how a try ends by itself, and how long it takes to end when it is stopped.
type End struct {
	After   time.Duration // since its start
	Outcome run.Outcome
	Grace   time.Duration // since it was asked to stop
}

// Ask is a Cancel, CancelJob or Drain.
type Ask struct {
	After time.Duration // since the attempt began
	Input plan.Input
}

// Noise is an input that must change nothing: what it is depends on how the job stands then.
type Noise struct {
	After time.Duration // since the attempt began
	Kind  NoiseKind
	Job   int
}

// NoiseKind says which meaningless input it is.
type NoiseKind int

// The kinds of noise.
const (
	TickNoise      NoiseKind = iota // a tick that nobody asked for
	BeginNoise                      // Begin once more
	DuplicateNoise                  // the last outcome once more
	StaleNoise                      // an outcome of the try before the current one
	FutureNoise                     // an outcome of a try that has not started
	IdleNoise                       // an outcome of a job that does not run; a tick when it does
	NobodyNoise                     // an outcome and a cancel of a job that there isn't
	noiseKinds
)

// end returns how that try of job i ends.
func (a *Attempt) end(i, try int) End {
	ends := a.Ends[i%len(a.Ends)]
	return ends[min(try, len(ends))-1]
}
