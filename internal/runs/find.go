package runs

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/history"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// Names that stand for a run.
const (
	Latest     = "@latest" // the newest run
	LastFailed = "@failed" // the newest run that ended without success
)

var unsuccessful = []run.State{run.Failed, run.Timeout, run.Cancelled}

// Find returns the run that ref names: a number, @latest or @failed. A non-empty
// application restricts the names to its runs. NotFound says what there is instead.
func (s *Service) Find(ctx context.Context, ref, application string) (store.Run, error) {
	switch ref {
	case Latest:
		return s.newest(ctx, store.Filter{Application: application}, "no run has been recorded yet")
	case LastFailed:
		return s.newest(ctx, store.Filter{Application: application, States: unsuccessful}, "no recorded run failed")
	}
	n, err := strconv.ParseInt(ref, 10, 64)
	if err != nil || n <= 0 {
		return store.Run{}, fault.New(fault.Usage, "%q is not a run", ref).
			WithHint("give a run's number, %s or %s; executioner runs list shows them", Latest, LastFailed)
	}
	r, err := s.cfg.Store.Run(ctx, run.ID(n))
	if fault.CodeOf(err) == fault.NotFound {
		return r, s.noSuchRun(ctx, run.ID(n))
	}
	return r, err
}

// Resumable returns the newest run that did not succeed or was interrupted, of one
// application or of all.
func (s *Service) Resumable(ctx context.Context, application string) (store.Run, error) {
	r, err := s.newest(ctx, store.Filter{Application: application, States: unsuccessful}, "there is no run to resume: none ended without success")
	if left, ok := s.interruptedRun(ctx, application, r.ID); ok {
		return left, nil
	}
	return r, err
}

func (s *Service) newest(ctx context.Context, f store.Filter, none string) (store.Run, error) {
	f.Limit = 1
	found, err := s.cfg.Store.Runs(ctx, f)
	if err != nil {
		return store.Run{}, err
	}
	if len(found) == 0 {
		if f.Application != "" {
			none += " for " + f.Application
		}
		return store.Run{}, fault.New(fault.NotFound, "%s", none).WithHint("executioner runs list shows what there is")
	}
	return found[0], nil
}

// Expected returns how long a run of an application is likely to take, see
// history.UsualOf. It is 0 when nothing is known.
func (s *Service) Expected(ctx context.Context, application string) time.Duration {
	usual, err := history.UsualOf(ctx, s.cfg.Store, application, "", time.Now())
	if err != nil {
		return 0
	}
	return usual.Median
}

// noSuchRun says which runs are nearest to a number that nobody has.
func (s *Service) noSuchRun(ctx context.Context, id run.ID) error {
	err := fault.New(fault.NotFound, "there is no run %d", id)
	newest, listErr := s.cfg.Store.Runs(ctx, store.Filter{Limit: 1})
	if listErr != nil || len(newest) == 0 {
		return err.WithHint("no run has been recorded in this database yet")
	}
	below, listErr := s.cfg.Store.Runs(ctx, store.Filter{Before: id, Limit: 1})
	if listErr != nil || len(below) == 0 || below[0].ID == newest[0].ID {
		return err.WithHint("the newest is run %d of %s", newest[0].ID, newest[0].Application)
	}
	return err.WithHint("the nearest is run %d of %s, the newest run %d", below[0].ID, below[0].Application, newest[0].ID)
}

// PIDs joins process ids for a message, at most three of them.
func PIDs(pids []int) string {
	words := make([]string, 0, 4)
	for _, pid := range pids {
		if len(words) == 3 {
			words = append(words, "…")
			break
		}
		words = append(words, strconv.Itoa(pid))
	}
	return "pid " + strings.Join(words, ", ")
}
