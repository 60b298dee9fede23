package process

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"golang.org/x/sys/unix"
)

// TestBefore is called with the pipe and the mark of the program, while nothing runs; its
// error keeps it so.
func TestBefore(t *testing.T) {
	h := newHost(t)
	var inode, mark uint64
	spec := script(t, "stat -L -c %i /proc/self/fd/2 > inode; touch ready; sleep 1000")
	spec.Before = func(pipe int, m uint64) error {
		var st unix.Stat_t
		if err := unix.Fstat(pipe, &st); err != nil {
			t.Error(err)
		}
		inode, mark = st.Ino, m
		return nil
	}
	p := start(t, h, spec)
	eventually(t, "ready", func() bool { _, err := os.Stat(spec.Dir + "/ready"); return err == nil })
	if got := pidFrom(t, spec.Dir, "inode"); uint64(got) != inode {
		t.Errorf("its output is pipe %d, not %d", got, inode)
	}
	found, ok := FindMarked(mark, p.started, Handle{})
	if want := p.Handle(); !ok || found.PID != want.PID || found.StartTime != want.StartTime || found.Mark != want.Mark {
		t.Errorf("found %+v %v, want %+v", found, ok, want)
	}
	p.Stop(run.Cancelled, run.RunCancelled, "")
	p.Wait()
	if found, ok := FindMarked(mark, time.Time{}, Handle{}); ok {
		t.Errorf("found %+v", found)
	}
	if _, ok := FindMarked(0, time.Time{}, Handle{}); ok {
		t.Error("found nobody's")
	}
	refusal := errors.New("not now")
	spec.Before = func(int, uint64) error { return refusal }
	if _, err := Start(spec, h); !errors.Is(err, refusal) {
		t.Errorf("got %v", err)
	}
	if left := zombies(t); len(left) > 0 || len(cookies(t, spec.Cookie)) > 0 {
		t.Errorf("started all the same: %v", left)
	}
}

// TestReaping is called once with how the program ended, while the system still knows.
func TestReaping(t *testing.T) {
	for _, c := range []struct {
		script string
		adopt  bool
		want   run.Outcome
	}{
		{"exit 0", false, run.Outcome{State: run.Success, Reason: run.Exited}},
		{"exit 3", false, run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 3}},
		{"kill -9 $$", false, run.Outcome{State: run.Failed, Reason: run.Signal, ExitCode: -1, Signal: 9, Detail: "ended by SIGKILL"}},
		{"ulimit -c unlimited; kill -SEGV $$", false, run.Outcome{State: run.Failed, Reason: run.Signal, ExitCode: -1, Signal: 11, Detail: "ended by SIGSEGV"}},
		{"exit 4", true, run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 4}},
	} {
		h := newHost(t)
		spec := script(t, untilGo+c.script)
		told := make(chan run.Outcome, 2)
		pid := make(chan int, 1)
		spec.Reaping = func(o run.Outcome) {
			told <- o
			if e, ok := readStat(<-pid); !ok || e.state != 'Z' {
				t.Errorf("%s: the system has forgotten it: %+v", c.script, e)
			}
		}
		p := start(t, h, spec)
		if c.adopt {
			p.Release()
			p.Wait()
			var err error
			if p, err = Adopt(spec, p.Handle(), nil, nil, h); err != nil {
				t.Fatal(err)
			}
		}
		pid <- p.PID()
		write(t, spec.Dir+"/go", "", 0o600)
		final := dropCore(bare(p.Wait()))
		if got := dropCore(<-told); got != c.want || final != c.want {
			t.Errorf("%s: told %+v, then %+v\nwant %+v", c.script, got, final, c.want)
		}
		if len(told) > 0 {
			t.Errorf("%s: told twice", c.script)
		}
	}
}

// TestByAge: of those with one mark the program is the oldest.
func TestByAge(t *testing.T) {
	all := []entry{{ident: ident{3, 20}}, {ident: ident{9, 10}}, {ident: ident{7, 10}}, {ident: ident{2, 11}}}
	if got := slices.MinFunc(all, byAge); got.pid != 7 {
		t.Errorf("the oldest is %d", got.pid)
	}
}
