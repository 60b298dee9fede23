package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store/sqlstore/pagesum"
)

// Checksums reports whether every page of the database has a checksum that is verified
// when it is read, and whether that is known: only of SQLite it is.
func (s *Store) Checksums(ctx context.Context) (yes, known bool, err error) {
	if s.d.kind != SQLite {
		return false, false, nil
	}
	err = s.view(ctx, "read database", func(ctx context.Context, t *sql.Tx) error {
		var application int64
		err := t.QueryRowContext(ctx, "PRAGMA application_id").Scan(&application)
		yes = application == pagesum.Marked
		return err
	})
	return yes, true, err
}

// Snapshot writes a copy of the database, as of one moment, to a file that is not there
// yet, for its owner only. Others go on reading and writing meanwhile. It returns false,
// and does nothing, where the database can't do that: when it is not an SQLite file with
// checksums.
func (s *Store) Snapshot(ctx context.Context, path string) (bool, error) {
	yes, _, err := s.Checksums(ctx)
	if err != nil || !yes {
		return false, err
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return true, errBackup(path, err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // SQLite fills an empty file
	if err != nil {
		return true, errBackup(path, err)
	}
	if err := f.Close(); err != nil {
		return true, errBackup(path, err)
	}
	return true, s.d.translate("write backup", s.vacuumInto(ctx, path))
}

func (s *Store) vacuumInto(ctx context.Context, path string) (err error) {
	db, err := sqlitePool(s.d.place, s.cfg, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return err
	}
	return logged(ctx, path, s.cfg)
}

// logged changes a copy to write-ahead logging, which is kept in the file.
func logged(ctx context.Context, path string, cfg Config) (err error) {
	db, err := sqlitePool(path, cfg, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, "PRAGMA journal_mode = WAL")
	return err
}

func errBackup(path string, err error) error {
	return &fault.Error{
		Code: fault.Unavailable, Msg: "the backup can't be written", Op: "write backup", At: path, Err: err,
		Hint: "check that the directory is there, that you may write it, and that there is space",
	}
}

// Settle makes a file that nobody has open survive a power cut, under the name that it
// is to have. It replaces a file of that name if that is wanted, and fails otherwise.
func Settle(temporary, path string, replace bool) error {
	if err := syncFile(temporary); err != nil {
		return errBackup(path, err)
	}
	move := os.Link
	if replace {
		move = os.Rename
	}
	if err := move(temporary, path); err != nil {
		return errBackup(path, err)
	}
	if !replace {
		if err := os.Remove(temporary); err != nil {
			return errBackup(path, err)
		}
	}
	if err := syncFile(filepath.Dir(path)); err != nil {
		return errBackup(path, err)
	}
	return nil
}

// syncFile has what was written to a file, or to a directory, reach the disk.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Damage asks the database what is wrong with it, beyond what reading it would show:
// nothing when it is in order, and nothing where it has no means to find out. It reads
// all of it. The error is not about damage that it could name.
func (s *Store) Damage(ctx context.Context) (found []string, err error) {
	if s.d.kind != SQLite {
		return nil, nil
	}
	check := "PRAGMA quick_check(20)"
	if yes, _, err := s.Checksums(ctx); err == nil && !yes {
		check = "PRAGMA integrity_check(20)" // with what else there is
	}
	err = s.view(ctx, "check database", func(ctx context.Context, t *sql.Tx) error {
		said, err := list(askerOf(ctx, t), oneText, check)
		if err != nil {
			return err
		}
		found = nil
		for _, line := range said {
			if line != "ok" {
				found = append(found, line)
			}
		}
		strays, err := list(askerOf(ctx, t), oneText, "SELECT DISTINCT \"table\" FROM pragma_foreign_key_check")
		for _, table := range strays {
			found = append(found, "rows of "+table+" refer to rows that are missing")
		}
		return err
	})
	return found, err
}
