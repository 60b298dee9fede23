package incident

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/executionerhq/executioner/internal/expr"
	"github.com/executionerhq/executioner/internal/run"
)

var t0 = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func when(t *testing.T, text string) *expr.Program {
	t.Helper()
	p, err := expr.NewCompiler().Event(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// script decides about events, written as "F run", "S run", "late run", "end run" (for the
// conditions), "remind minute", and returns what is told, a line for each step.
func script(t *testing.T, rules []Rule, steps ...string) string {
	t.Helper()
	var s State
	var out strings.Builder
	for i, step := range steps {
		var word string
		var n int
		if _, err := fmt.Sscan(step, &word, &n); err != nil {
			t.Fatal(step, err)
		}
		at := t0.Add(time.Duration(i) * time.Minute)
		e := Event{Kind: Ended, Application: "app", Run: run.ID(n), Attempt: 1, At: at, State: "FAILED"}
		var told []Message
		switch word {
		case "F":
			s, told = Decide(rules, s, e)
		case "S":
			e.State = "SUCCESS"
			s, told = Decide(rules, s, e)
		case "C":
			e.State = "CANCELLED"
			s, told = Decide(rules, s, e)
		case "late", "missed":
			e.Kind, e.State = Kind(word), ""
			s, told = Decide(rules, s, e)
		case "end":
			s, told = Recover(rules, s, e)
		case "remind":
			s, told = RemindOf(rules, s, t0.Add(time.Duration(n)*time.Minute))
		}
		s = Decode(s.Encode()) // what is forgotten between two steps can't matter
		fmt.Fprintf(&out, "%s:", step)
		for _, m := range told {
			fmt.Fprintf(&out, " %s by %s because %s;", m.Do, m.Rule, m.Why)
		}
		fmt.Fprintf(&out, " open %d, failures %d\n", s.Open(), s.Failures)
	}
	return out.String()
}

func TestDecide(t *testing.T) {
	for name, tt := range map[string]struct {
		rules []Rule
		steps string
		want  string
	}{
		"the second failure opens, the first success resolves": {
			[]Rule{{Name: "r", After: 2}}, "F 1,F 2,F 3,S 4,S 5,F 6", `
F 1: open 0, failures 1
F 2: open by r because it failed for the 2nd time in a row; open 1, failures 2
F 3: open 1, failures 3
S 4: resolve by r because it succeeded; open 0, failures 0
S 5: open 0, failures 0
F 6: open 0, failures 1
`,
		},
		"cancelled runs say nothing": {[]Rule{{Name: "r"}}, "C 1,F 2,C 3,S 4", `
C 1: open 0, failures 0
F 2: open by r because it failed; open 1, failures 1
C 3: open 1, failures 1
S 4: resolve by r because it succeeded; open 0, failures 0
`},
		"people are reminded, and not for what was missed": {[]Rule{{Name: "r", Remind: time.Hour}}, "F 1,remind 59,remind 60,remind 61,remind 600,remind 601,S 2,remind 9000", `
F 1: open by r because it failed; open 1, failures 1
remind 59: open 1, failures 1
remind 60: remind by r because it has been open since 2026-01-31T12:00:00Z; open 1, failures 1
remind 61: open 1, failures 1
remind 600: remind by r because it has been open since 2026-01-31T12:00:00Z; open 1, failures 1
remind 601: open 1, failures 1
S 2: resolve by r because it succeeded; open 0, failures 0
remind 9000: open 0, failures 0
`},
		"several rules": {[]Rule{{Name: "a", After: 3}, {Name: "b"}, {Name: "jobs", Of: Jobs}, {Name: "all", Of: All, After: 2}}, "F 1,F 2,F 3,S 4", `
F 1: open by b because it failed; open 1, failures 1
F 2: open by all because it failed for the 2nd time in a row; open 2, failures 2
F 3: open by a because it failed for the 3rd time in a row; open 3, failures 3
S 4: resolve by a because it succeeded; resolve by b because it succeeded; resolve by all because it succeeded; open 0, failures 0
`},
		"a condition": {[]Rule{{Name: "r", When: when(t, `failures >= 3 && application == "app" && kind == "ended" && size(tags) == 0`)}}, "F 1,F 2,F 3,S 4", `
F 1: open 0, failures 1
F 2: open 0, failures 2
F 3: open by r because it failed for the 3rd time in a row; open 1, failures 3
S 4: resolve by r because it succeeded; open 0, failures 0
`},
		"a condition that fails is told of": {[]Rule{{Name: "r", When: when(t, `tags[0] == "x"`)}}, "F 1", `
F 1: open by r because it failed; the rule's condition could not be evaluated: index out of bounds: 0; open 1, failures 1
`},
		"each": {[]Rule{{Name: "r", Each: true}, {Name: "s", Each: true, When: when(t, `state == "SUCCESS"`)}}, "F 1,F 2,S 3", `
F 1: event by r because rule r is about it; open 0, failures 1
F 2: event by r because rule r is about it; open 0, failures 2
S 3: event by s because rule s is about it; open 0, failures 0
`},
		"a run is late once, until it ends": {[]Rule{{Name: "r"}}, "late 1,late 1,end 1,late 2,end 2,end 3", `
late 1: open by r because it is late; open 1, failures 1
late 1: open 1, failures 1
end 1: resolve by r because run 1 ended FAILED; open 0, failures 1
late 2: open by r because it is late for the 2nd time in a row; open 1, failures 2
end 2: resolve by r because run 2 ended FAILED; open 0, failures 2
end 3: open 0, failures 0
`},
		"runs that don't begin": {[]Rule{{Name: "r", Each: true}}, "missed 0,missed 0", `
missed 0: event by r because rule r is about it; open 0, failures 1
missed 0: event by r because rule r is about it; open 0, failures 2
`},
	} {
		if got := script(t, tt.rules, strings.Split(tt.steps, ",")...); got != strings.TrimPrefix(tt.want, "\n") {
			t.Errorf("%s:\n%s", name, cmp.Diff(strings.TrimPrefix(tt.want, "\n"), got))
		}
	}
}

func TestRulesThatAreGone(t *testing.T) {
	s, _ := Decide([]Rule{{Name: "old", Remind: time.Minute}, {Name: "r"}}, State{}, Event{Kind: Ended, Run: 1, State: "FAILED", At: t0})
	if s.Open() != 2 {
		t.Fatal(s)
	}
	for name, next := range map[string]State{
		"decide": first(Decide([]Rule{{Name: "r"}}, s, Event{Kind: Ended, Run: 2, State: "FAILED", At: t0})),
		"remind": first(RemindOf([]Rule{{Name: "r"}}, s, t0.Add(time.Hour))),
		"end":    first(Recover([]Rule{{Name: "r"}}, s, Event{Kind: Ended, Run: 2, At: t0})),
	} {
		if _, there := next.Rules["old"]; there || !next.Due().IsZero() {
			t.Errorf("%s: %+v", name, next)
		}
	}
	if s, told := RemindOf([]Rule{{Name: "old"}, {Name: "r"}}, s, t0.Add(time.Hour)); len(told) != 0 || !s.Due().IsZero() {
		t.Errorf("a rule that reminds no more: %+v, %+v", s, told)
	}
}

func first(s State, _ []Message) State { return s }

// TestIncidentsAreClosed plays any events to any rules: each incident is opened once,
// reminded of only while it is open, and resolved once; a success leaves none open; the
// same decision has the same id, and no two have.
func TestIncidentsAreClosed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var rules []Rule
		for i := range rapid.IntRange(1, 3).Draw(t, "rules") {
			rules = append(rules, Rule{
				Name: fmt.Sprint("r", i), After: rapid.IntRange(0, 4).Draw(t, "after"), Remind: time.Duration(rapid.IntRange(0, 3).Draw(t, "remind")) * time.Minute,
			})
		}
		var s State
		open, ids := map[string]bool{}, map[string]bool{}
		for i := range rapid.IntRange(1, 40).Draw(t, "steps") {
			now := t0.Add(time.Duration(i) * time.Minute)
			var told []Message
			if rapid.Bool().Draw(t, "reminds") {
				s, told = RemindOf(rules, s, now)
			} else {
				e := Event{Kind: Ended, Run: run.ID(i), State: rapid.SampledFrom([]string{"FAILED", "TIMEOUT", "SUCCESS", "CANCELLED"}).Draw(t, "state"), At: now}
				was := s.Encode()
				s2, again := Decide(rules, s, e)
				if s, told = Decide(rules, s, e); string(s2.Encode()) != string(s.Encode()) || len(again) != len(told) || string(was) == "" {
					t.Fatal("decided otherwise the second time")
				}
				if e.Good() && s.Open() != 0 {
					t.Fatalf("open after a success: %+v", s)
				}
			}
			for _, m := range told {
				key := m.Rule
				if id := m.ID("n"); ids[id] {
					t.Fatalf("told twice: %+v", m)
				} else {
					ids[id] = true
				}
				if open[key] == (m.Do == Open) {
					t.Fatalf("%s although open is %v", m.Do, open[key])
				}
				open[key] = m.Do != Resolve
			}
			if s.Open() != count(open) {
				t.Fatalf("%d open, told of %d", s.Open(), count(open))
			}
		}
	})
}

