package keeper

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/executionerhq/executioner/internal/cgroup"
	"github.com/executionerhq/executioner/internal/failpoint"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/keeper/journal"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/run"
)

// task is a process that a custodian looks after, from the wish to start it until it
// is forgotten.
type task struct {
	c      *Custodian
	spec   Spec
	masker *mask.Masker
	ctx    context.Context // done when the task is asked to stop
	cancel context.CancelFunc
	log    atomic.Pointer[joblog.Writer]
	tally  *tally // used by who reads the output

	// mu guards the rest: a stop, the end, and another engine may come at any moment.
	mu      sync.Mutex
	ordered *Order
	hurried bool
	proc    *process.Process
	done    func(Result) // who is told of the end
	result  *Result      // set at the end
}

func newTask(c *Custodian, s Spec, m *mask.Masker) *task {
	t := &task{c: c, spec: s, masker: m, tally: c.tally(s.ID)}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// live brings the task to its end, beginning with what is known of it.
func (t *task) live(old record) {
	defer t.cancel()
	var r Result
	switch fate := old.fate(); fate {
	case Ended:
		r = t.complete(old)
	case Lost:
		r = lostResult(old.Evidence)
	case Running:
		r = t.adopt(old)
	case Unstarted:
		if old.Started && !old.NotStarted {
			_ = t.c.book.NotStarted(t.spec.ID, "its custodian went away before it was forked")
		}
		r = t.run()
	}
	if !old.Ended || old.rest {
		now := time.Now().UTC()
		if !old.Ended && r.Outcome.Reason != run.Lost { // of others nobody knows
			r.At = now
		}
		t.write(r, now)
	}
	t.finish(r)
}

// fate is Resolve for a task of which an earlier keeper may have written.
func (r *record) fate() Fate {
	if !r.Journal {
		return Unstarted
	}
	return Resolve(r.Evidence)
}

// write records the end, at a time.
func (t *task) write(r Result, at time.Time) {
	failpoint.At("keeper.exit.before")
	if body, err := json.Marshal(more{From: r.From, To: r.To}); err == nil {
		t.c.record(t.spec.ID, journal.Exit{Outcome: r.Outcome, Head: r.Head, At: at, More: body})
	}
	t.tally.remove()
	failpoint.At("keeper.exit.after")
}

// finish tells whoever wants to know.
func (t *task) finish(r Result) {
	t.mu.Lock()
	t.result = &r
	done := t.done
	t.done = nil
	t.mu.Unlock()
	if done != nil {
		done(r)
	}
}

// tell has done told of the end, instead of whoever was to be told before.
func (t *task) tell(done func(Result)) {
	t.mu.Lock()
	r := t.result
	if r == nil {
		t.done = done
	}
	t.mu.Unlock()
	if r != nil {
		done(*r)
	}
}

func (t *task) fate() Fate {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.result != nil {
		return Ended
	}
	return Running
}

// run starts the process and waits for its end.
func (t *task) run() Result {
	if o, ok := t.stopped(); ok {
		return Result{To: -1, Outcome: o}
	}
	log, r := t.openLog()
	if r != nil {
		return *r
	}
	if log != nil {
		for _, n := range t.spec.Log.Notes {
			log.Note(n.Level, n.Text)
		}
	}
	out := t.output(log)
	spec := t.process(out)
	spec.Reaping = t.ending
	leaf, _ := t.c.leaves.Take() // it does without if need be
	defer leaf.Release()
	t.limit(leaf, log)
	spec.Leaf = leaf
	p, err := t.start(spec, log)
	t.flush() // the notes, while it begins
	if p == nil {
		o, ok := t.stopped()
		if !ok {
			o = run.Failure(run.StartFailed, err.Error())
		}
		return t.closeLog(log, out, o, 0)
	}
	return t.see(p, log, out, time.Now())
}

// process returns the process of the task.
func (t *task) process(out *output) process.Spec {
	s := process.Spec{
		Path: t.spec.Path, Args: t.spec.Args, Env: t.spec.Env, Dir: t.spec.Dir, Cookie: t.spec.Cookie,
		Timeout: t.spec.Timeout, Grace: t.spec.Grace, KillLeftover: t.spec.KillLeftover, Output: out,
	}
	if t.spec.Setting != nil {
		s.Env = slices.Concat(t.spec.Setting.Env, t.spec.Env)
	}
	return s
}

// announce comes right before the fork: what is about to happen is written down, and
// the engine gets its share of the pipe.
func (t *task) announce(log *joblog.Writer, leaf *cgroup.Leaf, pipe int, mark uint64) error {
	at := intent{Cookie: t.spec.Cookie, Pipe: inode(pipe), Mark: mark, Leaf: leaf.Path(), whom: t.c.self}
	if log != nil {
		at.From, _ = log.Range()
	}
	body, err := json.Marshal(at)
	if err != nil {
		return err
	}
	failpoint.At("keeper.start.before")
	if err := t.c.book.Start(t.spec.ID, time.Now().UTC(), body); err != nil {
		return err
	}
	if t.c.custody != nil {
		t.c.custody(t.spec.ID, pipe)
	}
	failpoint.At("keeper.start.after")
	return nil
}

// ending comes when the process has ended and the system has not forgotten how: should
// this program die while it looks at what is left, its successor knows that much.
func (t *task) ending(o run.Outcome) {
	o.Detail = t.masker.String(o.Detail)
	failpoint.At("keeper.ending.before")
	_ = t.c.book.Ending(t.spec.ID, o)
	failpoint.At("keeper.ending.after")
}

// start begins the process. A host that is short of processes, memory, descriptors or
// space for the moment is no failure of the job: it is tried again until the task is
// asked to stop, and then the process is nil.
func (t *task) start(spec process.Spec, log *joblog.Writer) (*process.Process, error) {
	told := false
	for wait := startWaitFirst; t.ctx.Err() == nil; wait = pause(t.ctx, wait) {
		p, err := t.fork(spec, log)
		if err != nil && spec.Leaf != nil && !temporary(err) { // the group may be to blame
			spec.Leaf = nil
			if p, err = t.fork(spec, log); err == nil {
				t.limit(nil, log)
			}
		}
		if err == nil {
			return p, nil
		}
		if !temporary(err) {
			return nil, err
		}
		_ = t.c.book.Renew() // should it be broken
		if !told && log != nil {
			log.Note(joblog.Warning, "not started yet, trying again: "+err.Error())
			log.Flush()
		}
		told = true
	}
	return nil, nil
}

// fork starts the process and notes which one it is.
func (t *task) fork(spec process.Spec, log *joblog.Writer) (*process.Process, error) {
	t.c.starting.Lock()
	defer t.c.starting.Unlock()
	spec.Before = func(pipe int, mark uint64) error { return t.announce(log, spec.Leaf, pipe, mark) }
	p, err := process.Start(spec, t.c.host)
	if err != nil {
		_ = t.c.book.NotStarted(t.spec.ID, err.Error())
		return nil, err
	}
	t.watch(p)
	failpoint.At("keeper.pid.before")
	if body, jerr := json.Marshal(p.Handle()); jerr == nil {
		_ = t.c.book.PID(t.spec.ID, body) // without it the process is found by its mark or cookie
	}
	failpoint.At("keeper.pid.after")
	return p, nil
}

// temporary reports whether a start may succeed later. What can't be written down is not
// started: that is no failure of the job.
func temporary(err error) bool {
	var start *process.StartError
	return errors.As(err, &start) && start.Temporary || full(err) || errors.Is(err, journal.ErrBroken)
}

func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, journal.ErrNoSpace)
}

