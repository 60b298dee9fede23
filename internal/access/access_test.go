package access

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/executionerhq/executioner/internal/fault"
)

// reference says who may do what in another way than Can does: a matrix, one letter for
// each role (viewer, operator, author, admin): y for the application or all, A for all
// applications only, o whatever the grant is about, - never.
const reference = `
run.read        yyyy
run.submit      -yyy
run.inline      --yy
run.cancel      -yyy
run.resume      -yyy
run.mark        -yyy
log.read        yyyy
workflow.read   yyyy
workflow.write  --yy
workflow.enable --yy
stats.read      yyyy
token.own       oooo
system.read     -AAA
system.run      ---A
user.manage     ---A
audit.read      ---A
`

// may answers from the reference.
func may(p Principal, a Action, application string) bool {
	for line := range strings.Lines(reference) {
		words := strings.Fields(line)
		if len(words) != 2 || Action(words[0]) != a || p.User == "" {
			continue
		}
		cells := words[1]
		for _, g := range p.Grants {
			column := map[Role]int{"viewer": 0, "operator": 1, "author": 2, "admin": 3}
			i, known := column[g.Role]
			if !known {
				continue
			}
			switch cells[i] {
			case 'y':
				if g.Application == "" || g.Application == application {
					return true
				}
			case 'A':
				if g.Application == "" {
					return true
				}
			case 'o':
				return true
			}
		}
	}
	return false
}

var (
	someApplications = []string{"", "a", "b", "A", "a ", "ab"}
	someRoles        = append(Roles(), "", "Admin", "root")
)

func drawGrants(t *rapid.T, name string) []Grant {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Grant {
		return Grant{rapid.SampledFrom(someRoles).Draw(t, "role"), rapid.SampledFrom(someApplications).Draw(t, "application")}
	}), 0, 4).Draw(t, name)
}

func TestCanIsAsTheReferenceSays(t *testing.T) {
	actions := append(Actions(), "", "run", "run.", "RUN.READ", "run.delete")
	rapid.Check(t, func(t *rapid.T) {
		p := Principal{User: rapid.SampledFrom([]string{"", "bob"}).Draw(t, "user"), Grants: drawGrants(t, "grants")}
		a, app := rapid.SampledFrom(actions).Draw(t, "action"), rapid.SampledFrom(someApplications).Draw(t, "application")
		got, want := Can(p, a, app), may(p, a, app)
		if got != want {
			t.Fatalf("Can(%+v, %s, %q) is %v, the reference says %v", p, a, app, got, want)
		}
		if err := Check(p, a, app); (err == nil) != want {
			t.Fatalf("Check says %v", err)
		}
	})
}

// TestCanExhaustively goes through every single grant, action and application.
func TestCanExhaustively(t *testing.T) {
	n := 0
	for _, a := range Actions() {
		for _, role := range someRoles {
			for _, granted := range someApplications {
				for _, app := range someApplications {
					p := Principal{User: "bob", Grants: []Grant{{role, granted}}}
					if got, want := Can(p, a, app), may(p, a, app); got != want {
						t.Errorf("%v, %s, %q: %v, want %v", p.Grants, a, app, got, want)
					}
					n++
				}
			}
		}
	}
	if n != len(Actions())*len(someRoles)*36 {
		t.Errorf("%d cases", n)
	}
}

func TestReferenceKnowsAllActions(t *testing.T) {
	var named []Action
	for line := range strings.Lines(reference) {
		if words := strings.Fields(line); len(words) == 2 {
			named = append(named, Action(words[0]))
		}
	}
	if !slices.Equal(named, Actions()) {
		t.Errorf("%v\n%v", named, Actions())
	}
}

// TestWithin is about tokens: a token of these grants, of a user with those, may do what
// both may, for whatever both are.
func TestWithin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mine, given := drawGrants(t, "mine"), drawGrants(t, "given")
		a, app := rapid.SampledFrom(Actions()).Draw(t, "action"), rapid.SampledFrom(someApplications).Draw(t, "application")
		can := func(gs []Grant) bool { return Can(Principal{User: "bob", Grants: gs}, a, app) }
		both := Within(given, mine)
		want := can(mine) && can(given)
		if rule, _ := ruleOf(a); rule.scope == own {
			want = len(both) > 0 // of one's own, but nothing in common leaves nobody
		}
		if can(both) != want {
			t.Fatalf("%v within %v is %v, which is %v for %s in %q", given, mine, both, can(both), a, app)
		}
		if !slices.Equal(both, Within(mine, given)) || !slices.Equal(both, Normal(both)) || !Covers(mine, both) || !Covers(given, both) {
			t.Fatalf("%v within %v is %v", given, mine, both)
		}
		if can(Normal(mine)) != can(mine) {
			t.Fatalf("%v is not its normal form %v", mine, Normal(mine))
		}
	})
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		b, a string
		want bool
	}{
		{"admin", "viewer:x", true},
		{"admin:x", "viewer:x", true},
		{"viewer", "operator:x", false},
		{"operator:x", "viewer", false},
		{"operator:x viewer", "viewer operator:x", true},
		{"author:x operator:y", "operator:x operator:y", true},
		{"author:x", "author:x author:y", false},
		{"", "viewer", false},
		{"viewer", "", true},
	} {
		if got := Covers(grantsOf(t, c.b), grantsOf(t, c.a)); got != c.want {
			t.Errorf("%q covers %q: %v", c.b, c.a, got)
		}
	}
}

// grantsOf reads grants with a space between them.
func grantsOf(t *testing.T, s string) (all []Grant) {
	t.Helper()
	for _, word := range strings.Fields(s) {
		g, err := ParseGrant(word)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, g)
	}
	return all
}

