package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/keeper/journal"
	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/run"
)

// adopt takes up a process that an earlier custodian started, and waits for its end.
// Nothing keeps it from that: a process that nobody looks after can't be stopped.
func (t *task) adopt(old record) Result {
	held := old.pipe != nil
	if pipe, err := old.share(); err == nil { // before anything that takes time: who writes now gets SIGPIPE
		old.pipe = pipe
	}
	log, unopened := t.continueLog(old.started.From, "the program that looked after this job is gone; its successor goes on")
	out := t.output(log)
	spec := t.process(out)
	spec.Leaf, _ = t.c.leaves.Adopt(old.started.Leaf) // gone with all that was in it, or none
	defer spec.Leaf.Release()
	p, err := t.takeUp(old, spec)
	t.flush()
	t.c.adopted()
	var result Result
	if err != nil {
		result = t.closeLog(log, out, lostResult(old.Evidence).Outcome, 0)
	} else {
		t.watch(p)
		if t.c.custody != nil {
			t.share(t.c.custody)
		}
		result = t.see(p, log, out, old.started.At)
	}
	if !held {
		blameless(&result.Outcome)
	}
	if unopened != nil && t.spec.Log != nil {
		result.Outcome.Detail = joblog.Join(result.Outcome.Detail, "it was looked after without a log")
	}
	result.From = old.started.From
	return result
}

// continueLog opens the task's log for an output that begins at from and of which an
// earlier custodian has read some.
func (t *task) continueLog(from int64, note string) (*joblog.Writer, *Result) {
	log, r := t.openLog()
	if log == nil {
		return log, r
	}
	t.tally.load()
	t.tally.Noted += log.Continue(t.tally.earlier(from), joblog.Warning, note)
	if note != "" {
		t.tally.write()
	}
	return log, r
}

// blameless changes the outcome of a process that ended because nobody held the other end
// of its output for a while: that says nothing about the job.
func blameless(o *run.Outcome) {
	const shellPipe = 128 + int(unix.SIGPIPE)
	if o.Reason == run.Signal && o.Signal == int(unix.SIGPIPE) || o.Reason == run.Exited && o.ExitCode == shellPipe {
		o.Reason = run.Lost
		o.Detail = "nobody read its output when both its program and its keeper were gone (SIGPIPE)"
	}
}

// takeUp makes the process this program's. When we are short of something for the
// moment it is tried again.
func (t *task) takeUp(old record, spec process.Spec) (*process.Process, error) {
	if old.handle.Timeout == 0 {
		old.handle.Timeout = spec.Timeout // it is known by its cookie
	}
	if spec.Timeout > 0 {
		spec.Timeout = max(spec.Timeout-time.Since(old.started.At), time.Nanosecond)
	}
	for wait := startWaitFirst; ; wait = min(2*wait, startWaitMax) {
		pipe, err := old.share()
		if err == nil {
			var p *process.Process
			if p, err = process.Adopt(spec, old.handle, pipe, nil, t.c.host); err == nil {
				return p, nil
			}
			if pipe != old.pipe {
				_ = pipe.Close()
			}
		}
		if !scarce(err) {
			_ = old.pipe.Close() // nil is no harm
			return nil, err
		}
		<-time.After(wait)
	}
}

// scarce reports whether a host has too little of something for the moment.
func scarce(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM)
}

// complete returns the result of a process that has ended, with what its pipe still holds
// in the log if its custodian did not come to that.
func (t *task) complete(old record) Result {
	if !old.rest {
		return old.result
	}
	log, r := t.continueLog(old.started.From, "")
	if r != nil {
		return old.result
	}
	out := t.output(log)
	if pipe, err := old.share(); err == nil && pipe != nil {
		_ = pipe.SetReadDeadline(time.Now().Add(restPatience)) // descendants may hold the other end
		_, _ = io.Copy(out, pipe)
		_ = pipe.Close()
	}
	o := old.result.Outcome
	o.Survivors = t.endLeftovers()
	result := t.closeLog(log, out, o, time.Since(old.started.At))
	result.From = old.started.From
	return result
}

