package journal

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
)

// Many at once, over many segments, with readers beside them.
func TestConcurrent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "j")
	w, _ := tOpen(t, dir, Options{Sync: true, SegmentBytes: 16 << 10, Reserve: 1})
	const workers, each = 8, 40
	var all, readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := Read(dir); err != nil {
					t.Error(err)
				}
				w.State()
			}
		})
	}
	for n := range workers {
		all.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d/%d", n, i)
				errs := []error{
					w.Start(id, noon, nil), w.PID(id, json.RawMessage(`1`)), w.Epoch(0), w.Exit(id, exitOf(0)),
				}
				if i%4 > 0 {
					errs = append(errs, w.Ack(id))
				}
				for _, err := range errs {
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	close(stop)
	readers.Wait()
	want := w.State()
	if len(want.Tasks) != workers*each/4 || w.number < 3 {
		t.Errorf("%d tasks, %d segments", len(want.Tasks), w.number)
	}
	for _, task := range want.Tasks {
		if task.Exit == nil || task.Handle == nil {
			t.Errorf("%+v", task)
		}
	}
	ok(t, w.Close())
	same(t, readAs(t, dir, thisBoot), want)
}