func TestNormal(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "viewer viewer": "viewer", "operator viewer:x": "operator", "viewer author:b admin:a viewer:a": "viewer admin:a author:b",
	} {
		sameGrants(t, Normal(grantsOf(t, in)), grantsOf(t, want))
	}
	sameGrants(t, Normal([]Grant{{"boss", ""}, {"", "x"}}), nil)
}

func TestWithout(t *testing.T) {
	all := grantsOf(t, "viewer operator:x")
	left, ok := Without(all, Grant{Operator, "x"})
	if !ok {
		t.Error("not found")
	}
	sameGrants(t, left, grantsOf(t, "viewer"))
	left, ok = Without(all, Grant{Operator, "y"})
	if ok {
		t.Error("found")
	}
	sameGrants(t, left, all)
	sameGrants(t, all, grantsOf(t, "viewer operator:x"))
}

func TestParseGrant(t *testing.T) {
	for _, s := range []string{"viewer", "operator:x", "author:a:b", "admin:ä ö", "viewer: "} {
		g, err := ParseGrant(s)
		if err != nil || g.String() != s {
			t.Errorf("%q: %v, %v", s, g, err)
		}
	}
	for _, s := range []string{"", ":", "viewer:", "Viewer", " viewer", "root", ":x"} {
		if _, err := ParseGrant(s); fault.CodeOf(err) != fault.Usage || fault.HintOf(err) == "" {
			t.Errorf("%q: %v", s, err)
		}
	}
	if got := Texts(grantsOf(t, "viewer admin:x")); !slices.Equal(got, []string{"viewer", "admin:x"}) {
		t.Errorf("got %v", got)
	}
}

func TestCheck(t *testing.T) {
	bob := Principal{User: "bob", Grants: []Grant{{Viewer, "x"}}}
	for _, c := range []struct {
		p          Principal
		a          Action
		app        string
		code       fault.Code
		text, hint string
	}{
		{bob, RunRead, "x", "", "", ""},
		{bob, RunCancel, "x", fault.Forbidden, "user bob may not do run.cancel in application x", "ask an administrator for a role that may: operator"},
		{bob, RunSubmit, "", fault.Forbidden, "user bob may not do run.submit (run a registered workflow)", "ask an administrator for a role that may: operator for registered workflows, author for any"},
		{bob, RunInline, "", fault.Forbidden, "user bob may not do run.inline (run or check a workflow that is not registered)", "ask an administrator for a role that may: author"},
		{bob, WorkflowWrite, "", fault.Forbidden, "user bob may not do workflow.write (register a workflow, or a new version of it)", "ask an administrator for a role that may: author"},
		{bob, RunRead, "", fault.Forbidden, "user bob may not do run.read", "ask an administrator for a role that may: viewer"},
		{bob, AuditRead, "x", fault.Forbidden, "user bob may not do audit.read", "ask an administrator for a role that may: admin of all applications"},
		{bob, "run.steal", "x", fault.Forbidden, "user bob may not do run.steal", "ask an administrator for a role that may: there is none"},
		{Principal{Grants: []Grant{{Admin, ""}}}, RunRead, "x", fault.Unauthorized, "it is not known who asks", "log in, or send a valid token: Authorization: Bearer exe_…"},
	} {
		err := Check(c.p, c.a, c.app)
		if err == nil {
			if c.code != "" {
				t.Errorf("%s is allowed", c.a)
			}
			continue
		}
		if fault.CodeOf(err) != c.code || err.Error() != c.text || fault.HintOf(err) != c.hint {
			t.Errorf("%s: %s: %v → %s", c.a, fault.CodeOf(err), err, fault.HintOf(err))
		}
	}
}

// TestApplications agrees with Can about what a list may show.
func TestApplications(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Principal{User: rapid.SampledFrom([]string{"", "bob"}).Draw(t, "user"), Grants: drawGrants(t, "grants")}
		a := rapid.SampledFrom(append(Actions(), "none")).Draw(t, "action")
		rule, known := ruleOf(a)
		if known && rule.scope == own {
			t.Skip("not about applications")
		}
		all, some := Applications(p, a)
		if !slices.IsSorted(some) || all && some != nil {
			t.Fatalf("%v, %v", all, some)
		}
		if all != Can(p, a, "") {
			t.Fatalf("all: %v, but without application %v", all, !all)
		}
		for _, app := range someApplications[1:] {
			if shown := all || slices.Contains(some, app); shown != Can(p, a, app) {
				t.Fatalf("%s of %q: shown %v", a, app, shown)
			}
		}
	})
}

func sameGrants(t *testing.T, got, want []Grant) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestProviderName(t *testing.T) {
	for _, tt := range []struct{ claim, subject, want string }{
		{"ann", Subject("https://id.example.org", "1"), ""},
		{"ann", Subject("https://id.example.org", "2"), ""},
		{"ann", Subject("https://id.example.com", "1"), ""},
		{"a+n/ü", "x", "oidc+a_n___."},
		{"", "x", "oidc+."},
		{strings.Repeat("x", 500), "x", "oidc+" + strings.Repeat("x", 48) + "."},
	} {
		got := ProviderName(tt.claim, tt.subject)
		if CheckName("user", got) != nil || len(got) > MaxName || !strings.HasPrefix(got, tt.want) {
			t.Errorf("%q: %s", tt.claim, got)
		}
	}
	a, b, c := ProviderName("ann", "p 1"), ProviderName("ann", "p 2"), ProviderName("bob", "p 1")
	if a == b || a[len(a)-providerTag:] != c[len(c)-providerTag:] || CheckNewUser(a) == nil || CheckNewUser(Local) == nil || CheckNewUser("ann") != nil || CheckNewUser("a b") == nil {
		t.Error(a, b, c)
	}
}