func count(open map[string]bool) (n int) {
	for _, o := range open {
		if o {
			n++
		}
	}
	return n
}

func TestMessageIDs(t *testing.T) {
	base := Message{Do: Tell, Rule: "r", Event: Event{Kind: Ended, Application: "a", Run: 1, Attempt: 1, Seq: 3, Job: "j", At: t0}}
	ids := map[string]string{base.ID("n"): "itself", base.ID("m"): "another notifier"}
	for name, change := range map[string]func(*Message){
		"do": func(m *Message) { m.Do = Open }, "rule": func(m *Message) { m.Rule = "s" }, "incident": func(m *Message) { m.Incident = "i" },
		"reminder": func(m *Message) { m.Reminder = 1 }, "application": func(m *Message) { m.Event.Application = "b" },
		"run": func(m *Message) { m.Event.Run = 2 }, "attempt": func(m *Message) { m.Event.Attempt = 2 }, "seq": func(m *Message) { m.Event.Seq = 4 },
		"job": func(m *Message) { m.Event.Job = "k" }, "kind": func(m *Message) { m.Event.Kind = Missed },
		"expected": func(m *Message) { m.Event.Kind, m.Event.At = Missed, t0.Add(1) }, "parts": func(m *Message) { m.Rule, m.Event.Application = "", "ra" },
	} {
		m := base
		change(&m)
		if other, there := ids[m.ID("n")]; there {
			t.Errorf("%s has the id of %s", name, other)
		}
		ids[m.ID("n")] = name
	}
	seen := base
	seen.Event.At, seen.Why = t0.Add(time.Hour), "decided later"
	if seen.ID("n") != base.ID("n") {
		t.Error("the same event has two ids")
	}
}

func TestDecodeGarbage(t *testing.T) {
	for _, body := range []string{"", "null", "[]", "{", `{"failures":"x"}`} {
		if s := Decode([]byte(body)); !s.Empty() {
			t.Errorf("%s: %+v", body, s)
		}
	}
}

func TestNth(t *testing.T) {
	var got []string
	for _, n := range []int{1, 2, 3, 4, 10, 11, 12, 13, 21, 22, 23, 111, 112, 121} {
		got = append(got, nth(n))
	}
	if want := "1st 2nd 3rd 4th 10th 11th 12th 13th 21st 22nd 23rd 111th 112th 121st"; strings.Join(got, " ") != want {
		t.Error(got)
	}
}
