package keeper

import (
	"bufio"
	"bytes"
	"encoding/gob"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/failpoint"
)

// version of the conversation. Both sides name theirs; a side that does not know what
// the other asks for says so instead of guessing.
const version = 2

// maxMessage bounds what a broken or hostile peer can make us allocate. No system takes
// so much as arguments and environment of a process.
const maxMessage = 16 << 20

// errTooLarge says that a message was not sent because the other side would not take it.
var errTooLarge = errors.New("it is too large for the keeper")

// verb is what a message asks or tells.
type verb string

// Of the engine.
const (
	hello   verb = "hello"   // who it is; the first message
	setting verb = "setting" // what specs to come have in common
	start   verb = "start"
	stop    verb = "stop"
	kill    verb = "kill"
	forget  verb = "forget"
	upgrade verb = "upgrade" // go on as the program that is named
	bye     verb = "bye"     // nothing is left to ask
)

// Of the keeper.
const (
	welcome verb = "welcome" // the answer to hello, with what is known
	refused verb = "refused" // and why; the conversation is over
	leaving verb = "leaving" // the keeper is on its way home: another one is needed
	custody verb = "custody" // a file comes with it: the pipe of a process that is about to start
	ended   verb = "ended"
)

// message is one of either side: only the fields of its verb are set.
type message struct {
	Verb    verb
	Version int
	Build   string
	Keeper  whom // itself
	Epoch   int64
	Number  int // of a setting
	Setting *Setting
	Spec    *Spec // without its Setting
	ID      string
	Order   *Order
	Result  *Result
	Fates   map[string]Fate
	Other   Fate   // of recorded tasks that are not in Fates
	Text    string // why; of an upgrade the program
	Done    bool   // with bye: everything is recorded elsewhere
	Inode   uint64 // of the file that comes with it

	fd   int      // to be sent with it, valid while it is sent; 0 for none
	file *os.File // that came with it, which the receiver closes; nil when there was no room for it
}

// wire sends and receives messages on a unix socket: a stream of gob, and for custody one
// file each. Sending is safe for concurrent use, receiving is for one goroutine.
type wire struct {
	conn *net.UnixConn

	mu      sync.Mutex // guards the five below; senders add to queue, one of them writes
	encoder *gob.Encoder
	queue   queue
	writing bool
	written sync.Cond // told when nobody writes any more
	failed  error

	decoder *gob.Decoder
	room    int // bytes that the next message may still have
	files   []*os.File
	oob     []byte
}

// queue is encoded and not written yet.
type queue []byte

func (q *queue) Write(b []byte) (int, error) {
	*q = append(*q, b...)
	return len(b), nil
}

func newWire(conn *net.UnixConn) *wire {
	w := &wire{conn: conn, oob: make([]byte, unix.CmsgSpace(4*64))}
	w.written.L = &w.mu
	w.encoder = gob.NewEncoder(&w.queue)
	w.decoder = gob.NewDecoder(bufio.NewReaderSize(w, 64<<10))
	return w
}

func (w *wire) close() {
	_ = w.conn.Close()
}

// send sends a message; an error of an earlier one is told. What the other side has no room
// for yet is queued, except for a file: that is underway when send returns, which may take
// until the other side reads, or close is called.
func (w *wire) send(m *message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := len(w.queue)
	if err := w.encoder.Encode(m); err != nil {
		return err
	}
	if len(w.queue)-before > maxMessage { // the first one, which explains the types, never is
		w.queue = w.queue[:before]
		return errTooLarge
	}
	if m.fd > 0 {
		frame := bytes.Clone(w.queue[before:])
		w.queue = w.queue[:before]
		return w.sendFile(frame, m.fd)
	}
	if w.writing || w.failed != nil {
		return w.failed
	}
	if w.writeNow(); len(w.queue) > 0 && w.failed == nil {
		w.writing = true
		go func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.flush()
		}()
	}
	return w.failed
}

