package store

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/fault"
)

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func TestTokenPrincipal(t *testing.T) {
	text, id, hash := access.NewToken()
	other, _, _ := access.NewToken()
	whole := Token{
		ID: id, User: "bob", Hash: hash, Expires: noon,
		Grants: []access.Grant{{Role: access.Admin, Application: "x"}, {Role: access.Viewer, Application: "y"}},
	}
	bob := User{Name: "bob", Grants: []access.Grant{{Role: access.Operator}}}
	want := access.Principal{User: "bob", Via: access.ViaToken, Grants: []access.Grant{
		{Role: access.Operator, Application: "x"}, {Role: access.Viewer, Application: "y"},
	}}
	for _, c := range []struct {
		name string
		text string
		now  time.Time
		edit func(*Token, *User)
		ok   bool
	}{
		{"valid", text, noon.Add(-1), func(*Token, *User) {}, true},
		{"never ends", text, noon.AddDate(99, 0, 0), func(t *Token, _ *User) { t.Expires = time.Time{} }, true},
		{"expired", text, noon, func(*Token, *User) {}, false},
		{"another text", other, noon.Add(-1), func(*Token, *User) {}, false},
		{"no text", "", noon.Add(-1), func(*Token, *User) {}, false},
		{"the hash", hash, noon.Add(-1), func(*Token, *User) {}, false},
		{"no hash", "", noon.Add(-1), func(t *Token, _ *User) { t.Hash = "" }, false},
		{"revoked", text, noon.Add(-1), func(t *Token, _ *User) { t.Revoked = noon.AddDate(9, 0, 0) }, false},
		{"disabled", text, noon.Add(-1), func(_ *Token, u *User) { u.Disabled = true }, false},
		{"another user", text, noon.Add(-1), func(_ *Token, u *User) { u.Name = "ann" }, false},
	} {
		n, u := whole, bob
		c.edit(&n, &u)
		p, err := n.Principal(c.text, u, c.now)
		check(t, c.name, c.ok, want, p, err)
	}
}

func check(t *testing.T, name string, ok bool, want, got access.Principal, err error) {
	t.Helper()
	if !ok {
		want = access.Principal{}
	}
	if diff := cmp.Diff(want, got); diff != "" || (err == nil) != ok || !ok && fault.CodeOf(err) != fault.Unauthorized {
		t.Errorf("%s: %v, -want +got:\n%s", name, err, diff)
	}
}

func TestSessionPrincipal(t *testing.T) {
	grants := []access.Grant{{Role: access.Operator}}
	whole := Session{User: "bob", Via: access.ViaOIDC, Expires: noon}
	for _, c := range []struct {
		name string
		now  time.Time
		u    User
		ok   bool
	}{
		{"valid", noon.Add(-1), User{Name: "bob", Grants: grants}, true},
		{"expired", noon, User{Name: "bob", Grants: grants}, false},
		{"disabled", noon.Add(-1), User{Name: "bob", Grants: grants, Disabled: true}, false},
		{"another user", noon.Add(-1), User{Name: "Bob", Grants: grants}, false},
	} {
		p, err := whole.Principal(c.u, c.now)
		check(t, c.name, c.ok, access.Principal{User: "bob", Via: access.ViaOIDC, Grants: grants}, p, err)
	}
	if _, err := (Session{User: "bob"}).Principal(User{Name: "bob"}, noon); err == nil {
		t.Error("a session without an end is valid")
	}
}

func TestKeyHash(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range [][2]string{{"", "a"}, {"a", "b"}, {"ab", "c"}, {"a", "bc"}, {"a\x00", "b"}, {"a", "\x00b"}, {strings.Repeat("x", 9999), "k"}} {
		h := KeyHash(k[0], k[1])
		if len(h) != 64 || seen[h] || h != KeyHash(k[0], k[1]) {
			t.Errorf("%q: %s", k, h)
		}
		seen[h] = true
	}
	if KeyHash("bob", "") != "" {
		t.Error("no key has a hash")
	}
}

func TestExistingRun(t *testing.T) {
	err := ErrExisting(17)
	if id, ok := ExistingRun(err); !ok || id != 17 || fault.CodeOf(err) != fault.Conflict || fault.HintOf(err) != "it is run 17" {
		t.Errorf("%v", err)
	}
	if err.Error() != "this was submitted already: run 17 was created with the same key" {
		t.Errorf("%v", err)
	}
	for _, err := range []error{nil, errors.New("x"), ErrNoRun(17), ErrHeld(17, Owner{}, noon)} {
		if id, ok := ExistingRun(err); ok || id != 0 {
			t.Errorf("%v: %d", err, id)
		}
	}
}

func TestFailuresAdd(t *testing.T) {
	f := Failures{}
	for i, c := range []struct {
		after time.Duration
		want  int
		last  time.Duration
	}{{0, 1, 0}, {time.Minute, 2, time.Minute}, {0, 3, time.Minute}, {time.Hour + time.Minute, 4, time.Hour + time.Minute}, {3 * time.Hour, 1, 3 * time.Hour}} {
		f = f.Add(noon.Add(c.after), time.Hour)
		if f != (Failures{c.want, noon.Add(c.last)}) {
			t.Errorf("%d: %+v", i, f)
		}
	}
}

func TestAuditEntryNormal(t *testing.T) {
	e := AuditEntry{Who: "a\nb", Object: strings.Repeat("é", 251), Detail: strings.Repeat("x", 2000), At: noon.In(time.FixedZone("", 60)).Add(1)}
	want := AuditEntry{Who: "a\uFFFDb", Object: strings.Repeat("é", 250) + "…", Detail: strings.Repeat("x", 2000), At: noon}
	if diff := cmp.Diff(want, e.Normal()); diff != "" {
		t.Error(diff)
	}
	if again := want.Normal().Normal(); again != want.Normal() {
		t.Errorf("normal form of normal form: %+v", again)
	}
}
