package history

import (
	"context"
	"errors"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

const (
	tidyEvery = 24 * time.Hour
	// tidySoon is for a history that has not been gone through to its end.
	tidySoon = time.Hour
	// tidyLimit is the time after which no other step is begun.
	tidyLimit = time.Second
	// tidyMost is when a step is given up that does not end.
	tidyMost = 3 * time.Second
	// tidyStep is how long a step should take. The next one is made longer or shorter.
	tidyStep = 50 * time.Millisecond
	// tidyPause is how long others get to write after runs were removed.
	tidyPause = 5 * time.Millisecond
)

// Tidy prunes a history as it is done beside other work: for about a second, once a day
// for each history, whoever uses it. It goes through the runs oldest first. When it does
// not get to the last one, that is kept in the history, and an hour later the next time
// goes on there, so that each time gets further however long the history is. due is false
// when it is not time yet. Pruned.Left is not counted.
func Tidy(ctx context.Context, st store.Store, r Retention) (done Pruned, due bool, err error) {
	if r == (Retention{}) {
		return Pruned{}, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, tidyMost)
	defer cancel()
	every := tidyEvery
	if after, err := st.Place(ctx, store.ChorePrune); err != nil {
		return Pruned{}, false, err
	} else if after != 0 {
		every = tidySoon
	}
	if due, err = st.Claim(ctx, store.ChorePrune, every); err != nil || !due {
		return Pruned{}, false, err
	}
	done, err = tidy(ctx, st, r, time.Now(), tidyLimit)
	if err != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		err = fault.Wrap(err, fault.Unavailable, "the database took longer than %v", tidyMost)
	}
	return done, true, err
}

// tidy goes on from the place where the last time stopped, for as long as limit says but
// at least for one step.
func tidy(ctx context.Context, st store.Store, r Retention, now time.Time, limit time.Duration) (Pruned, error) {
	began := time.Now()
	after, err := st.Place(ctx, store.ChorePrune)
	if err != nil {
		return Pruned{}, err
	}
	p := &passage{
		st: st, retention: r, now: now, after: after, step: 1, ranks: ranks{st: st, imported: r.Imported, known: map[rankKey]run.ID{}},
		logs: logFinder{st: st},
	}
	for {
		if err = p.next(ctx); err != nil || p.ended || time.Since(began) >= limit {
			break
		}
	}
	if p.ended {
		p.after = 0
	}
	if p.after != after {
		err = errors.Join(err, p.keep(ctx))
	}
	p.done.Left = 0
	return p.done, errors.Join(err, pruneRest(ctx, st, r, now))
}

// passage goes through a history, oldest run first. What it decides about a run is what
// Decide would of all runs: that depends on newer runs only, and of those none was removed.
type passage struct {
	st        store.Store
	retention Retention
	now       time.Time
	after     run.ID // the last run that was looked at
	step      int    // how many runs to look at next
	ranks     ranks
	logs      logFinder
	done      Pruned
	ended     bool // there is no run after the last one
}

// next looks at some runs and removes those that may go.
func (p *passage) next(ctx context.Context) error {
	began := time.Now()
	some, err := p.st.Outlines(ctx, p.after, p.step)
	if err != nil {
		return err
	}
	var goes []run.ID
	for i := range some {
		yes, err := p.goes(ctx, &some[i])
		if err != nil {
			return err
		}
		if yes {
			goes = append(goes, some[i].ID)
		}
	}
	if err := p.remove(ctx, goes); err != nil {
		return err
	}
	if p.ended = len(some) < p.step; len(some) > 0 {
		p.after = some[len(some)-1].ID
	}
	p.pace(time.Since(began))
	return nil
}

// pace makes the next step longer or shorter by how long the last one took.
func (p *passage) pace(took time.Duration) {
	switch {
	case took < tidyStep:
		p.step = min(2*p.step, page)
	case took > 2*tidyStep:
		p.step = max(p.step/2, 1)
	}
}

// goes decides about one run. It asks how many newer ones there are only when that matters.
func (p *passage) goes(ctx context.Context, o *store.Outline) (bool, error) {
	r := &p.retention
	if o.Imported && !r.Imported {
		return false, nil
	}
	same := max(r.KeepRuns, Newest)
	if r.reason(o, &seen{all: Newest, good: same, bad: same}, p.now) == "" {
		return false, nil // whatever there is beside it
	}
	newest, err := p.ranks.of(ctx, o.Application, ofAll, Newest)
	if err != nil || o.ID >= newest {
		return false, err
	}
	if r.reason(o, &seen{all: Newest}, p.now) != "" {
		return true, nil // by its age
	}
	kind := ofBad
	if o.State.Good() {
		kind = ofGood
	}
	counted, err := p.ranks.of(ctx, o.Application, kind, same)
	return o.ID < counted, err
}

// remove removes runs in transactions of a few, see Prune.
func (p *passage) remove(ctx context.Context, goes []run.ID) error {
	for len(goes) > 0 {
		now := goes[:min(batch, len(goes))]
		goes = goes[len(now):]
		if err := p.done.remove(ctx, p.st, &p.logs, now); err != nil {
			return err
		}
		if err := pause(ctx, tidyPause); err != nil {
			return err
		}
	}
	return nil
}

// keep records the place, also when the time is over or somebody has interrupted.
func (p *passage) keep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyLimit)
	defer cancel()
	err := p.st.SetPlace(ctx, store.ChorePrune, p.after)
	return fault.Wrap(err, fault.CodeOf(err), "where to go on could not be recorded")
}
