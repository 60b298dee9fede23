package process

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
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
	written atomic.Int64 // only that goroutine writes it, anybody may ask
	err     error        // the writer's first
	grown   bool

	ended  atomic.Bool // read to the end, or closed
	giving atomic.Bool // giveUp was called
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

// adoptOutput returns an output that goes on with a pipe of another program.
func adoptOutput(host *Host, to io.Writer, pipe *os.File) (*output, error) {
	fd, err := duplicate(pipe)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	file := os.NewFile(uintptr(fd), "job output")
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return &output{host: host, file: file, raw: raw, to: to}, nil
}

// duplicate returns the read end once more, nil when there is nothing more to read.
func (o *output) duplicate() (*os.File, error) {
	if o.ended.Load() {
		return nil, nil
	}
	fd, err := duplicate(o.file)
	switch {
	case err == nil:
	case o.ended.Load(): // closed meanwhile
		return nil, nil
	default:
		return nil, err
	}
	return os.NewFile(uintptr(fd), "job output"), nil
}

// giveUp ends pass where it is. What is still in the pipe stays there.
func (o *output) giveUp() {
	o.giving.Store(true)
	_ = o.file.SetReadDeadline(time.Unix(1, 0))
}

func (o *output) close() {
	o.ended.Store(true)
	_ = o.file.Close()
}

// withFD calls f with the read end.
func (o *output) withFD(f func(fd int) error) error {
	var err error
	if cerr := o.raw.Control(func(fd uintptr) { err = f(int(fd)) }); cerr != nil {
		return cerr
	}
	return err
}

// pass hands output to the writer until its end, or until limit has had enough: all is
// false then.
func (o *output) pass() (all bool) {
	end := o.copy(o.keep)
	if errors.Is(end, os.ErrDeadlineExceeded) && !o.giving.Load() {
		o.rest()
	}
	o.ended.Store(end == io.EOF)
	return end == io.EOF
}

// limit ends pass after so much time, at least when what is in the pipe then was passed.
func (o *output) limit(patience time.Duration) {
	_ = o.file.SetReadDeadline(time.Now().Add(patience))
}

// Drain reads and throws away what comes through the pipe of a try that has ended, so that
// leftover processes which hold it neither block nor die of SIGPIPE. It is for a program
// that takes over from one that did so: Files of an ended process returns such a pipe as
// long as somebody writes to it. The pipe is the host's then, unless there is an error.
func (h *Host) Drain(pipe *os.File) error {
	o, err := adoptOutput(h, nil, pipe)
	if err != nil {
		return err
	}
	if !h.addDrain(o) {
		o.close()
		return errHostClosed
	}
	_ = pipe.Close()
	go func() {
		defer o.close()
		o.drain()
	}()
	return nil
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
	written := o.written.Add(int64(len(b)))
	if !o.grown && written > growAfter {
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
