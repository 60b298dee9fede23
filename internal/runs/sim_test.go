package runs_test

import (
	"bufio"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/engine/enginetest"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// More of them: go test ./internal/runs -run Simulation -seeds 100000
var (
	seeds     = flag.Int("seeds", 2500, "how many random runs the simulation plays")
	firstSeed = flag.Uint64("first-seed", 1, "the first of them")
)

// TestSimulation plays random runs, from their submission to an end without a crash.
// Programs crash between any two steps, commits fail, others ask for this and that, and
// each crashed program is followed by another that resumes. What must hold is checked
// while it goes on (see enginetest.World) and at the end (see ledger_test.go).
//
// Half of the runs are played with keepers: then the program that follows carries the
// same attempt on, and nothing is lost unless the keeper crashed, too.
//
// A seed that fails goes to testdata/seeds.txt and is played for ever. Everything that
// is random depends on the seed and a place alone, never on what came before; only what
// happens at the very same moment may come in another order the next time.
func TestSimulation(t *testing.T) {
	const lanes = 4
	var all []play
	for _, seed := range failedOnce(t) {
		all = append(all, play{seed, false}, play{seed, true})
	}
	for n := range uint64(*seeds) {
		all = append(all, play{*firstSeed + n, (*firstSeed+n)%2 == 0})
	}
	for lane := range lanes {
		t.Run(fmt.Sprintf("lane %d", lane), func(t *testing.T) {
			t.Parallel()
			for n := lane; n < len(all) && !t.Failed(); n += lanes {
				synctest.Test(t, func(t *testing.T) { simulate(t, all[n]) })
				if t.Failed() {
					t.Errorf("seed %d failed (keepers %v): keep it in testdata/seeds.txt", all[n].seed, all[n].kept)
				}
			}
		})
	}
}

// play is one run to be played.
type play struct {
	seed uint64
	kept bool // programs have keepers
}

// failedOnce reads the seeds that failed once.
func failedOnce(t *testing.T) (all []uint64) {
	f, err := os.Open("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, seed)
	}
	return all
}

// Bounds of one simulated run.
const (
	maxCrashes  = 4 // after which programs live
	maxAttempts = 8 // after which a run that failed is left
	maxGrace    = 8 // seconds
	maxCommit   = 2 // seconds
	tooLong     = 48 * time.Hour
)

// disk is how commits go in a simulated run.
type disk uint64

const (
	goodDisk    disk = iota
	slowDisk         // up to maxCommit seconds, so that inputs pile up
	failingDisk      // one in ten fails
	disks
)

// sim is one simulated run.
type sim struct {
	*cluster
	play
	wf      *workflow.Workflow
	id      run.ID // 0 until it is submitted
	crashes int
	played  []*played
	options map[int]runs.Options // by attempt, as they were asked for
	disk    disk

	asking sync.Mutex  // guards wanted
	wanted map[int]int // requests of others, by the attempt that they were meant for
}

// played is one attempt that a program began to execute.
type played struct {
	attempt int
	program *program
	killed  atomic.Bool // it was told to, and may give the attempt up
	left    bool        // it crashed, or gave up, before the attempt had ended
	sum     run.Summary
	err     error
	seen    []run.Transition // by its follower
}

func simulate(t *testing.T, one play) {
	s := &sim{cluster: newCluster(t), play: one, options: map[int]runs.Options{}, disk: disk(one.seed) % disks, wanted: map[int]int{}}
	if one.kept {
		s.cluster = keptCluster(t)
	}
	s.ends = s.endOf
	s.wf = s.workflow()
	rival := s.program() // looks after the runs of others, and lives
	for life := 1; s.live(life, rival); life++ {
		if life > 200 {
			t.Fatalf("seed %d (keepers %v) never ends", one.seed, one.kept)
		}
	}
	rival.end()
	s.check()
}

// dice returns random numbers that depend on the seed and the place alone.
func (s *sim) dice(place ...any) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprintln(h, place...)
	return rand.New(rand.NewPCG(s.seed, h.Sum64()))
}

