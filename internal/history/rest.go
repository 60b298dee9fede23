package history

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/stats"
	"github.com/executionerhq/executioner/internal/store"
)

// Rest is what a history holds beside its runs, in a form in which two can be compared.
// Sessions, failed logins and who is doing what now are of the moment, and no part of it.
type Rest struct {
	Users        int64  `json:"users"`
	Tokens       int64  `json:"tokens"`
	Workflows    int64  `json:"registered_workflows"` // versions of them
	Audit        int64  `json:"audit_entries"`
	Schedules    int64  `json:"schedules"`
	Times        int64  `json:"expected_times"`
	Tallies      int64  `json:"tallies"` // of runs that are gone, too
	Fingerprints int64  `json:"fingerprints"`
	Incidents    int64  `json:"incidents"`
	Notices      int64  `json:"notices"`
	Untold       int64  `json:"untold_runs"` // of which people may have to be told
	Hash         string `json:"hash"`        // SHA-256 of all of it, but when tokens were last used; empty when there is nothing
}

// Number is how many there are of something.
type Number struct {
	Name string
	N    int64
}

// Numbers returns all of them, with names for people.
func (r *Rest) Numbers() []Number {
	return []Number{
		{"users", r.Users},
		{"tokens", r.Tokens},
		{"registered workflows", r.Workflows},
		{"audit entries", r.Audit},
		{"schedules", r.Schedules},
		{"expected times", r.Times},
		{"tallies", r.Tallies},
		{"fingerprints", r.Fingerprints},
		{"incidents", r.Incidents},
		{"notices", r.Notices},
		{"untold runs", r.Untold},
	}
}

// copyRest copies what a history holds beside its runs, and reads it again. runs are those
// that were copied, by id.
func copyRest(ctx context.Context, from, to store.Store, runs []run.ID) (ours, theirs Rest, err error) {
	if _, err := Count(ctx, from); err != nil {
		return ours, theirs, err
	}
	span, err := auditSpan(ctx, from)
	if err != nil {
		return ours, theirs, err
	}
	if err := to.SetTallies(ctx, nil, true); err != nil {
		return ours, theirs, err
	}
	if ours, err = readRest(ctx, from, to, span, runs); err != nil {
		return ours, theirs, err
	}
	if theirs, err = readRest(ctx, to, nil, span, runs); err != nil {
		return ours, theirs, err
	}
	return ours, theirs, sameRest(&ours, &theirs)
}

func sameRest(ours, theirs *Rest) error {
	mine := ours.Numbers()
	for i, c := range theirs.Numbers() {
		if c.N > mine[i].N {
			return fault.New(fault.Conflict, "the database that is copied into has other %s", c.Name).
				WithHint("copy into an empty database")
		}
	}
	if *ours != *theirs {
		return errDifferent(*ours, *theirs)
	}
	return nil
}

// restReader reads what a history holds beside its runs, and writes it to another one if
// there is one.
type restReader struct {
	from, to store.Store // to is nil when it is only read
	audit    store.AuditFilter
	runs     []run.ID // those of which it counts whether people were told, by id
	sum      hash.Hash
	rest     Rest
}

func readRest(ctx context.Context, from, to store.Store, audit store.AuditFilter, runs []run.ID) (Rest, error) {
	r := &restReader{from: from, to: to, audit: audit, runs: runs, sum: sha256.New()}
	for _, part := range []func(context.Context) error{
		r.accounts, r.auditLog, r.schedules, r.tallies, r.fingerprints, r.outbox, r.untold,
	} {
		if err := part(ctx); err != nil {
			return Rest{}, err
		}
	}
	if r.rest != (Rest{}) {
		r.rest.Hash = hex.EncodeToString(r.sum.Sum(nil))
	}
	return r.rest, nil
}

// hashEach adds rows to the hash, each by itself: where a page ends makes no difference.
func hashEach[T any](sum hash.Hash, rows ...T) {
	to := json.NewEncoder(sum)
	for i := range rows {
		if err := to.Encode(&rows[i]); err != nil {
			panic(err) // it has no value that JSON lacks, and a hash takes all
		}
	}
}

func (r *restReader) accounts(ctx context.Context) error {
	a, err := r.from.ExportAccounts(ctx)
	if err != nil {
		return err
	}
	r.rest.Users, r.rest.Tokens, r.rest.Workflows = int64(len(a.Users)), int64(len(a.Tokens)), int64(len(a.Registered))
	used := a.Normal()
	for i := range used.Tokens {
		used.Tokens[i].LastUsed = time.Time{}
	}
	hashEach(r.sum, used)
	if r.to != nil {
		_, err = r.to.ImportAccounts(ctx, a)
	}
	return err
}

func (r *restReader) auditLog(ctx context.Context) error {
	return eachAudit(ctx, r.from, r.audit, func(es []store.AuditEntry) (err error) {
		r.rest.Audit += int64(len(es))
		hashEach(r.sum, es...)
		if r.to != nil {
			_, err = r.to.ImportAudit(ctx, es)
		}
		return err
	})
}

// auditSpan selects the entries that there are now: later ones are not part of the copy.
func auditSpan(ctx context.Context, st store.Store) (store.AuditFilter, error) {
	newest, err := st.Audit(ctx, store.AuditFilter{Limit: 1})
	if err != nil || len(newest) == 0 {
		return store.AuditFilter{Before: 1}, err
	}
	return store.AuditFilter{Before: newest[0].Seq + 1}, nil
}

// eachAudit calls do with the entries of a span, newest first, some at a time.
func eachAudit(ctx context.Context, st store.Store, f store.AuditFilter, do func([]store.AuditEntry) error) error {
	f.Limit = page
	for {
		es, err := st.Audit(ctx, f)
		if err != nil || len(es) == 0 {
			return err
		}
		if err := do(es); err != nil {
			return err
		}
		f.Before = es[len(es)-1].Seq
	}
}

