package keeper

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"github.com/executionerhq/executioner/internal/keeper/journal"
)

// Look reports whether anything is known of tasks that an earlier program left in a
// keeper's directory. It changes nothing.
func Look(dir string, ids []string) bool {
	if _, err := os.Stat(dir); err != nil {
		return false
	}
	if isLocked(dir) {
		return true // somebody looks after them
	}
	found, err := journal.Read(dir)
	if err != nil {
		return false
	}
	known := recall(found, nil, whom{})
	for _, id := range ids {
		old, ok := known[id]
		if ok && Resolve(old.Evidence) != Lost || !ok && otherFate(true, found) != Lost {
			return true
		}
	}
	return false
}

// Discard removes a keeper's directory in which nobody works, if useless says so, which is
// asked while nobody else can begin to. It reports whether the directory is gone.
func Discard(dir string, useless func() bool) bool {
	if !useless() { // who takes the lock for a moment looks like a keeper to others
		return false
	}
	lock, err := tryLock(dir, os.O_CREATE) // it may have died before it had one
	if err != nil {
		return false
	}
	defer func() { _ = lock.Close() }()
	if !useless() {
		return false
	}
	removeDir(dir)
	_, err = os.Lstat(dir)
	return errors.Is(err, fs.ErrNotExist)
}

// isLocked reports whether a custodian is in the directory.
func isLocked(dir string) bool {
	f, err := tryLock(dir, 0)
	if err == nil {
		_ = f.Close()
	}
	return errors.Is(err, errBusy)
}

// call connects to the keeper of a directory.
func call(dir string) (*net.UnixConn, error) {
	path, done, err := shortPath(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: filepath.Join(path, socketName), Net: "unix"})
	if err == nil && !samePeer(conn) {
		err = errors.Join(errors.New("the keeper is another user's"), conn.Close())
	}
	return conn, err
}
