package memstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// outbox is what a Store keeps of notices. Store.mu guards it.
type outbox struct {
	notices   map[string]*store.Notice
	incidents map[string]store.Incident
}

func newOutbox() outbox {
	return outbox{notices: map[string]*store.Notice{}, incidents: map[string]store.Incident{}}
}

// Untold implements store.Outbox.
func (s *Store) Untold(ctx context.Context, after run.ID, limit int) (all []store.Untold, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	from, _ := s.index(after + 1)
	for _, r := range s.runs[from:] {
		if limit > 0 && len(all) == limit {
			break
		}
		if r.untold {
			all = append(all, store.Untold{Run: r.run.ID, Told: r.told, Seq: int64(len(r.transitions))})
		}
	}
	return all, nil
}

// SkipUntold implements store.Outbox.
func (s *Store) SkipUntold(ctx context.Context, before time.Time) (n int64, err error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	for _, r := range s.runs {
		at := r.run.SubmittedAt
		if r.untold && r.told == 0 && !at.IsZero() && at.Before(micros(before)) && r.attempts[len(r.attempts)-1].State.Ended() {
			r.untold, r.told = false, int64(len(r.transitions))
			n++
		}
	}
	return n, nil
}

// Tell implements store.Outbox.
func (s *Store) Tell(ctx context.Context, t store.Tell) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	var r *record
	if t.Run != 0 {
		var err error
		if r, err = s.find(t.Run); err != nil || r.told != t.From {
			return store.ErrTold()
		}
	}
	for _, i := range t.Incidents {
		if s.outbox.incidents[i.Key].Version != i.Version {
			return store.ErrTold()
		}
	}
	if r != nil {
		r.told = t.To
		r.untold = r.untold && (!t.Done || int64(len(r.transitions)) != t.To)
	}
	for _, i := range t.Incidents {
		i.Version++
		s.outbox.putIncident(i)
	}
	for _, n := range t.Notices {
		if _, there := s.outbox.notices[n.ID]; !there {
			n.State, n.Tries, n.Error, n.EndedAt = store.NoticePending, 0, "", time.Time{}
			s.outbox.putNotice(n)
		}
	}
	return nil
}

func (o *outbox) putIncident(i store.Incident) {
	i.Due, i.ChangedAt, i.Body = micros(i.Due), micros(i.ChangedAt), text(i.Body)
	o.incidents[i.Key] = i
}

// putNotice adds one that nobody has claimed.
func (o *outbox) putNotice(n store.Notice) {
	n.CreatedAt, n.Due, n.Until, n.EndedAt, n.Body = micros(n.CreatedAt), micros(n.Due), micros(n.Until), micros(n.EndedAt), text(n.Body)
	n.Lease = time.Time{}
	o.notices[n.ID] = &n
}

// ImportTold implements store.Outbox.
func (s *Store) ImportTold(ctx context.Context, all []store.Untold) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, u := range all {
		if r, err := s.find(u.Run); err == nil {
			r.untold, r.told = u.Told != u.Seq, u.Told
		}
	}
	return nil
}

// ImportOutbox implements store.Outbox.
func (s *Store) ImportOutbox(ctx context.Context, is []store.Incident, ns []store.Notice) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, i := range is {
		s.outbox.putIncident(i)
	}
	for _, n := range ns {
		s.outbox.putNotice(n)
	}
	return nil
}

// Incidents implements store.Outbox.
func (s *Store) Incidents(ctx context.Context, f store.IncidentFilter) (all []store.Incident, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	for _, i := range s.outbox.incidents {
		if (!f.All && i.Application != f.Application) || (f.Open && i.Open == 0) ||
			(!f.Due.IsZero() && (i.Due.IsZero() || i.Due.After(micros(f.Due)))) {
			continue
		}
		i.Body = text(i.Body)
		all = append(all, i)
	}
	slices.SortFunc(all, func(a, b store.Incident) int { return cmp.Compare(a.Key, b.Key) })
	return all, nil
}