func (r *restReader) schedules(ctx context.Context) error {
	all, err := r.from.Schedules(ctx)
	if err != nil {
		return err
	}
	r.rest.Schedules = int64(len(all))
	for i := range all {
		hashEach(r.sum, all[i])
		err := eachFiring(ctx, r.from, all[i].ID, func(fs []store.Firing) error {
			r.rest.Times += int64(len(fs))
			hashEach(r.sum, fs...)
			if r.to == nil {
				return nil
			}
			return r.to.ImportSchedule(ctx, all[i], fs)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachFiring calls do with the expected times of a schedule, latest first, some at a time
// and at least once.
func eachFiring(ctx context.Context, st store.Store, id string, do func([]store.Firing) error) error {
	f := store.FiringFilter{Schedule: id, Limit: page}
	for {
		fs, err := st.Firings(ctx, f)
		if err == nil {
			err = do(fs)
		}
		if err != nil || len(fs) < page {
			return err
		}
		f.Before = fs[len(fs)-1].Time
	}
}

func (r *restReader) tallies(ctx context.Context) error {
	attempts, err := r.from.Tallies(ctx, store.TallyFilter{Spans: stats.Since(time.Time{})})
	if err != nil {
		return err
	}
	applications := map[string]bool{}
	for i := range attempts {
		applications[attempts[i].Application] = true
	}
	for _, name := range slices.Sorted(maps.Keys(applications)) {
		if err := r.talliesOf(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (r *restReader) talliesOf(ctx context.Context, application string) error {
	bodies, err := talliesOf(ctx, r.from, application)
	if err != nil {
		return err
	}
	all := make([]store.Tally, 0, len(bodies))
	for _, k := range slices.SortedFunc(maps.Keys(bodies), tallyKey.compare) {
		all = append(all, store.Tally{Application: application, Job: k.job, Period: k.period, Body: bodies[k]})
	}
	r.rest.Tallies += int64(len(all))
	for some := range slices.Chunk(all, page) {
		hashEach(r.sum, some...)
		if r.to == nil {
			continue
		}
		if err := r.to.SetTallies(ctx, some, false); err != nil {
			return err
		}
	}
	return nil
}

func (r *restReader) fingerprints(ctx context.Context) error {
	all, err := r.from.Fingerprinted(ctx)
	if err != nil {
		return err
	}
	for _, of := range all {
		f, err := r.from.Fingerprint(ctx, of.Application, of.Job)
		if err != nil {
			return err
		}
		if f.Done { // of any other nothing is remembered
			r.rest.Fingerprints++
			hashEach(r.sum, of)
			hashEach(r.sum, f)
		}
		f.Task.Job = of.Job // also of one that is gone by now
		if r.to == nil {
			continue
		}
		if err := r.to.ImportFingerprint(ctx, of.Application, f); err != nil {
			return err
		}
	}
	return nil
}

func (r *restReader) outbox(ctx context.Context) error {
	is, err := r.from.Incidents(ctx, store.IncidentFilter{All: true})
	if err != nil {
		return err
	}
	ns, err := r.from.Notices(ctx, store.NoticeFilter{})
	if err != nil {
		return err
	}
	slices.SortFunc(is, func(a, b store.Incident) int { return strings.Compare(a.Key, b.Key) }) // here, as databases
	slices.SortFunc(ns, func(a, b store.Notice) int { return strings.Compare(a.ID, b.ID) })     // differ in how they sort
	for i := range ns {
		ns[i].Lease = time.Time{}
	}
	r.rest.Incidents, r.rest.Notices = int64(len(is)), int64(len(ns))
	hashEach(r.sum, is...)
	hashEach(r.sum, ns...)
	if r.to == nil {
		return nil
	}
	for some := range slices.Chunk(is, page) {
		if err := r.to.ImportOutbox(ctx, some, nil); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(ns, page) {
		if err := r.to.ImportOutbox(ctx, nil, some); err != nil {
			return err
		}
	}
	return nil
}

// untold brings along of which runs people may still have to be told. What a former copy
// brought along of others, of which they were told since, is taken back.
func (r *restReader) untold(ctx context.Context) error {
	if r.to != nil {
		err := eachUntold(ctx, r.to, func(all []store.Untold) error {
			for i := range all {
				all[i].Told = all[i].Seq
			}
			return r.to.ImportTold(ctx, all)
		})
		if err != nil {
			return err
		}
	}
	return eachUntold(ctx, r.from, func(all []store.Untold) error {
		all = slices.DeleteFunc(all, func(u store.Untold) bool {
			_, copied := slices.BinarySearch(r.runs, u.Run)
			return !copied
		})
		r.rest.Untold += int64(len(all))
		hashEach(r.sum, all...)
		if r.to == nil || len(all) == 0 {
			return nil
		}
		return r.to.ImportTold(ctx, all)
	})
}

// eachUntold calls do with the runs of which people may have to be told, by id, some at a time.
func eachUntold(ctx context.Context, st store.Store, do func([]store.Untold) error) error {
	for after := run.ID(0); ; {
		all, err := st.Untold(ctx, after, page)
		if err != nil || len(all) == 0 {
			return err
		}
		after = all[len(all)-1].Run
		if err := do(all); err != nil {
			return err
		}
	}
}

func errDifferent(ours, theirs any) error {
	return fault.New(fault.Internal, "the copy is not the same as what was copied: %+v, not %+v", theirs, ours).
		WithHint("don't use it; check both with executioner db check, and copy into an empty database")
}
