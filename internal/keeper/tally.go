package keeper

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/joblog"
)

// tally is a file beside the journal in which is written, of an output, what its log does
// not say by its size: how much of it a custodian has read and not let into the log, and
// how much of the log is notes. There is none for most: only of an output that is beyond
// its limit, or was taken over. Whoever reads the output has it; it is never synced, since
// no output goes on after a power cut.
type tally struct {
	path string
	file *os.File // nil until something is written
	counts
}

// counts is what is in the file.
type counts struct {
	Noted   int64
	Bytes   int64
	Held    int64
	Settled int64 // 1: all that is kept is in the log
}

// tallyName begins the names of these files.
const tallyName = "output."

// tally returns that of a task. What an earlier custodian wrote of it is read by load.
func (c *Custodian) tally(id string) *tally {
	sum := sha256.Sum256([]byte(id))
	return &tally{path: filepath.Join(c.book.Dir(), tallyName+hex.EncodeToString(sum[:12]))}
}

// load reads what an earlier custodian wrote. What can't be read is zero.
func (t *tally) load() {
	f, err := os.OpenFile(t.path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return
	}
	t.file = f
	if binary.Read(f, binary.LittleEndian, &t.counts) != nil {
		t.counts = counts{}
	}
}

// note writes what became of the output so far, once that is more than the log's size says.
// What can't be written makes a successor count too little, and is no reason to stop.
func (t *tally) note(log *joblog.Writer) {
	taken, held := log.Held()
	if held > 0 {
		t.Bytes, t.Held = taken, held
		t.write()
	}
}

// settle notes that all that is kept of the output is in the log.
func (t *tally) settle(log *joblog.Writer) {
	if t.file != nil {
		t.Bytes, t.Held = log.Held()
		t.Settled = 1
		t.write()
	}
}

// write replaces what is in the file.
func (t *tally) write() {
	if t.file == nil {
		f, err := os.OpenFile(t.path, os.O_WRONLY|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return
		}
		t.file = f
	}
	if b, err := binary.Append(nil, binary.LittleEndian, t.counts); err == nil {
		_, _ = t.file.WriteAt(b, 0)
	}
}

// earlier returns what is known of an output that begins at from.
func (t *tally) earlier(from int64) joblog.Earlier {
	return joblog.Earlier{From: from, Noted: t.Noted, Bytes: t.Bytes, Held: t.Held, Settled: t.Settled != 0}
}

// remove removes the file when the end of the output is recorded.
func (t *tally) remove() {
	if t != nil && t.file != nil {
		_ = t.file.Close()
		_ = os.Remove(t.path)
		t.file = nil
	}
}
