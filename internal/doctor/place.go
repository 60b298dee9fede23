package doctor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// disks looks at each directory once, however many uses it has.
func disks(cfg Config) []Disk {
	var all []Disk
	add := func(dir, use string) {
		dir = existing(dir)
		i := slices.IndexFunc(all, func(d Disk) bool { return d.Path == dir })
		if i < 0 {
			all = append(all, Disk{Path: dir})
			i = len(all) - 1
		}
		if !slices.Contains(all[i].Uses, use) {
			all[i].Uses = append(all[i].Uses, use)
		}
	}
	if path := cfg.Databases.File(cfg.Database); path != "" {
		add(filepath.Dir(resolved(path)), "history")
	}
	add(filepath.Dir(cfg.Keeper), "journal")
	for _, dir := range cfg.Logs {
		add(dir, "logs")
	}
	for i := range all {
		all[i].Network, all[i].Full = cfg.NetworkFS, cfg.Full
		all[i].look()
	}
	return all
}

// resolved follows symbolic links as far as a path is there.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// existing returns dir, or the nearest directory above it that is there.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return resolved(dir)
		}
		dir = filepath.Dir(dir)
	}
}

// look finds out all about a place.
func (d *Disk) look() {
	info, err := os.Stat(d.Path)
	switch {
	case err != nil:
		d.Err = reason(err)
		return
	case !info.IsDir():
		d.Err = "it is no directory"
		return
	}
	d.mounted()
	f, err := os.CreateTemp(d.Path, temporary)
	if err != nil {
		d.Write = reason(err)
		return
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	d.Allocate = allocates(f)
	if d.has("history") || d.has("journal") {
		d.Syncs, err = measure(f)
		if err != nil {
			d.SyncErr = reason(err)
		}
	}
}

// temporary is how the names of our files begin.
const temporary = ".executioner-doctor-"

// rounds is how often a sync is measured.
const rounds = 20

// slowest is how long measuring may take.
const slowest = 5 * time.Second

// measure appends blocks to a file and returns how long each took until it was synced.
func measure(f *os.File) ([]time.Duration, error) {
	block := make([]byte, 4096)
	var all []time.Duration
	for began := time.Now(); len(all) < rounds && time.Since(began) < slowest; {
		start := time.Now()
		if _, err := f.WriteAt(block, int64(len(all)*len(block))); err != nil {
			return all, err
		}
		if err := f.Sync(); err != nil {
			return all, err
		}
		all = append(all, time.Since(start))
	}
	return all, nil
}

// reason is an error without the path, which is told beside it.
func reason(err error) string {
	var no syscall.Errno
	if errors.As(err, &no) {
		return no.Error()
	}
	return err.Error()
}
