package keeper

import (
	"context"
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/mask"
)

// TestOpenLog waits while too many files are open, and no longer than it is wanted.
func TestOpenLog(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	if log, err := OpenLog(ctx, w.work, 0, mask.New(nil)); log != nil || err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("a directory: %v, %v", log, err)
	}
	var old unix.Rlimit
	w.must(unix.Getrlimit(unix.RLIMIT_NOFILE, &old))
	none := unix.Rlimit{Cur: 0, Max: old.Max}
	w.must(unix.Prlimit(0, unix.RLIMIT_NOFILE, &none, nil))
	opened := make(chan error)
	open := func() {
		log, err := OpenLog(ctx, w.path("a.log"), 0, mask.New(nil))
		if log != nil {
			_, err = log.Close()
		}
		opened <- err
	}
	go open()
	cancel()
	refused := <-opened
	ctx = t.Context()
	go open()
	w.must(unix.Prlimit(0, unix.RLIMIT_NOFILE, &old, nil))
	w.must(<-opened)
	if !errors.Is(refused, context.Canceled) {
		t.Errorf("got %v", refused)
	}
}
