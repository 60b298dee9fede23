package process

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// TestOOM: only a kill during which the kernel's counter went up is blamed on memory.
func TestOOM(t *testing.T) {
	h := newHost(t)
	var count atomic.Uint64
	h.memory.read = count.Load
	h.memory.at = time.Time{}
	spec := script(t, "while [ ! -e go ]; do sleep 0.01; done; kill -9 $$")
	for _, c := range []struct {
		kills uint64
		want  run.Reason
	}{{0, run.Signal}, {1, run.OOMKilled}} {
		_ = os.Remove(spec.Dir + "/go")
		h.memory.mu.Lock()
		h.memory.at = time.Time{} // as if a second had passed
		h.memory.mu.Unlock()
		p := start(t, h, spec)
		count.Add(c.kills)
		write(t, spec.Dir+"/go", "", 0o600)
		if o := p.Wait(); o.Reason != c.want || o.Signal != 9 {
			t.Errorf("%d kills: %+v", c.kills, o)
		}
	}
}

// TestOOMCounterIsShared: many starts share a reading.
func TestOOMCounterIsShared(t *testing.T) {
	h := newHost(t)
	reads := 0
	h.memory.read = func() uint64 { reads++; return 7 }
	h.memory.at = time.Time{}
	for range 3 {
		if got := h.oomBefore(); got != 7 {
			t.Errorf("got %d", got)
		}
	}
	if reads != 1 {
		t.Errorf("%d readings", reads)
	}
	if h.oomSince(7) || !h.oomSince(6) {
		t.Error("comparison")
	}
}

// TestHostOOMCounter: the real one can be read.
func TestHostOOMCounter(t *testing.T) {
	if _, ok := readOOM("/proc/vmstat"); !ok {
		t.Skip("this kernel has no oom_kill counter")
	}
	if _, ok := readOOM("/no/such/file"); ok {
		t.Error("read a file that is not there")
	}
}

// TestMaxRSS: the truth or nothing, never the engine's own size.
func TestMaxRSS(t *testing.T) {
	h := newHost(t)
	own := make([]byte, 100<<20) // an engine of more than 100 MB
	for i := 0; i < len(own); i += 4096 {
		own[i] = 1
	}
	tiny := start(t, h, script(t, "true")).Wait()
	if tiny.MaxRSS > 20<<20 { // usually 0, unless it is slow enough to be seen
		t.Errorf("tiny: %d bytes", tiny.MaxRSS)
	}
	spec := script(t, untilGo)
	p := start(t, h, spec)
	eventually(t, "it is seen", func() bool { return p.peak.value() > 0 })
	write(t, spec.Dir+"/go", "", 0o600)
	small := p.Wait()
	if small.MaxRSS < 500<<10 || small.MaxRSS > 20<<20 {
		t.Errorf("small: %d bytes", small.MaxRSS)
	}
	child := start(t, h, script(t, "dd if=/dev/zero of=/dev/null bs=40M count=1; sleep 0.3")).Wait()
	if child.MaxRSS > 100<<20 {
		t.Errorf("child: %d bytes", child.MaxRSS)
	}
	size := above(highWater(os.Getpid())) + 50<<20 // the test binary may be large by now
	large := start(t, h, script(t, fmt.Sprintf("exec dd if=/dev/zero of=/dev/null bs=%d count=1", size))).Wait()
	if large.MaxRSS < size || large.MaxRSS > size+20<<20 {
		t.Errorf("large: %d bytes, want %d", large.MaxRSS, size)
	}
	if large.CPU <= 0 {
		t.Errorf("CPU %v", large.CPU)
	}
	if own[4096] != 1 {
		t.Error("unreachable: keeps own in memory")
	}
}
