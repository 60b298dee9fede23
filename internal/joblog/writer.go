package joblog

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/mask"
)

// Stats is what became of an output.
type Stats struct {
	Bytes   int64 // that were written by the job
	Dropped int64 // that are not in the file: beyond the limit, or because it could not be written
}

// Writer is the log of one try: the job's output as it is, without secrets, and
// stamped notes between. It is safe for concurrent use: output, notes and the flush
// of an idle log come from different goroutines.
type Writer struct {
	mu     sync.Mutex // guards all below
	path   string
	file   io.Closer // nil once closed
	size   int64     // of the file when it was opened
	from   int64     // where the first output is; -1 before it
	to     int64     // where the last output ends; -1 before EndOutput
	masker *mask.Masker
	masked *mask.Writer // in front of out
	out    *limited
	bytes  int64
	stats  Stats // of Close
	err    error // of Close
}

// Open opens the log file for one try, after what is there already. Directories are
// created (0755), so is the file (0640). A symbolic link, or anything else that is
// not a regular file, is refused. Errors are faults with code Unavailable.
//
// Of the output, limit bytes are kept (0 or less: all): the beginning, as it comes,
// and the end (half of the limit, but at most 1 MiB) which is held in memory until
// the output is over, with a line between that says how much is missing.
func Open(path string, limit int64, m *mask.Masker) (*Writer, error) {
	f, info, err := openAppend(path)
	if err != nil {
		return nil, err
	}
	hold(f)
	w := newWriter(f, limit, m, lastByte(f, info.Size()))
	w.path, w.size = path, info.Size()
	return w, nil
}

func newWriter(f io.WriteCloser, limit int64, m *mask.Masker, last byte) *Writer {
	out := newLimited(sink{w: f, last: time.Now()}, limit, last)
	return &Writer{file: f, from: -1, to: -1, masker: m, masked: m.Writer(out), out: out}
}

// lastByte returns the file's last byte, and a new line for an empty one. A try that
// was lost may have left half a line.
func lastByte(f *os.File, size int64) byte {
	b := []byte{'\n'}
	if size > 0 {
		_, _ = f.ReadAt(b, size-1) // unread it stays a new line, which costs a line break at most
	}
	return b[0]
}

// Earlier is what an earlier program wrote of an output that goes on.
type Earlier struct {
	From    int64 // where in the file the output begins
	Noted   int64 // bytes after that which are notes
	Bytes   int64 // of output that it took, when Held is not zero
	Held    int64 // of these, bytes that did not get into the file and are gone
	Settled bool  // it had ended the output
}

// Continue makes this the log of an output that an earlier program began: its limit, its
// Range and its Stats are those of the whole. A note says so, if there is a text, and goes
// into the file; its length is returned. Call Continue before anything is written.
func (w *Writer) Continue(e Earlier, level, text string) (noted int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	kept := max(0, w.size-e.From-e.Noted)
	w.from, w.bytes = min(e.From, w.size), kept
	if e.Held > 0 {
		w.bytes = e.Bytes
	}
	if text != "" {
		line := w.line(level, text)
		w.out.direct([]byte(line))
		w.out.sink.flush()
		noted = int64(len(line))
	}
	w.out.proceed(kept, e.Held, e.Settled)
	return noted
}

// Held returns how many bytes of output were taken, and how many of them would be missing
// if the program were gone now and what is in the buffer had been flushed.
func (w *Writer) Held() (taken, held int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bytes, w.out.tail.lost + int64(len(w.out.tail.buf)) + w.out.sink.lost
}

// Range returns where in the file this try's output is, for checks: from its first
// byte, after the notes before it, to the end of its last, which is known
// only after EndOutput (-1 before). Notes between are part of it.
func (w *Writer) Range() (from, to int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.from < 0 {
		return w.end(), w.to
	}
	return w.from, w.to
}

// From is the first half of Range.
func (w *Writer) From() int64 {
	from, _ := w.Range()
	return from
}

// end returns where in the file the next byte goes.
func (w *Writer) end() int64 { return w.size + w.out.sink.taken }

// Write takes output of the job. It always takes all and never fails: when the file
// can't be written, output is dropped and counted, and Close says so. Output of a
// slow job is written at once, that of a fast one when the buffer is full.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bytes += int64(len(p))
	if w.file == nil {
		w.stats.Bytes, w.stats.Dropped = w.bytes, w.stats.Dropped+int64(len(p))
		return len(p), nil
	}
	if w.from < 0 {
		w.from = w.end()
	}
	_, _ = w.masked.Write(p) // limited never fails
	return len(p), nil
}

// Note writes a stamped line of our own, without secrets, on a line of its own. The
// output before it counts as complete: a secret that is written half before and half
// after a note is not found. After Close it does nothing.
func (w *Writer) Note(level, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return
	}
	_ = w.masked.Flush()
	_, _ = w.out.Write([]byte(w.line(level, text)))
}

// line returns a note, with what makes it a line of its own.
func (w *Writer) line(level, text string) string {
	line := Line(time.Now(), level, w.masker.String(text))
	if w.out.last != '\n' {
		line = "\n" + line
	}
	return line
}

// Flush writes what is in the buffer, for whoever follows the log. Call it when the
// job has been silent for a moment. What could be the beginning of a secret, and the
// end of an output that is too long, stay in memory.
func (w *Writer) Flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file != nil {
		w.out.sink.flush()
	}
}

// EndOutput says that the job will write no more. Afterwards all of its output that
// is kept is in the file, for checks to read; notes may still follow, and are kept
// whatever the limit. Close does it too.
func (w *Writer) EndOutput() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file != nil {
		w.settle()
		w.out.sink.flush()
	}
}

// settle makes what is kept of the output complete, in the file and its buffer.
func (w *Writer) settle() {
	_ = w.masked.Flush()
	w.out.settle()
	if w.to < 0 {
		w.to = w.end()
	}
}

// End is EndOutput, a last note, and Close, in one write where the output is small.
func (w *Writer) End(level, text string) (Stats, error) {
	w.mu.Lock()
	if w.file != nil {
		w.settle()
	}
	w.mu.Unlock()
	w.Note(level, text)
	return w.Close()
}

// Close writes what is left and closes the file. Its error is a fault with code
// Unavailable: the first one that kept output from being written, which is in
// Dropped then. Closing again returns the same.
func (w *Writer) Close() (Stats, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return w.stats, w.err
	}
	w.settle()
	w.out.sink.flush()
	err := w.out.sink.err
	if cerr := w.file.Close(); err == nil {
		err = cerr
	}
	w.file = nil
	w.stats = Stats{Bytes: w.bytes, Dropped: w.out.tail.lost + w.out.sink.lost}
	if err != nil {
		w.err = &fault.Error{
			Code: fault.Unavailable, Msg: "can't write the log file", Op: "write log", At: w.path, Err: cause(err),
			Hint: "Part of the job's output is missing. Check the space and quota of the disk of log_dir.",
		}
	}
	return w.stats, w.err
}
