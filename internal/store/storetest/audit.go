package storetest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// entry returns an entry of the audit log, n milliseconds after a fixed moment.
func entry(n int) store.AuditEntry {
	return store.AuditEntry{
		At: at(n), Who: "bob", Via: access.ViaToken, From: "192.0.2.7", Action: string(access.RunCancel),
		Object: fmt.Sprintf("run %d", n), Application: "billing", Result: store.Done, Detail: "späť", Request: "rEq-1",
	}
}

// entries returns what the store gives back for those, newest first.
func entries(es ...store.AuditEntry) (all []store.AuditEntry) {
	for i := range es {
		e := es[len(es)-1-i]
		e.Seq = int64(len(es) - i)
		all = append(all, e)
	}
	return all
}

func testAudit(f *fixture) {
	log, err := f.Audit(f.ctx, store.AuditFilter{})
	f.must(err)
	f.equal(log, []store.AuditEntry(nil))
	last, err := f.AddAudit(f.ctx)
	f.must(err)
	f.equal(last, int64(0))
	last, err = f.AddAudit(f.ctx, entry(0), store.AuditEntry{Seq: 99})
	f.must(err)
	f.equal(last, int64(2))
	last, err = f.AddAudit(f.ctx, entry(5))
	f.must(err)
	f.equal(last, int64(3))
	log, err = f.Audit(f.ctx, store.AuditFilter{})
	f.must(err)
	f.equal(log, entries(entry(0), store.AuditEntry{}, entry(5)))
}

// testSaid has each change with an entry, and no entry without its change.
func testSaid(f *fixture) {
	n := 0
	said := func() []store.AuditEntry { n++; return []store.AuditEntry{entry(n)} }
	unsaid := []store.AuditEntry{entry(99)}
	f.must(f.AddUser(f.ctx, user("bob"), said()...))
	f.fails(f.AddUser(f.ctx, user("bob"), unsaid...), fault.Conflict)
	_, err := f.SetUser(f.ctx, f.user("bob"), said()...)
	f.must(err)
	_, err = f.SetUser(f.ctx, user("bob"), unsaid...)
	f.fails(err, fault.Conflict)
	f.must(f.AddToken(f.ctx, token("bob", "t"), said()...))
	f.fails(f.AddToken(f.ctx, token("bob", "t"), unsaid...), fault.Conflict)
	f.must(f.AddSession(f.ctx, session("bob", "s"), said()...))
	f.fails(f.AddSession(f.ctx, session("gone", "s"), unsaid...), fault.NotFound)
	f.must(f.RevokeToken(f.ctx, "id-bobt", at(7), said()...))
	f.must(f.RevokeToken(f.ctx, "id-bobt", at(7), said()...)) // it was asked for
	f.fails(f.RevokeToken(f.ctx, "none", at(7), unsaid...), fault.NotFound)
	for range 2 { // the second changes nothing
		_, err = f.Register(f.ctx, registered("nightly", "x"), said()...)
		f.must(err)
	}
	f.must(f.EnableRegistered(f.ctx, "nightly", 1, false, said()...))
	f.must(f.EnableRegistered(f.ctx, "nightly", 0, true, said()...))
	f.fails(f.EnableRegistered(f.ctx, "none", 0, true, unsaid...), fault.NotFound)
	f.must(f.ChangeSchedule(f.ctx, store.ScheduleChange{Schedule: nightly()}, said()...))
	f.fails(f.ChangeSchedule(f.ctx, store.ScheduleChange{Schedule: nightly()}, unsaid...), fault.Conflict)
	f.must(f.DeleteUser(f.ctx, "bob", said()...))
	f.fails(f.DeleteUser(f.ctx, "bob", unsaid...), fault.NotFound)
	var want []store.AuditEntry
	for i := range n {
		want = append(want, entry(i+1))
	}
	log, err := f.Audit(f.ctx, store.AuditFilter{})
	f.must(err)
	f.equal(log, entries(want...))
}

// testAuditOdd has texts that a stranger may send.
func testAuditOdd(f *fixture) {
	long, odd := strings.Repeat("𝄞", 5000), "a\nb\x00c\xffd\x1be\u2028f"
	const clean = "a\uFFFDb\uFFFDc\uFFFDd\uFFFDe\uFFFDf"
	_, err := f.AddAudit(f.ctx, store.AuditEntry{
		At: at(1).In(time.FixedZone("", 3600)).Add(999), Who: odd, Via: access.Via(odd), From: odd, Action: odd, Object: odd,
		Application: odd, Result: store.Result(odd), Detail: odd, Request: odd,
	}, store.AuditEntry{
		Who: long, Via: access.Via(long), From: long, Action: long, Object: long, Application: long, Result: store.Result(long), Detail: long, Request: long,
	})
	f.must(err)
	short := strings.Repeat("𝄞", 250) + "…"
	log, err := f.Audit(f.ctx, store.AuditFilter{})
	f.must(err)
	f.equal(log, entries(store.AuditEntry{
		At: at(1), Who: clean, Via: clean, From: clean, Action: clean, Object: clean, Application: clean, Result: clean, Detail: clean, Request: clean,
	}, store.AuditEntry{
		Who: short, Via: access.Via(short), From: short, Action: short, Object: short, Application: short,
		Result: store.Result(short), Detail: strings.Repeat("𝄞", 2000) + "…", Request: short,
	}))
}

