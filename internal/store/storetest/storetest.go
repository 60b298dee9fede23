// Package storetest is the conformance suite of the store contract. Every
// implementation must pass it.
package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// Open returns an empty store whose leases run out by the clock now. The suite closes it.
type Open func(t *testing.T, now func() time.Time) store.Store

// Clock is a clock that stands still until it is moved. It is safe for concurrent use.
type Clock struct {
	mu sync.Mutex
	t  time.Time
}

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

// Advance moves the clock on.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// Run runs the whole suite, each case on a store of its own.
func Run(t *testing.T, open Open) {
	cases := []struct {
		name string
		test func(*fixture)
	}{
		{"create", testCreate},
		{"create with the run's workflow", testCreateDefaults},
		{"empty values", testEmpty},
		{"large and odd texts", testTexts},
		{"workflows are kept once", testWorkflows},
		{"no such run", testNoRun},
		{"attempts", testAttempts},
		{"append and read back", testAppend},
		{"outcomes", testOutcomes},
		{"transitions in pages", testPages},
		{"counts", testCounts},
		{"counts of several attempts at once", testCountsOfAttempts},
		{"a run's own transitions", testMoves},
		{"all or none", testAllOrNone},
		{"lease", testLease},
		{"lease runs out", testLeaseExpiry},
		{"lease of a dead owner", testLeaseOfDead},
		{"lease changes while the holder is looked at", testLeaseRace},
		{"a lost lease is fenced", testFencing},
		{"a released lease is fenced", testReleased},
		{"who recorded last", testWrote},
		{"one of many takes a lease", testLeaseContest},
		{"requests are answered once", testRequests},
		{"requests without an answer", testRequestsUnanswered},
		{"who is asked something", testAsked},
		{"runs that somebody does not hold", testNotHeldBy},
		{"leases are renewed together", testRenewAll},
		{"overrides", testOverrides},
		{"filters", testFilters},
		{"spans of time", testSpans},
		{"runs in pages while others come", testRunPages},
		{"export", testExport},
		{"import", testImport},
		{"imported runs are like any other", testImported},
		{"import of odd values", testImportOdd},
		{"import refused", testImportRefused},
		{"delete", testDelete},
		{"delete leaves out what goes on", testDeleteSome},
		{"delete leaves out what was resumed", testDeleteResumed},
		{"delete while others write", testDeleteBeside},
		{"pages while others go", testPagesBesideDelete},
		{"outlines", testOutlines},
		{"totals", testTotals},
		{"stats", testStats},
		{"the newest runs but so many", testNth},
		{"chores are claimed once", testClaim},
		{"chores that take several times", testPlace},
		{"tallies", testTallies},
		{"tallies of odd names and times", testTalliesOdd},
		{"tallies outlive runs", testTalliesOutlive},
		{"tallies are taken over", testSetTallies},
		{"old tallies", testPruneTallies},
		{"each attempt is counted once", testCountContest},
		{"fingerprints", testFingerprint},
		{"fingerprints are recorded with the end of a try", testFingerprintFenced},
		{"one of many begins", testFingerprintContest},
		{"fingerprints of elsewhere", testImportFingerprint},
		{"idempotency keys", testKeys},
		{"one of many submissions with a key", testKeysAtOnce},
		{"users", testUsers},
		{"users of a provider", testSubjects},
		{"change of a user", testSetUser},
		{"one of many changes a user", testSetUserAtOnce},
		{"users go with what they have", testDeleteUser},
		{"tokens", testTokens},
		{"use of tokens", testUseToken},
		{"sessions", testSessions},
		{"failed logins", testFailures},
		{"what has run out is removed", testTidyAccounts},
		{"audit log", testAudit},
		{"audit log with changes", testSaid},
		{"odd texts in the audit log", testAuditOdd},
		{"parts of the audit log", testAuditFilter},
		{"old entries are pruned", testPruneAudit},
		{"many write to the audit log", testAuditAtOnce},
		{"audit log of elsewhere", testImportAudit},
		{"registered workflows", testRegistered},
		{"enabled versions", testEnableRegistered},
		{"many register one workflow", testRegisterAtOnce},
		{"accounts of elsewhere", testAccountsArchive},
		{"accounts, cancelled and closed", testAccountsRefused},
		{"runs that people are to be told of", testUntold},
		{"old runs that nobody is told of", testSkipUntold},
		{"notices", testNotices},
		{"notices are claimed", testClaimNotices},
		{"notices of an incident stay in order", testNoticeOrder},
		{"notices of a digest", testDigest},
		{"what became of notices", testSettle},
		{"notices that are tried again", testRetryNotice},
		{"incidents", testIncidents},
		{"old notices and incidents", testPruneOutbox},
		{"messages of elsewhere", testImportOutbox},
		{"how far people were told elsewhere", testImportTold},
		{"imported runs that people are to be told of", testUntoldImported},
		{"one of many tells, one of many claims", testTellContest},
		{"schedules", testSchedules},
		{"expected times", testFirings},
		{"one of many decides", testDecideContest},
		{"what is open of expected times", testOpenFirings},
		{"what arrived by triggers", testArrivals},
		{"old expected times", testPruneFirings},
		{"schedules of elsewhere", testImportSchedule},
		{"enabled workflows", testEnabledWorkflows},
		{"many writers of many runs", testWriters},
		{"many writers of one run", testWritersOfOne},
		{"writers that fail beside others", testFailingWriters},
		{"cancelled calls", testCancelled},
		{"closed", testClosed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.test(newFixture(t, open)) })
	}
}

