package cli

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Runs is what commands ask of runs, wherever these are: in a database that is opened
// here, or with a server. Meanings and errors are those of runs.Service.
type Runs interface {
	Find(ctx context.Context, ref, application string) (store.Run, error)
	Resumable(ctx context.Context, application string) (store.Run, error)
	List(ctx context.Context, f store.Filter) ([]runs.View, error)
	Show(ctx context.Context, r store.Run) (runs.Details, error)
	Workflow(ctx context.Context, hash string) (*workflow.Workflow, error)
	Usual(ctx context.Context, application string) (*runs.Usual, error)
	Expected(ctx context.Context, application string) time.Duration
	PreviewResume(ctx context.Context, r store.Run, req runs.Resume) (*runs.Preview, error)
	Cancel(ctx context.Context, r store.Run, kind store.RequestKind, jobs []run.JobID, by string) error
	MarkSuccess(ctx context.Context, r store.Run, jobs []run.JobID, by, note string) ([]run.Override, error)
	AwaitEnd(ctx context.Context, id run.ID) (store.Run, error)
	AwaitJobs(ctx context.Context, id run.ID, jobs []run.JobID) (runs.Details, error)
	LeftRunning(ctx context.Context, id run.ID) ([]int, error)

	// Log copies a log to w. NotFound when it is not there.
	Log(ctx context.Context, l log, w io.Writer) error
	// Submit begins a new run of a workflow.
	Submit(ctx context.Context, wf *workflow.Workflow, opt runs.Options) (execution, error)
	// Resume begins a new attempt of a run.
	Resume(ctx context.Context, r store.Run, req runs.Resume) (execution, error)
}

// log names the log of a run, or of one of its jobs, and says what of it is wanted.
type log struct {
	run  run.ID
	job  run.JobID // empty: the run's own
	path string
	// submitted is when the run was: an older file is not of it. Zero: it is known to be.
	submitted time.Time
	tail      int  // begin with the last lines; -1: with the first
	follow    bool // go on until the run has ended
}

// execution is an attempt that somebody watches from here.
type execution interface {
	// About says what it runs, and how.
	About() runs.Attempt
	// Follow yields its transitions, in order, until its end, or until it had to be given
	// up. idle is called whenever there is nothing more for now.
	Follow(ctx context.Context, idle func()) iter.Seq2[run.Transition, error]
	// Log returns the run's log where this program is to write it, else nil.
	Log() (*runs.MainLog, error)
	// Stop asks it to end with grace, because of why, and returns what to tell about that.
	Stop(why string) (told string)
	// Kill asks it to end at once.
	Kill(why string) (told string)
	// Wait returns how it ended.
	Wait(ctx context.Context) (run.Summary, error)
}

// work is what a command works with.
type work struct {
	Runs  Runs
	Store store.Store // what the runs are kept in; nil where it is nobody's business
	Close func() error
}

// working is the work on a database that is opened here.
func working(b Backend) work { return work{here{b.Runs, b.Store}, b.Store, b.Close} }

var (
	_ Runs      = here{}
	_ execution = (*executing)(nil)
)

// here is runs of a database that is opened here.
type here struct {
	*runs.Service
	st store.Store // what they are kept in; nil where it is nobody's business
}

func (h here) Submit(ctx context.Context, wf *workflow.Workflow, opt runs.Options) (execution, error) {
	return started(h.Service.Submit(ctx, wf, opt))
}

func (h here) Resume(ctx context.Context, r store.Run, req runs.Resume) (execution, error) {
	return started(h.Service.Resume(ctx, r, req))
}

// Log reads the file.
func (h here) Log(ctx context.Context, l log, w io.Writer) error {
	from := int64(0)
	if joblog.Older(l.path, l.submitted) {
		if !l.follow {
			return fault.New(fault.NotFound, "there is no log file").WithAt(l.path)
		}
		l.tail = 0 // of another history's
	}
	if l.tail >= 0 {
		end, at, err := tailAt(l.path, l.tail)
		if err != nil && (fault.CodeOf(err) != fault.NotFound || !l.follow) {
			return err
		}
		if _, err := w.Write(end); err != nil {
			return fault.Wrap(err, fault.Unavailable, "the output can't be written")
		}
		from = at
	}
	if !l.follow && l.tail >= 0 {
		return nil
	}
	var failed error
	err := joblog.Follow(ctx, l.path, from, w, func() bool {
		if !l.follow {
			return true
		}
		var ended bool
		ended, failed = h.Ended(ctx, l.run)
		return ended || failed != nil
	})
	if failed != nil {
		return failed
	}
	return err
}

// executing is an attempt that goes on in this program.
type executing struct{ *runs.Execution }

func started(e *runs.Execution, err error) (execution, error) {
	if err != nil {
		return nil, err
	}
	return &executing{e}, nil
}

func (e *executing) About() runs.Attempt { return e.Attempt }

func (e *executing) Log() (*runs.MainLog, error) { return runs.OpenMainLog(e.Attempt) }

func (e *executing) Follow(ctx context.Context, idle func()) iter.Seq2[run.Transition, error] {
	return func(yield func(run.Transition, error) bool) {
		follow, stop := context.WithCancel(ctx)
		defer stop()
		go func() { // a run that had to be given up has no last transition
			<-e.Loop.Ended()
			if _, err := e.Loop.Wait(); err != nil {
				stop()
			}
		}()
		for t, err := range e.Execution.Follow(follow, idle) {
			if !yield(t, err) {
				return
			}
		}
	}
}

func (e *executing) Stop(why string) string {
	e.Loop.Send(plan.Cancel{Reason: run.Interrupted, Detail: why})
	return "stopping the running jobs; once more kills them"
}

func (e *executing) Kill(why string) string {
	e.Loop.Send(plan.Cancel{Reason: run.Interrupted, Detail: why}) // what cleans up has no time any more
	e.Loop.Kill()
	return "killing the running jobs"
}
