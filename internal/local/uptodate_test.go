package local_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/fingerprint"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/local"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
	"github.com/executionerhq/executioner/internal/workflow"
)

// history is a store in which runs of one job are recorded as the engine does.
type history struct {
	*memstore.Store
	t      *testing.T
	wf     *workflow.Workflow
	change func(*local.Config)
	log    string // of the job in the last run
}

func newHistory(t *testing.T, command string, f workflow.Footprint) *history {
	wf := flow(t, command)
	wf.Jobs[0].Footprint = &f
	return &history{Store: memstore.New(), t: t, wf: wf, change: func(*local.Config) {}}
}

// submit records a run that is going on.
func (h *history) submit() store.Lease {
	h.t.Helper()
	l, err := h.CreateRun(h.t.Context(), store.NewRun{Application: "app"}, store.Owner{PID: 1}, time.Hour)
	if err != nil {
		h.t.Fatal(err)
	}
	return l
}

// execute runs the job in a run of its own, and returns how it ended.
func (h *history) execute() run.Outcome {
	h.t.Helper()
	l := h.submit()
	o := h.try(l, 1)
	h.record(l, run.Transition{Attempt: 1, From: run.Running, To: o.State})
	return o
}

// try runs the job once and records the outcome.
func (h *history) try(l store.Lease, try int) run.Outcome {
	h.t.Helper()
	w := newWorld(h.t, h.wf, func(c *local.Config) {
		c.Run, c.Past = l.Run, runs.NewPast(h, "app", nil)
		h.change(c)
	})
	defer w.done() // a second host in one program takes this one's processes for orphans
	ended := make(chan run.Outcome, 1)
	task := run.TaskID{Run: l.Run, Attempt: 1, Job: "a", Try: try}
	w.Start(engine.Task{ID: task, Of: 2}, func(o run.Outcome) { ended <- o })
	o := w.end(ended)
	h.record(l, run.Transition{Attempt: 1, Job: "a", Try: try, From: run.Running, To: o.State, Reason: o.Reason, Outcome: &o})
	b, err := os.ReadFile(joblog.JobPath(h.wf.LogDir, "app", "a", l.Run))
	if err != nil {
		h.t.Fatal(err)
	}
	h.log = length.ReplaceAllString(stamp.ReplaceAllString(string(b), ""), "after N s\n")
	o.Fingerprint = ""
	return o
}

func (h *history) record(l store.Lease, t run.Transition) {
	h.t.Helper()
	if _, err := h.Append(h.t.Context(), l, []run.Transition{t}); err != nil {
		h.t.Fatal(err)
	}
}

// ran runs the job and checks that its command ran, and why.
func (h *history) ran(why string) {
	h.t.Helper()
	want := run.Outcome{State: run.Success, Reason: run.Exited, Detail: "run: " + why}
	o := h.execute()
	o.Values = ""
	same(h.t, "outcome", o, want)
	same(h.t, "log", h.log, "INFO - job a, try 1 of 2\nINFO - run: "+why+"\nINFO - SUCCESS, exit code 0 after N s\n")
}

// passed runs the job and checks that its command did not run.
func (h *history) passed(since string) {
	h.t.Helper()
	o := h.execute()
	o.Values = ""
	same(h.t, "outcome", o, run.Outcome{State: run.Success, Reason: run.UpToDate, Detail: "nothing changed since run " + since})
	same(h.t, "log", h.log, "INFO - job a, try 1 of 2\nINFO - up to date: nothing changed since run "+since+"\n")
}