// live is one program's life: it submits or resumes the run and executes it until the
// end or its own. It reports whether another program has to follow.
func (s *sim) live(life int, rival *program) (more bool) {
	d := s.dice("life", life)
	p := s.program()
	defer p.end()
	s.arm(p, life)
	e := s.begin(p, life)
	if e == nil {
		return true
	}
	one := &played{attempt: e.Number, program: p}
	if n := len(s.played); e.TakenUp != nil && (!s.kept || n > 0 && s.played[n-1].attempt > e.Number) {
		s.Errorf("attempt %d was carried on", e.Number)
	}
	s.played = append(s.played, one)
	s.options[e.Number] = e.Options
	stop := s.disturb(d, one, rival, e)
	var following sync.WaitGroup
	following.Go(func() { s.follow(one, e) })
	one.sum, one.err = e.Wait(p.ctx)
	one.left = p.crashed() || one.killed.Load() && unavailable(one.err)
	stop()
	following.Wait()
	if one.err != nil && !one.left {
		s.Errorf("attempt %d could not be carried on: %v", one.attempt, one.err)
		return false
	}
	return one.left || one.attempt < maxAttempts && (one.sum.State != run.Success && chance(d, 60) || chance(d, 10))
}

// arm decides when a program crashes and which of its commits fail.
func (s *sim) arm(p *program, life int) {
	d := s.dice("fate", life)
	crash := s.crashes < maxCrashes && chance(d, 70)
	p.both = s.kept && chance(s.dice("keeper's fate", life), 25)
	if crash {
		s.crashes++
	}
	inChange, inStart, after := -1, -1, time.Duration(-1)
	switch way := d.IntN(10); {
	case !crash:
	case way < 6:
		inChange = d.IntN(14)
	case way < 8:
		inStart = d.IntN(6)
	default:
		after = moment(d, 40)
	}
	late := chance(d, 50) // it crashes after what it does, and not before
	s.failing(p, life, inChange, late)
	starts := 0
	p.wrap = func(r runs.Runner) runs.Runner {
		return &fused{Runner: r, before: func() {
			if starts++; starts-1 == inStart && !late {
				p.crash()
			}
		}, after: func() {
			if starts-1 == inStart && late {
				p.crash()
			}
		}}
	}
	if after >= 0 {
		time.AfterFunc(after, p.crash)
	}
}

// failing lets some of a program's commits fail, and crashes it at one of its changes,
// before or after that is made. Renewals do not count: there would be nothing else.
func (s *sim) failing(p *program, life, crashAt int, late bool) {
	var mu sync.Mutex
	changes, tries := 0, 0
	p.wire.hook = func(what string, do func() error) error {
		mu.Lock()
		if what != "renew" {
			changes++
		}
		tries++
		now := what != "renew" && changes-1 == crashAt
		fails := (what == "append" || what == "renew") && s.disk == failingDisk && chance(s.dice("commit", life, tries), 10)
		takes := time.Duration(0)
		if what == "append" && s.disk == slowDisk {
			takes = moment(s.dice("commit", life, tries), maxCommit)
		}
		mu.Unlock()
		time.Sleep(takes)
		switch {
		case now && !late:
			p.crash()
			return errGone
		case fails:
			return fault.New(fault.Unavailable, "the disk is full")
		}
		err := do()
		if now {
			p.crash()
			return errGone
		}
		return err
	}
}

// fused is a runner that tells when it starts something.
type fused struct {
	runs.Runner
	before, after func()
}

func (f *fused) Start(t engine.Task, done func(run.Outcome)) {
	f.before()
	f.Runner.Start(t, done)
	f.after()
}

// begin submits the run or resumes it. It returns nil when another program must try.
func (s *sim) begin(p *program, life int) *runs.Execution {
	d := s.dice("begin", life)
	if s.id == 0 {
		e, err := p.Submit(p.ctx, s.wf, s.ask(d))
		s.allowed(p, "submit", err)
		if found, err := s.st.Runs(s.Context(), store.Filter{}); err != nil {
			s.Fatal(err)
		} else if len(found) > 0 { // also when the program crashed at once
			s.id = found[0].ID
		}
		return e
	}
	time.Sleep(moment(d, 20))
	if chance(d, 50) {
		s.allowed(p, "reconcile", p.Reconcile(p.ctx))
	}
	r, err := p.Find(p.ctx, s.id.String(), "")
	if err != nil {
		s.allowed(p, "find", err)
		return nil
	}
	if chance(d, 15) && r.Attempt.State.Ended() {
		_, err := p.MarkSuccess(p.ctx, r, []run.JobID{s.wf.Jobs[d.IntN(len(s.wf.Jobs))].ID}, "ann", "")
		s.allowed(p, "mark", err)
	}
	opt := s.ask(d)
	if s.kept && !r.Attempt.State.Ended() && chance(s.dice("carry on", life), 60) {
		opt = runs.Options{}
	}
	e, err := p.Resume(p.ctx, r, runs.Resume{Options: opt})
	s.allowed(p, "resume", err)
	if fault.CodeOf(err) == fault.Conflict && chance(d, 50) { // processes are left, or what an attempt that goes on can't be given
		s.cancel(p, r)
	}
	return e
}

