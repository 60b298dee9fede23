package runs

import (
	"context"
	"encoding/json"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/fingerprint"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// PastStore is what a Past needs of a store.
type PastStore interface {
	store.Fingerprints
	Run(ctx context.Context, id run.ID) (store.Run, error)
}

// Past knows how the jobs of an application succeeded before that say what they read or
// make. Where the store can't be used just now it waits, as a run that goes on does. It is
// safe for concurrent use.
type Past struct {
	store       PastStore
	application string
	trouble     func(error) // as in Config
	hurried     bool        // nothing is waited for: its errors are those of the store, too
}

// NewPast returns the past of an application. trouble may be nil.
func NewPast(st PastStore, application string, trouble func(error)) *Past {
	if trouble == nil {
		trouble = func(error) {}
	}
	return &Past{store: st, application: application, trouble: trouble}
}

// Past returns the past of an application to look at. It does not wait: its errors are those
// of the store as well.
func (s *Service) Past(application string) *Past {
	return &Past{store: s.cfg.Store, application: application, hurried: true}
}

// How long is waited before a store that failed is asked again.
const (
	pastFirst = 100 * time.Millisecond
	pastMax   = 5 * time.Second
)

// Last returns what is known of the last start of a job. Its error is that ctx has ended.
func (p *Past) Last(ctx context.Context, job run.JobID) (last fingerprint.Last, err error) {
	err = p.insist(ctx, func() error {
		f, err := p.store.Fingerprint(ctx, p.application, job)
		last = fingerprint.Last{Task: f.Task, Done: f.Done}
		if f.Done {
			last.Document = fingerprint.Decode(f.Body)
		}
		return err
	})
	return last, err
}

// Begin forgets the last success of a task's job, as its command is about to be started.
// It returns another run in which the job may be running meanwhile, so that nobody can say
// whose files are found afterwards; 0 for none. Its error is that ctx has ended.
func (p *Past) Begin(ctx context.Context, task run.TaskID) (beside run.ID, err error) {
	begun := false
	for err == nil && !begun {
		err = p.insist(ctx, func() error {
			var err error
			beside, begun, err = p.begin(ctx, task)
			return err
		})
	}
	return beside, err
}

// begin is Begin, unless somebody else begins at the same time.
func (p *Past) begin(ctx context.Context, task run.TaskID) (beside run.ID, begun bool, err error) {
	seen, err := p.store.Fingerprint(ctx, p.application, task.Job)
	if err != nil {
		return 0, false, err
	}
	next := store.Fingerprint{Task: task}
	var going []started
	for _, s := range startedOf(seen) {
		alive, err := p.mayRun(ctx, s)
		if err != nil {
			return 0, false, err
		}
		if alive && s.Run != task.Run {
			going = append(going, s)
		}
	}
	if len(going) > 0 {
		beside = going[0].Run
		if next.Body, err = json.Marshal(going); err != nil {
			return 0, false, err
		}
	}
	begun, err = p.store.BeginFingerprint(ctx, p.application, seen, next)
	return beside, begun, err
}

// started is an attempt in which a job was started and may still run.
type started struct {
	Run     run.ID `json:"run"`
	Attempt int    `json:"attempt"`
}

// startedOf returns where a job may still run: where it began last, unless it is done, and
// what was going on then.
func startedOf(f store.Fingerprint) []started {
	if f.Done || f.Task.Run == 0 {
		return nil
	}
	var all []started
	_ = json.Unmarshal(f.Body, &all) // without one there were none
	return append(all, started{f.Task.Run, f.Task.Attempt})
}

// mayRun reports whether an attempt may still run jobs.
func (p *Past) mayRun(ctx context.Context, s started) (bool, error) {
	r, err := p.store.Run(ctx, s.Run)
	if fault.CodeOf(err) == fault.NotFound {
		return false, nil // only a run that has ended can be deleted
	}
	return err == nil && r.Attempt.Number == s.Attempt && !r.Attempt.State.Ended(), err
}

// insist does something until it succeeds or ctx ends.
func (p *Past) insist(ctx context.Context, do func() error) error {
	told := false
	for wait := pastFirst; ; wait = min(2*wait, pastMax) {
		err := do()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if p.hurried {
			return err
		}
		if err == nil {
			if told {
				p.trouble(nil)
			}
			return nil
		}
		if !told {
			told = true
			p.trouble(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}
