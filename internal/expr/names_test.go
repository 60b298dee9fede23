package expr

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func sampleNames() Names {
	return Names{
		Params:  map[string]Type{"mode": Text, "size": Whole, "ratio": Number, "flag": Truth, "regions": Texts},
		Secret:  map[string]bool{"pin": true},
		Jobs:    map[string]bool{"load": true, "part-1": true, "build[linux]": true, "sub/a": true},
		States:  []string{"SUCCESS", "FAILED", "SKIPPED"},
		Reasons: []string{"exit_code", "timed_out"},
	}
}

func TestNamesAndTypesOfConditions(t *testing.T) {
	tests := []struct{ text, want string }{
		{`params.m > 3`, `column 1: there is no parameter "m" (there are flag, mode, ratio, regions, size)`},
		{`true && params.mod == "x"`, `column 9: there is no parameter "mod" (did you mean mode?)`},
		{`params["mod"] == "x"`, `column 1: there is no parameter "mod" (did you mean mode?)`},
		{`params.pin == "1"`, `column 1: the parameter "pin" is secret, and conditions don't see it`},
		{`jobs.laod.state == "FAILED"`, `column 1: there is no job "laod" (did you mean load?)`},
		{`jobs["part_1"].state == "FAILED"`, `column 1: there is no job "part_1" (did you mean part-1?)`},
		{`jobs.nightly.exit_code == 1`, `column 1: there is no job "nightly" (there are build[linux], load, part-1, sub/a)`},
		{`jobs.build.state == "FAILED"`, `column 1: there is no job "build" (several jobs are made of it, such as jobs["build[linux]"])`},
		{`jobs.sub.state == "FAILED"`, `column 1: there is no job "sub" (several jobs are made of it, such as jobs["sub/a"])`},
		{`jobs.load.state == "OK"`, `column 20: "OK" is no state of a job (there are SUCCESS, FAILED, SKIPPED)`},
		{`"success" != jobs.load.state`, `column 1: "success" is no state of a job (did you mean SUCCESS?)`},
		{`jobs.load.state in ["FAILED", "TIMEDOUT"]`, `column 31: "TIMEDOUT" is no state of a job (there are SUCCESS, FAILED, SKIPPED)`},
		{`jobs.all(id, jobs[id].state == "OK")`, `column 32: "OK" is no state of a job (there are SUCCESS, FAILED, SKIPPED)`},
		{`jobs.load.reason == "timed-out"`, `column 21: "timed-out" is no reason of a job (did you mean timed_out?)`},
		{`jobs.load.reason == "bad luck"`, `column 21: "bad luck" is no reason of a job (docs/state-machine.md lists them)`},
		{`params.mode > 3`, `column 13: > does not go between string and int (convert with int(…) or string(…))`},
		{`params["mode"] > 3`, `column 16: > does not go between string and int (convert with int(…) or string(…))`},
		{`params.flag == "true"`, `column 13: == does not go between bool and string (write true and false without quotes)`},
		{`params.size == "3"`, `column 13: == does not go between int and string (convert with int(…) or string(…))`},
		{`!params.mode`, `column 1: ! can't be used with string (compare it, such as … == "yes")`},
		{`params.size`, `it is an int, not true or false`},
		{`params.flag && params.mode`, `column 22: this is a string, not true or false (compare it, such as … == "yes")`},
		{`params.size == 3.0 && jobs.load.state == "OK"`, `column 42: "OK" is no state of a job (there are SUCCESS, FAILED, SKIPPED)`},
		{`params.mode = "x"`, `column 13: = compares nothing (write ==)`},
		{`"` + strings.Repeat("a", MaxText) + `" == ""`, `it has 16392 bytes, more than the 16384 that are read`},
		{`params.size == 3.0 && params.mode == 4`, `column 35: == does not go between string and int (convert with int(…) or string(…))`},

		{`params.mode == "x" && params.size > 2 && params.ratio < 1 && params.flag`, ""},
		{`params.size == 3.0 || params.ratio == 1 || params.ratio > params.size`, ""},
		{`"eu" in params.regions && params.regions[0].startsWith("e")`, ""},
		{`has(params.other) && params.other == 1`, ""}, // whoever asks first may be wrong
		{`"x" in jobs && jobs.x.state == "FAILED"`, ""},
		{`jobs["part-1"].reason in ["", "timed_out"] && jobs.load.state != "SKIPPED"`, ""},
		{`params.all(p, params[p] != "")`, ""},
		{`env.anything == "x" && run.attempt > 1`, ""},
		{`jobs.load.outputs.state == "OK"`, ""}, // not that of the job
		{`int(params.mode) > 3 && date(params.mode) < now`, ""},
	}
	k := NewCompiler().Checker(sampleNames())
	for _, test := range tests {
		err := k.Condition(test.text)
		if got := fmt.Sprint(err); got != test.want && (err != nil || test.want != "") {
			t.Errorf("%s:\n got %s\nwant %s", test.text, got, test.want)
		}
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("%s: %T", test.text, err)
		}
	}
}

func TestConditionOfAWorkflowWithoutParams(t *testing.T) {
	k := NewCompiler().Checker(Names{})
	if got, want := fmt.Sprint(k.Condition(`params.x == 1`)), `column 1: there is no parameter "x" (the workflow has none: params declares them)`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := k.Condition(`run.attempt == 1`); err != nil {
		t.Error(err)
	}
}

// A text is looked at once, however many jobs have it.
func TestCheckerRemembers(t *testing.T) {
	k := NewCompiler().Checker(sampleNames())
	first := k.Condition(`params.m > 3`)
	if second := k.Condition(`params.m > 3`); first == nil || first != second { //nolint:errorlint // the same value is meant
		t.Errorf("%p, then %p", first, second)
	}
}