// cancel ends a run that has no program.
func (s *sim) cancel(p *program, r store.Run) {
	s.meant(r.Attempt.Number)
	err := p.Cancel(p.ctx, r, store.CancelRun, nil, "ann")
	if fault.CodeOf(err) == fault.Conflict { // they may have ended by themselves
		return
	}
	s.allowed(p, "cancel", err)
	if err != nil || p.crashed() {
		return
	}
	if now := s.run(s.id); now.Owner == nil && now.Attempt.Number == r.Attempt.Number && !now.Attempt.State.Ended() {
		s.Errorf("it was cancelled and has not ended: %+v", now.Attempt)
	}
}

// meant notes that somebody asks something of an attempt.
func (s *sim) meant(attempt int) {
	s.asking.Lock()
	defer s.asking.Unlock()
	s.wanted[attempt]++
}

// allowed complains of an error that nothing explains.
func (s *sim) allowed(p *program, what string, err error) {
	s.Helper()
	switch code := fault.CodeOf(err); {
	case err == nil, p.crashed(), unavailable(err), code == fault.Locked:
	case code == fault.Conflict && what == "resume":
	default:
		s.Errorf("%s: %v", what, err)
	}
}

func unavailable(err error) bool { return fault.CodeOf(err) == fault.Unavailable }

// ask returns random options.
func (s *sim) ask(d *rand.Rand) runs.Options {
	o := runs.Options{ContinueOnError: chance(d, 40), Sequential: chance(d, 10), Workers: d.IntN(4)}
	for i := range s.wf.Jobs {
		id := s.wf.Jobs[i].ID
		if chance(d, 4) {
			o.Skip = append(o.Skip, id)
		}
		if s.id != 0 && chance(d, 4) {
			o.From = append(o.From, id)
		}
	}
	o.FailedOnly = s.id != 0 && chance(d, 15)
	return o
}

func (s *sim) history() []run.Transition {
	ts, err := s.st.Transitions(s.Context(), s.id, 0, 0)
	if err != nil {
		s.Fatal(err)
	}
	return ts
}

// disturb lets others ask this and that of the run, and look after it although it has
// a program. The returned function ends that.
func (s *sim) disturb(d *rand.Rand, one *played, rival *program, e *runs.Execution) (stop func()) {
	var all []*time.Timer
	var busy sync.WaitGroup
	at := func(after time.Duration, do func()) {
		busy.Add(1)
		all = append(all, time.AfterFunc(after, func() {
			defer busy.Done()
			do()
		}))
	}
	for range d.IntN(3) {
		at(moment(d, 60), func() {
			if err := rival.Reconcile(rival.ctx); err != nil {
				s.Errorf("reconcile: %v", err)
			}
		})
	}
	if chance(d, 40) {
		in := s.input(d)
		at(moment(d, 15), func() { e.Loop.Send(in) })
	}
	if chance(d, 40) {
		kind := []store.RequestKind{store.CancelRun, store.DrainRun, store.CancelJob, store.CancelJob}[d.IntN(4)]
		job := s.wf.Jobs[d.IntN(len(s.wf.Jobs))].ID
		at(moment(d, 30), func() {
			r, err := rival.Find(rival.ctx, s.id.String(), "")
			if err != nil {
				s.Error(err)
				return
			}
			s.meant(r.Attempt.Number)
			err = rival.Cancel(rival.ctx, r, kind, []run.JobID{job}, "ann")
			if code := fault.CodeOf(err); err != nil && code != fault.Conflict && code != fault.Locked {
				s.Errorf("cancel: %v", err)
			}
		})
	}
	if chance(d, 10) {
		at(moment(d, 30), func() {
			one.killed.Store(true)
			e.Loop.Kill()
		})
	}
	at(tooLong, func() {
		s.Errorf("attempt %d of run %d has not ended after %s", e.Number, s.id, tooLong)
		one.program.crash()
	})
	return func() {
		for _, timer := range all {
			if timer.Stop() {
				busy.Done()
			}
		}
		busy.Wait()
	}
}

