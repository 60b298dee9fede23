package fingerprint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
)

// What is looked at is bounded: a pattern that is too wide must not keep a job from starting.
const (
	MaxFiles   = 10_000  // that the patterns of inputs, or of outputs, may match
	maxEntries = 200_000 // of directories that are looked at for them
)

// Find returns the plain files that patterns match, and the patterns that match none.
//
// fsys begins at the root of all paths, dir is the absolute directory that patterns are
// relative to. Names are relative to it where they lie within it, and sorted. Between
// slashes *, ? and […] match as in path.Match, names that begin with a dot, too; a part ** matches any number of
// directories. A directory stands for all files below it. Links are followed, but not to
// directories that ** or a directory would come to. What is neither a file nor a directory
// is left out.
func Find(ctx context.Context, fsys fs.FS, dir string, patterns []string) (files, missing []string, err error) {
	f := &finder{ctx: ctx, fsys: fsys, found: make(map[string]bool), room: maxEntries}
	for _, p := range patterns {
		f.matched = false
		from := strings.TrimPrefix(dir, "/")
		if strings.HasPrefix(p, "/") {
			from = ""
		}
		if err := f.walk(path.Clean("/" + from)[1:], parts(p)); err != nil {
			return nil, nil, err
		}
		if !f.matched {
			missing = append(missing, p)
		}
	}
	within := strings.TrimSuffix(path.Clean("/"+strings.TrimPrefix(dir, "/")), "/") + "/"
	for name := range f.found {
		files = append(files, strings.TrimPrefix("/"+name, within))
	}
	slices.Sort(files)
	return files, missing, nil
}

// anyDirs matches any number of directories.
const anyDirs = "**"

// parts splits a pattern at its slashes.
func parts(pattern string) []string {
	var all []string
	for part := range strings.SplitSeq(pattern, "/") {
		twice := part == anyDirs && len(all) > 0 && all[len(all)-1] == anyDirs
		if part != "" && part != "." && !twice {
			all = append(all, part)
		}
	}
	return all
}

// finder looks for files. Paths in it are those of fsys, but for the empty one of its root.
type finder struct {
	ctx     context.Context
	fsys    fs.FS
	found   map[string]bool
	matched bool // by the pattern that is looked for
	room    int  // for entries of directories
}

// walk finds what the rest of a pattern matches below a path.
func (f *finder) walk(at string, rest []string) error {
	switch {
	case len(rest) == 0:
		return f.add(at)
	case rest[0] == "..":
		return f.walk(path.Clean("/" + at + "/..")[1:], rest[1:])
	case rest[0] == anyDirs:
		return f.deep(at, rest)
	case !strings.ContainsAny(rest[0], `*?[\`):
		return f.walk(path.Join(at, rest[0]), rest[1:])
	}
	return f.each(at, func(e fs.DirEntry) error {
		if ok, err := path.Match(rest[0], e.Name()); !ok || err != nil {
			return err
		}
		return f.walk(path.Join(at, e.Name()), rest[1:])
	})
}

// deep is walk for a rest that begins with any number of directories.
func (f *finder) deep(at string, rest []string) error {
	if len(rest) == 1 {
		return f.below(at)
	}
	if err := f.walk(at, rest[1:]); err != nil {
		return err
	}
	return f.each(at, func(e fs.DirEntry) error {
		if !e.IsDir() {
			return nil
		}
		return f.deep(path.Join(at, e.Name()), rest)
	})
}

// add adds a file, or all below a directory.
func (f *finder) add(at string) error {
	info, err := fs.Stat(f.fsys, inFS(at))
	switch {
	case absent(err):
		return nil
	case err != nil:
		return failed(at, err)
	case info.IsDir():
		return f.below(at)
	case !info.Mode().IsRegular():
		return nil
	}
	f.matched = true
	f.found[at] = true
	if len(f.found) > MaxFiles {
		return fmt.Errorf("there are more than %d", MaxFiles)
	}
	return nil
}

// below adds all files below a directory.
func (f *finder) below(at string) error {
	return f.each(at, func(e fs.DirEntry) error {
		name := path.Join(at, e.Name())
		switch {
		case e.IsDir():
			return f.below(name)
		case e.Type()&fs.ModeSymlink != 0 && f.isDir(name):
			return nil
		}
		return f.add(name)
	})
}

func (f *finder) isDir(at string) bool {
	info, err := fs.Stat(f.fsys, inFS(at))
	return err == nil && info.IsDir()
}

// each visits the entries of a directory, in order. What is no directory has none.
func (f *finder) each(at string, visit func(fs.DirEntry) error) error {
	if err := f.ctx.Err(); err != nil {
		return err
	}
	if info, err := fs.Stat(f.fsys, inFS(at)); absent(err) || err == nil && !info.IsDir() {
		return nil
	}
	entries, err := fs.ReadDir(f.fsys, inFS(at))
	if absent(err) {
		return nil
	}
	if err != nil {
		return failed(at, err)
	}
	if f.room -= len(entries); f.room < 0 {
		return fmt.Errorf("more than %d names would have to be looked at", maxEntries)
	}
	for _, e := range entries {
		if err := visit(e); err != nil {
			return err
		}
	}
	return nil
}

// absent reports whether there is nothing of that name: a part of the path may also be a file.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// inFS returns a path as fsys has it.
func inFS(at string) string {
	if at == "" {
		return "."
	}
	return at
}

// failed is the error of a path that can't be read.
func failed(at string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("/%s can't be read: %w", at, err)
}