func (h *history) write(name, text string) {
	h.t.Helper()
	path := filepath.Join(h.wf.WorkingDir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

func (h *history) remove(name string) {
	h.t.Helper()
	if err := os.Remove(filepath.Join(h.wf.WorkingDir, name)); err != nil {
		h.t.Fatal(err)
	}
}

func TestUpToDate(t *testing.T) {
	h := newHistory(t, `cat in/* >out`, workflow.Footprint{Inputs: []string{"in/*"}, Outputs: []string{"out"}})
	h.write("in/a", "1")
	h.ran("first time")
	h.passed("1")
	h.passed("1")
	h.write("in/a", "2")
	h.ran("in/a changed")
	h.passed("4")
	h.write("in/a", "1")
	h.ran("in/a changed")
	h.write("in/b", "1")
	h.ran("in/b is new")
	h.remove("in/a")
	h.ran("in/a is gone")
	h.remove("out")
	h.ran("outputs missing: out")
	h.write("out", "other")
	h.ran("output out changed")

	j := &h.wf.Jobs[0]
	j.Command = `cat in/* in/* >out`
	h.ran("the command changed")
	h.wf.Env = []workflow.Var{{Name: "STAGE", Value: "1"}}
	h.ran("variable STAGE is new")
	h.wf.Env[0].Value = "2"
	h.ran("variable STAGE changed")
	j.PostChecks = []workflow.Check{{Name: "command", Params: map[string]any{"command": "true"}}}
	if o := h.execute(); o.Detail != "run: its post_checks changed" {
		t.Errorf("%+v", o)
	}
	h.passed("14")
	j.Footprint = &workflow.Footprint{Inputs: []string{"in/*"}}
	j.PostChecks = nil
	h.ran("its post_checks changed, the list of outputs changed")
}

// TestUpToDateArgs: arguments are compared as they are written, and what they name counts.
func TestUpToDateArgs(t *testing.T) {
	h := newHistory(t, "", workflow.Footprint{Outputs: []string{"out-${ITEM}"}, EnvGiven: true})
	j := &h.wf.Jobs[0]
	j.Command, j.Args = "x", []string{"/bin/sh", "-c", `echo "$1" >out-$ITEM`, "x", "${STAGE}"}
	h.wf.Env = []workflow.Var{{Name: "STAGE", Value: "1"}, {Name: "ITEM", Value: "*"}, {Name: "OTHER", Value: "1"}}
	h.ran("first time")
	h.wf.Env[2].Value = "2"
	h.passed("1")
	h.wf.Env[0].Value = "2"
	h.ran("variable STAGE changed")
	h.write("out-else", "") // a value that is a pattern stands for itself
	h.passed("3")
	j.Footprint.Env = []string{"OTHER"}
	h.ran("variable OTHER is new")
	j.Args[1] = "-ec"
	h.ran("the command changed")
	h.wf.AllowShell = false // makes no difference without one
	h.passed("6")
}

func TestForced(t *testing.T) {
	h := newHistory(t, "true", workflow.Footprint{Inputs: []string{"in"}})
	h.write("in", "")
	h.ran("first time")
	h.change = func(c *local.Config) { c.ForceJobs = []run.JobID{"b"} }
	h.passed("1")
	h.change = func(c *local.Config) { c.ForceJobs = []run.JobID{"b", "a"} }
	h.ran("forced")
	h.change = func(c *local.Config) { c.Force = true }
	h.ran("forced")
	h.change = func(*local.Config) {}
	h.passed("4")
}

// TestValuesAgain: what the job handed on when it succeeded is handed on again.
func TestValuesAgain(t *testing.T) {
	h := newHistory(t, `echo n=$EXECUTIONER_RUN >"$EXECUTIONER_OUTPUT"`, workflow.Footprint{Inputs: []string{"in"}})
	h.write("in", "")
	same(t, "first", h.execute().Values, `{"n":"1"}`)
	o := h.execute()
	same(t, "second", o, run.Outcome{State: run.Success, Reason: run.UpToDate, Detail: "nothing changed since run 1", Values: `{"n":"1"}`})
}

// TestNotRemembered: a try that does not succeed leaves nothing to compare with, also when
// all is as it was, and one before that is forgotten.
func TestNotRemembered(t *testing.T) {
	h := newHistory(t, `test ! -e fail && cp in out`, workflow.Footprint{Inputs: []string{"in"}, Outputs: []string{"out"}})
	h.write("in", "1")
	h.ran("first time")
	h.write("in", "2")
	h.write("fail", "")
	o := h.execute()
	same(t, "failure", o, run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 1, Detail: "run: in changed"})
	h.write("in", "1") // as it was when it succeeded
	h.remove("fail")
	h.ran("it did not succeed in run 2")

	// A post-check, and what is handed on, decide too.
	j := &h.wf.Jobs[0]
	j.PostChecks = []workflow.Check{{Name: "command", Params: map[string]any{"command": "test -e good"}}}
	if o := h.execute(); o.Reason != run.PostcheckFailed || !strings.HasSuffix(o.Detail, "; run: its post_checks changed") {
		t.Errorf("%+v", o)
	}
	j.PostChecks = nil
	h.ran("it did not succeed in run 4")

	// A pre-check keeps the command from running, so that nothing is forgotten.
	j.PreChecks = []workflow.Check{{Name: "command", Params: map[string]any{"command": "test -e good"}}}
	h.write("in", "3")
	if o := h.execute(); o.Reason != run.PrecheckFailed || strings.Contains(o.Detail, "run: ") {
		t.Errorf("%+v", o)
	}
	h.write("in", "1")
	h.passed("5")
	j.PreChecks = nil

	// Nor does a command that can't be started, but nobody knows that before.
	j.Command, j.Args = "none", []string{"/none"}
	if o := h.execute(); o.Reason != run.StartFailed || strings.Contains(o.Detail, "run: ") {
		t.Errorf("%+v", o)
	}
	j.Command, j.Args = `test ! -e fail && cp in out`, nil
	h.ran("it did not succeed in run 8")
}

// TestTries: within a run, a try after a failure says so.
func TestTries(t *testing.T) {
	h := newHistory(t, `test $EXECUTIONER_TRY = 2`, workflow.Footprint{Inputs: []string{"in"}})
	h.write("in", "")
	l := h.submit()
	same(t, "first", h.try(l, 1).Detail, "run: first time")
	same(t, "second", h.try(l, 2), run.Outcome{State: run.Success, Reason: run.Exited, Detail: "run: the try before did not succeed"})
}

// TestIncomparable: a job whose files can't be compared runs, and its log says why.
func TestIncomparable(t *testing.T) {
	h := newHistory(t, "true", workflow.Footprint{Inputs: []string{"in", "in/*"}, Outputs: []string{"out/*", "other"}})
	again := func(problem string) {
		t.Helper()
		same(t, "outcome", h.execute().State, run.Success)
		if want := "WARNING - " + problem + ": it will run again next time\n"; !strings.Contains(h.log, want) {
			t.Errorf("log:\n%s\nwant %s", h.log, want)
		}
	}
	again("inputs missing: in, in/*")
	same(t, "outcome", h.execute().Detail, "run: inputs missing: in, in/* (in run 1)")
	h.write("in/a", "")
	again("outputs missing: out/*, other")
	same(t, "outcome", h.execute().Detail, "run: outputs missing: out/*, other (in run 3)")
	h.write("out/a", "")
	h.write("other", "")
	h.ran("outputs missing: out/*, other (in run 4)")
	h.passed("5")
	h.remove("in/a")
	same(t, "outcome", h.execute().Detail, "run: inputs missing: in, in/*")

	many := func(dir string) {
		for n := range fingerprint.MaxFiles + 1 {
			h.write(fmt.Sprintf("%s/many/%d", dir, n), "")
		}
	}
	h.write("in/a", "")
	many("out")
	h.wf.Jobs[0].Footprint.Outputs = []string{"out"}
	h.wf.Jobs[0].Footprint.Inputs = []string{"in"}
	again("outputs can't be compared: there are more than 10000")
	h.wf.Jobs[0].Footprint.Inputs = []string{"out"}
	h.wf.Jobs[0].Footprint.Outputs = nil
	again("inputs can't be compared: there are more than 10000")
}

// TestBeside: while another run may run the same job, nobody knows whose files are found.
func TestBeside(t *testing.T) {
	h := newHistory(t, "cp in out", workflow.Footprint{Inputs: []string{"in"}, Outputs: []string{"out"}})
	h.write("in", "")
	other := h.submit() // run 1
	if beside, err := runs.NewPast(h, "app", nil).Begin(t.Context(), run.TaskID{Run: other.Run, Attempt: 1, Job: "a", Try: 1}); beside != 0 || err != nil {
		t.Fatal(beside, err)
	}
	same(t, "outcome", h.execute().Detail, "run: it did not succeed in run 1")
	same(t, "log", h.log, "INFO - job a, try 1 of 2\nINFO - run: it did not succeed in run 1\n"+
		"WARNING - run 1 may have run it at the same time: it will run again next time\nINFO - SUCCESS, exit code 0 after N s\n")
	h.record(other, run.Transition{Attempt: 1, From: run.Running, To: run.Failed})
	h.ran("run 1 may have run it at the same time (in run 2)")
	h.passed("3")
}

// TestSecretsDontCount: neither a secret nor a hash of it is remembered.
func TestSecretsDontCount(t *testing.T) {
	h := newHistory(t, "cp in out", workflow.Footprint{Inputs: []string{"in", "${TOKEN}*"}, Outputs: []string{"out"}, Env: []string{"TOKEN", "API_KEY"}})
	h.write("in", "")
	set := func(token, key string) {
		h.wf.Secrets = []workflow.Secret{{Name: "TOKEN", Value: token}}
		h.wf.Env = []workflow.Var{{Name: "API_KEY", Value: key}, {Name: "URL", Value: "https://${TOKEN}@host"}}
		h.write(token+"-file", "")
	}
	set("hush-hush-1", "key-key-1")
	h.ran("first time")
	f, err := h.Fingerprint(t.Context(), "app", "a")
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hush-hush-1", "key-key-1", "https://hush-hush-1@host"} {
		if body := string(f.Body); strings.Contains(body, secret) || strings.Contains(body, fingerprint.Hash(secret)) || !strings.Contains(body, `"***-file"`) {
			t.Errorf("%s is in %s", secret, body)
		}
	}
	h.remove("hush-hush-1-file")
	set("hush-hush-2", "key-key-2")
	h.passed("1")
	h.wf.Env = h.wf.Env[1:] // nor that there is one
	h.passed("1")
}

