package keeper

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/keeper/journal"
	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/run"
)

// newTestCustodian is a custodian with a journal of its own.
func newTestCustodian(w *world) *Custodian {
	w.Helper()
	w.must(makeDir(w.keep))
	book, found, _, err := openJournal(w.keep, false)
	w.must(err)
	c := newCustodian(w.host, book, found, nil, whom{})
	w.Cleanup(func() { w.must(c.Close(true)) })
	return c
}

// TestLog: the whole of what a custodian writes, for each way to end.
func TestLog(t *testing.T) {
	w := newWorld(t)
	c := newTestCustodian(w)
	for _, tt := range []struct {
		name   string
		script string
		change func(*Spec)
		want   run.Outcome
		log    string
	}{
		{"success", "echo out; echo err >&2", nil, exited(0, 8), "out\nerr\nT INFO - SUCCESS, exit code 0 after N s\n"},
		{"failure", "exit 3", nil, exited(3, 0), "T ERROR - FAILED, exit code 3 after N s\n"},
		{
			"signal", "kill -9 $$", nil,
			run.Outcome{State: run.Failed, Reason: run.Signal, Signal: 9, ExitCode: run.NoExitCode, Detail: "killed by SIGKILL, which this program did not send"},
			"",
		},
		{
			"notes", "echo out", func(s *Spec) { s.Log.Notes = []Note{{"INFO", "one"}, {"WARNING", "two"}} },
			exited(0, 4), "T INFO - one\nT WARNING - two\nout\nT INFO - SUCCESS, exit code 0 after N s\n",
		},
		{"no end", "echo out", func(s *Spec) { s.Log.End = false }, exited(0, 4), "out\n"},
		{
			"limit", "printf 123456789", func(s *Spec) { s.Log.Limit = 4 },
			run.Outcome{State: run.Success, Reason: run.Exited, Output: 9, Dropped: 5},
			"",
		},
		{
			"timeout", "exec sleep 100", func(s *Spec) { s.Timeout, s.Grace = time.Millisecond, 100*time.Millisecond },
			run.Outcome{State: run.Timeout, Reason: run.TimedOut, ExitCode: run.NoExitCode, Signal: 15, Detail: "timed out after 1ms"},
			"",
		},
	} {
		s := w.script(tt.name, tt.script)
		if tt.change != nil {
			tt.change(&s)
		}
		r := w.end(begin(c, s))
		if tt.name == "signal" || tt.name == "timeout" {
			r.Outcome.Detail, tt.want.Detail, r.Outcome.Signal, tt.want.Signal = "", "", 0, 0 // the process package's words
		}
		same(t, tt.name, r.Outcome, tt.want)
		if tt.log != "" {
			same(t, tt.name, w.log(tt.name), tt.log)
		}
	}
}

// TestNotesAreShownAtOnce, though the job writes nothing.
func TestNotesAreShownAtOnce(t *testing.T) {
	w := newWorld(t)
	c := newTestCustodian(w)
	w.Cleanup(func() { w.write("go", "") }) // also when the test has failed
	s := w.script("a", untilGo)
	s.Log.Notes = []Note{{"INFO", "one"}}
	going := begin(c, s)
	w.eventually("the note is in the log", func() bool { return exists(w.path("a.log")) && w.log("a") == "T INFO - one\n" })
	w.write("go", "")
	w.ends(going, exited(0, 0))
}

// TestResultSaysWhereTheOutputIs, and has its beginning.
func TestResultSaysWhereTheOutputIs(t *testing.T) {
	w := newWorld(t)
	c := newTestCustodian(w)
	w.write("a.log", "before\n")
	s := w.script("a", "echo first; echo second")
	s.Head, s.Log.Notes = 8, []Note{{"INFO", "note"}}
	r := w.end(begin(c, s))
	same(t, "head", string(r.Head), "first\nse")
	same(t, "output", w.read("a.log")[r.From:r.To], "first\nsecond\n")

	s = w.script("b", "echo first")
	s.Head, s.Log = 100, nil
	r = w.end(begin(c, s))
	same(t, "head without a log", string(r.Head), "first\n")
	same(t, "no place without a log", r.To, -1)
}

// TestStartIsIdempotent: who starts a known task is told how it ends, or has ended, and
// the former listener is not.
func TestStartIsIdempotent(t *testing.T) {
	w := newWorld(t)
	c := newTestCustodian(w)
	s := w.script("a", untilGo+"exit 3")
	first := begin(c, s)
	w.await("starts")
	second := begin(c, s)
	same(t, "fate", c.Fate("a"), Running)
	w.write("go", "")
	w.ends(second, exited(3, 0))
	w.ends(begin(c, s), exited(3, 0))
	same(t, "told before", len(first), 0)
	same(t, "fate", c.Fate("a"), Ended)
	w.once("a")
}

