package local_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/local"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// outputPath is the file in which a task with that cookie leaves what it hands on.
func outputPath(wf *workflow.Workflow, cookie string) string {
	sum := sha256.Sum256([]byte(cookie))
	return filepath.Join(wf.LogDir, "executioner.output-"+hex.EncodeToString(sum[:16]))
}

const logHead = "TIME - INFO - job a, try 1 of 3\n"

// TestHandsOn has commands that write their output file.
func TestHandsOn(t *testing.T) {
	const unreadable = "what it wrote to EXECUTIONER_OUTPUT can't be read: "
	tests := []struct {
		name    string
		command string
		values  run.Values
		detail  string // of a failure
	}{
		{"nothing", `true`, "", ""},
		{"an empty file", `: >"$EXECUTIONER_OUTPUT"`, "", ""},
		{"lines", `printf 'rows=3\n\n# no=1\r\nfile=a=b \r\nrows=4' >"$EXECUTIONER_OUTPUT"`, `{"file":"a=b ","rows":"4"}`, ""},
		{"an object", `echo ' {"rows": 3.50, "ok": true, "t": "a\"b"}' >"$EXECUTIONER_OUTPUT"`, `{"ok":"true","rows":"3.50","t":"a\"b"}`, ""},
		{"a secret", `echo "t=my $API_TOKEN!" >"$EXECUTIONER_OUTPUT"`, `{"t":"my ***!"}`, ""},
		{"64 KiB", `(printf a=; head -c 65534 /dev/zero | tr '\0' x) >"$EXECUTIONER_OUTPUT"`, run.Values(`{"a":"` + strings.Repeat("x", 65534) + `"}`), ""},
		{"more", `(printf a=; head -c 65535 /dev/zero | tr '\0' x) >"$EXECUTIONER_OUTPUT"`, "", "it has more than 65536 bytes"},
		{"no line", `printf 'a=1\nrows' >"$EXECUTIONER_OUTPUT"`, "", "line 2 is not NAME=VALUE"},
		{"a bad name", `echo '1a=1' >"$EXECUTIONER_OUTPUT"`, "", `line 1: "1a" is not a name: letters, digits and _ make one, and no digit begins it`},
		{"NUL", `printf 'a=\0' >"$EXECUTIONER_OUTPUT"`, "", "line 1: the value of a has a NUL byte"},
		{"not UTF-8", `printf 'a=\377' >"$EXECUTIONER_OUTPUT"`, "", "it is not UTF-8"},
		{"lists", `echo '{"a": ["x, y", 1, true], "b": []}' >"$EXECUTIONER_OUTPUT"`, `{"a":"[\"x, y\",\"1\",\"true\"]","b":"[]"}`, ""},
		{"a list of lists", `echo '{"a": [[]]}' >"$EXECUTIONER_OUTPUT"`, "", `"a": a list or an object is not a plain value`},
		{"an object in it", `echo '{"a": {}}' >"$EXECUTIONER_OUTPUT"`, "", `"a": a list or an object is not a plain value`},
		{"half a list", `echo '{"a": [1' >"$EXECUTIONER_OUTPUT"`, "", `"a": EOF`},
		{"null", `echo '{"a": null}' >"$EXECUTIONER_OUTPUT"`, "", `"a": null is not a value`},
		{"a bad name in an object", `echo '{"a-b": 1}' >"$EXECUTIONER_OUTPUT"`, "", `"a-b" is not a name: letters, digits and _ make one, and no digit begins it`},
		{"half an object", `echo '{"a": 1' >"$EXECUTIONER_OUTPUT"`, "", "EOF"},
		{"half a pair", `echo '{"a"' >"$EXECUTIONER_OUTPUT"`, "", "EOF"},
		{"more than an object", `echo '{"a": 1} x' >"$EXECUTIONER_OUTPUT"`, "", "something follows the object"},
		{"a directory", `mkdir "$EXECUTIONER_OUTPUT"`, "", "it is not a plain file"},
		{"a link", `echo a=1 >other; ln -s "$PWD/other" "$EXECUTIONER_OUTPUT"`, "", "it is not a plain file"},
		{"a pipe", `mkfifo "$EXECUTIONER_OUTPUT"`, "", "it is not a plain file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wf := flow(t, tt.command)
			wf.Env = []workflow.Var{{Name: "API_TOKEN", Value: "geheim"}}
			w := newWorld(t, wf)
			want := run.Outcome{State: run.Success, Reason: run.Exited, Values: tt.values}
			log := logHead + "TIME - INFO - SUCCESS, exit code 0 after N s\n"
			if tt.detail != "" {
				want.State, want.Reason, want.Detail = run.Failed, run.OutputInvalid, unreadable+tt.detail
				log += "TIME - ERROR - FAILED, output_invalid; " + want.Detail + " after N s\n"
			}
			same(t, "outcome", w.execute(1), want)
			same(t, "log", w.log(), log)
		})
	}
}

// TestHandsOnNothingAfterFailure: values count for a try that succeeds, checks included.
func TestHandsOnNothingAfterFailure(t *testing.T) {
	wf := flow(t, `echo a=1 >"$EXECUTIONER_OUTPUT"; test $EXECUTIONER_TRY = 2`)
	wf.Jobs[0].PostChecks = []workflow.Check{{Name: "command", Params: map[string]any{"command": "test -e there"}}}
	w := newWorld(t, wf)
	same(t, "a failure", w.execute(1), run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 1})
	o := w.execute(2)
	if o.State != run.Failed || o.Reason != run.PostcheckFailed || o.Values != "" {
		t.Errorf("after a check that failed: %+v", o)
	}
}