// TestTakenUp: nobody knows what there was before it began.
func TestTakenUp(t *testing.T) {
	h := newHistory(t, "cp in out", workflow.Footprint{Inputs: []string{"in"}, Outputs: []string{"out"}})
	h.write("in", "")
	w := newWorld(t, h.wf, func(c *local.Config) { c.Past = runs.NewPast(h, "app", nil) })
	first := fingerprint.Decode([]byte(w.execute(1).Fingerprint))
	if first.Problem != "" || len(first.Inputs) != 1 || len(first.Outputs) != 1 {
		t.Errorf("%+v", first)
	}
	same(t, "taken up", w.takeUp(time.Time{}), run.Outcome{
		State: run.Success, Reason: run.Exited, Fingerprint: fingerprint.Document{Problem: "its program was gone while it ran"}.Encode(),
	})
}

// TestWithoutPast: a runner that knows nothing of the past runs the job.
func TestWithoutPast(t *testing.T) {
	wf := flow(t, "true")
	wf.Jobs[0].Footprint = &workflow.Footprint{Inputs: []string{"in"}}
	same(t, "outcome", newWorld(t, wf).execute(1), run.Outcome{State: run.Success, Reason: run.Exited})
}

// TestForesee: what is foretold is what happens, without a trace.
func TestForesee(t *testing.T) {
	h := newHistory(t, "cp in out", workflow.Footprint{Inputs: []string{"in"}, Outputs: []string{"out"}})
	foretell := func(text string, runsNow, known bool) {
		t.Helper()
		w := newWorld(t, h.wf, func(c *local.Config) {
			c.Past = runs.NewPast(h, "app", nil)
			h.change(c)
		})
		gotText, gotRuns, gotKnown, err := w.Foresee(t.Context(), 0)
		if gotText != text || gotRuns != runsNow || gotKnown != known || err != nil {
			t.Errorf("%q %v %v %v, want %q %v %v", gotText, gotRuns, gotKnown, err, text, runsNow, known)
		}
	}
	foretell("first time", true, true)
	h.write("in", "1")
	h.ran("first time")
	foretell("nothing changed since run 1", false, true)
	h.write("in", "2")
	foretell("in changed", true, true)
	foretell("in changed", true, true)
	h.ran("in changed")
	h.change = func(c *local.Config) { c.Force = true }
	foretell("forced", true, true)
	h.wf.Jobs[0].Env = []workflow.Var{{Name: "X", Value: "${jobs.b.n}"}}
	foretell("", true, false)

	ended, end := context.WithCancel(t.Context())
	end()
	h.wf.Jobs[0].Env = nil
	w := newWorld(t, h.wf, func(c *local.Config) { c.Past = runs.NewPast(h, "app", nil) })
	if _, _, _, err := w.Foresee(ended, 0); err == nil {
		t.Error("it went on")
	}
}

