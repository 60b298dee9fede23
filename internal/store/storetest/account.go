package storetest

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

func user(name string, grants ...access.Grant) store.User {
	return store.User{Name: name, Password: "$argon2id$" + name, Grants: grants, Created: at(1), Changed: at(2)}
}

func token(user, name string) store.Token {
	return store.Token{
		ID: "id-" + user + name, User: user, Name: name, Hash: "hash-" + name, Grants: []access.Grant{{Role: access.Viewer}},
		Created: at(3), Expires: at(900),
	}
}

func session(user, hash string) store.Session {
	return store.Session{Hash: hash, User: user, Via: access.ViaSession, CSRF: "csrf-" + hash, Created: at(4), Expires: at(500)}
}

// account adds users, each with a token t and a session of the user's name.
func (f *fixture) accounts(names ...string) {
	f.Helper()
	for _, n := range names {
		f.must(f.AddUser(f.ctx, user(n)))
		f.must(f.AddToken(f.ctx, token(n, "t")))
		f.must(f.AddSession(f.ctx, session(n, n)))
	}
}

func (f *fixture) user(name string) store.User {
	f.Helper()
	u, err := f.User(f.ctx, name)
	f.must(err)
	return u
}

func (f *fixture) token(id string) store.Token {
	f.Helper()
	t, _, err := f.Token(f.ctx, id)
	f.must(err)
	return t
}

// sessions checks which of the sessions there are.
func (f *fixture) sessions(there bool, hashes ...string) {
	f.Helper()
	for _, h := range hashes {
		_, _, err := f.Session(f.ctx, h)
		if there {
			f.must(err)
		} else {
			f.fails(err, fault.NotFound)
		}
	}
}

func testUsers(f *fixture) {
	all, err := f.Users(f.ctx)
	f.must(err)
	f.equal(all, []store.User(nil))
	want := user("bob", access.Grant{Role: access.Operator, Application: "日本 \"'\x01"}, access.Grant{Role: access.Viewer})
	f.must(f.AddUser(f.ctx, want))
	want.Revision = 1
	f.equal(f.user("bob"), want)
	// One without anything, and names that a database may take for the same.
	f.must(f.AddUser(f.ctx, store.User{Name: "B", Disabled: true, Grants: []access.Grant{}}))
	f.must(f.AddUser(f.ctx, store.User{Name: "b.ä@x+1"}))
	f.must(f.AddUser(f.ctx, store.User{Name: "Bob", Revision: 7}))
	all, err = f.Users(f.ctx)
	f.must(err)
	f.equal(all, []store.User{
		{Name: "B", Disabled: true, Revision: 1}, {Name: "Bob", Revision: 1}, {Name: "b.ä@x+1", Revision: 1}, want,
	})
	f.fails(f.AddUser(f.ctx, user("bob")), fault.Conflict)
	_, err = f.User(f.ctx, "BOB")
	f.fails(err, fault.NotFound)
	_, err = f.User(f.ctx, "")
	f.fails(err, fault.NotFound)
	many := user("many")
	for i := range 300 {
		many.Grants = append(many.Grants, access.Grant{Role: access.Viewer, Application: strings.Repeat("a", i)})
	}
	f.must(f.AddUser(f.ctx, many))
	f.equal(f.user("many").Grants, many.Grants)
}

func testSubjects(f *fixture) {
	bob := user("bob")
	bob.Subject = "https://id.example.org 4711 日本"
	f.must(f.AddUser(f.ctx, bob))
	f.must(f.AddUser(f.ctx, user("ann")))
	f.must(f.AddUser(f.ctx, user("eve"))) // there may be many without
	bob.Revision = 1
	got, err := f.UserOf(f.ctx, bob.Subject)
	f.must(err)
	f.equal(got, bob)
	for _, subject := range []string{"", "https://id.example.org 4711", "HTTPS://ID.EXAMPLE.ORG 4711 日本"} {
		_, err = f.UserOf(f.ctx, subject)
		f.fails(err, fault.NotFound)
	}
	f.fails(f.AddUser(f.ctx, store.User{Name: "bobby", Subject: bob.Subject}), fault.Conflict)
	bob.Subject = "https://id.example.org 42"
	set, err := f.SetUser(f.ctx, bob)
	f.must(err)
	f.equal(set.Subject, "https://id.example.org 4711 日本")
	f.must(f.DeleteUser(f.ctx, "bob"))
	f.must(f.AddUser(f.ctx, store.User{Name: "bobby", Subject: set.Subject}))
	got, err = f.UserOf(f.ctx, set.Subject)
	f.must(err)
	f.equal(got.Name, "bobby")
}