// see waits for the end of the process.
func (t *task) see(p *process.Process, log *joblog.Writer, out *output, began time.Time) Result {
	t.watch(p)
	o := p.Wait()
	if p.Released() {
		select {} // for an upgrade: this program is over
	}
	t.watch(nil)
	o.Detail = t.masker.String(o.Detail)
	return t.closeLog(log, out, o, time.Since(began))
}

// openLog opens the task's log, nil when it has none. A result says why it can't be, or
// that the task was asked to stop.
func (t *task) openLog() (*joblog.Writer, *Result) {
	if t.spec.Log == nil {
		return nil, nil
	}
	log, err := OpenLog(t.ctx, t.spec.Log.Path, t.spec.Log.Limit, t.masker)
	if err == nil {
		t.log.Store(log)
		return log, nil
	}
	o, ok := t.stopped()
	if !ok {
		o = run.Failure(run.StartFailed, t.masker.String("its log can't be written: "+err.Error()))
	}
	return nil, &Result{To: -1, Outcome: o}
}

// closeLog ends the log and adds to an outcome what became of the output.
func (t *task) closeLog(log *joblog.Writer, out *output, o run.Outcome, took time.Duration) Result {
	r := Result{Outcome: o, Head: out.head, To: -1}
	if log == nil {
		return r
	}
	t.log.Store(nil)
	log.EndOutput()
	t.tally.settle(log)
	r.From, r.To = log.Range()
	var stats joblog.Stats
	var err error
	if t.spec.Log.End {
		stats, err = log.End(joblog.Level(o), joblog.Ended(o, took))
	} else {
		stats, err = log.Close()
	}
	r.Outcome.Output, r.Outcome.Dropped = stats.Bytes, stats.Dropped
	if err != nil {
		r.Outcome.Detail = joblog.Join(r.Outcome.Detail, t.masker.String("its log is incomplete: "+err.Error()))
	}
	return r
}

