package keeper

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/executionerhq/executioner/internal/run"
)

// awaitTaken waits until a custodian has counted that many bytes of a task's output.
func (w *world) awaitTaken(id string, bytes int64) {
	w.Helper()
	w.eventually("the output is counted", func() bool {
		found, err := filepath.Glob(filepath.Join(w.keep, tallyName+"*"))
		w.must(err)
		for _, path := range found {
			n := tally{path: path}
			n.load()
			_ = n.file.Close()
			if n.Bytes == bytes {
				return true
			}
		}
		return false
	})
}

// TestLimitOfATakeOver: who took over began anew to count, and so more was kept than the
// limit allows, and less was said to have been written than was.
func TestLimitOfATakeOver(t *testing.T) {
	w := newWorld(t)
	s := w.script("a", "printf %040d 0; while [ ! -e go1 ]; do sleep 0.01; done\n"+
		"printf %060d 0; while [ ! -e go2 ]; do sleep 0.01; done\nprintf %080d 0; "+untilGo)
	s.Log.Limit = 100
	c := w.open(1)
	begin(c, s)
	w.eventually("the first output is logged", func() bool { return exists(w.path("a.log")) && strings.HasSuffix(w.read("a.log"), "0") })
	w.die(c)
	c = w.open(2)
	begin(c, s)
	w.eventually("it is taken over", func() bool { return strings.HasSuffix(w.read("a.log"), "goes on\n") })
	w.write("go1", "")
	w.awaitTaken("a", 100)
	w.die(c)
	c = w.open(3)
	ended := begin(c, s)
	w.eventually("it is taken over again", func() bool { return strings.Count(w.read("a.log"), "goes on\n") == 2 })
	w.write("go2", "")
	w.awaitTaken("a", 180)
	pid := keeperOf(c)
	hit(w, pid, 9) // and the engine takes over
	<-c.gone
	w.write("go", "")
	o := w.end(ended).Outcome
	same(t, "outcome", o, run.Outcome{State: run.Success, Reason: run.Exited, Output: 180, Dropped: 130})
	const taken = "T WARNING - the program that looked after this job is gone; its successor goes on\n"
	same(t, "log", w.log("a"), strings.Repeat("0", 40)+"\n"+taken+strings.Repeat("0", 10)+"\n"+taken+taken+
		"... 130 bytes of output left out here (output_limit is 100 bytes) ...\nT INFO - SUCCESS, exit code 0 after N s\n")
	w.must(c.Close(true))
	w.gone()
	w.once("a")
}

// TestTallyIsRemoved when its output has ended, and is not made for an output that is not too long.
func TestTallyIsRemoved(t *testing.T) {
	w := newWorld(t)
	c := newTestCustodian(w)
	for _, id := range []string{"short", "long"} {
		s := w.script(id, "printf 123456789; printf 123456789")
		if id == "long" {
			s.Log.Limit = 4
		}
		r := w.end(begin(c, s))
		same(t, id, r.Outcome.Output, 18)
		found, err := filepath.Glob(filepath.Join(w.keep, tallyName+"*"))
		w.must(err)
		same(t, "files", len(found), 0)
	}
}

// TestSettledTally: a custodian that is killed after it has written the end of a long
// output said so; the next one does not tell twice how much is left out.
func TestSettledTally(t *testing.T) {
	w := newWorld(t)
	c := newTestCustodian(w)
	s := w.script("a", "")
	s.Log.Limit = 4
	before := newTask(c, s, nil)
	log, r := before.openLog()
	if r != nil {
		t.Fatal(r)
	}
	out := before.output(log)
	_, _ = out.Write([]byte("123456789"))
	log.EndOutput()
	before.tally.settle(log)

	after := newTask(c, s, nil)
	if log, r = after.continueLog(0, ""); r != nil {
		t.Fatal(r)
	}
	o := after.closeLog(log, after.output(log), run.Outcome{}, 0).Outcome
	same(t, "output", o.Output, 9)
	same(t, "dropped", o.Dropped, 5)
	same(t, "log", strings.Count(w.read("a.log"), "left out"), 1)
	after.tally.remove()
	if _, err := os.Stat(after.tally.path); err == nil {
		t.Error("the tally is left")
	}
}
