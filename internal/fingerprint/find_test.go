package fingerprint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// tree returns a file system with a file for each name, whose content is its name.
func tree(names ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for _, name := range names {
		fsys[name] = &fstest.MapFile{Data: []byte(name), Mode: 0o644}
	}
	return fsys
}

func TestFind(t *testing.T) {
	fsys := tree("w/a.csv", "w/b.txt", "w/.c.csv", "w/d/a.csv", "w/d/e/f/a.csv", "w/d/e/[x].csv", "w/d*/y", "v/z", "top")
	fsys["w/pipe"] = &fstest.MapFile{Mode: fs.ModeNamedPipe}
	fsys["w/empty"] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
	tests := []struct{ patterns, want, missing string }{
		{"", "", ""},
		{"a.csv", "a.csv", ""},
		{"./a.csv /w/a.csv d/../a.csv", "a.csv", ""},
		{"*.csv", ".c.csv a.csv", ""},
		{"?.csv", "a.csv", ""},
		{"[ab].*", "a.csv b.txt", ""},
		{"*/a.csv", "d/a.csv", ""},
		{"**/a.csv", "a.csv d/a.csv d/e/f/a.csv", ""},
		{"d/**/a.csv", "d/a.csv d/e/f/a.csv", ""},
		{"d/**/**/f/*", "d/e/f/a.csv", ""},
		{"**/e/**/a.csv", "d/e/f/a.csv", ""},
		{"d/**", "d/a.csv d/e/[x].csv d/e/f/a.csv", ""},
		{"d", "d/a.csv d/e/[x].csv d/e/f/a.csv", ""},
		{"d/", "d/a.csv d/e/[x].csv d/e/f/a.csv", ""},
		{"d*", "d*/y d/a.csv d/e/[x].csv d/e/f/a.csv", ""},
		{`d\*/y`, "d*/y", ""},
		{`d/e/\[x\].csv`, "d/e/[x].csv", ""},
		{"d/e/[x].csv", "", "d/e/[x].csv"},
		{"../v/z", "/v/z", ""},
		{"../../../top /top", "/top", ""},
		{"../v*", "/v/z", ""},
		{"none a.csv *.none", "a.csv", "none *.none"},
		{"a.csv/b", "", "a.csv/b"},
		{"a.csv/*", "", "a.csv/*"},
		{"pipe empty empty/** pip*", "", "pipe empty empty/** pip*"},
	}
	for _, tt := range tests {
		files, missing, err := Find(t.Context(), fsys, "/w", strings.Fields(tt.patterns))
		if err != nil {
			t.Errorf("%s: %v", tt.patterns, err)
		}
		if diff := cmp.Diff(strings.Fields(tt.want), append([]string{}, files...)); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.patterns, diff)
		}
		if diff := cmp.Diff(strings.Fields(tt.missing), append([]string{}, missing...)); diff != "" {
			t.Errorf("%s: missing: -want +got\n%s", tt.patterns, diff)
		}
	}
}

// TestFindFromRoot: the directory may be the root itself.
func TestFindFromRoot(t *testing.T) {
	files, missing, err := Find(t.Context(), tree("top", "w/a"), "/", []string{"**", "/w/a"})
	if diff := cmp.Diff([]string{"top", "w/a"}, files); diff != "" || missing != nil || err != nil {
		t.Errorf("%s %v %v", diff, missing, err)
	}
}