// stop asks for the end of the task, whatever it is doing.
func (t *task) stop(o Order) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ordered != nil {
		return
	}
	t.ordered = &o
	t.cancel()
	if t.proc != nil {
		t.proc.Stop(o.State, o.Reason, o.Detail)
	}
}

// kill ends the grace of a task that was asked to stop.
func (t *task) kill() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ordered == nil {
		return
	}
	t.hurried = true
	if t.proc != nil {
		t.proc.Kill()
	}
}

// watch makes p the process that a stop reaches. One that came before reaches it now.
func (t *task) watch(p *process.Process) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.proc = p
	if p == nil || t.ordered == nil {
		return
	}
	p.Stop(t.ordered.State, t.ordered.Reason, t.ordered.Detail)
	if t.hurried {
		p.Kill()
	}
}

// stopped returns the outcome of a task that was asked to stop before its process ran.
func (t *task) stopped() (run.Outcome, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ordered == nil {
		return run.Outcome{}, false
	}
	return run.Outcome{State: t.ordered.State, Reason: t.ordered.Reason, Detail: t.ordered.Detail, ExitCode: run.NoExitCode}, true
}

func (t *task) flush() {
	if log := t.log.Load(); log != nil {
		log.Flush()
	}
}

// output is where a process's output goes: its beginning is kept, and all of it logged.
type output struct {
	log   *joblog.Writer
	tally *tally
	room  int
	head  []byte
}

func (t *task) output(log *joblog.Writer) *output {
	return &output{log: log, tally: t.tally, room: t.spec.Head}
}

func (o *output) Write(p []byte) (int, error) {
	if n := min(o.room-len(o.head), len(p)); n > 0 {
		o.head = append(o.head, p[:n]...)
	}
	if o.log == nil {
		return len(p), nil
	}
	n, err := o.log.Write(p)
	o.log.Flush() // should this program die, what it has read is not lost
	o.tally.note(o.log)
	return n, err
}

// share hands the pipe of a running process to f.
func (t *task) share(f func(id string, pipe int)) {
	t.mu.Lock()
	p := t.proc
	t.mu.Unlock()
	if p == nil {
		return
	}
	pipe, pidfd, err := p.Files()
	_ = pidfd.Close() // nil is no harm
	if err != nil || pipe == nil {
		return
	}
	defer func() { _ = pipe.Close() }()
	if raw, err := pipe.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { f(t.spec.ID, int(fd)) })
	}
}
