package keeper

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
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
const version = 1

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
	Verb    verb            `json:"verb"`
	Version int             `json:"version,omitempty"`
	Build   string          `json:"build,omitempty"`
	Epoch   int64           `json:"epoch,omitempty"`
	Number  int             `json:"number,omitempty"` // of a setting
	Setting *Setting        `json:"setting,omitempty"`
	Spec    *Spec           `json:"spec,omitempty"`
	ID      string          `json:"id,omitempty"`
	Order   *Order          `json:"order,omitempty"`
	Result  *Result         `json:"result,omitempty"`
	Fates   map[string]Fate `json:"fates,omitempty"`
	Other   Fate            `json:"other,omitempty"` // of recorded tasks that are not in Fates
	Text    string          `json:"text,omitempty"`  // why; of an upgrade the program
	Done    bool            `json:"done,omitempty"`  // with bye: everything is recorded elsewhere

	Inode uint64 `json:"inode,omitempty"` // of the file that comes with it

	fd   int      // to be sent with it, valid while it is sent; 0 for none
	file *os.File // that came with it, which the receiver closes; nil when there was no room for it
}

// wire sends and receives messages on a unix socket: a length of four bytes, JSON, and
// for custody one file. Sending is safe for concurrent use, receiving is for one goroutine.
type wire struct {
	conn *net.UnixConn

	mu      sync.Mutex // guards the four below; senders add to queue, one of them writes
	queue   []byte
	writing bool
	written sync.Cond // told when nobody writes any more
	failed  error

	in    []byte // received and not decoded yet
	spare []byte
	files []*os.File
	oob   []byte
}

func newWire(conn *net.UnixConn) *wire {
	w := &wire{conn: conn, oob: make([]byte, unix.CmsgSpace(4*64)), spare: make([]byte, 64<<10)}
	w.written.L = &w.mu
	return w
}

func (w *wire) close() {
	_ = w.conn.Close()
}

// send queues a message and returns; an error of an earlier one is told. A file is sent
// at once, so that it is underway when send returns: that may take until the other side
// reads, or close is called.
func (w *wire) send(m *message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(body) > maxMessage {
		return errTooLarge
	}
	frame := make([]byte, 4, 4+len(body))
	binary.BigEndian.PutUint32(frame, uint32(len(body)))
	frame = append(frame, body...)
	w.mu.Lock()
	defer w.mu.Unlock()
	if m.fd > 0 {
		return w.sendFile(frame, m.fd)
	}
	w.queue = append(w.queue, frame...)
	if !w.writing && w.failed == nil {
		w.writing = true
		go func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.flush()
		}()
	}
	return w.failed
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
func (w *wire) receive() (m *message, err error) {
	defer func() {
		if err != nil {
			w.dropFiles()
		}
	}()
	for {
		if m, err := w.decode(); m != nil || err != nil {
			return m, err
		}
		n, oobn, _, _, err := w.conn.ReadMsgUnix(w.spare, w.oob)
		if oobn > 0 {
			w.takeFiles(w.oob[:oobn])
		}
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, io.EOF
		}
		w.in = append(w.in, w.spare[:n]...)
	}
}

// decode takes a message from what was received, nil when there is no whole one.
func (w *wire) decode() (*message, error) {
	if len(w.in) < 4 {
		return nil, nil //nolint:nilnil // nothing yet is no error
	}
	size := binary.BigEndian.Uint32(w.in)
	if size > maxMessage {
		return nil, fmt.Errorf("a message of %d bytes", size)
	}
	end := 4 + int(size)
	if len(w.in) < end {
		return nil, nil //nolint:nilnil // as above
	}
	m := &message{}
	err := json.Unmarshal(w.in[4:end], m)
	w.in = w.in[:copy(w.in, w.in[end:])]
	if err != nil {
		return nil, err
	}
	if m.Verb == custody && len(w.files) > 0 {
		m.file, w.files = w.files[0], w.files[1:]
	}
	return m, nil
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
