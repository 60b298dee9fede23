package joblog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/mask"
)

func TestWriterAppendsTries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "deep", "a.log")
	for try, want := range []struct {
		out  string
		from int64
	}{{"first half", 35}, {"second\n", 114}} {
		w, err := Open(path, 1<<20, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.Note(Info, "begin")
		if from, to := w.Range(); from != want.from || to != -1 {
			t.Errorf("try %d: output from %d to %d, want %d", try, from, to, want.from)
		}
		_, _ = w.Write([]byte(want.out))
		w.EndOutput()
		w.Note(Info, "end")
		if from, to := w.Range(); from != want.from || to != want.from+int64(len(want.out)) || w.From() != from {
			t.Errorf("try %d: output from %d to %d, want %d", try, from, to, want.from)
		}
		stats, err := w.Close()
		if err != nil || stats != (Stats{Bytes: int64(len(want.out))}) {
			t.Errorf("Close = %+v, %v", stats, err)
		}
	}
	got := content(t, path)
	for _, stamp := range []string{got[:19], got[46:65], got[79:98], got[121:140]} {
		if _, err := time.Parse(time.DateTime, stamp); err != nil {
			t.Error(err)
		}
		got = strings.Replace(got, stamp, "T", 1)
	}
	if want := "T - INFO - begin\nfirst half\nT - INFO - end\nT - INFO - begin\nsecond\nT - INFO - end\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	info, _ := os.Stat(path)
	if perm := info.Mode().Perm(); perm&^0o640 != 0 {
		t.Errorf("the file's mode is %o", perm)
	}
}

func TestNoteStandsOnItsOwnLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &recorder{}
		w := newWriter(rec, 0, mask.New([]string{"hunter22"}), '\n')
		w.Note("INFO", "begin hunter22")
		_, _ = w.Write([]byte("prompt: hunt"))
		w.Note("WARN", "a\nb")
		_, _ = w.Write([]byte("line\n"))
		w.Note("INFO", "end")
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
		stamp := time.Now().Format(time.DateTime)
		want := stamp + " - INFO - begin ***\nprompt: hunt\n" + stamp + ` - WARN - a\nb` + "\nline\n" + stamp + " - INFO - end\n"
		if got := rec.text(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestSecretsAreMaskedOverWritesAndFlushes(t *testing.T) {
	rec := &recorder{}
	w := newWriter(rec, 0, mask.New([]string{"hunter22"}), '\n')
	for _, c := range "my hunter22 is hunter21" {
		_, _ = w.Write([]byte(string(c)))
		w.Flush()
	}
	stats, err := w.Close()
	if err != nil || stats.Bytes != 23 || rec.text() != "my *** is hunter21" {
		t.Errorf("got %q, %+v, %v", rec.text(), stats, err)
	}
}

func TestFastOutputIsOneWriteAndSlowOutputIsWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &recorder{}
		w := newWriter(rec, 1<<20, nil, '\n')
		for i := range 20 {
			_, _ = fmt.Fprintf(w, "line %d\n", i)
		}
		if rec.count() != 0 {
			t.Errorf("%d writes before anything forces one", rec.count())
		}
		time.Sleep(slow + 1)
		_, _ = w.Write([]byte("slow 1\n"))
		if rec.count() != 1 || !strings.HasSuffix(rec.text(), "line 19\nslow 1\n") {
			t.Errorf("after a pause: %d writes, %q", rec.count(), rec.text())
		}
		_, _ = w.Write([]byte("fast again\n"))
		if rec.count() != 1 {
			t.Errorf("%d writes, want 1", rec.count())
		}
		w.Flush()
		w.Flush()
		if rec.count() != 2 {
			t.Errorf("%d writes after Flush, want 2", rec.count())
		}
		_, _ = w.Write(make([]byte, 3*bufferSize))
		if rec.count() != 3 {
			t.Errorf("%d writes after a big one, want 3", rec.count())
		}
		_, _ = w.Close()
		if rec.count() != 3 || !rec.closed {
			t.Errorf("%d writes at the end, want 3; closed %v", rec.count(), rec.closed)
		}
	})
}

func TestLimitKeepsHeadAndTail(t *testing.T) {
	const limit = 100 // 50 at the beginning, 50 at the end
	line := func(i int) string { return fmt.Sprintf("line %04d\n", i) }
	for _, lines := range []int{0, 1, 5, 9, 10, 11, 14, 15, 16, 50, 1000} {
		for _, size := range []int{1, 7, 10, 60, 5000} {
			var all strings.Builder
			for i := range lines {
				all.WriteString(line(i))
			}
			rec := &recorder{}
			w := newWriter(rec, limit, nil, '\n')
			for piece := range slices.Chunk([]byte(all.String()), size) {
				_, _ = w.Write(piece)
			}
			stats, err := w.Close()
			if err != nil {
				t.Fatal(err)
			}
			want, dropped := all.String(), max(0, all.Len()-limit)
			if dropped > 0 {
				want = fmt.Sprintf("%s... %d bytes of output left out here (output_limit is 100 bytes) ...\n%s",
					want[:50], dropped, want[len(want)-50:])
			}
			if got := rec.text(); got != want || stats != (Stats{int64(all.Len()), int64(dropped)}) {
				t.Fatalf("%d lines in pieces of %d: got %q, %+v; want %q, %d dropped", lines, size, got, stats, want, dropped)
			}
		}
	}
}

