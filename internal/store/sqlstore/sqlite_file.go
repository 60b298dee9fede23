package sqlstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/fault"
)

// sqliteSmallest is the size of the smallest page. SQLite takes what is shorter for
// an empty database, and would write over it.
const sqliteSmallest = 512

// prepareFile creates an empty file for a new database, readable by its owner only,
// and refuses what can't be one. It never opens an existing file: closing it again
// would drop the locks that another connection of this process holds on it.
func prepareFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return createFile(path)
	case err != nil:
		return errFile(path, err, "the database can't be reached")
	case info.IsDir():
		return errFile(path, nil, "the database is a directory").WithHint("name a file in it with --database")
	case !info.Mode().IsRegular():
		return errFile(path, nil, "the database is not a file")
	case info.Size() > 0 && info.Size() < sqliteSmallest:
		return errFile(path, nil, "the file is not a database")
	}
	// SQLite would open it for reading, and fail at the first write.
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK|unix.W_OK, unix.AT_EACCESS); err != nil {
		return errFile(path, err, "the database can't be read and written")
	}
	return nil
}

func createFile(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return errFile(path, err, "the directory of the database can't be created")
	}
	// The file gets its name only after it was closed, for the reason above.
	f, err := os.CreateTemp(dir, ".executioner-*")
	if err != nil {
		return errFile(path, err, "the database can't be created")
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it has its other name by then
	if err := f.Close(); err != nil {
		return errFile(path, err, "the database can't be created")
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return errFile(path, err, "the database can't be created")
	}
	return nil
}

func errFile(path string, err error, msg string) *fault.Error {
	return &fault.Error{
		Code: fault.Unavailable, Msg: msg, Op: "open database", At: path, Err: err,
		Hint: "check the path, that the volume is there, and that you may write it, or name another file with --database",
	}
}
