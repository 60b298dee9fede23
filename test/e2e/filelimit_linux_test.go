package e2e

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFileLimit has a limit on the size of files, which takes no privilege: what the
// database writes is refused until the limit is lifted.
func TestFileLimit(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	r := p.gated()
	limit := func(n uint64) {
		t.Helper()
		if err := unix.Prlimit(r.pid(), unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: n, Max: unix.RLIM_INFINITY}, nil); err != nil {
			t.Fatal(err)
		}
	}
	limit(1024)
	p.write("go", "")
	p.eventually("it says so", func() bool { return strings.Contains(r.err.String(), unrecorded) })
	limit(1 << 40)
	p.lostNothing(r.wait().ends(t, 0))
}