func TestMarkerStandsOnItsOwnLine(t *testing.T) {
	rec := &recorder{}
	w := newWriter(rec, 4, nil, '\n')
	_, _ = w.Write([]byte("abcdefgh"))
	w.EndOutput()
	w.Note("INFO", "end")
	stats, _ := w.Close()
	want := "ab\n... 4 bytes of output left out here (output_limit is 4 bytes) ...\ngh\n"
	if got := rec.text(); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, " - INFO - end\n") || stats.Dropped != 4 {
		t.Errorf("got %q, %+v", got, stats)
	}
}

func TestSmallestLimits(t *testing.T) {
	rec := &recorder{}
	w := newWriter(rec, 1, nil, '\n')
	_, _ = w.Write([]byte("abc"))
	stats, _ := w.Close()
	if got, want := rec.text(), "a\n... 2 bytes of output left out here (output_limit is 1 bytes) ...\n"; got != want || stats.Dropped != 2 {
		t.Errorf("got %q, %+v, want %q", got, stats, want)
	}
}

func TestOutputAfterAWriteErrorIsCountedAndReported(t *testing.T) {
	rec := &recorder{room: 10_000, err: syscall.ENOSPC}
	w := newWriter(rec, 0, nil, '\n')
	w.path = "/l/a.log"
	big := make([]byte, bufferSize)
	for range 3 {
		if n, err := w.Write(big); n != len(big) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	_, _ = w.Write([]byte("small"))
	stats, err := w.Close()
	want := Stats{Bytes: 3*bufferSize + 5, Dropped: 3*bufferSize + 5 - 10_000}
	if stats != want || !errors.Is(err, syscall.ENOSPC) || fault.CodeOf(err) != fault.Unavailable || fault.HintOf(err) == "" {
		t.Errorf("Close = %+v, %v; want %+v and ENOSPC", stats, err, want)
	}
	if want := "/l/a.log: can't write the log file: no space left on device"; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	again, err2 := w.Close()
	if again != stats || err2 != err {
		t.Errorf("a second Close = %+v, %v", again, err2)
	}
}

func TestErrorOfCloseIsReported(t *testing.T) {
	w := newWriter(&recorder{closeErr: syscall.EDQUOT}, 0, nil, '\n')
	if _, err := w.Close(); !errors.Is(err, syscall.EDQUOT) {
		t.Errorf("Close = %v", err)
	}
}

func TestAfterClose(t *testing.T) {
	rec := &recorder{}
	w := newWriter(rec, 0, nil, '\n')
	_, _ = w.Close()
	n, err := w.Write([]byte("late"))
	w.Note("INFO", "late")
	w.Flush()
	w.EndOutput()
	stats, _ := w.Close()
	if n != 4 || err != nil || stats != (Stats{4, 4}) || rec.text() != "" {
		t.Errorf("Write = %d, %v; stats %+v, file %q", n, err, stats, rec.text())
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	for name, make := range map[string]func(path string) error{
		"a symbolic link": func(p string) error { return os.Symlink(target, p) },
		"a named pipe":    func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"a directory":     func(p string) error { return os.Mkdir(p, 0o700) },
	} {
		path := filepath.Join(dir, name)
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path, 0, nil)
		if fault.CodeOf(err) != fault.Unavailable || fault.HintOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(target); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the link was followed: %v", err)
	}
	if _, err := Open(filepath.Join(fileOf(t, ""), "x.log"), 0, nil); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("below a file: %v", err)
	}
}

func TestWriterFromManyGoroutines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	w, err := Open(path, 0, mask.New([]string{"hunter22"}))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				_, _ = w.Write([]byte("line hunter22\n"))
				w.Flush()
				w.Note("INFO", "note")
			}
		})
	}
	wg.Wait()
	stats, err := w.Close()
	text := content(t, path)
	if err != nil || stats.Bytes != 2000*14 || strings.Count(text, "line ***\n") != 2000 || strings.Count(text, " - note\n") != 2000 {
		t.Errorf("Close = %+v, %v; %d bytes", stats, err, len(text))
	}
}

// recorder is a file in memory that remembers each write.
type recorder struct {
	writes   []string
	room     int // bytes until err; only with err
	err      error
	closeErr error
	closed   bool
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.err != nil && len(p) > r.room {
		n := r.room
		r.room = 0
		r.writes = append(r.writes, string(p[:n]))
		return n, &fs.PathError{Op: "write", Path: "x", Err: r.err}
	}
	r.room -= len(p)
	r.writes = append(r.writes, string(p))
	return len(p), nil
}

func (r *recorder) Close() error { r.closed = true; return r.closeErr }
func (r *recorder) text() string { return strings.Join(r.writes, "") }
func (r *recorder) count() int   { return len(r.writes) }

func BenchmarkSmallLog(b *testing.B) {
	dir := b.TempDir()
	m := mask.New([]string{"hunter22", "correct horse"})
	for i := 0; b.Loop(); i++ {
		w, err := Open(fmt.Sprintf("%s/%d.log", dir, i), 64<<20, m)
		if err != nil {
			b.Fatal(err)
		}
		w.Note("INFO", "begin")
		_, _ = w.Write([]byte("hello\n"))
		w.Note("INFO", "end")
		_, _ = w.Close()
	}
}

func BenchmarkBigLog(b *testing.B) {
	m := mask.New([]string{"hunter22", "correct horse"})
	text := []byte(strings.Repeat("copied 1234 rows from table ACCOUNTS\n", 1000))
	w, err := Open(filepath.Join(b.TempDir(), "a.log"), 64<<20, m)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		_, _ = w.Write(text)
	}
	_, _ = w.Close()
}