func testSetUser(f *fixture) {
	f.accounts("ann", "bob")
	u := f.user("bob")
	u.Password, u.Disabled, u.Grants, u.Changed, u.Created = "other", true, []access.Grant{{Role: access.Admin}}, at(50), at(60)
	set, err := f.SetUser(f.ctx, u)
	f.must(err)
	want := u
	want.Revision, want.Created = 2, at(1)
	f.equal(set, want)
	f.equal(f.user("bob"), want)
	f.equal(f.user("ann"), func() store.User { u := user("ann"); u.Revision = 1; return u }())
	// The sessions have ended, the tokens are still there.
	f.sessions(false, "bob")
	f.sessions(true, "ann")
	f.equal(f.token("id-bobt"), token("bob", "t"))

	_, err = f.SetUser(f.ctx, u) // what was read before the change
	f.fails(err, fault.Conflict)
	f.equal(f.user("bob"), want)
	f.must(f.AddSession(f.ctx, session("bob", "new")))
	_, err = f.SetUser(f.ctx, u)
	f.fails(err, fault.Conflict)
	f.sessions(true, "new") // what was refused ends none
	_, err = f.SetUser(f.ctx, user("nobody"))
	f.fails(err, fault.NotFound)
}

// testSetUserAtOnce has one of many that change the same user succeed.
func testSetUserAtOnce(f *fixture) {
	f.must(f.AddUser(f.ctx, user("bob")))
	seen := f.user("bob")
	var done atomic.Int64
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			_, err := f.SetUser(f.ctx, seen)
			if err == nil {
				done.Add(1)
			} else if fault.CodeOf(err) != fault.Conflict {
				f.Errorf("set user: %v", err)
			}
		})
	}
	wg.Wait()
	f.equal(done.Load(), int64(1))
	f.equal(f.user("bob").Revision, int64(2))
}

func testDeleteUser(f *fixture) {
	f.accounts("ann", "bob")
	_, err := f.AddAudit(f.ctx, store.AuditEntry{Who: "bob", Action: "login"})
	f.must(err)
	f.must(f.DeleteUser(f.ctx, "bob"))
	_, err = f.User(f.ctx, "bob")
	f.fails(err, fault.NotFound)
	_, _, err = f.Token(f.ctx, "id-bobt")
	f.fails(err, fault.NotFound)
	f.sessions(false, "bob")
	f.sessions(true, "ann")
	f.equal(f.token("id-annt"), token("ann", "t"))
	f.fails(f.DeleteUser(f.ctx, "bob"), fault.NotFound)
	log, err := f.Audit(f.ctx, store.AuditFilter{Who: "bob"})
	f.must(err)
	f.equal(len(log), 1)

	// A new user of that name has nothing of the old one.
	f.must(f.AddUser(f.ctx, user("bob")))
	all, err := f.Tokens(f.ctx, "bob")
	f.must(err)
	f.equal(all, []store.Token(nil))
	f.equal(f.user("bob").Revision, int64(1))
	f.fails(f.AddToken(f.ctx, token("gone", "t")), fault.NotFound)
	f.fails(f.AddSession(f.ctx, session("gone", "s")), fault.NotFound)
}

func testTokens(f *fixture) {
	f.must(f.AddUser(f.ctx, user("bob", access.Grant{Role: access.Admin})))
	f.must(f.AddUser(f.ctx, user("ann")))
	all, err := f.Tokens(f.ctx, "")
	f.must(err)
	f.equal(all, []store.Token(nil))
	late, early, hers := token("bob", "late"), token("bob", "early"), token("ann", "early")
	late.Created, late.Expires, late.Grants = at(20), time.Time{}, nil
	for _, t := range []store.Token{late, early, hers} {
		f.must(f.AddToken(f.ctx, t))
	}
	got, u, err := f.Token(f.ctx, late.ID)
	f.must(err)
	f.equal(got, late)
	f.equal(u, f.user("bob"))
	all, err = f.Tokens(f.ctx, "bob")
	f.must(err)
	f.equal(all, []store.Token{early, late})
	all, err = f.Tokens(f.ctx, "")
	f.must(err)
	f.equal(all, []store.Token{hers, early, late})
	all, err = f.Tokens(f.ctx, "nobody")
	f.must(err)
	f.equal(all, []store.Token(nil))
	_, _, err = f.Token(f.ctx, "none")
	f.fails(err, fault.NotFound)
	_, _, err = f.Token(f.ctx, "")
	f.fails(err, fault.NotFound)

	again := token("bob", "early")
	f.fails(f.AddToken(f.ctx, again), fault.Conflict) // the id
	again.ID = "another"
	f.fails(f.AddToken(f.ctx, again), fault.Conflict) // the name
	f.must(f.RevokeToken(f.ctx, early.ID, at(30)))
	f.must(f.RevokeToken(f.ctx, early.ID, at(40)))
	early.Revoked = at(30)
	f.equal(f.token(early.ID), early)
	f.must(f.AddToken(f.ctx, again)) // now the name is free
	f.fails(f.RevokeToken(f.ctx, "none", at(1)), fault.NotFound)
}

