package storetest

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

func (f *fixture) untold(after run.ID, limit int) []store.Untold {
	f.Helper()
	all, err := f.Untold(f.ctx, after, limit)
	f.must(err)
	return all
}

// moved returns a transition of a run.
func moved(from, to run.State) run.Transition {
	return run.Transition{Attempt: 1, From: from, To: to, Reason: run.Started, At: at(1)}
}

func testUntold(f *fixture) {
	f.equal(f.untold(0, 0), []store.Untold(nil))
	a, b := f.create("a"), f.create("b")
	f.create("c") // of which nothing is told before it moves
	f.equal(f.untold(0, 0), []store.Untold(nil))
	f.append(a, moved(run.Pending, run.Queued), moved(run.Queued, run.Running))
	f.append(b, move("x", run.Pending, run.Queued, run.DependenciesMet), moved(run.Pending, run.Queued))
	f.equal(f.untold(0, 0), []store.Untold{{Run: 1, Seq: 2}, {Run: 2, Seq: 2}})
	f.equal(f.untold(0, 1), []store.Untold{{Run: 1, Seq: 2}})
	f.equal(f.untold(1, 9), []store.Untold{{Run: 2, Seq: 2}})

	// A run that goes on stays, also when all of it was looked at.
	f.must(f.Tell(f.ctx, store.Tell{Run: 1, To: 2}))
	f.fails(f.Tell(f.ctx, store.Tell{Run: 1, To: 2}), fault.Conflict)
	f.fails(f.Tell(f.ctx, store.Tell{Run: 99, To: 2}), fault.Conflict)
	f.equal(f.untold(0, 1), []store.Untold{{Run: 1, Told: 2, Seq: 2}})

	// One that ended goes when its last transition was looked at, and not before.
	f.append(a, moved(run.Running, run.Failed), run.Transition{Attempt: 1, From: run.Failed, To: run.Failed, At: at(2)})
	f.must(f.Tell(f.ctx, store.Tell{Run: 1, From: 2, To: 3, Done: true}))
	f.equal(f.untold(0, 1), []store.Untold{{Run: 1, Told: 3, Seq: 4}})
	f.must(f.Tell(f.ctx, store.Tell{Run: 1, From: 3, To: 4, Done: true}))
	f.equal(f.untold(0, 0), []store.Untold{{Run: 2, Seq: 2}})

	// It is back when it moves again.
	_, err := f.AddAttempt(f.ctx, a, store.NewAttempt{Jobs: 3})
	f.must(err)
	f.append(a, run.Transition{Attempt: 2, From: run.Pending, To: run.Queued, At: at(3)})
	f.equal(f.untold(0, 1), []store.Untold{{Run: 1, Told: 4, Seq: 5}})
}

func testSkipUntold(f *fixture) {
	old := f.ended("a", run.Failed)
	looked := f.ended("b", run.Failed)
	f.append(f.create("c"), moved(run.Pending, run.Queued)) // goes on
	l := f.createRun(store.NewRun{Application: "d", At: at(60_000)})
	f.append(l, moved(run.Pending, run.Queued), moved(run.Queued, run.Running), moved(run.Running, run.Failed))
	f.must(f.Tell(f.ctx, store.Tell{Run: looked, To: 1}))
	n, err := f.SkipUntold(f.ctx, at(0))
	f.must(err)
	f.equal(n, int64(0)) // at that time is not before it
	n, err = f.SkipUntold(f.ctx, at(1))
	f.must(err)
	f.equal(n, int64(1))
	ids := []run.ID{}
	for _, u := range f.untold(0, 0) {
		ids = append(ids, u.Run)
	}
	f.equal(ids, []run.ID{looked, 3, 4})
	f.fails(f.Tell(f.ctx, store.Tell{Run: old, To: 1}), fault.Conflict) // it counts as looked at
}

// notice returns one that is due at a time.
func notice(id, notifier string, due int) store.Notice {
	return store.Notice{
		ID: id, Notifier: notifier, Run: 7, CreatedAt: at(due), Due: at(due), Until: at(1_000_000), Body: []byte(`{"id":"` + id + `"}`),
	}
}

// pending returns a notice as it is read back.
func pending(n store.Notice) store.Notice {
	n.State = store.NoticePending
	return n
}

