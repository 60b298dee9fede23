//go:build unix

package joblog

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"testing"
)

func TestALogDirOfAnotherUserIsNamed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "not", "there", "a.log")
	if err := denied(path, fs.ErrPermission); err != fs.ErrPermission { //nolint:errorlint // as it is
		t.Errorf("our own: %v", err)
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can give a directory away")
	}
	if err := os.Chown(dir, 54321, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := user.LookupId("54321"); err == nil {
		t.Skip("there is such a user")
	}
	err := denied(path, fs.ErrPermission)
	if want := "permission denied: " + dir + " belongs to uid 54321: set another log_dir, or have it removed"; !errors.Is(err, fs.ErrPermission) || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