func testUseToken(f *fixture) {
	f.accounts("bob")
	for _, c := range []struct{ at, want int }{{10, 10}, {30, 30}, {20, 30}, {30, 30}} {
		f.must(f.UseToken(f.ctx, "id-bobt", at(c.at)))
		want := token("bob", "t")
		want.LastUsed = at(c.want)
		f.equal(f.token("id-bobt"), want)
	}
	f.must(f.UseToken(f.ctx, "gone", at(1)))
}

func testSessions(f *fixture) {
	f.accounts("ann", "bob")
	oidc := session("bob", "second")
	oidc.Via, oidc.CSRF = access.ViaOIDC, ""
	f.must(f.AddSession(f.ctx, oidc))
	got, u, err := f.Session(f.ctx, "second")
	f.must(err)
	f.equal(got, oidc)
	f.equal(u, f.user("bob"))
	got, u, err = f.Session(f.ctx, "ann")
	f.must(err)
	f.equal(got, session("ann", "ann"))
	f.equal(u, f.user("ann"))
	f.sessions(false, "none", "")

	f.must(f.EndSession(f.ctx, "second"))
	f.must(f.EndSession(f.ctx, "second"))
	f.sessions(false, "second")
	f.sessions(true, "bob")
	f.must(f.AddSession(f.ctx, oidc))
	n, err := f.EndSessions(f.ctx, "bob")
	f.must(err)
	f.equal(n, 2)
	n, err = f.EndSessions(f.ctx, "bob")
	f.must(err)
	f.equal(n, 0)
	f.sessions(false, "bob", "second")
	f.sessions(true, "ann")
}

func testFailures(f *fixture) {
	const hour = time.Hour
	odd := "bob\x00\xff" + strings.Repeat("long", 3000)
	count := func(key string, n int, last time.Time) {
		f.Helper()
		got, err := f.Failures(f.ctx, key)
		f.must(err)
		f.equal(got, store.Failures{Count: n, Last: last})
	}
	fail := func(key string, ms, n int) {
		f.Helper()
		got, err := f.AddFailure(f.ctx, key, at(ms), hour)
		f.must(err)
		if got.Count != n {
			f.Fatalf("%q: %d failures, want %d", key, got.Count, n)
		}
	}
	count(odd, 0, time.Time{})
	fail(odd, 0, 1)
	fail(odd, 1, 2)
	fail("bob", 1, 1)
	count(odd, 2, at(1))
	count("bob", 1, at(1))
	fail(odd, 0, 3) // one that comes late does not set the time back
	count(odd, 3, at(1))
	h := int(hour.Milliseconds())
	fail(odd, 1+h, 4)   // just remembered
	fail(odd, 2+2*h, 1) // forgotten
	count(odd, 1, at(2+2*h))
	f.must(f.ClearFailures(f.ctx, odd))
	f.must(f.ClearFailures(f.ctx, odd))
	count(odd, 0, time.Time{})
	count("bob", 1, at(1))

	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			if _, err := f.AddFailure(f.ctx, "many", at(0), hour); err != nil {
				f.Errorf("count: %v", err)
			}
		})
	}
	wg.Wait()
	count("many", writers, at(0))
}

func testTidyAccounts(f *fixture) {
	f.accounts("ann", "bob")
	late := session("bob", "late")
	late.Expires = at(501)
	f.must(f.AddSession(f.ctx, late))
	for key, ms := range map[string]int{"old": 400, "new": 501} {
		_, err := f.AddFailure(f.ctx, key, at(ms), time.Hour)
		f.must(err)
	}
	n, err := f.TidyAccounts(f.ctx, at(501))
	f.must(err)
	f.equal(n, 3)
	f.sessions(false, "ann", "bob")
	f.sessions(true, "late")
	old, err := f.Failures(f.ctx, "old")
	f.must(err)
	kept, err := f.Failures(f.ctx, "new")
	f.must(err)
	f.equal([]int{old.Count, kept.Count}, []int{0, 1})
	n, err = f.TidyAccounts(f.ctx, at(501))
	f.must(err)
	f.equal(n, 0)
}

