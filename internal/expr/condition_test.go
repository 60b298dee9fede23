package expr

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// sample is what the conditions of these tests see.
func sample() map[string]any {
	return map[string]any{
		"params": map[string]any{"mode": "full", "count": 3, "ratio": 0.5, "dry": false, "regions": []any{"eu", "us"}},
		"env":    map[string]string{"STAGE": "live"},
		"jobs": map[string]any{
			"load":   map[string]any{"state": "FAILED", "reason": "exit_code", "exit_code": 3, "outputs": map[string]any{"rows": 12}},
			"part-1": map[string]any{"state": "SUCCESS"},
		},
		"now": time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC), // a Sunday
		"run": map[string]any{"id": 7, "attempt": 2},
	}
}

func TestConditions(t *testing.T) {
	tests := map[string]bool{
		`true`:                                                     true,
		`params.mode == "full"`:                                    true,
		`params["mode"] in ["delta", "none"]`:                      false,
		`params.count > 2 && params.ratio < 1`:                     true,
		`!params.dry`:                                              true,
		`params.dry`:                                               false,
		`"eu" in params.regions`:                                   true,
		`has(params.other)`:                                        false,
		`"other" in params`:                                        false,
		`env.STAGE.lowerAscii() == "live"`:                         true,
		`env.STAGE.startsWith("l")`:                                true,
		`env.STAGE.matches("^l.v.$")`:                              true,
		`jobs.load.state == "FAILED"`:                              true,
		`jobs.load.exit_code in [3, 4]`:                            true,
		`jobs.load.reason == "exit_code"`:                          true,
		`jobs.load.outputs.rows > 10`:                              true,
		`jobs["part-1"].state == "SUCCESS"`:                        true,
		`jobs["part-1"].exit_code == 0`:                            true, // not there: empty
		`has(jobs["part-1"].exit_code)`:                            false,
		`size(jobs["part-1"].outputs) == 0`:                        true,
		`jobs.all(id, jobs[id].state != "")`:                       true,
		`now.getDayOfWeek() == 0`:                                  true,
		`now.getHours("Europe/Berlin") == 0`:                       true,
		`now > date("2026-11-22")`:                                 true,
		`now - duration("1h") < timestamp("2026-11-22T23:00:00Z")`: true,
		`run.attempt > 1 && run.id == 7`:                           true,
		`params.count == 3.0`:                                      true,

		`"a,b".split(",").join("-") == "a-b" && ["a", "b"].join() == "ab"`: true,

		`"aXbX".replace("X", "") == "ab"`:                                                   true,
		`" a ".trim().upperAscii() == "A" && "abc".substring(1) == "bc"`:                    true,
		`"abc".indexOf("c") == 2 && "abca".lastIndexOf("a") == 3 && "abc".charAt(0) == "a"`: true,
		`"é".size() == 1`: true,
	}
	c := NewCompiler()
	for text, want := range tests {
		p, err := c.Condition(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := p.Bool(sample()); got != want || err != nil {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
		if p.Text() != text {
			t.Errorf("text is %q, want %q", p.Text(), text)
		}
	}
}

func TestWrongConditions(t *testing.T) {
	const quoted = `; texts are in quotes)`
	const names = `(there are env, jobs, now, params, run` + quoted
	tests := []struct{ text, want string }{
		{``, `it is empty`},
		{" \n", `it is empty`},
		{`jobs.load.stat == "FAILED"`, `column 10: there is no field "stat" (did you mean state?)`},
		{`run.id > 3 && run.attemp == 1`, `column 18: there is no field "attemp" (did you mean attempt?)`},
		{`run.colour == 1`, `column 4: there is no field "colour"`},
		{`jobz.load.state == "x"`, `column 1: there is no variable or function "jobz" (did you mean jobs?)`},
		{`x.y.z`, `column 1: there is no variable or function "x" ` + names},
		{`params.mode == complete`, `column 16: there is no variable or function "complete" ` + names},
		{`params.mode.startWith("a")`, `column 22: there is no variable or function "startWith" (did you mean startsWith?)`},
		{"true\n && fals", `line 2, column 5: there is no variable or function "fals" (did you mean false?)`},
		{`jobs.load.exit_code > "3"`, `column 21: > does not go between int and string (convert with int(…) or string(…))`},
		{`now > "2026-01-01"`, `column 5: > does not go between timestamp and string (write a time as timestamp("2026-01-31T00:00:00Z"))`},
		{`now - now > 3`, `column 11: > does not go between duration and int (write a duration as duration("1h30m"))`},
		{`!env.STAGE`, `column 1: ! can't be used with string (compare it, such as … == "yes")`},
		{`env.STAGE && true`, `column 4: this is a string, not true or false (compare it, such as … == "yes")`},
		{`env.STAGE`, `it is a string, not true or false (compare it, such as … == "yes")`},
		{`[1]`, `it is a list(int), not true or false (test its size, such as size(…) > 0)`},
		{`now`, `it is a timestamp, not true or false`},
		{`env.STAGE = "live"`, `column 11: = compares nothing (write ==)`},
		{`true and true`, `column 6: unexpected and (and is written &&, or is ||, not is !)`},
		{`${STAGE} == "live"`, `column 1: unexpected $ (variables are written without $: env.NAME or params.name)`},
		{`a b`, `column 3: unexpected b`},
		{`env.STAGE == "live`, `column 14: a text that begins with " has no end`},
		{`(true`, `column 6: it ends too early`},
		{`true &&`, `column 8: it ends too early`},
		{`é == `, `column 1: unexpected é`},
		{`env.STAGE.matches("(")`, `column 19: invalid matches argument`},
		{`now - duration("abc") > now`, `column 16: invalid duration argument`},
		{`google.protobuf.Any{} == null`, `column 20: there is no variable or function "google.protobuf.Any" ` + names},
		{`"` + strings.Repeat("a", MaxText) + `" == ""`, `it has 16392 bytes, more than the 16384 that are read`},
	}
	c := NewCompiler()
	for _, test := range tests {
		_, err := c.Condition(test.text)
		if err == nil || err.Error() != test.want {
			t.Errorf("%.60s:\n got %v\nwant %s", test.text, err, test.want)
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%.60s: %T", test.text, err)
		}
	}
}

func TestConditionsThatFail(t *testing.T) {
	tests := []struct{ text, want string }{
		{`params.mod == "full"`, `there is no "mod" (did you mean mode?)`},
		{`jobs.lod.state == ""`, `there is no "lod" (did you mean load?)`},
		{`params.xyz == 1`, `there is no "xyz" (ask first whether it is there: "xyz" in …, or has(….xyz))`},
		{`params.mode`, `it is a string, not true or false (compare it, such as … == "yes")`},
		{`params.mode + 1 == 2`, `it compares or joins values of different types (convert with int(…), double(…) or string(…))`},
		{`now > date("2026-02-30")`, `date("2026-02-30"): write it as 2026-01-31`},
		{`Run{id: 3}.id == 3`, `Run can't be made in an expression`},
		{`1 / (params.count - 3) == 0`, `division by zero`},
		{`"` + strings.Repeat("x", 3000) + `".split("").all(a, env.all(b, params.all(c, jobs.all(d, params.all(e, params.all(f, b != ""))))))`, `it takes too long: it was stopped`},
		{`["xxxx"].map(a, a.replace("x", a)).map(a, a.replace("x", a)).map(a, a.replace("x", a)).map(a, a.replace("x", a)) == []`, `replace makes a text of more than 1048576 bytes`},
		{`"` + strings.Repeat("x", 8000) + `".split("").map(a, "` + strings.Repeat("y", 1000) + `").join() == ""`, `join makes a text of more than 1048576 bytes`},
	}
	c := NewCompiler()
	for _, test := range tests {
		p, err := c.Condition(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if holds, err := p.Bool(sample()); holds || err == nil || err.Error() != test.want {
			t.Errorf("%s:\n got %v\nwant %s", test.text, err, test.want)
		}
	}
}

// Hostile expressions end soon, whatever they are made of.
func TestBombs(t *testing.T) {
	tests := []string{
		strings.Repeat("(", 8000) + "true" + strings.Repeat(")", 8000),
		strings.Repeat("!", 16000) + "true",
		"true" + strings.Repeat(" && true", 2000),
		strings.Repeat("[", 8000),
		"env.STAGE.matches('" + strings.Repeat("(a{100}){100}", 100) + "')",
		`["x"].map(a, a + a + a + a).map(a, a + a + a + a).map(a, ` + strings.Repeat("a + ", 3000) + `a).all(a, a.replace("x", "yyyyyyyyyyyyyyyyyyyyyyyy").size() > 0)`,
	}
	c := NewCompiler()
	for _, text := range tests {
		p, err := c.Condition(text)
		if err == nil {
			_, err = p.Bool(sample())
		}
		t.Logf("%.40s: %v", text, err)
	}
}

func TestConstant(t *testing.T) {
	tests := map[string]string{
		`true`:                              "true",
		`1 > 2`:                             "false",
		`false && params.x == 1`:            "false",
		`params.x == 1 || true`:             "true",
		`params.x == 1`:                     "varies",
		`now < now`:                         "varies",
		`jobs.a.state == "x" && run.id > 3`: "varies",
		`1 / 0 == 1`:                        "varies", // it fails, which is told when it is evaluated
		`"a" in env`:                        "varies",
		`[1, 2].exists(x, x > 5)`:           "false",
	}
	c := NewCompiler()
	for text, want := range tests {
		p, err := c.Condition(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := "varies"
		if value, constant := p.Constant(); constant {
			got = fmt.Sprint(value)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestUses(t *testing.T) {
	tests := []struct{ text, want string }{
		{`true`, "[] false"},
		{`params.b == params.a`, "[a b] false"},
		{`params["x y"] == 1 && "z" in params && has(params.w)`, "[w x y z] false"},
		{`params.a == params[params.b]`, "[a b] true"},
		{`params.all(p, params[p] != "")`, "[] true"},
		{`size(params) > 0 || params.a.b.c`, "[a] true"},
		{`"x" in ["params"] && [1].exists(params, params == 1)`, "[] true"}, // a name that hides the variable counts: harmless
		{`params in [{"a": 1}]`, "[] true"},
	}
	c := NewCompiler()
	for _, test := range tests {
		p, err := c.Condition(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		names, whole := p.Uses("params")
		if got := fmt.Sprint(names, whole); got != test.want {
			t.Errorf("%s: %s, want %s", test.text, got, test.want)
		}
	}
}

func TestConcurrent(t *testing.T) {
	c := NewCompiler()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			p, err := c.Condition(`params.mode == "full"`)
			if err != nil {
				t.Error(err)
				return
			}
			for range 100 {
				if holds, err := p.Bool(sample()); !holds || err != nil {
					t.Error(holds, err)
				}
			}
		})
	}
	all.Wait()
}

func FuzzCondition(f *testing.F) {
	for _, seed := range []string{`params.mode == "full"`, `jobs.load.exit_code in [1, 2]`, `now > date("2026-01-01") && has(env.X)`, `"\u00`, "a\n\r\n=", `[1].map(x, x)`} {
		f.Add(seed)
	}
	c := NewCompiler()
	f.Fuzz(func(t *testing.T, text string) {
		p, err := c.Condition(text)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		_, _ = p.Bool(sample())
		p.Constant()
		p.Uses("params")
	})
}