func (f *fixture) tell(all ...store.Notice) {
	f.Helper()
	f.must(f.Tell(f.ctx, store.Tell{Notices: all}))
}

func (f *fixture) claim(notifier string, now int) []store.Notice {
	f.Helper()
	all, err := f.ClaimNotices(f.ctx, notifier, at(now), at(now+1000), 3)
	f.must(err)
	return all
}

func (f *fixture) notices(filter store.NoticeFilter) []store.Notice {
	f.Helper()
	all, err := f.Notices(f.ctx, filter)
	f.must(err)
	return all
}

func testNotices(f *fixture) {
	f.equal(f.notices(store.NoticeFilter{}), []store.Notice(nil))
	a, b, c := notice("a", "mail", 10), notice("b", "mail", 20), notice("c", "höok", 5)
	a.Incident, a.Run = "i", 0
	f.tell(b, c)
	f.tell(a, c)
	again := a
	again.Body, again.Due = []byte("other"), at(0)
	f.tell(again) // there is one with this id
	f.equal(f.notices(store.NoticeFilter{}), []store.Notice{pending(b), pending(a), pending(c)})
	f.equal(f.notices(store.NoticeFilter{Limit: 1}), []store.Notice{pending(b)})
	f.equal(f.notices(store.NoticeFilter{Notifier: "höok", State: store.NoticePending}), []store.Notice{pending(c)})
	f.equal(f.notices(store.NoticeFilter{State: store.NoticeSent}), []store.Notice(nil))
	got, err := f.Notice(f.ctx, "a")
	f.must(err)
	f.equal(got, pending(a))
	_, err = f.Notice(f.ctx, "nobody")
	f.fails(err, fault.NotFound)
}

func testClaimNotices(f *fixture) {
	f.equal(f.claim("mail", 100), []store.Notice(nil))
	first, second, later := notice("z", "mail", 9), notice("a", "mail", 10), notice("l", "mail", 50)
	first.Due = second.Due // what was made first goes first
	f.tell(later, second, first, notice("o", "other", 1))
	leased := func(n store.Notice, until int) []store.Notice {
		n = pending(n)
		n.Lease = at(until)
		return []store.Notice{n}
	}
	f.equal(f.claim("mail", 9), []store.Notice(nil))
	f.equal(f.claim("mail", 20), leased(first, 1020))
	f.equal(f.claim("mail", 20), leased(second, 1020))
	f.equal(f.claim("mail", 20), []store.Notice(nil))   // both are being sent
	f.equal(f.claim("mail", 1020), leased(first, 2020)) // who sent it is gone
	f.equal(f.claim("nobody", 9000), []store.Notice(nil))
}

func testNoticeOrder(f *fixture) {
	open, resolve, other := notice("b", "mail", 10), notice("a", "mail", 11), notice("c", "pager", 12)
	open.Incident, resolve.Incident, other.Incident = "i", "i", "i"
	f.tell(resolve, open, other)
	got := f.claim("mail", 20)
	f.equal(got[0].ID, "b")
	f.equal(f.claim("mail", 20), []store.Notice(nil)) // not before what opens the incident
	f.equal(f.claim("pager", 20)[0].ID, "c")          // another notifier's order is its own
	f.must(f.Settle(f.ctx, []store.Settlement{{ID: "b", Lease: got[0].Lease, State: store.NoticePending, Due: at(500), At: at(20)}}))
	f.equal(f.claim("mail", 400), []store.Notice(nil))
	got = f.claim("mail", 500)
	f.equal(got[0].ID, "b")
	f.must(f.Settle(f.ctx, []store.Settlement{{ID: "b", Lease: got[0].Lease, State: store.NoticeSent, At: at(501)}}))
	f.equal(f.claim("mail", 502)[0].ID, "a")
}

func testDigest(f *fixture) {
	var all []store.Notice
	for i, id := range []string{"d1", "d2", "d3", "d4", "later", "else", "single"} {
		n := notice(id, "mail", 10+i)
		n.Digest, n.Due = "daily", at(10)
		all = append(all, n)
	}
	all[4].Due, all[5].Digest, all[6].Digest = at(90), "weekly", ""
	all[5].Due, all[6].Due = at(11), at(12)
	f.tell(all...)
	ids := func(found []store.Notice) (ids []string) {
		for _, n := range found {
			ids = append(ids, n.ID)
		}
		return ids
	}
	f.equal(ids(f.claim("mail", 80)), []string{"d1", "d2", "d3"})
	f.equal(ids(f.claim("mail", 80)), []string{"d4"})
	f.equal(ids(f.claim("mail", 80)), []string{"else"})
	f.equal(ids(f.claim("mail", 80)), []string{"single"})
	f.equal(ids(f.claim("mail", 90)), []string{"later"})
}

