package local_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/local"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// TestOutcomes runs commands without checks: what the engine is told, and the log.
func TestOutcomes(t *testing.T) {
	const head = "TIME - INFO - job a, try 1 of 3\n"
	tests := []struct {
		name    string
		command string
		change  func(*workflow.Workflow)
		want    run.Outcome
		log     string
	}{
		{
			name: "success", command: "echo out; echo err >&2",
			want: run.Outcome{State: run.Success, Reason: run.Exited, Output: 8},
			log:  head + "out\nerr\nTIME - INFO - SUCCESS, exit code 0 after N s\n",
		},
		{
			name: "failure, without a line break at the end", command: "printf half; exit 3",
			want: run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 3, Output: 4},
			log:  head + "half\nTIME - ERROR - FAILED, exit code 3 after N s\n",
		},
		{
			name: "a signal", command: "kill -SEGV $$",
			want: run.Outcome{State: run.Failed, Reason: run.Signal, ExitCode: run.NoExitCode, Signal: 11, Detail: "ended by SIGSEGV"},
			log:  head + "TIME - ERROR - FAILED, signal 11; ended by SIGSEGV after N s\n",
		},
		{
			name: "a timeout", command: "echo before; exec sleep 60",
			change: func(wf *workflow.Workflow) { wf.Jobs[0].Timeout = 100 * time.Millisecond },
			want: run.Outcome{
				State: run.Timeout, Reason: run.TimedOut, ExitCode: run.NoExitCode, Signal: 15, Detail: "timed out after 100ms", Output: 7,
			},
			log: head + "before\nTIME - ERROR - TIMEOUT, timed out after 100ms; it took N s\n",
		},
		{
			name: "no shell", command: `printf '%s|' "two words" $HOME`,
			change: func(wf *workflow.Workflow) { wf.AllowShell = false },
			want: run.Outcome{
				State: run.Failed, Reason: run.StartFailed, ExitCode: run.NoExitCode,
				Detail: "a variable ($HOME) needs a shell at byte 26 of the command",
			},
		},
		{
			name: "no shell, and none needed", command: `printf '%s|' "two words" '$HOME' \;`,
			change: func(wf *workflow.Workflow) { wf.AllowShell = false },
			want:   run.Outcome{State: run.Success, Reason: run.Exited, Output: 18},
			log:    head + "two words|$HOME|;|\nTIME - INFO - SUCCESS, exit code 0 after N s\n",
		},
		{
			name: "no such program", command: "no-such-program",
			change: func(wf *workflow.Workflow) {
				wf.AllowShell = false
				wf.Env = []workflow.Var{{Name: "PATH", Value: "/bin"}}
			},
			want: run.Outcome{
				State: run.Failed, Reason: run.StartFailed, ExitCode: run.NoExitCode, Detail: "cannot start no-such-program: not found in PATH (/bin)",
			},
			log: head + "TIME - ERROR - FAILED, start_failed; cannot start no-such-program: not found in PATH (/bin) after N s\n",
		},
		{
			name: "no such program, with a shell", command: "no-such-program 2>/dev/null",
			want: run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 127},
			log:  head + "TIME - ERROR - FAILED, exit code 127 after N s\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wf := flow(t, tt.command)
			if tt.change != nil {
				tt.change(wf)
			}
			w := newWorld(t, wf)
			same(t, "outcome", w.execute(1), tt.want)
			if tt.log != "" {
				same(t, "log", w.log(), tt.log)
			}
		})
	}
}

func TestWarningIsInTheLog(t *testing.T) {
	wf := flow(t, "true")
	wf.Env = []workflow.Var{{Name: "A", Value: "${B}"}, {Name: "B", Value: "${A}"}}
	w := newWorld(t, wf)
	w.execute(1)
	if !strings.Contains(w.log(), "\nTIME - WARNING - ") {
		t.Errorf("no warning in:\n%s", w.log())
	}
}

