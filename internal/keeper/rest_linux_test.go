package keeper

import (
	"bytes"
	"fmt"
	"os"
	"testing"
)

// TestKeeperRests: a keeper that only waits gives back memory, and goes on when there is
// something to do.
func TestKeeperRests(t *testing.T) {
	w := newWorld(t)
	c := w.open(1)
	ended := begin(c, w.script("1", untilGo+"echo on"))
	w.eventually("it rests", func() bool { return memory(w, keeperOf(c), "VmHWM:")-memory(w, keeperOf(c), "VmRSS:") > 2<<10 })
	w.write("go", "")
	w.ends(ended, exited(0, 3))
	w.must(c.Close(true))
}

// memory returns what the system says of a process's memory, in KiB.
func memory(w *world, pid int, what string) (kib int) {
	w.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	w.must(err)
	_, after, _ := bytes.Cut(b, []byte(what))
	_, err = fmt.Sscan(string(after), &kib)
	w.must(err)
	return kib
}
