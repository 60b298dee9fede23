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

// What SQLite adds to the name of a database for its write-ahead log, and for the memory
// that programs share to use it.
const (
	logSuffix    = "-wal"
	memorySuffix = "-shm"
)

// prepareFile creates an empty file for a new database, readable by its owner only,
// and refuses what can't be one. It never opens an existing file: closing it again
// would drop the locks that another connection of this process holds on it.
//
// An empty file becomes a new database, unless it has a write-ahead log that is not
// empty: then it was one, and has been cut off. That a log is left alone says the same.
func prepareFile(path string, network bool) error {
	if err := refuseNetwork(path, network); err != nil {
		return err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if hasLog(path) {
			return errCutOff(path, "the database is gone, but its log is there")
		}
		return createFile(path)
	case err != nil:
		return errFile(path, err, "the database can't be reached")
	case info.IsDir():
		return errFile(path, nil, "the database is a directory").WithHint("name a file in it with --database")
	case !info.Mode().IsRegular():
		return errFile(path, nil, "the database is not a file")
	case info.Size() > 0 && info.Size() < sqliteSmallest:
		return errFile(path, nil, "the file is not a database")
	case info.Size() == 0 && hasLog(path) && isEmpty(path):
		return errCutOff(path, "the database is empty, but its log is not")
	}
	// SQLite would open it for reading, and fail at the first write.
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK|unix.W_OK, unix.AT_EACCESS); err != nil {
		return errFile(path, err, "the database can't be read and written")
	}
	return nil
}

// hasLog reports whether the database has a write-ahead log with something in it.
func hasLog(path string) bool {
	info, err := os.Stat(path + logSuffix)
	return err == nil && info.Size() > 0
}

func isEmpty(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() == 0
}

func errCutOff(path, msg string) error {
	return errFile(path, nil, msg).WithHint("executioner db restore BACKUP brings a backup back; "+
		"without one move %s away, and the next run begins a new history", filepath.Base(path)+logSuffix)
}

func createFile(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return errFile(path, err, "the directory of the database can't be created")
	}
	if err := makeEmpty(path); err != nil && !errors.Is(err, fs.ErrExist) {
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
