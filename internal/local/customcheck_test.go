package local_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// TestCustomChecks asks programs. Each has its input, its answer, and what it says for people.
func TestCustomChecks(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	const head = "TIME - INFO - job a, try 1 of 3\n"
	const end = "TIME - INFO - SUCCESS, exit code 0 after N s\n"
	tests := []struct {
		name  string
		check workflow.CustomCheck
		want  string // detail of the outcome; empty: passed
		log   string
	}{
		{
			name:  "passed",
			check: workflow.CustomCheck{Command: `cat >asked; echo "env $NAME" >&2; echo '{"ok": true}'`},
			log:   head + "TIME - INFO - check own: env data\nTIME - INFO - check own passed\n" + end,
		},
		{
			name:  "does not read",
			check: workflow.CustomCheck{Command: "true"},
			log:   head + "TIME - INFO - check own passed\n" + end,
		},
		{
			name:  "failed",
			check: workflow.CustomCheck{Command: `echo '{"ok": false, "message": "token '$MY_TOKEN'"}'; echo $MY_TOKEN >&2`},
			want:  "own: token ***",
			log:   head + "TIME - INFO - check own: ***\nTIME - ERROR - FAILED, precheck_failed; own: token *** after N s\n",
		},
		{
			name:  "arguments, without a shell",
			check: workflow.CustomCheck{Args: []string{"/bin/sh", "-c", `test "$0" = 'data x' && grep -q '"stage":"pre"'`, "${NAME} x"}},
			log:   head + "TIME - INFO - check own passed\n" + end,
		},
		{
			name:  "not there",
			check: workflow.CustomCheck{Args: []string{"./nowhere"}},
			want:  "own: its exit code is 127",
		},
		{
			name:  "takes too long",
			check: workflow.CustomCheck{Command: "exec sleep 60", Timeout: 100 * time.Millisecond},
			want:  "own: its command did not end by itself: TIMEOUT, timed out after 100ms",
		},
		{
			name:  "an answer without an end",
			check: workflow.CustomCheck{Command: "printf '{\"'; head -c 1000000 /dev/zero | tr '\\0' x"},
			want:  "own: its answer is longer than 65536 bytes",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wf := flow(t, "true")
			wf.Env = []workflow.Var{{Name: "NAME", Value: "data"}, {Name: "MY_TOKEN", Value: "geheim1234"}}
			tt.check.Name = "own"
			if tt.check.Timeout == 0 {
				tt.check.Timeout = time.Minute
			}
			wf.Checks = []workflow.CustomCheck{tt.check}
			wf.Jobs[0].PreChecks = checks(check("own", "file", "${NAME}.csv"))
			w := newWorld(t, wf)
			want := run.Outcome{State: run.Success, Reason: run.Exited}
			if tt.want != "" {
				want = run.Outcome{State: run.Failed, Reason: run.PrecheckFailed, Detail: tt.want, ExitCode: run.NoExitCode}
			}
			got := w.execute(1)
			if tt.name == "not there" { // the rest is what the shell says
				got.Detail, _, _ = strings.Cut(got.Detail, ": ./nowhere")
			}
			same(t, "outcome", got, want)
			if tt.log != "" {
				same(t, "log", w.log(), tt.log)
			}
			if left, _ := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "executioner-check-*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestCustomCheckIsAsked has a check that keeps what it is asked.
func TestCustomCheckIsAsked(t *testing.T) {
	wf := flow(t, "echo ran")
	wf.Checks = []workflow.CustomCheck{{Name: "own", Command: "cat >asked", Timeout: time.Minute}}
	wf.Jobs[0].PostChecks = checks(check("own", "x", "y"))
	w := newWorld(t, wf)
	same(t, "outcome", w.execute(2), run.Outcome{State: run.Success, Reason: run.Exited, Output: 4})
	b, err := os.ReadFile(w.path("asked"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"check":"own","params":{"x":"y"},"job":"a","run":7,"attempt":2,"try":2,"stage":"post","log_file":"` + wf.Jobs[0].LogDir, `"working_dir":"` + wf.WorkingDir + `"}`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
}

// TestCustomCheckSaysMuch keeps a job's log from being filled by a check.
func TestCustomCheckSaysMuch(t *testing.T) {
	wf := flow(t, "true")
	wf.Checks = []workflow.CustomCheck{{Name: "own", Command: "i=0; while [ $i -lt 300 ]; do echo line $i >&2; i=$((i+1)); done", Timeout: time.Minute}}
	wf.Jobs[0].PreChecks = checks(check("own"))
	w := newWorld(t, wf)
	same(t, "reason", w.execute(1).Reason, run.Exited)
	log := w.log()
	if !strings.Contains(log, "check own: line 199\nTIME - INFO - check own: more lines are left out\nTIME - INFO - check own passed\n") {
		t.Errorf("%.500s … %.300s", log, log[max(0, len(log)-300):])
	}
}
