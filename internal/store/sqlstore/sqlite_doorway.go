package sqlstore

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// doorway lets programs open the database at path side by side, and one that replaces
// it alone. SQLite's own locks are not enough: whoever has opened the file and waits for
// a lock would get it on the old file, and then use the log of the new one, which has the
// same name. The lock is on the directory, so that there is no file for it; where that
// can't be locked there is none.
func doorway(ctx context.Context, path string, how int, patience time.Duration) (leave func(), err error) {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return func() {}, nil //nolint:nilerr // the database may be usable all the same
	}
	deadline := time.Now().Add(patience)
	for {
		err := unix.Flock(int(dir.Fd()), how|unix.LOCK_NB)
		switch {
		case err == unix.EINTR: //nolint:errorlint // system calls return it bare
			continue
		case err == nil, err != unix.EWOULDBLOCK: //nolint:errorlint // see above
			return func() { _ = dir.Close() }, nil
		case time.Now().After(deadline):
			_ = dir.Close()
			return nil, errInUse(path)
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			_ = dir.Close()
			return nil, err
		}
	}
}
