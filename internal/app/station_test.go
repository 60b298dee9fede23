package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/keeper"
	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
)

// hall is the keepers of one program on a database. Without a program of their own they
// are in this process.
func hall(t *testing.T, database string, service bool) *keepers {
	t.Helper()
	host, err := process.NewHost()
	if err != nil {
		t.Fatal(err)
	}
	k := &keepers{settings: Settings{Database: database}, host: host}
	if service {
		if err := k.serve(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		_ = k.close()
		_ = host.Close()
	})
	return k
}

// wrote is an attempt in that epoch which was taken up with a job running, and whose last
// record is of another epoch.
func wrote(id run.ID, epoch, last int64) runs.Attempt {
	a := attempt(id, epoch, 1)
	a.TakenUp.Wrote = last
	return a
}

// attempt is one in that epoch, with jobs running if it was taken up.
func attempt(id run.ID, epoch int64, running int) runs.Attempt {
	a := runs.Attempt{Run: id, Number: 1, Epoch: epoch}
	if running > 0 {
		a.TakenUp = &runs.TakenUp{Running: running}
	}
	return a
}

func (k *keepers) must(t *testing.T, a runs.Attempt) keeper.Keeper {
	t.Helper()
	opened, err := k.open(a)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// What the keeper of a service does not know was never started, but only if the run was
// with it, and nobody executed the run since.
func TestSilence(t *testing.T) {
	database := filepath.Join(t.TempDir(), "history.db")
	before := hall(t, database, true)
	done := make(chan keeper.Result, 1) // which nobody forgets: the journal stays
	before.own.Start(keeper.Spec{ID: "old", Path: "/bin/true", Args: []string{"true"}, Dir: "/"}, func(r keeper.Result) { done <- r })
	<-done
	if err := before.close(); err != nil {
		t.Fatal(err)
	}
	k := hall(t, database, true)
	if h := k.must(t, attempt(1, 1, 0)); h.Close(false) != nil {
		t.Error("it does not close")
	}
	for _, tt := range []struct {
		name string
		a    runs.Attempt
		want keeper.Fate
	}{
		{"it was ours", attempt(1, 2, 1), keeper.Unstarted},
		{"it was ours, once more", attempt(1, 3, 1), keeper.Unstarted},
		{"others had it in between", attempt(1, 5, 1), keeper.Lost},
		{"ever since", attempt(1, 6, 1), keeper.Lost},
		{"it comes from elsewhere", attempt(2, 2, 1), keeper.Lost},
		{"ever since, too", attempt(2, 3, 1), keeper.Lost},
		{"nothing of it ran", attempt(3, 9, 0), keeper.Unstarted},
		{"somebody had it and started nothing", wrote(3, 12, 9), keeper.Unstarted},
		{"and so did we", wrote(3, 20, 9), keeper.Unstarted},
		{"others went on with it", wrote(3, 22, 21), keeper.Lost},
		{"ever since, whoever they were", wrote(3, 23, 21), keeper.Lost},
	} {
		h := k.must(t, tt.a)
		if got := h.Fate("x"); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if err := h.Close(false); err != nil {
			t.Error(err)
		}
	}
	h := k.must(t, attempt(9, 7, 1)) // from elsewhere, and yet something is known of it
	if got := h.Fate("old"); got != k.own.Fate("old") || got == keeper.Lost || got == keeper.Unstarted {
		t.Errorf("what it knows is %s", got)
	}
	if err := errors.Join(h.Close(true), h.Close(true)); err != nil {
		t.Error(err)
	}
	if _, is := marked(k.own.dir, 9); is {
		t.Error("the marker of a run that is over is there")
	}
}

// A service has a keeper of its own, and goes to that of another one that is gone.
func TestStations(t *testing.T) {
	database := filepath.Join(t.TempDir(), "history.db")
	one, two := hall(t, database, true), hall(t, database, true)
	if one.own.dir == two.own.dir {
		t.Fatalf("both work with %s", one.own.dir)
	}
	h := one.must(t, attempt(1, 1, 0))
	if _, err := two.open(attempt(1, 2, 1)); fault.CodeOf(err) != fault.Locked {
		t.Errorf("with one that is there: %v", err)
	}
	if err := h.Close(false); err != nil {
		t.Fatal(err)
	}
	if !one.own.idle() {
		t.Error("it is in use")
	}
	dir := one.own.dir
	if err := one.close(); err != nil {
		t.Fatal(err)
	}
	if !one.remains(1, nil) && keeper.Look(dir, []string{"x"}) {
		t.Error("nothing is known of the run")
	}
	h = two.must(t, attempt(1, 3, 1))
	if len(two.stations) != 2 || two.stations[dir] == nil {
		t.Fatalf("it works with %v", two.stations)
	}
	three := hall(t, database, true)
	if three.own.dir == dir || three.own.dir == two.own.dir {
		t.Errorf("the third works with %s, too", three.own.dir)
	}
	if err := h.Close(true); err != nil || len(two.stations) != 1 {
		t.Errorf("then it works with %v: %v", two.stations, err)
	}
	command := hall(t, database, false)
	if err := three.close(); err != nil {
		t.Error(err)
	}
	h = command.must(t, attempt(5, 1, 0)) // has one of its own
	if err := h.Close(true); err != nil || len(command.stations) != 0 {
		t.Errorf("a command works with %v: %v", command.stations, err)
	}
}

// A run that a command began is with a keeper of its own, whoever takes it up.
func TestStationOfACommand(t *testing.T) {
	database := filepath.Join(t.TempDir(), "history.db")
	command, service := hall(t, database, false), hall(t, database, true)
	if err := os.MkdirAll(command.dir(1), 0o700); err != nil {
		t.Fatal(err)
	}
	h := service.must(t, attempt(1, 2, 1))
	if _, shared := h.(*handle); shared {
		t.Error("it is with the keeper of the service")
	}
	if err := h.Close(true); err != nil {
		t.Error(err)
	}
}

// The epoch grows, also when the file that keeps it is lost or broken.
func TestEpoch(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "serve-1")
	var last int64
	for n, content := range []string{"", "keep", "lost", "nonsense\n", strconv.FormatInt(time.Now().Unix()+1000, 10) + "\n", "keep"} {
		switch content {
		case "keep":
		case "lost":
			_ = os.Remove(dir + lockSuffix)
		default:
			if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(dir+lockSuffix, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		f, epoch, err := lockStation(dir)
		if err != nil {
			t.Fatal(err)
		}
		if epoch < time.Now().Unix()-60 || (content == "keep" && epoch <= last) {
			t.Errorf("%d: epoch %d after %d", n, epoch, last)
		}
		if _, _, err := lockStation(dir); !errors.Is(err, errStationBusy) {
			t.Errorf("locked twice: %v", err)
		}
		last = epoch
		_ = f.Close()
	}
	if _, _, err := lockStation(filepath.Join(dir+lockSuffix, "x")); err == nil {
		t.Error("it is locked where it can't be")
	}
}

// TestServiceSweeps: markers of runs that are over are removed when a service starts.
func TestServiceSweeps(t *testing.T) {
	database := filepath.Join(t.TempDir(), "history.db")
	a := open(t, database)
	e, err := a.Runs.Submit(t.Context(), flow(t, "exit 0"), runs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(a.keepers.base(), "serve-1"+runsSuffix)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"1", "7", "x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("1"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(context.Background(), Settings{Database: database, StateDir: t.TempDir(), Service: true})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || !strings.HasPrefix(entries[0].Name(), "x") {
		t.Errorf("left: %v, %v", entries, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
