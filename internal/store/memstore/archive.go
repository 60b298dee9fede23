package memstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// Export implements store.Store.
func (s *Store) Export(ctx context.Context, id run.ID) (store.Archive, error) {
	return read(ctx, s, id, s.archive)
}

// archive returns all that is kept of a run. The caller holds mu.
func (s *Store) archive(r *record) store.Archive {
	a := store.Archive{
		Run: r.run, Origin: r.origin, Key: r.key, Attempts: r.attempts, Transitions: r.transitions, Overrides: r.overrides,
		Workflows: map[string][]byte{},
	}
	for i := range r.attempts {
		a.Workflows[r.attempts[i].Hash] = s.workflows[r.attempts[i].Hash]
	}
	return apart(a.Normal())
}

// apart returns an archive in normal form that shares no memory with what it was made of.
func apart(a store.Archive) store.Archive {
	for i := range a.Attempts {
		a.Attempts[i].Options = text(a.Attempts[i].Options)
	}
	for h, body := range a.Workflows {
		a.Workflows[h] = text(body)
	}
	a.Run.Attempt = a.Attempts[len(a.Attempts)-1]
	a.Run.Attempt.Options = text(a.Run.Attempt.Options)
	return a
}

// Import implements store.Store.
func (s *Store) Import(ctx context.Context, a store.Archive) (run.ID, bool, error) {
	if err := a.Valid(); err != nil {
		return 0, false, err
	}
	a = apart(a.Normal())
	if err := s.enter(ctx); err != nil {
		return 0, false, err
	}
	defer s.mu.Unlock()
	if id, ok := s.origins[a.Origin]; ok {
		return id, false, nil
	}
	if id, ok := s.keys[a.Key]; ok && id != a.Run.ID {
		return 0, false, store.ErrExisting(id)
	}
	if i, ok := s.index(a.Run.ID); ok {
		if there := s.archive(s.runs[i]); !there.Equal(&a) {
			return 0, false, store.ErrTaken(a.Run.ID)
		}
		return a.Run.ID, false, nil
	}
	return s.restore(a), true, nil
}

// restore adds a run that is not there. The caller holds mu.
func (s *Store) restore(a store.Archive) run.ID {
	if a.Run.ID == 0 {
		a.Run.ID = s.last + 1
	}
	s.last = max(s.last, a.Run.ID)
	for h, body := range a.Workflows {
		s.keepWorkflow(h, body)
	}
	r := &record{
		run: a.Run, origin: a.Origin, key: a.Key, attempts: a.Attempts, transitions: a.Transitions, overrides: a.Overrides, epoch: 1,
		told: int64(len(a.Transitions)),
	}
	i, _ := s.index(a.Run.ID)
	s.runs = slices.Insert(s.runs, i, r)
	if a.Origin != "" {
		s.origins[a.Origin] = a.Run.ID
	}
	s.keepKey(a.Key, a.Run.ID)
	for i := range r.attempts {
		r.list(&r.attempts[i])
	}
	return a.Run.ID
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, ids []run.ID) (deleted []run.ID, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	for _, id := range ids {
		i, ok := s.index(id)
		if !ok {
			continue
		}
		r := s.runs[i]
		if r.held(s.now()) || !r.attempts[len(r.attempts)-1].State.Ended() {
			continue
		}
		if err := s.count(r, r.uncounted); err != nil {
			return deleted, err
		}
		s.runs = slices.Delete(s.runs, i, i+1)
		delete(s.origins, r.origin)
		delete(s.keys, r.key)
		deleted = append(deleted, id)
	}
	s.dropWorkflows()
	return deleted, nil
}

func (r *record) held(now time.Time) bool { return holding{r.owner, r.epoch, r.until}.live(now) }

// dropWorkflows forgets the workflows that no attempt has. The caller holds mu.
func (s *Store) dropWorkflows() {
	used := map[string]bool{}
	for _, r := range s.runs {
		for i := range r.attempts {
			used[r.attempts[i].Hash] = true
		}
	}
	for h := range s.workflows {
		if !used[h] {
			delete(s.workflows, h)
		}
	}
}