// ClaimNotices implements store.Outbox.
func (s *Store) ClaimNotices(ctx context.Context, notifier string, now, until time.Time, limit int) (all []store.Notice, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	now = micros(now)
	for _, n := range s.outbox.due(notifier, now) {
		if len(all) > 0 && (n.Digest == "" || n.Digest != all[0].Digest) {
			continue
		}
		if len(all) == 0 && s.outbox.waits(n) {
			continue
		}
		n.Lease = micros(until)
		all = append(all, show(n))
		if n.Digest == "" || len(all) >= limit {
			break
		}
	}
	return all, nil
}

// due returns the notices of a notifier that can be claimed but for their order.
func (o *outbox) due(notifier string, now time.Time) (all []*store.Notice) {
	for _, n := range o.notices {
		if n.Notifier == notifier && n.State == store.NoticePending && !n.Due.After(now) && !n.Lease.After(now) {
			all = append(all, n)
		}
	}
	slices.SortFunc(all, func(a, b *store.Notice) int {
		return cmp.Or(a.Due.Compare(b.Due), a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// waits reports whether an earlier notice of the same incident is still to be sent.
func (o *outbox) waits(n *store.Notice) bool {
	for _, other := range o.notices {
		if n.Incident != "" && other.Incident == n.Incident && other.Notifier == n.Notifier &&
			other.State == store.NoticePending && other.CreatedAt.Before(n.CreatedAt) {
			return true
		}
	}
	return false
}

func show(n *store.Notice) store.Notice {
	shown := *n
	shown.Body = text(n.Body)
	return shown
}

// Settle implements store.Outbox.
func (s *Store) Settle(ctx context.Context, all []store.Settlement) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, e := range all {
		n, ok := s.outbox.notices[e.ID]
		if !ok || n.State != store.NoticePending || (e.State != store.NoticeSent && !n.Lease.Equal(micros(e.Lease))) {
			continue
		}
		n.State, n.Error, n.Lease = e.State, e.Error, time.Time{}
		n.Tries++
		if e.State == store.NoticePending {
			n.Due = micros(e.Due)
		} else {
			n.EndedAt = micros(e.At)
		}
	}
	return nil
}

// Notices implements store.Outbox.
func (s *Store) Notices(ctx context.Context, f store.NoticeFilter) (all []store.Notice, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	for _, n := range s.outbox.notices {
		if (f.State == "" || n.State == f.State) && (f.Notifier == "" || n.Notifier == f.Notifier) {
			all = append(all, show(n))
		}
	}
	slices.SortFunc(all, func(a, b store.Notice) int { return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID)) })
	if f.Limit > 0 && len(all) > f.Limit {
		all = all[:f.Limit]
	}
	return all, nil
}

// Notice implements store.Outbox.
func (s *Store) Notice(ctx context.Context, id string) (store.Notice, error) {
	if err := s.enter(ctx); err != nil {
		return store.Notice{}, err
	}
	defer s.mu.Unlock()
	n, ok := s.outbox.notices[id]
	if !ok {
		return store.Notice{}, store.ErrNoNotice(id)
	}
	return show(n), nil
}

// RetryNotice implements store.Outbox.
func (s *Store) RetryNotice(ctx context.Context, id string, now, until time.Time) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	n, ok := s.outbox.notices[id]
	switch {
	case !ok:
		return store.ErrNoNotice(id)
	case n.State == store.NoticeSent:
		return store.ErrSent(id)
	}
	n.State, n.Due, n.Until, n.EndedAt = store.NoticePending, micros(now), micros(until), time.Time{}
	return nil
}

// PruneOutbox implements store.Outbox.
func (s *Store) PruneOutbox(ctx context.Context, notices, incidents time.Time) (removed int64, err error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	for id, n := range s.outbox.notices {
		if n.State != store.NoticePending && n.EndedAt.Before(micros(notices)) {
			delete(s.outbox.notices, id)
			removed++
		}
	}
	for key, i := range s.outbox.incidents {
		if i.Open == 0 && i.ChangedAt.Before(micros(incidents)) {
			delete(s.outbox.incidents, key)
			removed++
		}
	}
	return removed, nil
}
