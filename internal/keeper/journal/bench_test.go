package journal

import (
	"encoding/json"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// benchDir returns a directory on the disk of EXECUTIONER_BENCH_DIR, or of temporary files.
func benchDir(b *testing.B) string {
	dir, err := os.MkdirTemp(os.Getenv("EXECUTIONER_BENCH_DIR"), "journal")
	ok(b, err)
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

var (
	benchSpec   = json.RawMessage(`{"cookie":"1234/1/extract-customers/1","at":"2026-02-03T12:00:00.123456789Z","from":123456}`)
	benchHandle = json.RawMessage(`{"pid":123456,"start":987654321,"inode":123456789,"boot":"11111111-2222-3333-4444-555555555555"}`)
)

func benchTask(b *testing.B, w *Writer, id string, head int) {
	e := exitOf(0)
	e.Head = make([]byte, head)
	for _, err := range []error{w.Start(id, time.Now(), benchSpec), w.PID(id, benchHandle), w.Exit(id, e), w.Ack(id)} {
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTask is all that is written for one task.
func BenchmarkTask(b *testing.B) {
	for _, head := range []int{0, MaxHead} {
		b.Run("head="+strconv.Itoa(head), func(b *testing.B) {
			w, _ := tOpen(b, benchDir(b), Options{})
			for i := 0; b.Loop(); i++ {
				benchTask(b, w, strconv.Itoa(i), head)
			}
		})
	}
}

// BenchmarkSync is the end of a task on the disk, alone and with others at the same time.
func BenchmarkSync(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run("callers="+strconv.Itoa(callers), func(b *testing.B) {
			w, _ := tOpen(b, benchDir(b), Options{Sync: true})
			var next atomic.Int64
			b.SetParallelism(callers) // times GOMAXPROCS
			if callers > 1 {
				b.SetParallelism(max(1, callers/2))
			}
			run := func(pb func() bool) {
				for pb() {
					benchTask(b, w, strconv.FormatInt(next.Add(1), 10), 0)
				}
			}
			if callers == 1 {
				run(b.Loop)
				return
			}
			b.RunParallel(func(pb *testing.PB) { run(pb.Next) })
		})
	}
}

// BenchmarkOpen is reading a journal with a thousand tasks, and stating them again.
func BenchmarkOpen(b *testing.B) {
	dir := benchDir(b)
	w, _ := tOpen(b, dir, Options{})
	for i := range 1000 {
		id := strconv.Itoa(i)
		ok(b, w.Start(id, time.Now(), benchSpec), w.PID(id, benchHandle))
	}
	ok(b, w.Close())
	for b.Loop() {
		w, _, err := Open(dir, Options{})
		ok(b, err, w.Close())
	}
}