// TestEmptyCommand neither starts a process nor makes a log.
func TestEmptyCommand(t *testing.T) {
	w := newWorld(t, flow(t, ""))
	same(t, "outcome", w.execute(1), run.Outcome{State: run.Success, Reason: run.EmptyCommand})
	if w.exists("logs") {
		t.Error("there is a log directory")
	}
}

func TestTriesShareALog(t *testing.T) {
	w := newWorld(t, flow(t, `echo "this is $EXECUTIONER_TRY"; test $EXECUTIONER_TRY = 2`))
	same(t, "first", w.execute(1), run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 1, Output: 10})
	same(t, "second", w.execute(2), run.Outcome{State: run.Success, Reason: run.Exited, Output: 10})
	same(t, "log", w.log(), `TIME - INFO - job a, try 1 of 3
this is 1
TIME - ERROR - FAILED, exit code 1 after N s
TIME - INFO - job a, try 2 of 3
this is 2
TIME - INFO - SUCCESS, exit code 0 after N s
`)
}

// TestEnvironment compares all that a job sees, which is what is declared, in order of
// precedence, and who it is.
func TestEnvironment(t *testing.T) {
	wf := flow(t, "env")
	wf.AllowShell = false
	wf.Inherit = workflow.Inherit{Names: []string{"PATH", "A", "NOT_THERE"}}
	wf.Env = []workflow.Var{{Name: "B", Value: "app"}, {Name: "C", Value: "app and ${A}"}}
	wf.Jobs[0].Env = []workflow.Var{{Name: "B", Value: "job"}, {Name: "D", Value: "job"}}
	w := newWorld(t, wf, func(c *local.Config) {
		c.Environ = append(c.Environ, "A=caller", "B=caller", "OTHER=caller")
		c.Overrides = []workflow.Var{{Name: "D", Value: "given"}}
		c.Scope = "scope"
	})
	w.execute(1)
	got := strings.Split(strings.TrimSpace(w.log()), "\n")
	got = got[1 : len(got)-1]
	slices.Sort(got)
	want := []string{
		"A=caller", "B=job", "C=app and caller", "D=given",
		"EXECUTIONER_ATTEMPT=2", "EXECUTIONER_JOB=a", "EXECUTIONER_OUTPUT=" + outputPath(wf, "scope/7/2/a/1"), "EXECUTIONER_RUN=7", "EXECUTIONER_TASK=scope/7/2/a/1", "EXECUTIONER_TRY=1",
		"PATH=" + os.Getenv("PATH"),
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestInherited(t *testing.T) {
	got := local.Inherited([]string{
		"A=1", "EXECUTIONER_TASK=x/1/1/a/1", "EXECUTIONER_RUN=1", "EXECUTIONER_ATTEMPT=1", "EXECUTIONER_JOB=a", "EXECUTIONER_TRY=1",
		"EXECUTIONER_OUTPUT=/x", "EXECUTIONER_DATABASE=/db", "EXECUTIONER_TASKS=mine",
	})
	if want := []string{"A=1", "EXECUTIONER_DATABASE=/db", "EXECUTIONER_TASKS=mine"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestStandardInputIsEmpty shows that a job that reads does not wait for the terminal.
func TestStandardInputIsEmpty(t *testing.T) {
	w := newWorld(t, flow(t, "wc -c"))
	w.execute(1)
	same(t, "log", w.log(), "TIME - INFO - job a, try 1 of 3\n0\nTIME - INFO - SUCCESS, exit code 0 after N s\n")
}

// TestSecrets are hidden wherever they come from: application, job, caller, --env.
func TestSecrets(t *testing.T) {
	wf := flow(t, "echo $APP_TOKEN $DB_PASSWORD $CALLER_SECRET $GIVEN_KEY; echo $DB_PASSWORD | base64")
	wf.Env = []workflow.Var{{Name: "APP_TOKEN", Value: "geheim-app"}}
	wf.Jobs[0].Env = []workflow.Var{{Name: "DB_PASSWORD", Value: "geheim-job"}}
	w := newWorld(t, wf, func(c *local.Config) {
		c.Environ = append(c.Environ, "CALLER_SECRET=geheim-caller")
		c.Overrides = []workflow.Var{{Name: "GIVEN_KEY", Value: "geheim-given"}}
	})
	w.execute(1)
	want := "TIME - INFO - job a, try 1 of 3\n*** *** *** ***\n"
	if got := w.log(); !strings.HasPrefix(got, want) || strings.Contains(got, "Z2VoZWlt") {
		t.Errorf("got\n%s", got)
	}
}

// TestSecretsOfOtherJobs has what another job keeps secret in a log and in what is said of the
// job, and leaves what it hands on as it is: other jobs work with that.
func TestSecretsOfOtherJobs(t *testing.T) {
	others := []string{"geheim-other"}
	for range 1000 { // which is all that are looked for
		others = append(others, "x")
	}
	for _, tt := range []struct {
		name   string
		others []string
		want   string
	}{
		{"some", others[:1], "*** ***"},
		{"too many", others, "geheim-other ***"},
	} {
		for _, own := range [][]workflow.Var{nil, {{Name: "OWN", Value: "x"}}} { // shared with other jobs, and not
			wf := flow(t, "echo geheim-other $APP_TOKEN; echo v=geheim-other >$EXECUTIONER_OUTPUT")
			wf.Env = []workflow.Var{{Name: "APP_TOKEN", Value: "geheim-app"}}
			wf.Jobs[0].Env = own
			wf.Jobs[0].PostChecks = []workflow.Check{{Name: "check_file_exists", Params: map[string]any{"path": "/geheim-other"}}}
			w := newWorld(t, wf, func(c *local.Config) { c.Secrets = func() []string { return tt.others } })
			o := w.execute(1)
			hidden := strings.Contains(tt.want, "geheim") == strings.Contains(o.Detail, "geheim")
			if log := w.log(); !strings.Contains(log, "\n"+tt.want+"\n") || !hidden || strings.Contains(log, "geheim") != strings.Contains(tt.want, "geheim") {
				t.Errorf("%s: %+v\n%s", tt.name, o, log)
			}
			wf.Jobs[0].PostChecks = nil
			if o := w.execute(2); o.Values != `{"v":"geheim-other"}` {
				t.Errorf("%s: it handed on %s", tt.name, o.Values)
			}
		}
	}
}

// TestSecretInTwoWrites has a secret whose first half is read, and could have been
// written, before the second half is there.
func TestSecretInTwoWrites(t *testing.T) {
	wf := flow(t, "printf 'before gehe'; while ! test -e go; do sleep 0.01; done; printf 'im1234 after'")
	wf.Env = []workflow.Var{{Name: "MY_TOKEN", Value: "geheim1234"}}
	w := newWorld(t, wf)
	ended := w.begin(1)
	const head = "TIME - INFO - job a, try 1 of 3\n"
	w.eventually("the first half is read", func() bool {
		return w.exists("logs/executioner.app.job-a.run-7.log") && strings.Contains(w.log(), "before")
	})
	same(t, "log meanwhile", w.log(), head+"before ")
	w.write("go", "")
	same(t, "outcome", w.end(ended), run.Outcome{State: run.Success, Reason: run.Exited, Output: 23})
	same(t, "log", w.log(), head+"before *** after\nTIME - INFO - SUCCESS, exit code 0 after N s\n")
}

// TestDetailIsMasked has a secret in what the system says about a start.
func TestDetailIsMasked(t *testing.T) {
	wf := flow(t, "geheim1234")
	wf.AllowShell = false
	wf.Env = []workflow.Var{{Name: "MY_TOKEN", Value: "geheim1234"}, {Name: "PATH", Value: "/bin"}}
	w := newWorld(t, wf)
	same(t, "outcome", w.execute(1), run.Outcome{
		State: run.Failed, Reason: run.StartFailed, ExitCode: run.NoExitCode, Detail: "cannot start ***: not found in PATH (/bin)",
	})
	if strings.Contains(w.log(), "geheim") {
		t.Errorf("the secret is in the log:\n%s", w.log())
	}
}

// TestLogCannotBeWritten has a file where the log's directory should be, and a secret
// in its name. The command is not run.
func TestLogCannotBeWritten(t *testing.T) {
	wf := flow(t, "touch ran")
	wf.Env = []workflow.Var{{Name: "MY_TOKEN", Value: "geheim1234"}}
	w := newWorld(t, wf)
	w.write("geheim1234", "")
	wf.Jobs[0].LogDir = w.path("geheim1234")
	o := w.execute(1)
	detail := o.Detail
	o.Detail = ""
	same(t, "outcome", o, run.Outcome{State: run.Failed, Reason: run.StartFailed, ExitCode: run.NoExitCode})
	want := "its log can't be written: " + w.path("***") + "/executioner.app.job-a.run-7.log: can't open the log file: not a directory"
	same(t, "detail", detail, want)
	if w.exists("ran") {
		t.Error("the command was run")
	}
}

// TestOutputLimit keeps the beginning and the end, and says how much is missing between.
// The line of ours at the top counts as part of the beginning.
func TestOutputLimit(t *testing.T) {
	wf := flow(t, "seq 1 2000")
	wf.Jobs[0].OutputLimit = 1024
	w := newWorld(t, wf)
	var all strings.Builder
	for i := range 2000 {
		fmt.Fprintln(&all, i+1)
	}
	output := all.String()
	first := len("2026-01-31 12:00:00 - INFO - job a, try 1 of 3\n")
	head, tail := output[:512-first], output[len(output)-512:]
	dropped := len(output) - len(head) - len(tail)
	same(t, "outcome", w.execute(1), run.Outcome{State: run.Success, Reason: run.Exited, Output: int64(len(output)), Dropped: int64(dropped)})
	same(t, "log", w.log(), fmt.Sprintf(`TIME - INFO - job a, try 1 of 3
%s
... %d bytes of output left out here (output_limit is 1024 bytes) ...
%sTIME - INFO - SUCCESS, exit code 0 after N s
`, head, dropped, tail))
}

func TestLeftover(t *testing.T) {
	const command = "sleep 60 >/dev/null 2>&1 & echo $! >pid"
	t.Run("leave", func(t *testing.T) {
		w := newWorld(t, flow(t, command))
		o := w.execute(1)
		pid := w.pid("pid")
		same(t, "outcome", o, run.Outcome{State: run.Success, Reason: run.Exited, Detail: fmt.Sprintf("still running: pid %d", pid), Survivors: 1})
		if !alive(pid) {
			t.Error("it was ended")
		}
		kill(t, pid)
	})
	t.Run("kill", func(t *testing.T) {
		wf := flow(t, command)
		wf.Jobs[0].Leftover = workflow.KillLeftover
		w := newWorld(t, wf)
		same(t, "outcome", w.execute(1), run.Outcome{State: run.Success, Reason: run.Exited})
		if alive(w.pid("pid")) {
			t.Error("it goes on")
		}
	})
}

// TestRelativeProgram is looked up in the working directory of the workflow.
func TestRelativeProgram(t *testing.T) {
	wf := flow(t, "./tool x")
	wf.AllowShell = false
	w := newWorld(t, wf)
	if err := os.WriteFile(w.path("tool"), []byte("#!/bin/sh\necho \"$1 in $PWD\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.execute(1)
	same(t, "log", w.log(), "TIME - INFO - job a, try 1 of 3\nx in "+w.wf.WorkingDir+"\nTIME - INFO - SUCCESS, exit code 0 after N s\n")
}

// TestManyAtOnce runs tasks side by side, each with its own outcome.
func TestManyAtOnce(t *testing.T) {
	wf := flow(t, "exit $EXECUTIONER_TRY")
	w := newWorld(t, wf)
	var all []<-chan run.Outcome
	for try := range 40 {
		all = append(all, w.begin(try+1))
	}
	for try, ended := range all {
		same(t, "exit code", w.end(ended).ExitCode, try+1)
		if len(ended) != 0 {
			t.Error("a second outcome")
		}
	}
	if got := strings.Count(w.log(), ", exit code "); got != 40 {
		t.Errorf("%d ends in the log", got)
	}
}
