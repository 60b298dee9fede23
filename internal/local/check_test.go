package local_test

import (
	"strings"
	"testing"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

func checks(cs ...workflow.Check) []workflow.Check { return cs }

func check(name string, params ...string) workflow.Check {
	c := workflow.Check{Name: name, Params: map[string]any{}}
	for i := 0; i < len(params); i += 2 {
		c.Params[params[i]] = params[i+1]
	}
	return c
}

// TestChecks runs jobs between checks. Each command says that it ran.
func TestChecks(t *testing.T) {
	const head = "TIME - INFO - job a, try 1 of 3\n"
	failed := func(reason run.Reason, detail string, exit int, output int64) run.Outcome {
		return run.Outcome{State: run.Failed, Reason: reason, Detail: detail, ExitCode: exit, Output: output}
	}
	tests := []struct {
		name    string
		command string
		job     workflow.Job // its checks
		want    run.Outcome
		log     string
	}{
		{
			name: "all pass", command: "echo ran; touch ${NAME}.out",
			job: workflow.Job{
				PreChecks:  checks(check("command", "command", `test "$NAME" = data`)),
				PostChecks: checks(check("check_file_exists", "path", "${NAME}.out"), check("log_matches", "pattern", "^ran$")),
			},
			want: run.Outcome{State: run.Success, Reason: run.Exited, Output: 4},
			log: head + "TIME - INFO - check command passed\nran\nTIME - INFO - check check_file_exists passed\n" +
				"TIME - INFO - check log_matches passed\nTIME - INFO - SUCCESS, exit code 0 after N s\n",
		},
		{
			name: "a pre-check fails", command: "echo ran",
			job:  workflow.Job{PreChecks: checks(check("command", "command", "echo not yet; exit 4"), check("command", "command", "touch second"))},
			want: failed(run.PrecheckFailed, "command: the command's exit code is 4: not yet", run.NoExitCode, 0),
			log:  head + "TIME - ERROR - FAILED, precheck_failed; command: the command's exit code is 4: not yet after N s\n",
		},
		{
			name: "a post-check fails", command: "echo ran",
			job:  workflow.Job{PostChecks: checks(check("check_file_exists", "path", "${NAME}.out"))},
			want: failed(run.PostcheckFailed, "check_file_exists: there is no file data.out", 0, 4),
			log:  head + "ran\nTIME - ERROR - FAILED, postcheck_failed; check_file_exists: there is no file data.out after N s\n",
		},
		{
			name: "a post-check is for commands that ended well", command: "exit 5",
			job:  workflow.Job{PostChecks: checks(check("command", "command", "touch second"))},
			want: failed(run.Exited, "", 5, 0),
			log:  head + "TIME - ERROR - FAILED, exit code 5 after N s\n",
		},
		{
			name: "a check takes too long", command: "echo ran",
			job:  workflow.Job{PreChecks: checks(check("command", "command", "echo waiting; exec sleep 60", "timeout", "0.1"))},
			want: failed(run.PrecheckFailed, "command: the command did not end by itself: TIMEOUT, timed out after 100ms: waiting", run.NoExitCode, 0),
		},
		{
			name: "a check is killed", command: "echo ran",
			job:  workflow.Job{PostChecks: checks(check("command", "command", "kill -KILL $$"))},
			want: failed(run.PostcheckFailed, "command: the command did not end by itself: FAILED, signal 9; ended by SIGKILL", 0, 4),
		},
		{
			name: "an unknown check", command: "echo ran",
			job:  workflow.Job{PreChecks: checks(check("check_file_exits"))},
			want: failed(run.PrecheckFailed, `check_file_exits: there is no check "check_file_exits"; did you mean "check_file_exists"?`, run.NoExitCode, 0),
		},
		{
			name: "a secret in a check's output", command: "echo ran",
			job:  workflow.Job{PreChecks: checks(check("command", "command", "echo $MY_TOKEN; exit 1"))},
			want: failed(run.PrecheckFailed, "command: the command's exit code is 1: ***", run.NoExitCode, 0),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wf := flow(t, tt.command)
			wf.Env = []workflow.Var{{Name: "NAME", Value: "data"}, {Name: "MY_TOKEN", Value: "geheim1234"}}
			wf.Jobs[0].PreChecks, wf.Jobs[0].PostChecks = tt.job.PreChecks, tt.job.PostChecks
			w := newWorld(t, wf)
			o := w.execute(1)
			same(t, "outcome", o, tt.want)
			if tt.log != "" {
				same(t, "log", w.log(), tt.log)
			}
			if w.exists("second") {
				t.Error("a check was made that must not be")
			}
			if ran := strings.Contains(w.log(), "ran\n"); ran == (o.Reason == run.PrecheckFailed) && tt.command != "exit 5" {
				t.Errorf("%s, and the command ran: %v", o.Reason, ran)
			}
		})
	}
}

// TestPostCheckSeesThisTryOnly has a first try whose output would fail the second.
func TestPostCheckSeesThisTryOnly(t *testing.T) {
	wf := flow(t, "test $EXECUTIONER_TRY = 2 || echo ORA-00942")
	wf.Jobs[0].PostChecks = checks(check("log_lacks", "pattern", "ORA-"))
	w := newWorld(t, wf)
	same(t, "first", w.execute(1).Reason, run.PostcheckFailed)
	same(t, "second", w.execute(2), run.Outcome{State: run.Success, Reason: run.Exited})
}

// TestCheckCommandWithoutAShell obeys allow_shell, too.
func TestCheckCommandWithoutAShell(t *testing.T) {
	wf := flow(t, "true")
	wf.AllowShell = false
	wf.Jobs[0].PreChecks = checks(check("command", "command", "true; touch second"))
	w := newWorld(t, wf)
	same(t, "reason", w.execute(1).Reason, run.PrecheckFailed)
	if w.exists("second") {
		t.Error("a shell ran it")
	}
}

// TestCheckOutputIsBounded has a check that writes much more than is kept.
func TestCheckOutputIsBounded(t *testing.T) {
	wf := flow(t, "true")
	wf.Jobs[0].PreChecks = checks(check("command", "command", "head -c 1000000 /dev/zero | tr '\\0' x; exit 1"))
	w := newWorld(t, wf)
	if o := w.execute(1); o.Reason != run.PrecheckFailed || len(o.Detail) > 5000 {
		t.Errorf("%s, %d bytes of detail", o.Reason, len(o.Detail))
	}
}

// TestCheckLeavesNobody has a check whose child would go on.
func TestCheckLeavesNobody(t *testing.T) {
	wf := flow(t, "true")
	wf.Jobs[0].PreChecks = commandCheck("sleep 60 >/dev/null 2>&1 & echo $! >pid")
	w := newWorld(t, wf)
	same(t, "outcome", w.execute(1), run.Outcome{State: run.Success, Reason: run.Exited})
	if alive(w.pid("pid")) {
		t.Error("the check's child goes on")
	}
}