// input is something that the program itself asks of the run.
func (s *sim) input(d *rand.Rand) plan.Input {
	switch d.IntN(4) {
	case 0:
		return plan.Cancel{Reason: run.Interrupted, Detail: "interrupt"}
	case 1:
		return plan.Drain{Reason: run.EngineStopping}
	default:
		return plan.CancelJob{Job: d.IntN(len(s.wf.Jobs))}
	}
}

// follow watches an attempt, slowly now and then.
func (s *sim) follow(one *played, e *runs.Execution) {
	d := s.dice("follow", one.attempt, len(s.played))
	slow := chance(d, 20)
	for t, err := range e.Follow(one.program.ctx, func() {}) {
		if err != nil {
			if !one.program.crashed() && !one.killed.Load() {
				s.Errorf("follow: %v", err)
			}
			return
		}
		one.seen = append(one.seen, t)
		if slow {
			time.Sleep(moment(d, 3))
		}
	}
}

// endOf is how a task ends by itself.
func (s *sim) endOf(t engine.Task) enginetest.End {
	d := s.dice("end", t.ID)
	e := enginetest.End{After: moment(d, 12), Grace: moment(d, maxGrace), Outcome: succeeded}
	if chance(d, 30) {
		e.Outcome = failures[d.IntN(len(failures))]
	}
	return e
}

var failures = []run.Outcome{
	failed,
	{State: run.Failed, Reason: run.Exited, ExitCode: 2},
	{State: run.Failed, Reason: run.Signal, Signal: 11, ExitCode: run.NoExitCode},
	{State: run.Failed, Reason: run.StartFailed, ExitCode: run.NoExitCode, Detail: "no such program"},
	{State: run.Timeout, Reason: run.TimedOut, ExitCode: run.NoExitCode},
}

// workflow makes a random workflow.
func (s *sim) workflow() *workflow.Workflow {
	d := s.dice("workflow")
	var lines []string
	for i := range 1 + d.IntN(8) {
		line := fmt.Sprintf("j%d:", i)
		for need := range i {
			if chance(d, 30) {
				line += fmt.Sprintf(" j%d", need)
			}
		}
		lines = append(lines, line)
	}
	wf := flow(lines...)
	wf.MaxWorkers, wf.Sequential, wf.ContinueOnError = 1+d.IntN(4), chance(d, 20), chance(d, 40)
	for i := range wf.Jobs {
		wf.Jobs[i].Priority = d.IntN(3)
		wf.Jobs[i].Retry = &workflow.Retry{
			Max: d.IntN(3), Delay: moment(d, 10), Backoff: 1 + d.Float64(), Jitter: d.Float64() / 5, MaxTime: time.Minute,
			OnStatus: []string{"FAILED", "TIMEOUT"}[:d.IntN(3)],
		}
	}
	return wf
}

// moment returns a duration of up to most seconds. Half of them are whole seconds, so
// that many things happen at the same moment.
func moment(d *rand.Rand, most int) time.Duration {
	if chance(d, 50) {
		return time.Duration(d.IntN(most+1)) * time.Second
	}
	return time.Duration(d.Int64N(int64(most) * int64(time.Second))).Truncate(time.Microsecond)
}

func chance(d *rand.Rand, percent int) bool { return d.IntN(100) < percent }

// descendants returns named jobs and all that need them, directly or not.
func (s *sim) descendants(named []run.JobID) map[run.JobID]bool {
	reached := make(map[run.JobID]bool)
	for i := range s.wf.Jobs { // needs come before what needs them
		j := &s.wf.Jobs[i]
		reached[j.ID] = slices.Contains(named, j.ID) || slices.ContainsFunc(j.Needs, func(n int) bool { return reached[s.wf.Jobs[n].ID] })
	}
	return reached
}