// fixture is what a case works with. Its methods end the test on an error that the
// case did not ask for.
type fixture struct {
	*testing.T
	store.Store
	ctx   context.Context
	clock *Clock
}

const ttl = 30 * time.Second

func newFixture(t *testing.T, open Open) *fixture {
	clock := &Clock{t: at(0)}
	s := open(t, clock.Now)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &fixture{T: t, Store: s, ctx: t.Context(), clock: clock}
}

// at returns a moment, n milliseconds and some microseconds after a fixed one.
func at(n int) time.Time {
	return time.Date(2026, 1, 31, 12, 0, 0, 123456000, time.UTC).Add(time.Duration(n) * time.Millisecond)
}

func owner(n int) store.Owner {
	return store.Owner{Host: "höst", BootID: "b0-01", PID: n, StartTime: 1<<63 + uint64(n)}
}

func (f *fixture) create(app string) store.Lease {
	f.Helper()
	return f.createRun(store.NewRun{
		Application: app, File: "/w/" + app + ".json", WorkingDir: "/w", Hash: "h-" + app, Workflow: []byte("workflow " + app),
		At: at(0), Attempt: store.NewAttempt{Options: []byte(`{"parallel":true}`), Jobs: 3},
	})
}

func (f *fixture) createRun(n store.NewRun) store.Lease {
	f.Helper()
	l, err := f.CreateRun(f.ctx, n, owner(1), ttl)
	f.must(err)
	return l
}

func (f *fixture) append(l store.Lease, ts ...run.Transition) int64 {
	f.Helper()
	last, err := f.Append(f.ctx, l, ts)
	f.must(err)
	return last
}

func (f *fixture) run(id run.ID) store.Run {
	f.Helper()
	r, err := f.Run(f.ctx, id)
	f.must(err)
	return r
}

func (f *fixture) transitions(id run.ID) []run.Transition {
	f.Helper()
	ts, err := f.Transitions(f.ctx, id, 0, 0)
	f.must(err)
	return ts
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatalf("unexpected error: %v", err)
	}
}

// fails checks that err is a fault with that code.
func (f *fixture) fails(err error, code fault.Code) {
	f.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || fault.CodeOf(err) != code {
		f.Fatalf("got error %v (%T), want a fault with code %s", err, err, code)
	}
}

func (f *fixture) equal(got, want any) {
	f.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		f.Fatalf("-want +got:\n%s", diff)
	}
}

// move returns a transition of a job within attempt 1.
func move(job run.JobID, from, to run.State, why run.Reason) run.Transition {
	t := run.Transition{Attempt: 1, Job: job, Try: 1, From: from, To: to, Reason: why, At: at(1)}
	if from == run.Running && job != "" {
		t.Outcome = &run.Outcome{State: to, Reason: why, CPU: 1500 * time.Microsecond, MaxRSS: 1 << 40}
	}
	return t
}

// numbered returns what the store gives back for transitions that got numbers from first on.
func numbered(first int64, ts []run.Transition) []run.Transition {
	all := make([]run.Transition, len(ts))
	for i, t := range ts {
		t.Seq = first + int64(i)
		all[i] = t
	}
	return all
}

// Run is the store's, not the test's.
func (f *fixture) Run(ctx context.Context, id run.ID) (store.Run, error) {
	return f.Store.Run(ctx, id)
}
