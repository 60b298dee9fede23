package engine

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/executionerhq/executioner/internal/failpoint"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// run is the loop. It returns when the plan is done or the run can't be carried on.
func (l *Loop) run(ctx context.Context) {
	defer l.cfg.Over()
	defer close(l.ended)
	defer l.cfg.Gate.Close()
	defer l.giveUp(nil)
	defer l.stopBeating()

	timer := time.NewTimer(0)
	defer timer.Stop()
	l.running = l.plan.Counts().Running
	l.takeUp()
	l.mail.put(plan.Begin{})
	for {
		select {
		case <-ctx.Done():
			l.err = l.abandon(ctx, fault.Wrap(context.Cause(ctx), fault.Cancelled, "it was left before its end"))
			return
		case <-l.mail.wake:
		case <-timer.C:
			l.mail.put(plan.Tick{})
		}
		inputs := l.mail.take()
		if len(inputs) == 0 {
			continue // taken by the turn before; what that armed still holds
		}
		out, err := l.turn(ctx, inputs)
		if err != nil {
			l.err = err
			return
		}
		if out.Done != nil {
			l.sum = *out.Done
			return
		}
		arm(timer, out.Wake)
	}
}

// turn records what follows from inputs in one transaction, and carries it out.
func (l *Loop) turn(ctx context.Context, inputs []plan.Input) (plan.Output, error) {
	var all plan.Output
	now := time.Now()
	answered := 0
	for _, in := range inputs {
		if r, ok := in.(request); ok {
			answered, in = r.no, r.Input
		}
		out := l.plan.Step(now, in)
		all.Transitions = append(all.Transitions, out.Transitions...)
		all.Stop = append(all.Stop, out.Stop...)
		all.Start = append(all.Start, out.Start...)
		all.Ready = append(all.Ready, out.Ready...)
		if in, ok := in.(plan.Admitted); ok && len(out.Start) == 0 {
			l.cfg.Gate.Done(in.Job, in.Try) // it may not start any more
		}
		all.Wake = out.Wake
		if out.Done != nil {
			all.Done = out.Done
		}
	}
	if err := l.record(ctx, all.Transitions, answered); err != nil {
		return all, err
	}
	l.running = l.plan.Counts().Running
	l.forget(inputs)
	l.act(&all)
	return all, nil
}

// forget tells the runner whose ends are recorded. That of a stale one is as good as recorded.
func (l *Loop) forget(inputs []plan.Input) {
	for _, in := range inputs {
		if f, ok := in.(plan.Finished); ok {
			l.cfg.Runner.Recorded(l.task(f.Job, f.Try))
		}
	}
}

// takeUp has the runner go on with what an earlier program recorded as running.
func (l *Loop) takeUp() {
	for i := range l.plan.Workflow().Jobs {
		if state, try := l.plan.Job(i); state == run.Running {
			like, _ := l.plan.Loaded(i)
			l.cfg.Gate.Take(i, like, try)
			l.start(i, try, true)
		}
	}
}

// record appends transitions, and that requests up to a number are answered with them,
// however long that takes: a full disk or a locked database stops the run from going on,
// but loses nothing. It gives up when the lease is lost or ctx ends, and then nothing may
// be acted on any more.
func (l *Loop) record(ctx context.Context, ts []run.Transition, answered int) error {
	if len(ts) == 0 && answered == 0 {
		return nil
	}
	wait := retryFirst
	for {
		last, err := l.append(ctx, ts, answered)
		if err == nil {
			if l.troubled.Swap(false) {
				l.cfg.Trouble(nil)
			}
			if len(ts) > 0 {
				number(ts, last)
				l.cfg.Publisher.Publish(l.id, ts)
			}
			return nil
		}
		if fault.CodeOf(err) == fault.Locked || ctx.Err() != nil {
			return l.abandon(ctx, err)
		}
		if !l.troubled.Swap(true) {
			l.cfg.Trouble(err)
		}
		select {
		case <-ctx.Done():
			return l.abandon(ctx, err)
		case <-time.After(wait):
			wait = min(2*wait, retryMax)
		}
	}
}

// append records transitions, if it can be done now.
func (l *Loop) append(ctx context.Context, ts []run.Transition, answered int) (last int64, err error) {
	if err := failpoint.Err("engine.record.before"); err != nil {
		return 0, err
	}
	if answered > 0 {
		last, err = l.cfg.Journal.Answer(ctx, l.cfg.Lease, ts, answered)
	} else {
		last, err = l.cfg.Journal.Append(ctx, l.cfg.Lease, ts)
	}
	failpoint.At("engine.record.after")
	return last, err
}

// number gives transitions the sequence numbers under which they were recorded.
func number(ts []run.Transition, last int64) {
	for i := range ts {
		ts[i].Seq = last - int64(len(ts)-1-i)
	}
}

