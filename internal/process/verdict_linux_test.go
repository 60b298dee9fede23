package process

import (
	"syscall"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// Wait statuses as the kernel packs them.
func exited(code int) syscall.WaitStatus             { return syscall.WaitStatus(code << 8) }
func signaled(sig syscall.Signal) syscall.WaitStatus { return syscall.WaitStatus(sig) }

func TestVerdict(t *testing.T) {
	timeout := &order{state: run.Timeout, reason: run.TimedOut, detail: "timed out after 1s"}
	for _, c := range []struct {
		name  string
		exit  exit
		order *order
		oom   bool
		want  run.Outcome
	}{
		{"success", exit{status: exited(0)}, nil, true, run.Outcome{State: run.Success, Reason: run.Exited}},
		{"exit code", exit{status: exited(3)}, nil, true, run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 3}},
		{
			"signal",
			exit{status: signaled(syscall.SIGSEGV)},
			nil, true,
			run.Outcome{State: run.Failed, Reason: run.Signal, ExitCode: -1, Signal: 11, Detail: "ended by SIGSEGV"},
		},
		{
			"core",
			exit{status: signaled(syscall.SIGABRT) | 0x80},
			nil, false,
			run.Outcome{State: run.Failed, Reason: run.Signal, ExitCode: -1, Signal: 6, Detail: "ended by SIGABRT (core dumped)"},
		},
		{
			"unnamed signal",
			exit{status: signaled(40)},
			nil, false,
			run.Outcome{State: run.Failed, Reason: run.Signal, ExitCode: -1, Signal: 40, Detail: "ended by signal 40"},
		},
		{
			"killed by somebody",
			exit{status: signaled(syscall.SIGKILL)},
			nil, false,
			run.Outcome{State: run.Failed, Reason: run.Signal, ExitCode: -1, Signal: 9, Detail: "ended by SIGKILL"},
		},
		{
			"out of memory",
			exit{status: signaled(syscall.SIGKILL)},
			nil, true,
			run.Outcome{State: run.Failed, Reason: run.OOMKilled, ExitCode: -1, Signal: 9, Detail: "the kernel killed it because memory ran out"},
		},
		{
			"child of a shell out of memory",
			exit{status: exited(137)},
			nil, true,
			run.Outcome{State: run.Failed, Reason: run.OOMKilled, ExitCode: 137, Detail: "the kernel killed it because memory ran out"},
		},
		{"137 without", exit{status: exited(137)}, nil, false, run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 137}},
		{
			"timeout",
			exit{status: signaled(syscall.SIGKILL)},
			timeout, true,
			run.Outcome{State: run.Timeout, Reason: run.TimedOut, ExitCode: -1, Signal: 9, Detail: "timed out after 1s"},
		},
		{
			"well within the grace",
			exit{status: exited(0)},
			timeout, false,
			run.Outcome{State: run.Timeout, Reason: run.TimedOut, Detail: "timed out after 1s"},
		},
		{
			"lost",
			exit{lost: true},
			nil, false,
			run.Outcome{State: run.Failed, Reason: run.Lost, ExitCode: -1, Detail: "its exit status was taken by another part of the program"},
		},
	} {
		if got := verdict(c.exit, c.order, func() bool { return c.oom }); got != c.want {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

func TestDetail(t *testing.T) {
	got := joinDetail("a\nb", "", leftDetail([]int{1, 2}), writeDetail(syscall.ENOSPC))
	if want := "a b; still running: pid 1 2; output was not kept: no space left on device"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := leftDetail([]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}), "still running: pid 1 2 3 4 5 6 7 8 and 2 more"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := leftDetail(nil); got != "" {
		t.Errorf("got %q for nothing left", got)
	}
}

func TestPeakSchedule(t *testing.T) {
	now := time.Unix(0, 0)
	var k peak
	var waits []time.Duration
	for range 6 {
		before := now
		k.again(now)
		now = k.due
		waits = append(waits, now.Sub(before))
	}
	want := []time.Duration{200e6, 800e6, 3200e6, 12800e6, 30e9, 30e9}
	for i := range want {
		if waits[i] != want[i] {
			t.Fatalf("waits %v, want %v", waits, want)
		}
	}
}