func testAuditFilter(f *fixture) {
	add := func(e store.AuditEntry, change func(*store.AuditEntry)) {
		change(&e)
		_, err := f.AddAudit(f.ctx, e)
		f.must(err)
	}
	add(entry(10), func(*store.AuditEntry) {})
	add(entry(20), func(e *store.AuditEntry) { e.Who = "Bob" })
	add(entry(30), func(e *store.AuditEntry) { e.Action = "login" })
	add(entry(40), func(e *store.AuditEntry) { e.Application = "" })
	add(entry(50), func(e *store.AuditEntry) { e.Result = store.Denied })
	add(entry(60), func(e *store.AuditEntry) { e.At = time.Time{} })
	for _, c := range []struct {
		f    store.AuditFilter
		want []int64
	}{
		{store.AuditFilter{}, []int64{6, 5, 4, 3, 2, 1}},
		{store.AuditFilter{Who: "bob"}, []int64{6, 5, 4, 3, 1}},
		{store.AuditFilter{Who: "b%"}, nil},
		{store.AuditFilter{Action: "login"}, []int64{3}},
		{store.AuditFilter{Application: "billing", Action: string(access.RunCancel)}, []int64{6, 5, 2, 1}},
		{store.AuditFilter{Result: store.Denied}, []int64{5}},
		{store.AuditFilter{Since: at(20)}, []int64{5, 4, 3, 2}},
		{store.AuditFilter{Until: at(20)}, []int64{1}},
		{store.AuditFilter{Since: at(20), Until: at(40)}, []int64{3, 2}},
		{store.AuditFilter{Limit: 2}, []int64{6, 5}},
		{store.AuditFilter{Limit: 2, Before: 5}, []int64{4, 3}},
		{store.AuditFilter{Before: 1}, nil},
		{store.AuditFilter{After: 4}, []int64{6, 5}},
		{store.AuditFilter{After: 1, Before: 4}, []int64{3, 2}},
		{store.AuditFilter{Who: "bob", Limit: 3, Before: 6}, []int64{5, 4, 3}},
	} {
		log, err := f.Audit(f.ctx, c.f)
		f.must(err)
		var got []int64
		for _, e := range log {
			got = append(got, e.Seq)
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			f.Errorf("%+v: got %v, want %v", c.f, got, c.want)
		}
	}
}

func testPruneAudit(f *fixture) {
	for _, ms := range []int{10, 30, 20, 40} { // clocks of several servers
		_, err := f.AddAudit(f.ctx, entry(ms))
		f.must(err)
	}
	prune := func(before int, want int64, left int) {
		f.Helper()
		n, err := f.PruneAudit(f.ctx, at(before))
		f.must(err)
		f.equal(n, want)
		log, err := f.Audit(f.ctx, store.AuditFilter{})
		f.must(err)
		f.equal(len(log), left)
	}
	prune(10, 0, 4)
	prune(25, 1, 3) // the third is as old, but it comes after a newer one
	prune(40, 2, 1)
	prune(41, 1, 0)
	prune(99, 0, 0)
	last, err := f.AddAudit(f.ctx, entry(50))
	f.must(err)
	f.equal(last, int64(5)) // no number is given twice
}

