package storetest

import (
	"strings"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

func registered(name, source string) store.Registered {
	return store.Registered{
		Name: name, Application: "billing", Hash: access.Hash(source), Source: []byte(source), File: name + ".yaml",
		Enabled: true, By: "bob", At: at(7), Note: "why",
	}
}

// versioned returns a version as lists show it.
func versioned(name, source string, version int) store.Registered {
	r := registered(name, source)
	r.Version, r.Source = version, nil
	return r
}

func (f *fixture) register(r store.Registered) store.Registered {
	f.Helper()
	kept, err := f.Register(f.ctx, r)
	f.must(err)
	return kept
}

// newest returns the source of the newest version that is enabled.
func (f *fixture) newest(name string) string {
	f.Helper()
	r, err := f.Registered(f.ctx, name, 0)
	f.must(err)
	return string(r.Source)
}

func testRegistered(f *fixture) {
	all, err := f.RegisteredWorkflows(f.ctx)
	f.must(err)
	f.equal(all, []store.Registered(nil))
	want := registered("nightly", "jobs: 1\x00\xff")
	want.Version = 1
	f.equal(f.register(registered("nightly", "jobs: 1\x00\xff")), want)
	again := registered("nightly", "jobs: 1\x00\xff")
	again.By, again.Note = "ann", "another"
	f.equal(f.register(again), want) // the same source is the same version
	f.equal(f.register(registered("nightly", "jobs: 2")).Version, 2)
	f.equal(f.register(registered("nightly", "jobs: 1\x00\xff")).Version, 3) // as it was once
	f.register(registered("Nightly", strings.Repeat("x", 100_000)))
	f.register(store.Registered{Name: "empty", At: at(1).In(time.FixedZone("", 3600)), Source: []byte{}})

	got, err := f.Registered(f.ctx, "nightly", 1)
	f.must(err)
	f.equal(got, want)
	got, err = f.Registered(f.ctx, "empty", 1)
	f.must(err)
	f.equal(got, store.Registered{Name: "empty", Version: 1, At: at(1)})
	all, err = f.RegisteredWorkflows(f.ctx)
	f.must(err)
	f.equal(all, []store.Registered{
		versioned("Nightly", strings.Repeat("x", 100_000), 1),
		{Name: "empty", Version: 1, At: at(1)},
		versioned("nightly", "jobs: 1\x00\xff", 3),
	})
	all, err = f.RegisteredVersions(f.ctx, "nightly")
	f.must(err)
	f.equal(all, []store.Registered{
		versioned("nightly", "jobs: 1\x00\xff", 3), versioned("nightly", "jobs: 2", 2), versioned("nightly", "jobs: 1\x00\xff", 1),
	})
	_, err = f.RegisteredVersions(f.ctx, "none")
	f.fails(err, fault.NotFound)
	for _, version := range []int{4, -1, 0} {
		name := "nightly"
		if version == 0 {
			name = "none"
		}
		_, err = f.Registered(f.ctx, name, version)
		f.fails(err, fault.NotFound)
	}
}

func testEnableRegistered(f *fixture) {
	for _, source := range []string{"1", "2", "3"} {
		f.register(registered("w", source))
	}
	off := registered("w", "4")
	off.Enabled = false
	f.register(off)
	f.register(registered("other", "other"))
	f.equal(f.newest("w"), "3") // the fourth was never enabled
	f.must(f.EnableRegistered(f.ctx, "w", 3, false))
	f.must(f.EnableRegistered(f.ctx, "w", 3, false))
	f.equal(f.newest("w"), "2")
	f.must(f.EnableRegistered(f.ctx, "w", 4, true))
	f.equal(f.newest("w"), "4")
	f.must(f.EnableRegistered(f.ctx, "w", 0, false))
	_, err := f.Registered(f.ctx, "w", 0)
	f.fails(err, fault.NotFound)
	got, err := f.Registered(f.ctx, "w", 2)
	f.must(err)
	f.equal(got.Enabled, false)
	f.equal(f.newest("other"), "other")
	f.must(f.EnableRegistered(f.ctx, "w", 0, true))
	f.equal(f.newest("w"), "4")
	for _, version := range []int{5, -1} {
		f.fails(f.EnableRegistered(f.ctx, "w", version, true), fault.NotFound)
	}
	f.fails(f.EnableRegistered(f.ctx, "none", 0, true), fault.NotFound)
	f.fails(f.EnableRegistered(f.ctx, "none", 1, true), fault.NotFound)
}

// testRegisterAtOnce has many register one workflow: each source gets one version.
func testRegisterAtOnce(f *fixture) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if _, err := f.Register(f.ctx, registered("w", strings.Repeat("x", i))); err != nil {
				f.Errorf("register: %v", err)
			}
		})
	}
	wg.Wait()
	all, err := f.RegisteredVersions(f.ctx, "w")
	f.must(err)
	hashes := map[string]bool{}
	for i, r := range all {
		f.equal(r.Version, len(all)-i)
		hashes[r.Hash] = true
	}
	f.equal([]int{len(all), len(hashes)}, []int{8, 8})
}

func testAccountsArchive(f *fixture) {
	none, err := f.ExportAccounts(f.ctx)
	f.must(err)
	f.equal(none, store.AccountsArchive{})
	bob := user("bob", access.Grant{Role: access.Operator, Application: "x"})
	bob.Revision = 4
	ann := store.User{Name: "ann", Disabled: true, Revision: 1}
	used := token("bob", "used")
	used.LastUsed, used.Revoked = at(5), at(6)
	first, second := registered("w", "1"), registered("w", "2")
	first.Version, second.Version, second.Enabled = 1, 2, false
	a := store.AccountsArchive{
		Users: []store.User{ann, bob}, Tokens: []store.Token{token("bob", "t"), used}, Registered: []store.Registered{first, second},
	}
	imports := func(want int) {
		f.Helper()
		n, err := f.ImportAccounts(f.ctx, a)
		f.must(err)
		f.equal(n, want)
		got, err := f.ExportAccounts(f.ctx)
		f.must(err)
		f.equal(got, a)
	}
	imports(6)
	imports(0)
	f.must(f.AddSession(f.ctx, session("bob", "s"))) // of the moment: not part of it
	second.Version, second.Source, second.Hash = 3, []byte("3"), access.Hash("3")
	a.Registered = append(a.Registered, second)
	imports(1)
	f.sessions(true, "s")

	for name, change := range map[string]func(*store.AccountsArchive){
		"user":     func(a *store.AccountsArchive) { a.Users[1].Password = "other" },
		"token":    func(a *store.AccountsArchive) { a.Tokens[0].Hash = "other" },
		"workflow": func(a *store.AccountsArchive) { a.Registered[1].Source = []byte("other") },
	} {
		other := a.Normal()
		change(&other)
		other.Users = append(other.Users, store.User{Name: "new-" + name, Revision: 1})
		_, err := f.ImportAccounts(f.ctx, other)
		f.fails(err, fault.Conflict)
		got, err := f.ExportAccounts(f.ctx)
		f.must(err)
		f.equal(got, a)
	}
}