// TestStoppedWhileDeciding: a past that does not answer is not waited for when the job is to
// stop, and nothing is started.
func TestStoppedWhileDeciding(t *testing.T) {
	for _, when := range []string{"last", "begin"} {
		wf := flow(t, "touch began")
		wf.Jobs[0].Footprint = &workflow.Footprint{Inputs: []string{"in"}}
		asked := make(chan struct{})
		w := newWorld(t, wf, func(c *local.Config) { c.Past = silent{when, asked} })
		ended := w.begin(1)
		<-asked
		w.stop()
		same(t, when, w.end(ended), run.Outcome{State: run.Cancelled, Reason: run.RunCancelled, Detail: "asked by tester", ExitCode: run.NoExitCode})
		if w.exists("began") {
			t.Error("its command ran")
		}
	}
}

// silent is a past that does not answer one question.
type silent struct {
	question string
	asked    chan struct{}
}

func (s silent) Last(ctx context.Context, _ run.JobID) (fingerprint.Last, error) {
	return fingerprint.Last{}, s.ask(ctx, "last")
}

func (s silent) Begin(ctx context.Context, _ run.TaskID) (run.ID, error) {
	return 0, s.ask(ctx, "begin")
}

func (s silent) ask(ctx context.Context, question string) error {
	if question != s.question {
		return nil
	}
	close(s.asked)
	<-ctx.Done()
	return ctx.Err()
}
