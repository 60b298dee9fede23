package app

import (
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/local"
	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

func TestDead(t *testing.T) {
	k := newKnown("scope", nil)
	self := k.Owner()
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*store.Owner)) store.Owner {
		o := self
		change(&o)
		return o
	}
	tests := []struct {
		name  string
		owner store.Owner
		want  bool
	}{
		{"this program", self, false},
		{"a program that has ended", with(func(o *store.Owner) { o.PID = gone.Process.Pid }), true},
		{"a program that had this number before", with(func(o *store.Owner) { o.StartTime-- }), true},
		{"before the host was started again", with(func(o *store.Owner) { o.BootID = "00000000-0000-0000-0000-000000000000" }), true},
		{"another host", with(func(o *store.Owner) { o.Host, o.PID = "elsewhere", gone.Process.Pid }), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := k.Dead(tt.owner); got != tt.want {
				t.Errorf("%v", got)
			}
		})
	}
	if self.Host == "" || self.BootID == "" || self.PID == 0 || self.StartTime == 0 {
		t.Errorf("this program: %+v", self)
	}
}

// TestSurvivors has processes of a task whose program is gone: here they have none.
func TestSurvivors(t *testing.T) {
	k := newKnown("scope"+strconv.FormatInt(time.Now().UnixNano(), 36), nil)
	ours := run.TaskID{Run: 1, Attempt: 2, Job: "a", Try: 30}
	other := run.TaskID{Run: 1, Attempt: 2, Job: "a", Try: 3} // with which ours begins
	var pids []int
	ended := make(chan error, 2)
	for range 2 {
		c := exec.Command("sleep", "60")
		c.Env = []string{process.CookieVariable + "=" + local.Cookie(k.scope, ours)}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, c.Process.Pid)
		go func() { ended <- c.Wait() }()
	}
	slices.Sort(pids)
	eventually(t, "both are found", func() bool { // before exec they have our environment
		found, err := k.Survivors([]run.TaskID{other, ours})
		slices.Sort(found)
		return err == nil && slices.Equal(found, pids)
	})
	if found, err := k.Survivors([]run.TaskID{other}); err != nil || len(found) > 0 {
		t.Errorf("of another try: %v, %v", found, err)
	}
	if found, err := newKnown("other", nil).Survivors([]run.TaskID{ours}); err != nil || len(found) > 0 {
		t.Errorf("of another database: %v, %v", found, err)
	}
	if left, err := k.KillSurvivors(t.Context(), []run.TaskID{other, ours}); err != nil || len(left) > 0 {
		t.Errorf("left after killing: %v, %v", left, err)
	}
	for range 2 {
		if err := <-ended; err == nil {
			t.Error("it ended by itself")
		}
	}
	for _, pid := range pids {
		if syscall.Kill(pid, 0) == nil {
			t.Errorf("%d is still there", pid)
		}
	}
	if found, err := k.Survivors([]run.TaskID{ours}); err != nil || len(found) > 0 {
		t.Errorf("after killing: %v, %v", found, err)
	}
}