func testSettle(f *fixture) {
	f.tell(notice("s", "mail", 1), notice("g", "mail", 2), notice("p", "mail", 3))
	var lease time.Time
	for range 3 {
		lease = f.claim("mail", 10)[0].Lease
	}
	f.must(f.Settle(f.ctx, []store.Settlement{
		{ID: "s", Lease: lease, State: store.NoticeSent, At: at(20)},
		{ID: "g", Lease: lease, State: store.NoticeGivenUp, Error: "HTTP 410 Gone", At: at(21)},
		{ID: "p", Lease: lease, State: store.NoticePending, Due: at(99), Error: "HTTP 500", At: at(22)},
		{ID: "nobody", Lease: lease, State: store.NoticeSent, At: at(20)},
	}))
	s, g, p := notice("s", "mail", 1), notice("g", "mail", 2), notice("p", "mail", 3)
	s.State, s.Tries, s.EndedAt = store.NoticeSent, 1, at(20)
	g.State, g.Tries, g.EndedAt, g.Error = store.NoticeGivenUp, 1, at(21), "HTTP 410 Gone"
	p.State, p.Tries, p.Due, p.Error = store.NoticePending, 1, at(99), "HTTP 500"
	f.equal(f.notices(store.NoticeFilter{}), []store.Notice{p, g, s})

	// Somebody took it over: a failure is not ours to tell any more, but that it was sent is.
	ours := f.claim("mail", 100)[0]
	theirs := f.claim("mail", 1200)[0]
	f.must(f.Settle(f.ctx, []store.Settlement{{ID: "p", Lease: ours.Lease, State: store.NoticeGivenUp, At: at(1201)}}))
	f.must(f.Settle(f.ctx, []store.Settlement{{ID: "p", Lease: ours.Lease, State: store.NoticePending, Due: at(0), At: at(1201)}}))
	got, err := f.Notice(f.ctx, "p")
	f.must(err)
	f.equal(got, theirs)
	f.must(f.Settle(f.ctx, []store.Settlement{{ID: "p", Lease: ours.Lease, State: store.NoticeSent, At: at(1202)}}))
	f.must(f.Settle(f.ctx, []store.Settlement{{ID: "p", Lease: theirs.Lease, State: store.NoticeGivenUp, At: at(1203)}}))
	got, err = f.Notice(f.ctx, "p")
	f.must(err)
	p.State, p.Tries, p.Due, p.Error, p.EndedAt = store.NoticeSent, 2, at(99), "", at(1202)
	f.equal(got, p)
}

func testRetryNotice(f *fixture) {
	f.tell(notice("s", "mail", 1), notice("g", "mail", 2))
	for _, state := range []store.NoticeState{store.NoticeSent, store.NoticeGivenUp} {
		n := f.claim("mail", 10)[0]
		f.must(f.Settle(f.ctx, []store.Settlement{{ID: n.ID, Lease: n.Lease, State: state, Error: "x", At: at(20)}}))
	}
	f.fails(f.RetryNotice(f.ctx, "s", at(30), at(40)), fault.Conflict)
	f.fails(f.RetryNotice(f.ctx, "nobody", at(30), at(40)), fault.NotFound)
	f.must(f.RetryNotice(f.ctx, "g", at(30), at(40)))
	want := pending(notice("g", "mail", 2))
	want.Due, want.Until, want.Tries, want.Error = at(30), at(40), 1, "x"
	got, err := f.Notice(f.ctx, "g")
	f.must(err)
	f.equal(got, want)
	f.equal(f.claim("mail", 30)[0].ID, "g")
}

func (f *fixture) incidents(filter store.IncidentFilter) []store.Incident {
	f.Helper()
	all, err := f.Incidents(f.ctx, filter)
	f.must(err)
	return all
}

