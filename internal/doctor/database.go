package doctor

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

// openDatabase opens the history when that changes nothing: it must be there, and of this
// program's version. The store is nil otherwise.
func openDatabase(ctx context.Context, cfg Config) (DatabaseFacts, store.Store) {
	f := DatabaseFacts{Address: cfg.Databases.Show(cfg.Database), File: cfg.Databases.File(cfg.Database), Exists: true}
	if f.File != "" && !f.read(ctx, cfg.Databases) {
		return f, nil
	}
	began := time.Now()
	st, err := cfg.Databases.Open(ctx, cfg.Database)
	if err != nil {
		f.fails(err)
		return f, nil
	}
	f.Opened = time.Since(began)
	return f, st
}

func (f *DatabaseFacts) fails(err error) { f.Err, f.Hint = err.Error(), fault.HintOf(err) }

// read finds out what can be without opening the history. It reports whether that may be
// opened.
func (f *DatabaseFacts) read(ctx context.Context, dbs Databases) bool {
	known, version, err := header(f.File)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, io.EOF): // an empty file is as good as none
		f.Exists = false
		return false
	case err != nil:
		f.Err = reason(err)
		return false
	case !known:
		f.Foreign = true
		return false
	}
	f.Version, f.Ours = version, ours(ctx, dbs, filepath.Dir(f.File))
	f.Writer = writer(f.File) // before it is opened: to close the file again would give up our locks
	return f.Version == f.Ours
}

// ours is the version of the schema that this program makes: that of a new history, for a
// moment beside the one there is. 0 when none can be made.
func ours(ctx context.Context, dbs Databases, beside string) int64 {
	dir, err := os.MkdirTemp(beside, temporary)
	if err != nil {
		return 0
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "history.db")
	st, err := dbs.Open(ctx, path)
	if err != nil || st.Close() != nil {
		return 0
	}
	_, version, err := header(path)
	if err != nil {
		return 0
	}
	return version
}