// writeNow writes as much of the queue as the other side has room for: another goroutine
// would take its time to begin. Call it with mu held.
func (w *wire) writeNow() {
	var n int
	raw, err := w.conn.SyscallConn()
	if err == nil {
		err = failpoint.Err("keeper.send")
	}
	if err == nil {
		closed := raw.Write(func(fd uintptr) bool {
			n, err = unix.Write(int(fd), w.queue)
			return true
		})
		err = errors.Join(err, closed)
	}
	switch {
	case err == nil:
		w.queue = w.queue[n:]
	case !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR):
		w.fail(err)
	}
}

// flush writes the queue. Call it with mu held, which it gives up while it writes: what
// others add meanwhile goes out in one piece.
func (w *wire) flush() {
	w.writing = true
	for len(w.queue) > 0 && w.failed == nil {
		out := w.queue
		w.queue = nil
		w.mu.Unlock()
		err := failpoint.Err("keeper.send")
		if err == nil {
			_, err = w.conn.Write(out)
		}
		w.mu.Lock()
		if err != nil {
			w.fail(err)
		}
	}
	w.writing = false
	w.written.Broadcast()
}

// finish writes a last message after what is queued, for as long as patience lasts, and
// says that nothing follows.
func (w *wire) finish(m *message, patience time.Duration) {
	_ = w.conn.SetWriteDeadline(time.Now().Add(patience)) // also for who is writing now
	_ = w.send(m)
	w.mu.Lock()
	for w.writing {
		w.written.Wait()
	}
	w.mu.Unlock()
	_ = w.conn.CloseWrite()
}

// sendFile sends a frame with a file, after what was queued before. Call it with mu held.
func (w *wire) sendFile(frame []byte, fd int) error {
	for w.writing { // somebody writes without holding mu: frames must not mix
		w.written.Wait()
	}
	w.flush()
	if w.failed != nil {
		return w.failed
	}
	n, _, err := w.conn.WriteMsgUnix(frame, unix.UnixRights(fd), nil)
	if errors.Is(err, unix.ETOOMANYREFS) {
		return err // it has many to take already: it must do without this one
	}
	if err == nil && n < len(frame) {
		_, err = w.conn.Write(frame[n:])
	}
	if err != nil {
		w.fail(err)
	}
	return err
}

// fail ends sending. Nobody must wait for what was not sent: the other side is told that
// nothing follows, and ends the conversation. What it has sent already can be received all
// the same: our shares in the pipes of what a dead keeper had just started may be in it. Call it with mu held.
func (w *wire) fail(err error) {
	w.failed = err
	_ = w.conn.CloseWrite()
	_ = w.conn.SetReadDeadline(time.Now().Add(closePatience))
}

// receive returns the next message. After an error there is none any more.
func (w *wire) receive() (*message, error) {
	w.room = maxMessage
	m := &message{}
	if err := w.decoder.Decode(m); err != nil {
		w.dropFiles()
		return nil, err
	}
	if m.Verb == custody && len(w.files) > 0 {
		m.file, w.files = w.files[0], w.files[1:]
	}
	return m, nil
}

// Read is for the decoder. It keeps the files that come with what it reads.
func (w *wire) Read(b []byte) (int, error) {
	if w.room <= 0 {
		return 0, errTooLarge
	}
	n, oobn, _, _, err := w.conn.ReadMsgUnix(b[:min(len(b), w.room)], w.oob)
	if oobn > 0 {
		w.takeFiles(w.oob[:oobn])
	}
	if n == 0 && err == nil {
		err = io.EOF
	}
	n = max(n, 0)
	w.room -= n
	return n, err
}

func (w *wire) dropFiles() {
	for _, f := range w.files {
		_ = f.Close()
	}
	w.files = nil
}

func (w *wire) takeFiles(oob []byte) {
	all, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return
	}
	for i := range all {
		fds, err := unix.ParseUnixRights(&all[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			w.files = append(w.files, os.NewFile(uintptr(fd), "custody"))
		}
	}
}