func testIncidents(f *fixture) {
	f.equal(f.incidents(store.IncidentFilter{All: true}), []store.Incident(nil))
	a := store.Incident{Key: "k2", Application: "ä", Open: 2, Due: at(50), ChangedAt: at(1), Body: []byte("{}")}
	b := store.Incident{Key: "k1", ChangedAt: at(2), Body: []byte("[]")}
	f.must(f.Tell(f.ctx, store.Tell{Incidents: []store.Incident{a, b}}))
	a.Version, b.Version = 1, 1
	f.equal(f.incidents(store.IncidentFilter{All: true}), []store.Incident{b, a})
	f.equal(f.incidents(store.IncidentFilter{}), []store.Incident{b})
	f.equal(f.incidents(store.IncidentFilter{Application: "ä"}), []store.Incident{a})
	f.equal(f.incidents(store.IncidentFilter{Application: "Ä"}), []store.Incident(nil))
	f.equal(f.incidents(store.IncidentFilter{All: true, Open: true}), []store.Incident{a})
	f.equal(f.incidents(store.IncidentFilter{All: true, Due: at(49)}), []store.Incident(nil))
	f.equal(f.incidents(store.IncidentFilter{All: true, Due: at(50)}), []store.Incident{a})

	// Who decided by what is not so any more changes nothing, and all of it is left out.
	stale := a
	stale.Version = 0
	l := f.create("x")
	f.append(l, moved(run.Pending, run.Queued))
	for _, wrong := range []store.Incident{stale, {Key: "k9", Version: 3, ChangedAt: at(1)}, {Key: "k1", Version: 2, ChangedAt: at(1)}} {
		f.fails(f.Tell(f.ctx, store.Tell{Run: l.Run, To: 1, Incidents: []store.Incident{wrong}, Notices: []store.Notice{notice("n", "mail", 1)}}), fault.Conflict)
	}
	f.equal(f.notices(store.NoticeFilter{}), []store.Notice(nil))
	f.equal(f.untold(0, 0), []store.Untold{{Run: l.Run, Seq: 1}})
	a.Open, a.Due, a.ChangedAt = 0, time.Time{}, at(9)
	f.must(f.Tell(f.ctx, store.Tell{Run: l.Run, To: 1, Incidents: []store.Incident{a}, Notices: []store.Notice{notice("n", "mail", 1)}}))
	a.Version = 2
	f.equal(f.incidents(store.IncidentFilter{All: true}), []store.Incident{b, a})
}

func testPruneOutbox(f *fixture) {
	f.tell(notice("s", "mail", 1), notice("t", "mail", 2), notice("p", "mail", 3))
	for i := range 2 {
		n := f.claim("mail", 10)[0]
		f.must(f.Settle(f.ctx, []store.Settlement{{ID: n.ID, Lease: n.Lease, State: store.NoticeSent, At: at(20 + i)}}))
	}
	f.must(f.Tell(f.ctx, store.Tell{Incidents: []store.Incident{
		{Key: "open", Open: 1, ChangedAt: at(1), Body: []byte("x")},
		{Key: "old", ChangedAt: at(1), Body: []byte("x")},
		{Key: "new", ChangedAt: at(2), Body: []byte("x")},
	}}))
	n, err := f.PruneOutbox(f.ctx, at(21), at(2))
	f.must(err)
	f.equal(n, int64(2))
	var left []string
	for _, n := range f.notices(store.NoticeFilter{}) {
		left = append(left, n.ID)
	}
	for _, i := range f.incidents(store.IncidentFilter{All: true}) {
		left = append(left, i.Key)
	}
	f.equal(left, []string{"p", "t", "new", "open"})
}

// testTellContest has several programs look at the same run, and claim the same notices.
func testTellContest(f *fixture) {
	l := f.create("a")
	f.append(l, moved(run.Pending, run.Queued))
	const programs = 8
	var told, claimed atomic.Int64
	var all sync.WaitGroup
	for range programs {
		all.Go(func() {
			err := f.Tell(f.ctx, store.Tell{
				Run: l.Run, To: 1, Notices: []store.Notice{notice("n", "mail", 1), notice("m", "mail", 2)},
				Incidents: []store.Incident{{Key: "k", ChangedAt: at(1), Body: []byte("x")}},
			})
			if err == nil {
				told.Add(1)
			} else if fault.CodeOf(err) != fault.Conflict {
				f.Error(err)
			}
		})
	}
	all.Wait()
	f.equal(told.Load(), int64(1))
	const many = 60
	var more []store.Notice
	for i := range many {
		more = append(more, notice(fmt.Sprint("many", i), "mail", 3))
	}
	f.tell(more...)
	left := func() bool {
		return slices.ContainsFunc(f.notices(store.NoticeFilter{}), func(n store.Notice) bool { return n.Lease.IsZero() })
	}
	for range programs {
		all.Go(func() {
			for left() { // who is told nothing was only slower than another
				got, err := f.ClaimNotices(f.ctx, "mail", at(10), at(1000), 5)
				if err != nil {
					f.Error(err)
					return
				}
				claimed.Add(int64(len(got)))
			}
		})
	}
	all.Wait()
	f.equal(claimed.Load(), int64(many+2))
}