// TestManyStartsOfOne at the same moment.
func TestManyStartsOfOne(t *testing.T) {
	w := newWorld(t)
	c := newTestCustodian(w)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { c.Start(w.script("a", ""), func(Result) {}) })
	}
	all.Wait()
	w.ends(begin(c, w.script("a", "")), exited(0, 0))
	w.once("a")
}

// TestStartsTakeTurns: when several were forked at the same moment and the keeper was
// killed, one job got the exit code of another that had not run.
func TestStartsTakeTurns(t *testing.T) {
	w := newWorld(t)
	c := newTestCustodian(w)
	var between atomic.Int32
	met := make(chan struct{}, 8)
	c.custody = func(string, int) { // between the record of a start and the fork
		if between.Add(1) > 1 {
			met <- struct{}{}
		}
		defer between.Add(-1)
		select {
		case <-met:
			t.Error("two starts are under way")
		case <-time.After(20 * time.Millisecond): // long enough for another, which must not come
		}
	}
	var all []<-chan Result
	for _, id := range []string{"a", "b", "c"} {
		all = append(all, begin(c, w.script(id, "")))
	}
	for _, ended := range all {
		w.ends(ended, exited(0, 0))
	}
}

// TestForget: a task that runs is not forgotten, one that was is known no more.
func TestForget(t *testing.T) {
	w := newWorld(t)
	c := newTestCustodian(w)
	ended := begin(c, w.script("a", untilGo))
	w.await("starts")
	c.Forget("a")
	c.Forget("nobody")
	same(t, "running", c.Fate("a"), Running)
	same(t, "idle", c.idle(), false)
	w.write("go", "")
	w.end(ended)
	same(t, "idle", c.idle(), true)
	same(t, "empty", c.empty(), false)
	c.Forget("a")
	same(t, "empty", c.empty(), true)
	same(t, "fate", c.Fate("a"), Unstarted)
	same(t, "in the journal", len(c.book.State().Tasks), 0)
}

// TestJournalHasNoSecrets: neither command nor environment.
func TestJournalHasNoSecrets(t *testing.T) {
	w := newWorld(t)
	c := newTestCustodian(w)
	s := w.script("a", "echo canary-in-the-output; : canary-in-the-command")
	s.Env = append(s.Env, "TOKEN=canary-in-the-environment")
	s.Secrets = []string{"canary-in-the-output"}
	w.end(begin(c, s))
	same(t, "log", w.log("a"), "***\nT INFO - SUCCESS, exit code 0 after N s\n")
	files, err := os.ReadDir(w.keep)
	w.must(err)
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(w.keep, f.Name()))
		w.must(err)
		if strings.Contains(string(b), "canary") {
			t.Errorf("%s holds a secret: %q", f.Name(), b)
		}
	}
}

// TestSettingIsShared: its environment comes before the spec's own, its secrets are hidden.
func TestSettingIsShared(t *testing.T) {
	w := newWorld(t)
	c := newTestCustodian(w)
	set := &Setting{Env: []string{"PATH=" + os.Getenv("PATH"), "A=1", "B=1"}, Secrets: []string{"hush"}}
	for _, id := range []string{"a", "b"} {
		s := w.script(id, "echo $A$B hush")
		s.Setting, s.Env = set, []string{"B=2"}
		w.end(begin(c, s))
		same(t, "log", w.log(id), "12 ***\nT INFO - SUCCESS, exit code 0 after N s\n")
	}
}

func order() Order {
	return Order{State: run.Cancelled, Reason: run.RunCancelled, Detail: "asked by ann"}
}

var cancelled = run.Outcome{State: run.Cancelled, Reason: run.RunCancelled, Detail: "asked by ann", ExitCode: run.NoExitCode}

// TestStop: at once after the start, while it runs, and with its grace cut short.
func TestStop(t *testing.T) {
	w := newWorld(t)
	c := newTestCustodian(w)
	early := begin(c, w.script("early", "exec sleep 100"))
	c.Stop("early", order())
	if r := w.end(early); r.Outcome.State != run.Cancelled || r.Outcome.Reason != run.RunCancelled {
		t.Errorf("%+v", r)
	}
	s := w.script("stubborn", "trap '' TERM; touch ready; while :; do sleep 0.1; done")
	s.Grace = time.Hour
	ended := begin(c, s)
	w.await("ready")
	c.Kill("stubborn") // nobody asked for its end yet: that does nothing
	c.Stop("stubborn", order())
	c.Stop("stubborn", Order{State: run.Failed}) // the first counts
	c.Stop("nobody", order())
	c.Kill("nobody")
	c.Kill("stubborn")
	r := w.end(ended)
	same(t, "state", r.Outcome.State, run.Cancelled)
	same(t, "reason", r.Outcome.Reason, run.RunCancelled)
}