// endLeftovers ends what a program left running of which an earlier custodian has seen the
// end, where that is wanted. It returns how many would not go.
func (t *task) endLeftovers() int {
	if !t.spec.KillLeftover {
		return 0
	}
	_, left, _ := process.KillSurvivors(t.ctx, t.spec.Cookie, t.spec.Grace)
	if t.ctx.Err() != nil { // there is no time for grace any more
		_, left, _ = process.KillSurvivors(context.Background(), t.spec.Cookie, 0)
	}
	return len(left)
}

// restPatience is how long what is left in a pipe is read when descendants hold it open.
const restPatience = 100 * time.Millisecond

// share returns a read end of the process's pipe: ours, or one like that of the custodian
// that is gone, as long as the process has it as its output. Nil when there is none.
func (r *record) share() (*os.File, error) {
	if r.pipe != nil {
		return r.pipe, nil
	}
	want := fmt.Sprintf("pipe:[%d]", r.started.Pipe)
	for _, fd := range []int{1, 2} {
		path := "/proc/" + strconv.Itoa(r.handle.PID) + "/fd/" + strconv.Itoa(fd)
		if is, err := os.Readlink(path); err != nil || is != want {
			continue
		}
		f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err == nil || scarce(err) {
			return f, err
		}
	}
	return nil, nil
}

// find reports whether the very process is there, alive or waiting to be asked how it
// ended, or may be. One whose identity was not recorded in time is known by its cookie,
// and by the session that it leads: it is the oldest of those that do.
func (r *record) find() bool {
	if r.Identified {
		pidfd, _, err := process.Find(r.handle)
		_ = pidfd.Close() // nil is no harm
		return err == nil || scarce(err)
	}
	if h, ok := process.FindMarked(r.started.Mark, r.started.At, process.Handle{PID: r.started.By, StartTime: r.started.Since}); ok && process.IsProgram(h.PID, r.started.Mark, r.started.Cookie, birthPatience) {
		r.handle = h
		return true
	}
	if r.started.Cookie == "" {
		return false
	}
	_, boot, _, _ := process.SelfIdentity()
	found, _ := process.Survivors(r.started.Cookie)
	for _, s := range found {
		session, err := unix.Getsid(s.PID)
		if s.Cookie != r.started.Cookie || err != nil || session != s.PID {
			continue
		}
		if r.handle.PID == 0 || s.StartTime < r.handle.StartTime || s.StartTime == r.handle.StartTime && s.PID < r.handle.PID {
			r.handle = process.Handle{PID: s.PID, StartTime: s.StartTime, BootID: boot, Started: r.started.At}
		}
	}
	return r.handle.PID != 0
}

// inode identifies an open pipe.
func inode(fd int) uint64 {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0
	}
	return st.Ino
}

// Room that a journal takes from the disk in advance: little, for small disks run jobs, too.
const (
	journalBytes   = 256 << 10
	journalReserve = 64 << 10
)

// openJournal opens the journal of a directory that is ours. other is the fate of a task
// that was recorded as running and that the journal does not mention.
func openJournal(dir string, sync bool) (book *journal.Writer, found journal.State, other Fate, err error) {
	_, err = journal.Read(dir)
	existed := err == nil
	for deadline := time.Now().Add(lockPatience); ; <-time.After(lockPause) {
		book, found, err = journal.Open(dir, journal.Options{Sync: sync, SegmentBytes: journalBytes, Reserve: journalReserve})
		// A keeper that is being killed gives its locks back one after the other, and what
		// keeps a file from being opened may pass: without the journal everything is lost.
		if err == nil || errors.Is(err, journal.ErrVersion) || time.Now().After(deadline) {
			return book, found, otherFate(existed, found), err
		}
	}
}

// otherFate is the fate of a task that was recorded as running and that the journal does
// not mention: it was not started, if nothing is missing there.
func otherFate(existed bool, found journal.State) Fate {
	return Resolve(Evidence{Journal: existed && found.Whole, SameBoot: found.SameBoot})
}