// testImportOutbox brings messages along, and again when they have gone on elsewhere.
func testImportOutbox(f *fixture) {
	i := store.Incident{Key: "k", Application: "ä", Version: 7, Open: 2, Due: at(50), ChangedAt: at(1), Body: []byte("{}")}
	n, sent := notice("n", "mail", 5), notice("s", "mail", 9)
	n.State, n.Tries, n.Error, n.Incident, n.Digest, n.Lease = store.NoticePending, 3, "HTTP 500", "k", "d", at(900)
	sent.State, sent.Tries, sent.EndedAt = store.NoticeSent, 1, at(10)
	f.must(f.ImportOutbox(f.ctx, []store.Incident{i}, []store.Notice{n, sent}))
	n.Lease = time.Time{} // who sends it does so elsewhere
	f.equal(f.incidents(store.IncidentFilter{All: true}), []store.Incident{i})
	f.equal(f.notices(store.NoticeFilter{}), []store.Notice{sent, n})
	f.equal(len(f.claim("mail", 100)), 1)

	i.Version, i.Open, i.Due, i.ChangedAt, i.Body = 8, 0, time.Time{}, at(60), []byte("[]")
	n.State, n.Tries, n.Error, n.Due, n.Until, n.EndedAt = store.NoticeGivenUp, 4, "HTTP 410", at(61), at(70), at(62)
	f.must(f.ImportOutbox(f.ctx, []store.Incident{i}, nil))
	f.must(f.ImportOutbox(f.ctx, nil, []store.Notice{n}))
	f.equal(f.incidents(store.IncidentFilter{All: true}), []store.Incident{i})
	f.equal(f.notices(store.NoticeFilter{}), []store.Notice{sent, n})
	i.Open = 1
	f.must(f.Tell(f.ctx, store.Tell{Incidents: []store.Incident{i}})) // it goes on from there
}

// testImportTold has a run told of in part elsewhere, and one of which all is told by now.
func testImportTold(f *fixture) {
	for range 2 {
		l := f.create("a")
		f.append(l, moved(run.Pending, run.Queued), moved(run.Queued, run.Running), moved(run.Running, run.Failed))
	}
	f.must(f.ImportTold(f.ctx, []store.Untold{{Run: 1, Told: 3, Seq: 3}, {Run: 2, Told: 2, Seq: 3}, {Run: 99, Seq: 1}}))
	f.equal(f.untold(0, 0), []store.Untold{{Run: 2, Told: 2, Seq: 3}})
	f.must(f.ImportTold(f.ctx, []store.Untold{{Run: 1, Seq: 3}, {Run: 2, Told: 3, Seq: 3}}))
	f.equal(f.untold(0, 0), []store.Untold{{Run: 1, Seq: 3}})
	n, err := f.SkipUntold(f.ctx, at(1)) // nobody looked at it
	f.must(err)
	f.equal(n, int64(1))
}

// testUntoldImported has an imported run go on: people are told of that, and not of what was before.
func testUntoldImported(f *fixture) {
	a := f.full("a")
	a.Run.ID = 500
	f.imports(a, 500, true)
	before := f.untold(1, 0)
	l := f.acquire(500, owner(2))
	number, err := f.AddAttempt(f.ctx, l, store.NewAttempt{Jobs: 1, At: at(500)})
	f.must(err)
	f.append(l, run.Transition{Attempt: number, From: run.Pending, To: run.Queued, At: at(501)})
	f.equal(append(before, f.untold(1, 0)...), []store.Untold{{Run: 500, Told: 105, Seq: 106}})
}
