package sqlstore

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// childVariable makes the test binary the child process below; its value is the database.
const childVariable = "EXECUTIONER_TEST_APPEND_TO"

// child creates a run, appends to it without end, and prints each number that was acknowledged.
func child(path string) {
	s, err := OpenSQLite(context.Background(), path, Config{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	l, err := s.CreateRun(context.Background(), store.NewRun{}, store.Owner{}, 0)
	fmt.Println(l.Run)
	for err == nil {
		var last int64
		last, err = s.Append(context.Background(), l, batch(7))
		fmt.Println(last)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// startChild kills the child after n acknowledgements and returns its run and the last of them.
func startChild(t *testing.T, path string, n int) (id run.ID, last int64) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Error(err)
		return
	}
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return
	}
	lines := bufio.NewScanner(out)
	for i := 0; lines.Scan(); i++ {
		v, err := strconv.ParseInt(lines.Text(), 10, 64)
		if err != nil {
			t.Error(err)
		}
		if i == 0 {
			id = run.ID(v)
		} else {
			last = v
		}
		if i == n {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Error("the child ended with", err)
	}
	return id, last
}

// Two programs create the same database at once, write, and are killed: whatever
// was acknowledged is there, and nothing is there by half.
func TestKilledWhileWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "runs.db")
	for round := range 3 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		acknowledged := map[run.ID]int64{}
		for p := range 2 {
			wg.Go(func() {
				id, last := startChild(t, path, 50+200*round+90*p)
				mu.Lock()
				defer mu.Unlock()
				acknowledged[id] = last
			})
		}
		wg.Wait()
		if len(acknowledged) != 2 {
			t.Fatalf("got %v, want two runs", acknowledged)
		}
		s := openTest(t, path, Config{})
		for id, last := range acknowledged {
			checkKept(t, s, id, last)
		}
	}
}

func checkKept(t *testing.T, s *Store, id run.ID, last int64) {
	t.Helper()
	r, err := s.Run(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	ts, err := s.Transitions(t.Context(), id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if last == 0 || r.Seq < last || r.Seq%7 != 0 || int64(len(ts)) != r.Seq {
		t.Errorf("run %d: %d acknowledged, %d counted, %d there", id, last, r.Seq, len(ts))
	}
	// The counts were committed with the transitions.
	var want run.Counts
	for i := range ts {
		want.Apply(&ts[i])
	}
	if r.Attempt.Counts != want {
		t.Errorf("run %d: counts %+v, want %+v", id, r.Attempt.Counts, want)
	}
}