// TestStopBeforeTheStart keeps a task whose log can't be opened yet from running.
func TestStopBeforeTheStart(t *testing.T) {
	w := newWorld(t)
	c := newTestCustodian(w)
	tk := newTask(c, w.script("a", ""), c.masker(&Spec{}))
	tk.stop(order())
	same(t, "outcome", tk.run().Outcome, cancelled)
	if exists(w.path("a.log")) || exists(w.path("starts")) {
		t.Error("it began")
	}
}

func TestStartFailed(t *testing.T) {
	w := newWorld(t)
	c := newTestCustodian(w)
	s := w.script("a", "")
	s.Path = "/nowhere"
	r := w.end(begin(c, s))
	same(t, "reason", r.Outcome.Reason, run.StartFailed)
	same(t, "detail", r.Outcome.Detail, "cannot start /nowhere: no such file")
	same(t, "fate", c.Fate("a"), Ended)
	same(t, "it is recorded that it never ran", c.book.State().Tasks[0].NotStarted, true)

	s = w.script("b", "")
	s.Log.Path = filepath.Join(w.work, "dir")
	w.must(os.Mkdir(s.Log.Path, 0o700))
	r = w.end(begin(c, s))
	same(t, "reason", r.Outcome.Reason, run.StartFailed)
	if !strings.HasPrefix(r.Outcome.Detail, "its log can't be written: ") {
		t.Error(r.Outcome.Detail)
	}
}

// TestNothingStartsUnrecorded: with a journal that can't be relied on any more a job
// waited for ever.
func TestNothingStartsUnrecorded(t *testing.T) {
	w := newWorld(t)
	c := newTestCustodian(w)
	going := begin(c, w.script("a", untilGo+"exit 3"))
	w.await("starts")
	w.must(c.book.Close())
	r := w.end(begin(c, w.script("b", "")))
	same(t, "reason", r.Outcome.Reason, run.StartFailed)
	if !strings.Contains(r.Outcome.Detail, "the journal is closed") {
		t.Error(r.Outcome.Detail)
	}
	w.write("go", "")
	w.ends(going, exited(3, 0)) // what runs goes on, and is told
	w.once("a")
}

func TestTemporary(t *testing.T) {
	for err, want := range map[error]bool{
		unix.ENOSPC: true, unix.EDQUOT: true, journal.ErrNoSpace: true,
		journal.ErrBroken: true, journal.ErrClosed: false, journal.ErrInvalid: false, journal.ErrOrder: false, unix.EIO: false,
		&process.StartError{Temporary: true}: true, &process.StartError{Err: unix.ENOENT}: false, &process.StartError{Err: journal.ErrNoSpace}: true,
	} {
		if got := temporary(err); got != want {
			t.Errorf("%#v: %v", err, got)
		}
	}
}

// TestNothingAfterClose: it is not started, and whoever waits is told.
func TestNothingAfterClose(t *testing.T) {
	w := newWorld(t)
	c := newTestCustodian(w)
	w.must(c.Close(true))
	w.must(c.Close(true))
	same(t, "reason", w.end(begin(c, w.script("a", ""))).Outcome.Reason, run.Lost)
	if exists(w.path("starts")) {
		t.Error("it was started")
	}
}

// TestAloneRemembers: a custodian in the engine knows what the one before wrote down.
func TestAloneRemembers(t *testing.T) {
	w := newWorld(t)
	k := w.alone(1)
	began := time.Now()
	first := w.ends(begin(k, w.script("a", "exit 3")), exited(3, 0))
	if first.At.Before(began) || first.At.After(time.Now()) {
		t.Errorf("it ended at %v", first.At)
	}
	w.ends(begin(k, w.script("b", "")), exited(0, 0))
	k.Forget("b")
	w.must(k.Close(false))
	same(t, "left", Look(w.keep, []string{"a"}), true)

	k = w.alone(2)
	same(t, "ended", k.Fate("a"), Ended)
	same(t, "not started", k.Fate("c"), Unstarted)
	again := w.ends(begin(k, w.script("a", "exit 3")), exited(3, 0))
	same(t, "when it ended", again.At, first.At.Round(0))
	w.once("a", "b")
	k.Forget("a")
	w.must(k.Close(true))
	w.must(k.Close(true))
	w.gone()
	same(t, "left", Look(w.keep, []string{"a"}), false)
}

// TestAloneIsFenced: an engine that was suspended must not go on with the jobs of a newer.
func TestAloneIsFenced(t *testing.T) {
	w := newWorld(t)
	k := w.alone(7)
	w.end(begin(k, w.script("a", "")))
	w.must(k.Close(false))
	_, err := Alone(w.config(6))
	if err == nil || !strings.HasPrefix(err.Error(), "another program took over the jobs of "+w.keep) {
		t.Error(err)
	}
	w.must(w.alone(7).Close(true))
}
