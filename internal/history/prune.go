package history

import (
	"context"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

const (
	// batch is how many runs are removed in one transaction.
	batch = 100
	// page is how many outlines are read in one transaction.
	page = 1000
)

// Pruning is how runs are removed.
type Pruning struct {
	Retention Retention
	Now       time.Time
	// Pause is how long others get to write between two batches.
	Pause time.Duration
	// Tell is told of each run before it is removed. Nil for nobody.
	Tell func(Candidate)
	// DryRun removes nothing: it only tells.
	DryRun bool
}

// Pruned is what became of it.
type Pruned struct {
	Runs  int   `json:"runs"`      // removed, or to be removed in a dry run
	Kept  int   `json:"kept"`      // that could have gone, but were taken up again meanwhile
	Left  int   `json:"left"`      // in the history afterwards
	Files int   `json:"log_files"` // removed
	Bytes int64 `json:"log_bytes"` // of these files
}

// Prune removes the runs that may go, with their log files, oldest first, in small
// transactions, so that runs that go on are not held up. What a run that ended has left
// goes all together; one that is taken up again meanwhile stays. When ctx ends, what has
// been removed so far is in the result.
func Prune(ctx context.Context, st store.Store, p Pruning) (done Pruned, err error) {
	all, err := outlines(ctx, st)
	if err != nil {
		return done, err
	}
	done.Left = len(all)
	goes := p.Retention.Decide(all, p.Now)
	if p.Tell != nil {
		for i := range goes {
			p.Tell(goes[i])
		}
	}
	if p.DryRun {
		done.Runs, done.Left = len(goes), len(all)-len(goes)
		return done, nil
	}
	logs := logFinder{st: st}
	for first := true; len(goes) > 0; first = false {
		if !first {
			if err := pause(ctx, p.Pause); err != nil {
				return done, err
			}
		}
		now := goes[:min(batch, len(goes))]
		goes = goes[len(now):]
		if err := done.remove(ctx, st, &logs, ids(now)); err != nil {
			return done, err
		}
	}
	return done, pruneRest(ctx, st, p.Retention, p.Now)
}

// remove removes one batch. The log files go after the rows: a run whose rows are there
// has its logs. Which files they are is read before.
func (p *Pruned) remove(ctx context.Context, st store.Store, logs *logFinder, batch []run.ID) error {
	files := make(map[run.ID][]logFile, len(batch))
	for _, id := range batch {
		found, err := logs.of(ctx, id)
		if err != nil {
			return err
		}
		files[id] = found
	}
	deleted, err := st.Delete(ctx, batch)
	if err != nil {
		return err
	}
	p.Runs += len(deleted)
	p.Left -= len(deleted)
	p.Kept += len(batch) - len(deleted)
	for _, id := range deleted {
		n, bytes := removeLogs(files[id])
		p.Files += n
		p.Bytes += bytes
	}
	return nil
}

// outlines reads the outlines of all runs, by id.
func outlines(ctx context.Context, st store.Store) (all []store.Outline, err error) {
	names := map[string]string{} // each application's name is kept once
	after := run.ID(0)
	for {
		part, err := st.Outlines(ctx, after, page)
		if err != nil {
			return nil, err
		}
		for i := range part {
			if name, ok := names[part[i].Application]; ok {
				part[i].Application = name
			} else {
				names[part[i].Application] = part[i].Application
			}
		}
		all = append(all, part...)
		if len(part) < page {
			return all, nil
		}
		after = part[len(part)-1].ID
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fault.Wrap(context.Cause(ctx), fault.Cancelled, "interrupted")
	}
}
