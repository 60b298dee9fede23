package process

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"golang.org/x/sys/unix"
)

func TestOutcomes(t *testing.T) {
	host := newHost(t)
	for _, c := range []struct {
		script, output string
		want           run.Outcome
	}{
		{"", "", run.Outcome{State: run.Success, Reason: run.Exited}},
		{"echo a; echo b >&2; echo c", "a\nb\nc\n", run.Outcome{State: run.Success, Reason: run.Exited}},
		{"printf x; exit 3", "x", run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 3}},
		{"kill -9 $$", "", run.Outcome{State: run.Failed, Reason: run.Signal, ExitCode: -1, Signal: 9, Detail: "ended by SIGKILL"}},
		{"kill -TERM $$", "", run.Outcome{State: run.Failed, Reason: run.Signal, ExitCode: -1, Signal: 15, Detail: "ended by SIGTERM"}},
		{"exec >&- 2>&-; sleep 0.05; exit 4", "", run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 4}},
		{"echo keep; echo x > /dev/stderr", "keep\nx\n", run.Outcome{State: run.Success, Reason: run.Exited}},
	} {
		var out bytes.Buffer
		spec := script(t, c.script)
		spec.Output = &out
		got := start(t, host, spec).Wait()
		got.CPU, got.MaxRSS = 0, 0
		c.want.Output = int64(len(c.output))
		if got != c.want || out.String() != c.output {
			t.Errorf("%s: got %+v %q\nwant %+v %q", c.script, got, out.String(), c.want, c.output)
		}
	}
}

func TestBinaryOutput(t *testing.T) {
	data := make([]byte, 3<<20+17)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	spec := script(t, "cat data")
	var out bytes.Buffer
	spec.Output = &out
	write(t, filepath.Join(spec.Dir, "data"), string(data), 0o600)
	if o := start(t, newHost(t), spec).Wait(); o.Output != int64(len(data)) || !bytes.Equal(out.Bytes(), data) {
		t.Errorf("%+v, %d bytes differ", o, out.Len())
	}
}

// TestHugeLine: one line of 350 MB must cost no more memory than a short one.
func TestHugeLine(t *testing.T) {
	const size = 350 << 20
	spec := script(t, "head -c 350M /dev/zero")
	count := &counter{}
	heap := &heapWatcher{}
	heap.look()
	before := heap.most
	spec.Output = io.MultiWriter(count, heap)
	o := start(t, newHost(t), spec).Wait()
	if o.Output != size || count.n != size || count.largest > bufferSize {
		t.Errorf("%+v, %d bytes, largest piece %d", o, count.n, count.largest)
	}
	if grown := int64(heap.most) - int64(before); grown > 128<<20 { // the race detector makes pools forget
		t.Errorf("the heap grew by %d bytes", grown)
	}
}

// heapWatcher notes how large the heap gets, looking now and then.
type heapWatcher struct {
	writes int
	most   uint64
}

func (w *heapWatcher) Write(b []byte) (int, error) {
	if w.writes++; w.writes%500 == 0 {
		w.look()
	}
	return len(b), nil
}

func (w *heapWatcher) look() {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	w.most = max(w.most, stats.HeapInuse)
}

type counter struct {
	n       int64
	largest int
}

func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	c.largest = max(c.largest, len(b))
	return len(b), nil
}

type brokenWriter struct{ calls int }

func (w *brokenWriter) Write([]byte) (int, error) {
	w.calls++
	return 0, errors.New("disk full")
}

// TestWriteError: the job is neither blocked nor killed when its output can't be kept.
func TestWriteError(t *testing.T) {
	w := &brokenWriter{}
	spec := script(t, "head -c 1M /dev/zero; echo end")
	spec.Output = w
	o := start(t, newHost(t), spec).Wait()
	if o.State != run.Success || o.Output != 1<<20+4 || o.Detail != "output was not kept: disk full" || w.calls != 1 {
		t.Errorf("%+v, %d calls", o, w.calls)
	}
}

// slowWriter takes longer than the patience with a grandchild's pipe.
type slowWriter struct {
	bytes.Buffer
	once bool
}

func (w *slowWriter) Write(b []byte) (int, error) {
	if !w.once {
		w.once = true
		<-time.After(drainPatience + 100*time.Millisecond)
	}
	return w.Buffer.Write(b)
}

// TestSlowWriter: what was in the pipe when the program ended is kept, however slow the
// writer, also when somebody else holds the pipe.
func TestSlowWriter(t *testing.T) {
	for _, holder := range []string{"", "sleep 100 &"} {
		w := &slowWriter{}
		spec := script(t, "echo first; sleep 0.05; "+holder+" head -c 60000 /dev/zero; echo last")
		spec.Output, spec.KillLeftover = w, true
		o := start(t, newHost(t), spec).Wait()
		if o.Output != 6+60000+5 || !strings.HasSuffix(w.String(), "\x00last\n") {
			t.Errorf("%q: %+v, %d bytes", holder, o, w.Len())
		}
	}
}

// TestGrandchildHoldsPipe: the program decides when the job ends.
func TestGrandchildHoldsPipe(t *testing.T) {
	var out bytes.Buffer
	spec := script(t, "sleep 100 & echo $! > pid; echo done")
	spec.Output = &out
	p := start(t, newHost(t), spec)
	o := p.Wait()
	left := pidFrom(t, spec.Dir, "pid")
	defer end(t, left)
	if o.State != run.Success || o.Survivors != 1 || out.String() != "done\n" || !isRunning(left) {
		t.Errorf("%+v %q", o, out.String())
	}
}

// TestFinishingDescendant: output that goes through `tee` is complete.
func TestFinishingDescendant(t *testing.T) {
	var out bytes.Buffer
	spec := script(t, `exec > >(while read l; do sleep 0.05; echo "got $l"; done); echo a; echo b`)
	spec.Output = &out
	h := newHost(t)
	h.patience = time.Minute // the host may be busy
	o := start(t, h, spec).Wait()
	if out.String() != "got a\ngot b\n" || o.State != run.Success || o.Survivors != 0 {
		t.Errorf("%+v %q", o, out.String())
	}
}

// TestBusyGrandchild: one that writes without end does not keep the job from ending, and
// can go on writing afterwards.
func TestBusyGrandchild(t *testing.T) {
	spec := script(t, "yes & echo $! > pid; true")
	w := &counter{}
	spec.Output = w
	h := newHost(t)
	o := start(t, h, spec).Wait()
	busy := pidFrom(t, spec.Dir, "pid")
	defer unix.Wait4(busy, nil, 0, nil)
	defer unix.Kill(busy, unix.SIGKILL)
	if o.State != run.Success || o.Survivors != 1 || o.Output != w.n {
		t.Errorf("%+v, %d bytes", o, w.n)
	}
	kept := w.n
	before := writtenBy(t, busy)
	eventually(t, "the leftover goes on writing", func() bool { return writtenBy(t, busy) > before+1<<20 })
	if w.n != kept {
		t.Error("output was passed on after Wait")
	}
	// Only the end of the engine is the end of its pipe.
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "SIGPIPE after Close", func() bool { return !isRunning(busy) })
}

func writtenBy(t *testing.T, pid int) uint64 {
	t.Helper()
	content, err := os.ReadFile(procPath(pid, "io"))
	if err != nil {
		t.Fatal(err)
	}
	n, _ := field(content, "wchar:", 10)
	return n
}
