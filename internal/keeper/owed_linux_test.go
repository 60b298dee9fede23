package keeper

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/keeper/journal"
)

// fileLimit is more than a job's log has here, and less than a journal with a START.
const fileLimit = 200

// limitFiles keeps a process from making its files larger, as a full disk does, until the
// function that it returns is called.
func (w *world) limitFiles(pid int) (lift func()) {
	w.Helper()
	var old unix.Rlimit
	w.must(unix.Prlimit(pid, unix.RLIMIT_FSIZE, nil, &old))
	w.must(unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: fileLimit, Max: old.Max}, nil))
	return func() { w.must(unix.Prlimit(pid, unix.RLIMIT_FSIZE, &old, nil)) }
}

// aloneVariable is set in a process that does one test.
const aloneVariable = "KEEPER_TEST_ALONE"

// inProcessOfItsOwn does a test that limits its own process in one that does nothing else:
// go test writes to a file meanwhile, which must not meet the limit. It reports whether
// this is that process.
func inProcessOfItsOwn(t *testing.T) bool {
	t.Helper()
	if os.Getenv(aloneVariable) != "" {
		return true
	}
	c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
	c.Env = append(os.Environ(), aloneVariable+"=1")
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// recorded reports whether the end of a task is in the journal.
func (w *world) recorded(id string) bool {
	found, err := journal.Read(w.keep)
	for _, e := range found.Tasks {
		if e.ID == id && e.Exit != nil {
			return err == nil
		}
	}
	return false
}

// TestOwed: an end that could not be recorded keeps the custodian from being idle until
// it is recorded, or recorded elsewhere.
func TestOwed(t *testing.T) {
	if !inProcessOfItsOwn(t) {
		return
	}
	for _, elsewhere := range []bool{false, true} {
		w := newWorld(t)
		c := newTestCustodian(w)
		going := begin(c, w.script("a", untilGo+"exit 3"))
		w.await("starts")
		lift := w.limitFiles(0)
		w.write("go", "")
		w.ends(going, exited(3, 0)) // the engine is told all the same
		same(t, "idle", c.idle(), false)
		same(t, "recorded", w.recorded("a"), false)
		if elsewhere {
			c.Forget("a")
			same(t, "idle when it is forgotten", c.idle(), true)
		}
		lift()
		w.eventually("it is idle", c.idle)
		same(t, "recorded", w.recorded("a"), !elsewhere)
	}
}

// TestOwedAtTheEnd of a custodian is tried once more, and said.
func TestOwedAtTheEnd(t *testing.T) {
	if !inProcessOfItsOwn(t) {
		return
	}
	for _, free := range []bool{false, true} {
		w := newWorld(t)
		k := w.alone(1)
		going := begin(k, w.script("a", untilGo+"exit 3"))
		w.await("starts")
		lift := w.limitFiles(0)
		w.write("go", "")
		w.end(going)
		if free {
			lift()
			w.must(k.Close(false))
		} else {
			err := k.Close(false)
			lift()
			if err == nil || err.Error() != "the ends of 1 processes could not be recorded" {
				t.Error(err)
			}
		}
		same(t, "recorded", w.recorded("a"), free)
		w.must(os.RemoveAll(w.keep))
	}
}

// TestKeeperStaysForWhatItCantRecord: it went home with results that nobody else knew.
func TestKeeperStaysForWhatItCantRecord(t *testing.T) {
	w := newWorld(t)
	c := w.open(1)
	pid := keeperOf(c)
	begin(c, w.script("a", untilGo+"exit 3"))
	begin(c, w.script("b", untilGo+"exit 4"))
	w.eventually("both run", func() bool { return exists(w.path("starts")) && len(w.starts()) == 2 })
	lift := w.limitFiles(pid)
	c.vanish()
	w.write("go", "")
	w.eventually("both end", func() bool { return w.read("a.log") != "" && w.read("b.log") != "" })

	c = w.open(1) // a new epoch can't be recorded either
	w.ends(begin(c, w.script("a", "exit 99")), exited(3, 0))
	c.vanish()
	lift()
	w.eventually("the keeper goes home", func() bool { return !isRunning(pid) })
	c = w.open(2)
	w.ends(begin(c, w.script("a", "exit 99")), exited(3, 0))
	w.ends(begin(c, w.script("b", "exit 99")), exited(4, 0))
	w.must(c.Close(true))
	w.gone()
	w.once("a", "b")
}