// abandon ends the run here without a result: whatever runs is stopped at once,
// because nobody here can record what becomes of it. That the lease was lost is a
// better cause than what came of it.
func (l *Loop) abandon(ctx context.Context, cause error) error {
	switch left := context.Cause(ctx); {
	case errors.Is(left, ErrLeft):
		return fault.Wrap(left, fault.Cancelled, "run %d goes on without this program", l.id)
	case fault.CodeOf(left) == fault.Locked:
		cause = left
	}
	for i := range l.plan.Workflow().Jobs {
		if state, try := l.plan.Job(i); state == run.Running {
			l.cfg.Runner.Stop(Stop{ID: l.task(i, try), State: run.Cancelled, Reason: run.EngineLost})
		}
	}
	l.cfg.Runner.Kill()
	return fault.Wrap(cause, fault.CodeOf(cause), "run %d can't be recorded any more, its running jobs were stopped", l.id)
}

// act carries out what has been recorded. Stops come last: of the inputs that were
// taken together a later one may stop what an earlier one started.
func (l *Loop) act(out *plan.Output) {
	for _, t := range out.Ready {
		like, _ := l.plan.Loaded(t.Job)
		l.cfg.Gate.Offer(t.Job, like, t.Try, func() { l.mail.put(plan.Admitted(t)) })
	}
	for _, t := range out.Start {
		like, _ := l.plan.Loaded(t.Job)
		l.cfg.Gate.Take(t.Job, like, t.Try)
		l.start(t.Job, t.Try, false)
	}
	for _, s := range out.Stop {
		l.cfg.Runner.Stop(Stop{ID: l.task(s.Job, s.Try), State: s.State, Reason: s.Reason, Detail: s.Detail})
	}
	if len(out.Stop) > 0 && l.hurried.Load() {
		l.cfg.Runner.Kill()
	}
}

func (l *Loop) start(job, try int, again bool) {
	index, made := l.plan.Loaded(job)
	task := Task{
		ID: l.task(job, try), Job: index, Made: made, Of: 1 + l.plan.Workflow().Jobs[job].Retry.Max,
		Again: again, Handed: l.plan.Handed(job),
	}
	failpoint.At("engine.start.before")
	l.cfg.Runner.Start(task, func(o run.Outcome) {
		l.cfg.Gate.Done(job, try) // first: what takes its place need not wait for the record
		l.mail.put(plan.Finished{Job: job, Try: try, Outcome: o})
	})
}

func (l *Loop) task(job, try int) run.TaskID {
	return run.TaskID{Run: l.id, Attempt: l.attempt, Job: l.plan.Workflow().Jobs[job].ID, Try: try}
}

// arm sets the timer to fire at t, or never when t is zero.
func arm(timer *time.Timer, t time.Time) {
	timer.Stop()
	if !t.IsZero() {
		timer.Reset(time.Until(t))
	}
}

// startBeating has the lease renewed from time to time, until the loop ends or it is lost. A
// timer and no goroutine: there may be thousands of loops.
func (l *Loop) startBeating() {
	l.beating.Lock() // the timer may come before it is kept
	defer l.beating.Unlock()
	l.beats = time.AfterFunc(l.pause(), l.beat)
}

// stopBeating returns when the lease is not renewed any more. ctx has ended by then, or
// does right after.
func (l *Loop) stopBeating() {
	l.giveUp(nil)
	l.beats.Stop()
	l.beating.Lock() // waits for a renewal that is going on
	defer l.beating.Unlock()
}

// pause is how long to wait before the next renewal: for ever when somebody else renews.
func (l *Loop) pause() time.Duration {
	if l.cfg.Kept {
		return math.MaxInt64
	}
	return min(heartbeat, l.cfg.TTL/3)
}

// beat keeps the lease and passes on what others ask of the run. That the lease was lost
// ends the loop wherever it is.
func (l *Loop) beat() {
	l.beating.Lock()
	defer l.beating.Unlock()
	if l.ctx.Err() != nil {
		return
	}
	asked, err := l.cfg.Journal.Renew(l.ctx, l.cfg.Lease, l.cfg.TTL)
	if fault.CodeOf(err) == fault.Locked {
		l.giveUp(err)
		return
	}
	l.pass(asked) // any other error is met again by record, which reports it
	if !l.cfg.Kept {
		l.beats.Reset(l.pause())
	}
}

// pass tells the plan of requests, of each once. Call it with beating held, or before the
// loop runs.
func (l *Loop) pass(asked []store.Request) {
	for _, r := range asked {
		if r.No > l.asked {
			l.asked = r.No
			l.mail.put(request{input(r), r.No})
		}
	}
}

// request is an input that somebody asked for, with its number.
type request struct {
	plan.Input
	no int
}

// input translates a request. A job is named: which jobs there are only the plan knows.
func input(r store.Request) plan.Input {
	detail := ""
	if r.By != "" {
		detail = "asked by " + r.By
	}
	switch r.Kind {
	case store.CancelRun:
		return plan.Cancel{Reason: run.RunCancelled, Detail: detail}
	case store.DrainRun:
		return plan.Drain{Reason: run.EngineStopping, Detail: detail}
	case store.CancelJob:
		return plan.CancelJob{Job: -1, ID: r.Job, Detail: detail}
	}
	return plan.Tick{}
}