// Outlines implements store.Store.
func (s *Store) Outlines(ctx context.Context, after run.ID, limit int) (all []store.Outline, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	from, _ := s.index(after + 1)
	for _, r := range s.runs[from:] {
		if limit > 0 && len(all) == limit {
			break
		}
		a := &r.attempts[len(r.attempts)-1]
		all = append(all, store.Outline{
			ID: r.run.ID, Application: r.run.Application, State: a.State,
			SubmittedAt: r.run.SubmittedAt, EndedAt: a.EndedAt, Held: r.held(s.now()), Imported: r.origin != "",
		})
	}
	return all, nil
}

// Nth implements store.Store.
func (s *Store) Nth(ctx context.Context, r store.Rank) (run.ID, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	n := 0
	for _, found := range slices.Backward(s.runs) {
		if !ranked(found, r) {
			continue
		}
		if n++; n >= r.N {
			return found.run.ID, nil
		}
	}
	return 0, nil
}

func ranked(found *record, r store.Rank) bool {
	state := found.attempts[len(found.attempts)-1].State
	return found.run.Application == r.Application && (r.Imported || found.origin == "") &&
		(len(r.States) == 0 || slices.Contains(r.States, state))
}

// totals counts the runs of each application in each state, sorted by both. The caller holds mu.
func (s *Store) totals() (all []store.Total) {
	n := map[store.Total]int64{}
	for _, r := range s.runs {
		n[store.Total{Application: r.run.Application, State: r.attempts[len(r.attempts)-1].State}]++
	}
	for t, runs := range n {
		t.Runs = runs
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b store.Total) int {
		return cmp.Or(cmp.Compare(a.Application, b.Application), cmp.Compare(a.State, b.State))
	})
	return all
}

// Stats implements store.Store.
func (s *Store) Stats(ctx context.Context) (store.Stats, error) {
	if err := s.enter(ctx); err != nil {
		return store.Stats{}, err
	}
	defer s.mu.Unlock()
	st := store.Stats{Kind: "memory", Totals: s.totals(), Chores: map[string]time.Time{}}
	for name, at := range s.chores {
		st.Chores[name] = at
	}
	st.Rows.Workflows, st.Rows.Tallies = int64(len(s.workflows)), int64(len(s.tallies))
	st.Rows.Fingerprints, st.Rows.Incidents, st.Rows.Notices = int64(len(s.fingerprints)), int64(len(s.outbox.incidents)), int64(len(s.outbox.notices))
	s.accounts.measure(&st.Rows)
	s.schedules.measure(&st.Rows)
	for _, r := range s.runs {
		r.measure(&st)
	}
	return st, nil
}

// measure adds a run to what the history amounts to.
func (r *record) measure(st *store.Stats) {
	st.Rows.Runs++
	st.Rows.Attempts += int64(len(r.attempts))
	st.Rows.Transitions += int64(len(r.transitions))
	st.Rows.Requests += int64(len(r.requests))
	st.Rows.Overrides += int64(len(r.overrides))
	at := r.run.SubmittedAt
	if at.IsZero() {
		return
	}
	if st.Oldest.IsZero() || at.Before(st.Oldest) {
		st.Oldest = at
	}
	if at.After(st.Newest) {
		st.Newest = at
	}
}

// Claim implements store.Store.
func (s *Store) Claim(ctx context.Context, chore string, every time.Duration) (bool, error) {
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	now := micros(s.now())
	if at, ok := s.chores[chore]; ok && at.Add(every).After(now) {
		return false, nil
	}
	s.chores[chore] = now
	return true, nil
}

// Place implements store.Store.
func (s *Store) Place(ctx context.Context, chore string) (run.ID, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	return s.places[chore], nil
}

// SetPlace implements store.Store.
func (s *Store) SetPlace(ctx context.Context, chore string, after run.ID) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.places[chore] = after
	return nil
}