// TestOutputFile is there until the outcome has been recorded, so that whoever takes the
// task up reads it; an old one does not count.
func TestOutputFile(t *testing.T) {
	wf := flow(t, `cat "$EXECUTIONER_OUTPUT"; echo a=1 >>"$EXECUTIONER_OUTPUT"`)
	w := newWorld(t, wf, func(c *local.Config) { c.Scope = "scope" })
	path := outputPath(wf, "scope/7/2/a/1")
	if err := os.MkdirAll(wf.LogDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("old=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	began := time.Now().Truncate(time.Microsecond)
	first := w.execute(1)
	same(t, "when it ended", first.Ended, time.Time{})
	same(t, "values", first.Values, `{"a":"1"}`)
	if strings.Contains(w.log(), "old=1") {
		t.Error("the command found a file")
	}
	same(t, "outcome of the task when it is taken up", w.takeUp(began), first)
	w.Recorded(id(1))
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("after it was recorded: %v", err)
	}
	w.Recorded(id(1)) // of a task that is not known any more
}

// TestFilledIn has a job that names what two others handed on.
func TestFilledIn(t *testing.T) {
	filled := func(t *testing.T) *workflow.Workflow {
		wf := flow(t, "")
		wf.Jobs = append(wf.Jobs, job("load", "true"), job("load.all", "true"))
		a := &wf.Jobs[0]
		a.Needs = []int{1, 2}
		a.Env = []workflow.Var{{Name: "ROWS", Value: "<${jobs.load.rows}>"}, {Name: "BOTH", Value: "${ROWS} ${jobs.load.all.text} ${NONE}"}}
		a.Command, a.Args = "shown", []string{"sh", "-c", `env | grep -v EXEC | grep -E 'ROWS|BOTH|jobs'; echo "$1"`, "x", "${jobs.load.rows}!"}
		a.PostChecks = []workflow.Check{{Name: "check_file_exists", Params: map[string]any{"path": "no-${jobs.load.rows}"}}}
		return wf
	}
	tests := []struct {
		name   string
		handed run.Values
		want   string // log or detail
	}{
		{"all", `{"jobs.load.rows":"3","jobs.load.all.text":"${HOME} ${jobs.load.rows}"}`, "BOTH=<3> ${HOME} ${jobs.load.rows} ${NONE}\nROWS=<3>\n3!\n"},
		{"nothing", "", "${jobs.load.all.text} is not known: job load.all handed on no text"},
		{"one is missing", `{"jobs.load.rows":"3"}`, "${jobs.load.all.text} is not known: job load.all handed on no text"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wf := filled(t)
			w := newWorld(t, wf)
			ended := newOutcomes()
			w.Start(engine.Task{ID: id(1), Of: 3, Handed: tt.handed}, func(o run.Outcome) { ended <- o })
			o := w.end(ended)
			if o.Reason == run.StartFailed {
				same(t, "detail", o.Detail, tt.want)
				return
			}
			same(t, "reason", o.Reason, run.PostcheckFailed)
			if !strings.Contains(o.Detail, "no-3") {
				t.Errorf("the check was not filled in: %s", o.Detail)
			}
			if !strings.HasPrefix(w.log(), logHead+tt.want) && !sameLines(w.log(), logHead+tt.want) {
				t.Errorf("log:\n%s", w.log())
			}
		})
	}
}

func newOutcomes() chan run.Outcome { return make(chan run.Outcome, 1) }

// sameLines reports whether all lines of want are in got; env has no order.
func sameLines(got, want string) bool {
	for line := range strings.Lines(want) {
		if !strings.Contains(got, line) {
			return false
		}
	}
	return true
}

// TestValuesWithUnknownSecrets: a task is taken up by a program that was not told a secret,
// such as a cancel. It can't hide it, so it records nothing.
func TestValuesWithUnknownSecrets(t *testing.T) {
	tests := []struct {
		name   string
		hide   func(*workflow.Workflow)
		forget func(*workflow.Workflow)
	}{
		{
			"a secret",
			func(wf *workflow.Workflow) { wf.Secrets = []workflow.Secret{{Name: "S", Value: "geheim"}} },
			func(wf *workflow.Workflow) { wf.Secrets[0].Value = "" },
		},
		{
			"a parameter",
			func(wf *workflow.Workflow) {
				wf.Params = []workflow.Param{{Name: "S", Type: workflow.StringParam, Secret: true, Value: "geheim"}}
			},
			func(wf *workflow.Workflow) { wf.Params[0].Value = "" },
		},
		{
			"a parameter of a sub-workflow",
			func(wf *workflow.Workflow) {
				params := []workflow.Param{{Name: "S", Type: workflow.StringParam, Secret: true, Value: "geheim"}}
				wf.Jobs[0].Scope = &workflow.Scope{Job: "x", Params: params}
			},
			func(wf *workflow.Workflow) { wf.Jobs[0].Scope.Params[0].Value = "" },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wf := flow(t, `echo "a=$S" >"$EXECUTIONER_OUTPUT"`)
			tt.hide(wf)
			w := newWorld(t, wf)
			same(t, "known", w.execute(1), run.Outcome{State: run.Success, Reason: run.Exited, Values: `{"a":"***"}`})
			tt.forget(wf)
			same(t, "unknown", w.takeUp(time.Time{}), run.Outcome{
				State: run.Success, Reason: run.Exited,
				Detail: "what it handed on is not recorded, as the secret S is not known here and can't be hidden in it",
			})
		})
	}
}