// testAuditAtOnce has many write at once: there are no gaps, and who reads an entry has
// all before it.
func testAuditAtOnce(f *fixture) {
	const each = 4
	var wg, reader sync.WaitGroup
	stop := make(chan struct{})
	reader.Go(func() {
		for seen := int64(0); ; {
			more, err := f.Audit(f.ctx, store.AuditFilter{After: seen})
			if err != nil {
				f.Errorf("read: %v", err)
				return
			}
			if len(more) > 0 {
				if more[len(more)-1].Seq != seen+1 || more[0].Seq != seen+int64(len(more)) {
					f.Errorf("after %d come %d to %d", seen, more[len(more)-1].Seq, more[0].Seq)
				}
				seen = more[0].Seq
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	for range writers {
		wg.Go(func() {
			for i := range each {
				if _, err := f.AddAudit(f.ctx, entry(i), entry(i)); err != nil {
					f.Errorf("write: %v", err)
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	reader.Wait()
	log, err := f.Audit(f.ctx, store.AuditFilter{})
	f.must(err)
	f.equal(len(log), 2*writers*each)
	f.equal(log[0].Seq, int64(2*writers*each))
}

func testImportAudit(f *fixture) {
	imports := func(want int, es ...store.AuditEntry) {
		f.Helper()
		n, err := f.ImportAudit(f.ctx, es)
		f.must(err)
		f.equal(n, want)
	}
	numbered := func(seq int64, ms int) store.AuditEntry {
		e := entry(ms)
		e.Seq = seq
		return e
	}
	imports(0)
	imports(2, numbered(8, 8), numbered(7, 7)) // newest first, as they are read
	imports(1, numbered(7, 7), numbered(6, 6))
	imports(0, numbered(7, 7), numbered(6, 6))
	_, err := f.ImportAudit(f.ctx, []store.AuditEntry{numbered(9, 9), numbered(7, 99)})
	f.fails(err, fault.Conflict)
	last, err := f.AddAudit(f.ctx, entry(0)) // nothing of the refused import is there
	f.must(err)
	f.equal(last, int64(9))
	log, err := f.Audit(f.ctx, store.AuditFilter{})
	f.must(err)
	f.equal(log, []store.AuditEntry{numbered(9, 0), numbered(8, 8), numbered(7, 7), numbered(6, 6)})
}

// testKeys submits with idempotency keys.
func testKeys(f *fixture) {
	create := func(by, key string) (run.ID, error) {
		l, err := f.CreateRun(f.ctx, store.NewRun{Application: "a", By: by, Key: key, Hash: "h", Workflow: []byte("w")}, owner(1), ttl)
		return l.Run, err
	}
	fresh := func(by, key string, want run.ID) {
		f.Helper()
		id, err := create(by, key)
		f.must(err)
		f.equal(id, want)
	}
	fresh("bob", "k1", 1)
	fresh("bob", "k2", 2)
	fresh("ann", "k1", 3)
	fresh("", "k1", 4)
	fresh("bo", "bk1", 5) // bob's first, cut elsewhere
	fresh("bob", "", 6)
	fresh("bob", "", 7)
	for _, c := range []struct {
		by, key string
		want    run.ID
	}{{"bob", "k1", 1}, {"ann", "k1", 3}, {"", "k1", 4}} {
		_, err := create(c.by, c.key)
		f.fails(err, fault.Conflict)
		id, ok := store.ExistingRun(err)
		f.equal([]any{id, ok}, []any{c.want, true})
	}
	all, err := f.Runs(f.ctx, store.Filter{})
	f.must(err)
	f.equal(len(all), 7)
	f.equal(all[6].By, "bob")
	f.equal(f.run(3).By, "ann")
	fresh("bob", "k3", 8) // no number was used up

	// The key goes with the run, into an archive and when it is deleted.
	f.append(store.Lease{Run: 1, Epoch: 1}, move("", run.Pending, run.Running, run.Started), move("", run.Running, run.Failed, run.JobFailed))
	f.must(f.Release(f.ctx, store.Lease{Run: 1, Epoch: 1}))
	a := f.export(1)
	f.equal([]string{a.Run.By, a.Key}, []string{"bob", store.KeyHash("bob", "k1")})
	deleted, err := f.Delete(f.ctx, []run.ID{1})
	f.must(err)
	f.equal(deleted, []run.ID{1})
	f.imports(a, 1, true)
	f.imports(a, 1, false)
	f.equal(f.export(1), a)
	_, err = create("bob", "k1")
	id, _ := store.ExistingRun(err)
	f.equal(id, run.ID(1))
	elsewhere := a
	elsewhere.Run.ID = 0
	_, _, err = f.Import(f.ctx, elsewhere) // a second run with the key
	f.fails(err, fault.Conflict)
	_, err = f.Delete(f.ctx, []run.ID{1})
	f.must(err)
	fresh("bob", "k1", 9)
}

// testKeysAtOnce has many submit the same: one creates, all learn the same id.
func testKeysAtOnce(f *fixture) {
	var mu sync.Mutex
	ids := map[run.ID]int{}
	created := 0
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			l, err := f.CreateRun(f.ctx, store.NewRun{By: "bob", Key: "same"}, owner(1), ttl)
			id := l.Run
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				created++
			} else if there, ok := store.ExistingRun(err); ok {
				id = there
			} else {
				f.Errorf("create: %v", err)
			}
			ids[id]++
		})
	}
	wg.Wait()
	all, err := f.Runs(f.ctx, store.Filter{})
	f.must(err)
	f.equal([]int{created, len(ids), len(all)}, []int{1, 1, 1})
}
