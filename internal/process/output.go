package process

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// bufferSize is how much is read at once: what a pipe holds by default.
const bufferSize = 64 << 10

// growAfter is how much a job writes before its pipe is made larger: most never do, and
// for those that do it saves switching to and fro (measured: up to 2.5 times the speed).
const growAfter = 1 << 20

// output moves what a process writes from its pipe to the writer. A buffer is taken
// from the pool only while there is something to read, so that thousands of silent
// jobs cost no memory.
type output struct {
	host *Host
	file *os.File // read end, non-blocking
	raw  syscall.RawConn
	to   io.Writer

	// Only the process's goroutine uses these.
	written int64
	err     error // the writer's first
	grown   bool
}

// newOutput opens the pipe; w is its write end, for the child.
func newOutput(host *Host, to io.Writer) (o *output, w int, err error) {
	r, w, err := newPipe()
	if err != nil {
		return nil, -1, err
	}
	file := os.NewFile(uintptr(r), "job output")
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		_ = unix.Close(w)
		return nil, -1, err
	}
	return &output{host: host, file: file, raw: raw, to: to}, w, nil
}

func (o *output) close() { _ = o.file.Close() }

// pass hands output to the writer until its end, or until limit has had enough: all is
// false then.
func (o *output) pass() (all bool) {
	end := o.copy(o.keep)
	if errors.Is(end, os.ErrDeadlineExceeded) {
		o.rest()
	}
	return end == io.EOF
}

// limit ends pass after so much time, at least when what is in the pipe then was passed.
func (o *output) limit(patience time.Duration) {
	_ = o.file.SetReadDeadline(time.Now().Add(patience))
}

// drain reads and throws away what is still to come after the outcome, so that leftover
// daemons neither block nor die of SIGPIPE. Close of the host closes the file, which ends this.
func (o *output) drain() {
	defer o.host.removeDrain(o)
	_ = o.file.SetReadDeadline(time.Time{})
	_ = o.copy(func([]byte) {})
}

// copy reads until the end (io.EOF), the deadline or the closing of the file.
func (o *output) copy(sink func([]byte)) error {
	var buf *[bufferSize]byte
	var n int
	var err error
	read := func(fd uintptr) bool {
		if buf == nil {
			buf = o.host.buffer()
		}
		n, err = readAll(int(fd), buf[:])
		if err != unix.EAGAIN {
			return true
		}
		o.host.recycle(buf)
		buf = nil
		return false
	}
	defer func() {
		if buf != nil {
			o.host.recycle(buf)
		}
	}()
	for {
		if stop := o.raw.Read(read); stop != nil {
			return stop
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return io.EOF
		}
		sink(buf[:n])
	}
}

// rest takes what is in the pipe at the deadline: a slow writer must not cost a program
// that has ended its last words. What a busy grandchild adds meanwhile is not waited for.
func (o *output) rest() {
	_ = o.raw.Control(func(fd uintptr) {
		waiting, err := unix.IoctlGetInt(int(fd), unreadBytes)
		buf := o.host.buffer()
		defer o.host.recycle(buf)
		for err == nil && waiting > 0 {
			var n int
			if n, err = readAll(int(fd), buf[:min(waiting, bufferSize)]); n <= 0 {
				return
			}
			o.keep(buf[:n])
			waiting -= n
		}
	})
}

func (o *output) keep(b []byte) {
	o.written += int64(len(b))
	if !o.grown && o.written > growAfter {
		o.grown = true
		_ = o.raw.Control(growPipe)
	}
	if o.to == nil || o.err != nil {
		return
	}
	if _, err := o.to.Write(b); err != nil {
		o.err = err
	}
}

// readAll is read(2) that does not let itself be interrupted.
func readAll(fd int, b []byte) (int, error) {
	for {
		n, err := unix.Read(fd, b)
		if err != unix.EINTR {
			return n, err
		}
	}
}
