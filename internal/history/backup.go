package history

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// Databases opens histories and handles those that are files.
type Databases interface {
	// Open opens a history. A file that is not there is made.
	Open(ctx context.Context, address string) (store.Store, error)
	// File returns the path of a history that is a file, and "" for one on a server.
	File(address string) string
	// Show returns an address as it may be shown, without a password.
	Show(address string) string
	// Settle gives a file that nobody has open the name path, so that it survives a
	// power cut. It replaces a file of that name if that is wanted, and fails otherwise.
	Settle(temporary, path string, replace bool) error
	// Replace puts a file in the place of the history at path, which is kept as aside
	// (empty: there was none). The error is Locked while another program has it open.
	Replace(ctx context.Context, path, with string, now time.Time) (aside string, err error)
}

// snapshooter is a store that can copy itself into a file as of one moment. It returns
// false when it can't after all.
type snapshooter interface {
	Snapshot(ctx context.Context, path string) (bool, error)
}

// BackedUp is what is in a backup.
type BackedUp struct {
	Runs        int64    `json:"runs"`
	Transitions int64    `json:"transitions"`
	Bytes       int64    `json:"bytes"`
	Active      []run.ID `json:"active"` // runs that go on, which were left out; never null
}

// Backup writes all of a history to a file, which is a history itself and readable by
// its owner only, and checks it before it gets its name. An existing file is replaced
// only when force is set. Runs go on meanwhile; those are in the backup as they stand at
// that moment, except where the database can't copy itself: then they are left out.
func Backup(ctx context.Context, dbs Databases, address string, st store.Store, path string, force bool) (BackedUp, error) {
	done := BackedUp{Active: []run.ID{}}
	if err := mayWrite(path, dbs.File(address), force); err != nil {
		return done, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".executioner-backup-*")
	if err != nil {
		return done, errBackup(path, err)
	}
	defer os.RemoveAll(dir)
	temporary := filepath.Join(dir, "history.db")
	if done.Active, err = writeCopy(ctx, dbs, st, temporary); err != nil {
		return done, err
	}
	checked, err := checkFile(ctx, dbs, temporary)
	if err != nil {
		return done, err
	}
	done.Runs, done.Transitions = checked.Runs, checked.Transitions
	if len(checked.Damaged) > 0 {
		return done, fault.New(fault.Unavailable, "no backup was made, as the history is damaged: %s", checked.Damaged[0]).
			WithHint("executioner db check names all that is damaged; keep the backups that there are")
	}
	if info, err := os.Stat(temporary); err == nil {
		done.Bytes = info.Size()
	}
	if err := dbs.Settle(temporary, path, force); err != nil {
		return done, err
	}
	_, err = st.Claim(ctx, store.ChoreBackup, 0)
	return done, err
}

// mayWrite refuses a backup over something.
func mayWrite(path, database string, force bool) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return errBackup(path, err)
	case database != "" && sameFile(path, database):
		return fault.New(fault.Usage, "the backup would be the database itself").WithAt(path).WithHint("give it another name")
	case !info.Mode().IsRegular():
		return fault.New(fault.Usage, "the backup must be a file").WithAt(path).WithHint("give the name of a new file")
	case !force:
		return fault.New(fault.Conflict, "the file is there already").WithAt(path).
			WithHint("give it another name, or replace it with --force")
	}
	return nil
}

func sameFile(a, b string) bool {
	one, errA := os.Stat(a)
	two, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(one, two)
}

func errBackup(path string, err error) error {
	return &fault.Error{
		Code: fault.Unavailable, Msg: "the backup can't be written", Op: "write backup", At: path, Err: err,
		Hint: "check that the directory is there, that you may write it, and that there is space",
	}
}

// writeCopy makes the file, and returns which runs are not in it.
func writeCopy(ctx context.Context, dbs Databases, st store.Store, path string) (active []run.ID, err error) {
	if s, ok := st.(snapshooter); ok {
		if made, err := s.Snapshot(ctx, path); made || err != nil {
			return []run.ID{}, err
		}
	}
	to, err := dbs.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	c, err := Copy(ctx, st, to)
	return c.Active, errors.Join(err, to.Close())
}

// checkFile opens a history that is a file, and checks it.
func checkFile(ctx context.Context, dbs Databases, path string) (Checked, error) {
	st, err := dbs.Open(ctx, path)
	if err != nil {
		return Checked{}, err
	}
	checked, err := Check(ctx, st)
	return checked, errors.Join(err, st.Close())
}

// Restored is what became of a restore.
type Restored struct {
	Runs        int64  `json:"runs"`
	Transitions int64  `json:"transitions"`
	Aside       string `json:"kept_as,omitempty"` // where the history is that was there before
}

// Restore puts a backup in the place of the history at path, after it has checked it. The
// backup stays as it is, and the history that was there is kept beside. The error is
// Locked, and nothing has changed, while another program has that one open.
func Restore(ctx context.Context, dbs Databases, path, backup string, now time.Time) (done Restored, err error) {
	if err := mayRestore(path, backup); err != nil {
		return done, err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // a link to the history stays one
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return done, errRestore(path, err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".executioner-restore-*")
	if err != nil {
		return done, errRestore(path, err)
	}
	defer os.RemoveAll(dir)
	temporary := filepath.Join(dir, "history.db")
	if err := copyFile(backup, temporary); err != nil {
		return done, errRestore(backup, err)
	}
	checked, err := checkFile(ctx, dbs, temporary)
	if err != nil {
		return done, of(backup, err)
	}
	if len(checked.Damaged) > 0 {
		return done, fault.New(fault.Unavailable, "the backup is damaged: %s", checked.Damaged[0]).WithAt(backup).
			WithHint("use another backup; nothing was changed")
	}
	done.Runs, done.Transitions = checked.Runs, checked.Transitions
	done.Aside, err = dbs.Replace(ctx, path, temporary, now)
	return done, err
}

// mayRestore refuses what can't be a backup.
func mayRestore(path, backup string) error {
	info, err := os.Stat(backup)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.NotFound, "the backup is not there").WithAt(backup).WithHint("check the name")
	case err != nil:
		return errRestore(backup, err)
	case sameFile(path, backup):
		return fault.New(fault.Usage, "the backup is the database itself").WithAt(backup).WithHint("name another file")
	case !info.Mode().IsRegular():
		return fault.New(fault.Usage, "the backup is not a file").WithAt(backup).WithHint("name a file that db backup wrote")
	case info.Size() == 0:
		return fault.New(fault.Unavailable, "the backup is empty").WithAt(backup).WithHint("use another backup; nothing was changed")
	}
	if log, err := os.Stat(backup + "-wal"); err == nil && log.Size() > 0 {
		return fault.New(fault.Conflict, "the backup is a database in use: part of it is in its log").WithAt(backup).
			WithHint("make a backup of it first: executioner db backup FILE --database %s", backup)
	}
	return nil
}

func errRestore(at string, err error) error {
	return &fault.Error{
		Code: fault.Unavailable, Msg: "the backup can't be restored", Op: "restore backup", At: at, Err: err,
		Hint: "check that the file can be read, that the directory of the database can be written, and that there is space",
	}
}

// of says which file an error is about, in place of the copy of it.
func of(backup string, err error) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.At == "" {
		return err
	}
	named := *f
	named.At = backup
	return &named
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
