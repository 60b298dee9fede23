package joblog

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/executionerhq/executioner/internal/fault"
)

// following runs Follow in simulated time. Each time that it asks whether the log has
// ended, what it copied since the step before is compared, and the next step is done.
func following(t *testing.T, path string, from int64, steps []step) (err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		done := 0
		err = Follow(t.Context(), path, from, &out, func() bool {
			if done > 0 && out.String() != steps[done-1].want {
				t.Errorf("step %d: copied %q, want %q", done-1, out.String(), steps[done-1].want)
			}
			if done == len(steps) {
				return true
			}
			if err := steps[done].do(); err != nil {
				t.Error(err)
			}
			done++
			return false
		})
	})
	return err
}

type step struct {
	do   func() error
	want string
}

func appendText(path, text string) func() error {
	return func() error {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = f.WriteString(text)
		return errors.Join(err, f.Close())
	}
}

func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	nothing := func() error { return nil }
	err := following(t, path, 0, []step{
		{nothing, ""},
		{appendText(path, "one\n"), "one\n"},
		{appendText(path, "two"), "one\ntwo"},
		{nothing, "one\ntwo"},
		{func() error { return os.Rename(path, path+".1") }, "one\ntwo"},
		{appendText(path+".1", "!\n"), "one\ntwo!\n"},
		{appendText(path, "three\n"), "one\ntwo!\nthree\n"},
		{func() error { return errors.Join(os.Truncate(path, 0), appendText(path, "4\n")()) }, "one\ntwo!\nthree\n4\n"},
		{func() error {
			return errors.Join(appendText(path, "5\n")(), os.Rename(path, path+".2"), appendText(path, "6\n")())
		}, "one\ntwo!\nthree\n4\n5\n6\n"},
	})
	if err != nil {
		t.Error(err)
	}
}

func TestFollowFrom(t *testing.T) {
	path := fileOf(t, "before\nnow\n")
	err := following(t, path, 7, []step{{func() error { return nil }, "now\n"}})
	if err != nil {
		t.Error(err)
	}
}

func TestFollowCopiesWhatWasWrittenBeforeTheEnd(t *testing.T) {
	path := fileOf(t, "one\n")
	var out bytes.Buffer
	calls := 0
	err := Follow(t.Context(), path, 0, &out, func() bool {
		if calls++; calls < 2 {
			return false
		}
		return appendText(path, "last\n")() == nil
	})
	if err != nil || out.String() != "one\nlast\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestFollowEnds(t *testing.T) {
	yes, no := func() bool { return true }, func() bool { return false }
	missing := filepath.Join(t.TempDir(), "no.log")
	if err := Follow(t.Context(), missing, 0, &bytes.Buffer{}, yes); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("never there: %v", err)
	}
	if err := Follow(t.Context(), t.TempDir(), 0, &bytes.Buffer{}, yes); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("a directory: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := Follow(ctx, missing, 0, &bytes.Buffer{}, no)
	if fault.CodeOf(err) != fault.Cancelled || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	full := &recorder{err: os.ErrClosed}
	if err := Follow(t.Context(), fileOf(t, "x"), 0, full, no); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("reader gone: %v", err)
	}
}