// accountCalls are one call of each method, with what is there or would be.
func accountCalls(s store.Accounts) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"AddUser":     func(c context.Context) error { return s.AddUser(c, user("new")) },
		"User":        func(c context.Context) error { _, err := s.User(c, "bob"); return err },
		"Users":       func(c context.Context) error { _, err := s.Users(c); return err },
		"SetUser":     func(c context.Context) error { _, err := s.SetUser(c, user("bob")); return err },
		"DeleteUser":  func(c context.Context) error { return s.DeleteUser(c, "bob") },
		"AddToken":    func(c context.Context) error { return s.AddToken(c, token("bob", "new")) },
		"Token":       func(c context.Context) error { _, _, err := s.Token(c, "id-bobt"); return err },
		"Tokens":      func(c context.Context) error { _, err := s.Tokens(c, ""); return err },
		"RevokeToken": func(c context.Context) error { return s.RevokeToken(c, "id-bobt", at(1)) },
		"UseToken":    func(c context.Context) error { return s.UseToken(c, "id-bobt", at(1)) },
		"AddSession":  func(c context.Context) error { return s.AddSession(c, session("bob", "new")) },
		"Session":     func(c context.Context) error { _, _, err := s.Session(c, "bob"); return err },
		"EndSession":  func(c context.Context) error { return s.EndSession(c, "bob") },
		"EndSessions": func(c context.Context) error { _, err := s.EndSessions(c, "bob"); return err },
		"AddFailure":  func(c context.Context) error { _, err := s.AddFailure(c, "k", at(1), ttl); return err },
		"Failures":    func(c context.Context) error { _, err := s.Failures(c, "k"); return err },
		"ClearFailures": func(c context.Context) error {
			return s.ClearFailures(c, "k")
		},
		"TidyAccounts": func(c context.Context) error { _, err := s.TidyAccounts(c, at(9999)); return err },
		"AddAudit":     func(c context.Context) error { _, err := s.AddAudit(c, entry(1)); return err },
		"Audit":        func(c context.Context) error { _, err := s.Audit(c, store.AuditFilter{}); return err },
		"PruneAudit":   func(c context.Context) error { _, err := s.PruneAudit(c, at(9999)); return err },
		"Register":     func(c context.Context) error { _, err := s.Register(c, registered("w", "new")); return err },
		"Registered":   func(c context.Context) error { _, err := s.Registered(c, "w", 1); return err },
		"RegisteredWorkflows": func(c context.Context) error {
			_, err := s.RegisteredWorkflows(c)
			return err
		},
		"RegisteredVersions": func(c context.Context) error { _, err := s.RegisteredVersions(c, "w"); return err },
		"EnableRegistered":   func(c context.Context) error { return s.EnableRegistered(c, "w", 0, false) },
		"ExportAccounts":     func(c context.Context) error { _, err := s.ExportAccounts(c); return err },
		"ImportAccounts": func(c context.Context) error {
			_, err := s.ImportAccounts(c, store.AccountsArchive{Users: []store.User{user("new")}})
			return err
		},
		"ImportAudit": func(c context.Context) error {
			_, err := s.ImportAudit(c, []store.AuditEntry{{Seq: 99}})
			return err
		},
	}
}

// testAccountsRefused calls each method with a context that has ended, which changes
// nothing, and on a store that is closed.
func testAccountsRefused(f *fixture) {
	f.accounts("bob")
	_, err := f.Register(f.ctx, registered("w", "one"))
	f.must(err)
	_, err = f.AddAudit(f.ctx, entry(0))
	f.must(err)
	_, err = f.AddFailure(f.ctx, "k", at(1), ttl)
	f.must(err)
	before, err := f.ExportAccounts(f.ctx)
	f.must(err)
	ended, cancel := context.WithCancel(f.ctx)
	cancel()
	for name, call := range accountCalls(f) {
		if err := call(ended); fault.CodeOf(err) != fault.Cancelled {
			f.Errorf("%s, cancelled: got %v", name, err)
		}
	}
	after, err := f.ExportAccounts(f.ctx)
	f.must(err)
	f.equal(after, before)
	f.sessions(true, "bob")
	log, err := f.Audit(f.ctx, store.AuditFilter{})
	f.must(err)
	f.equal(len(log), 1)
	f.must(f.Close())
	for name, call := range accountCalls(f) {
		if err := call(f.ctx); fault.CodeOf(err) != fault.Unavailable {
			f.Errorf("%s, closed: got %v", name, err)
		}
	}
}