// TestFindOnDisk: links are followed to files, and to directories only where they are named.
func TestFindOnDisk(t *testing.T) {
	dir := t.TempDir()
	make := func(name, content string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	make("d/a", "1")
	make("e/b", "2")
	for name, to := range map[string]string{"d/file": "../e/b", "d/dir": "../e", "d/loop": ".", "d/gone": "nowhere", "named": "d"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "d/pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string]string{
		"d":       "d/a d/file",
		"d/**":    "d/a d/file",
		"**/*":    "d/a d/dir/b d/file d/loop/a d/loop/file e/b named/a named/file", // what * matches is named
		"named/*": "named/a named/dir/b named/file named/loop/a named/loop/file",
		"d/dir/*": "d/dir/b",
	} {
		files, _, err := Find(t.Context(), os.DirFS("/"), dir, []string{pattern})
		if diff := cmp.Diff(strings.Fields(want), files); diff != "" || err != nil {
			t.Errorf("%s: %v -want +got\n%s", pattern, err, diff)
		}
	}
	hashes, err := Contents(t.Context(), os.DirFS("/"), dir, []string{"d/a", "e/b", "d/file", "d/gone", filepath.Join(dir, "d/a")})
	if err != nil || len(hashes) != 4 || hashes["d/file"] != hashes["e/b"] || hashes["d/a"] == hashes["e/b"] || hashes["d/a"] != hashes[dir+"/d/a"] {
		t.Errorf("%v %v", hashes, err)
	}
	if _, err := Contents(t.Context(), os.DirFS("/"), dir, []string{"d"}); err == nil {
		t.Error("a directory has a content")
	}
}

func TestFindIsBounded(t *testing.T) {
	fsys := tree()
	for n := range MaxFiles + 1 {
		fsys[fmt.Sprintf("w/f%d", n)] = &fstest.MapFile{}
	}
	_, _, err := Find(t.Context(), fsys, "/w", []string{"*"})
	if err == nil || err.Error() != "there are more than 10000" {
		t.Error(err)
	}
	delete(fsys, "w/f0")
	if files, _, err := Find(t.Context(), fsys, "/w", []string{"*", "f1*"}); err != nil || len(files) != MaxFiles {
		t.Error(len(files), err)
	}
	var wide []string // each looks at all names once more
	for n := range maxEntries/MaxFiles + 1 {
		wide = append(wide, fmt.Sprintf("none%d*", n))
	}
	if _, _, err = Find(t.Context(), fsys, "/w", wide); err == nil || err.Error() != "more than 200000 names would have to be looked at" {
		t.Error(err)
	}
}

// TestFailures: what can't be read is told with its path; whoever has it stopped is obeyed.
func TestFailures(t *testing.T) {
	locked := refusing{tree("w/d/a", "w/ok")}
	for _, pattern := range []string{"d/*", "d", "**/a"} {
		if _, _, err := Find(t.Context(), locked, "/w", []string{pattern}); err == nil || err.Error() != "/w/d can't be read: permission denied" {
			t.Errorf("%s: %v", pattern, err)
		}
	}
	if _, err := Contents(t.Context(), locked, "/w", []string{"d"}); err == nil || err.Error() != "/w/d can't be read: permission denied" {
		t.Error(err)
	}
	if _, _, err := Find(t.Context(), tree("w/x"), "/w", []string{"[-]*"}); err == nil {
		t.Error("a bad pattern is taken")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, _, err := Find(ended, locked, "/w", []string{"*"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := Contents(ended, locked, "/w", []string{"ok"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// refusing lets nobody into the directory w/d.
type refusing struct{ fs.FS }

func (r refusing) Open(name string) (fs.File, error) {
	if name == "w/d" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return r.FS.Open(name)
}

func TestName(t *testing.T) {
	for name, want := range map[string]string{"a b/ü": "a b/ü", "a\nb": `"a\nb"`, "\xff": `"\xff"`} {
		if got := Name(name); got != want {
			t.Errorf("%q: %s", name, got)
		}
	}
}

// TestStoppedWhileReading: a long file is not read to its end.
func TestStoppedWhileReading(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	f := &long{end: end}
	if _, err := Contents(ctx, f, "/w", []string{"long"}); !errors.Is(err, context.Canceled) || f.reads != 1 {
		t.Errorf("%v after %d reads", err, f.reads)
	}
}

// long is a file system and its one file, whose reader is stopped at the first read.
type long struct {
	end   func()
	reads int
}

func (l *long) Open(string) (fs.File, error) { return l, nil }
func (l *long) Stat() (fs.FileInfo, error)   { return fs.Stat(tree("long"), "long") }
func (l *long) Close() error                 { return nil }
func (l *long) Read(b []byte) (int, error) {
	l.end()
	if l.reads++; l.reads > 9 {
		return 0, io.EOF
	}
	return len(b), nil
}
