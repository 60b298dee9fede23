package memstore

import (
	"context"
	"iter"
	"slices"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/stats"
	"github.com/executionerhq/executioner/internal/store"
)

// tallyKey is what there is one tally for.
type tallyKey struct {
	application string
	job         run.JobID
	period      stats.Period
}

func keyOf(t *store.Tally) tallyKey { return tallyKey{t.Application, t.Job, t.Period} }

// list puts an attempt that has ended on the list of those that are to be counted.
func (r *record) list(a *store.Attempt) {
	if a.State.Ended() && !slices.Contains(r.uncounted, a.Number) {
		r.uncounted = append(r.uncounted, a.Number)
	}
}

// CountEnded implements store.Tallies.
func (s *Store) CountEnded(ctx context.Context, limit int) (counted int, err error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	for _, r := range s.runs {
		now := r.uncounted[:min(len(r.uncounted), limit-counted)]
		if err := s.count(r, now); err != nil {
			return counted, err
		}
		r.uncounted = r.uncounted[len(now):]
		counted += len(now)
	}
	return counted, nil
}

// count adds attempts of a run to the tallies. The caller holds mu.
func (s *Store) count(r *record, numbers []int) error {
	for _, t := range r.talliesOf(numbers) {
		sum := new(stats.Tally)
		if old, ok := s.tallies[keyOf(&t)]; ok {
			if err := sum.MergeEncoded(old); err != nil {
				return fault.Wrap(err, fault.Internal, "a tally can't be read")
			}
		}
		if err := sum.MergeEncoded(t.Body); err != nil {
			return fault.Wrap(err, fault.Internal, "a tally can't be read")
		}
		s.tallies[keyOf(&t)] = sum.Encode()
	}
	return nil
}

// talliesOf returns what attempts add to the tallies.
func (r *record) talliesOf(numbers []int) []store.Tally {
	if len(numbers) == 0 {
		return nil
	}
	return store.TalliesOf(r.run.Application, r.attempts, numbers, pointers(r.transitions))
}

func pointers(ts []run.Transition) iter.Seq[*run.Transition] {
	return func(yield func(*run.Transition) bool) {
		for i := range ts {
			if !yield(&ts[i]) {
				return
			}
		}
	}
}

// Tallies implements store.Tallies.
func (s *Store) Tallies(ctx context.Context, f store.TallyFilter) (all []store.Tally, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	for k, body := range s.tallies {
		if t := (store.Tally{Application: k.application, Job: k.job, Period: k.period, Body: text(body)}); f.Selects(&t) {
			all = append(all, t)
		}
	}
	for _, r := range s.runs {
		for _, t := range r.talliesOf(r.uncounted) {
			if f.Selects(&t) {
				all = append(all, t)
			}
		}
	}
	return all, nil
}

// PruneTallies implements store.Tallies.
func (s *Store) PruneTallies(ctx context.Context, of []stats.Span) (n int64, err error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	f := store.TallyFilter{Jobs: true, Spans: of}
	for k := range s.tallies {
		if f.Selects(&store.Tally{Application: k.application, Job: k.job, Period: k.period}) {
			delete(s.tallies, k)
			n++
		}
	}
	return n, nil
}

// SetTallies implements store.Tallies.
func (s *Store) SetTallies(ctx context.Context, all []store.Tally, anew bool) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if anew {
		clear(s.tallies)
		for _, r := range s.runs {
			r.uncounted = nil
		}
	}
	for i := range all {
		s.tallies[keyOf(&all[i])] = text(all[i].Body)
	}
	return nil
}
