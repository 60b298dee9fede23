// Package memstore keeps runs in memory: for tests, simulations and dry runs.
// It has the same behaviour as sqlstore, and forgets everything when it is dropped.
package memstore

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

var (
	_ store.Store    = (*Store)(nil)
	_ store.Accounts = (*Store)(nil)
)

// Store is a store.Store in memory. It is safe for concurrent use.
type Store struct {
	now func() time.Time // of the leases

	mu        sync.Mutex // guards all below; nothing is called while it is held
	closed    bool
	runs      []*record // by id
	last      run.ID    // the highest id that was ever given
	workflows map[string][]byte
	origins   map[string]run.ID
	chores    map[string]time.Time
	places    map[string]run.ID // of chores
	tallies   map[tallyKey][]byte
	outbox    outbox
	schedules schedules
	keys      map[string]run.ID // by store.KeyHash
	accounts  accounts

	fingerprints map[store.Fingerprinted]store.Fingerprint
}

// record is everything kept of one run.
type record struct {
	run         store.Run // Owner, Attempt are filled in when it is read
	attempts    []store.Attempt
	origin      string
	key         string // store.KeyHash
	transitions []run.Transition
	requests    []store.Request
	answered    int // of them
	overrides   []run.Override
	uncounted   []int // attempts that have ended and are in no tally
	owner       *store.Owner
	epoch       int64
	until       time.Time
	wrote       int64 // the epoch of the last transition
	untold      bool  // it moved since it was looked at for who is to be told
	told        int64 // the last transition that was looked at for that
}

// New returns an empty store whose leases run out by the wall clock.
func New() *Store { return NewAt(time.Now) }

// NewAt returns an empty store whose leases run out by the given clock, which must
// be safe for concurrent use.
func NewAt(now func() time.Time) *Store {
	return &Store{
		now: now, workflows: map[string][]byte{}, origins: map[string]run.ID{}, chores: map[string]time.Time{},
		places: map[string]run.ID{}, outbox: newOutbox(), schedules: newSchedules(), keys: map[string]run.ID{}, accounts: newAccounts(),
		fingerprints: map[store.Fingerprinted]store.Fingerprint{}, tallies: map[tallyKey][]byte{},
	}
}

// Close makes every later call fail with Unavailable.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// enter locks mu for a method, which unlocks it, unless there is a reason to refuse it.
func (s *Store) enter(ctx context.Context) error {
	if err := fault.Wrap(context.Cause(ctx), fault.Cancelled, "interrupted"); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return fault.New(fault.Unavailable, "the store is closed")
	}
	return nil
}

// find returns the record of a run. The caller holds mu.
func (s *Store) find(id run.ID) (*record, error) {
	if i, ok := s.index(id); ok {
		return s.runs[i], nil
	}
	return nil, store.ErrNoRun(id)
}

// index returns where a run is, or would be. The caller holds mu.
func (s *Store) index(id run.ID) (int, bool) {
	return slices.BinarySearchFunc(s.runs, id, func(r *record, id run.ID) int { return cmp.Compare(r.run.ID, id) })
}

// leased returns the record of a run of which l is the current lease. The caller holds mu.
func (s *Store) leased(l store.Lease) (*record, error) {
	r, err := s.find(l.Run)
	if err != nil {
		return nil, err
	}
	if r.owner == nil || r.epoch != l.Epoch {
		return nil, store.ErrLost(l.Run)
	}
	return r, nil
}

func (s *Store) keepWorkflow(hash string, body []byte) {
	if _, ok := s.workflows[hash]; !ok && hash != "" {
		s.workflows[hash] = bytes.Clone(body)
	}
}

// micros rounds a time to what a database keeps of it.
func micros(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

// text returns a copy of b, nil when it is empty.
func text(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return bytes.Clone(b)
}
