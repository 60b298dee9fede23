package keeper

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/keeper/journal"
	"github.com/executionerhq/executioner/internal/run"
)

// ends returns both ends of a conversation.
func ends(t *testing.T) (a, b *wire) {
	t.Helper()
	one, other, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	for fd, w := range map[int]**wire{one: &a, other: &b} {
		conn, err := inherited(uintptr(fd))
		if err != nil {
			t.Fatal(err)
		}
		*w = newWire(conn)
		t.Cleanup((*w).close)
	}
	return a, b
}

func send(t *testing.T, w *wire, m *message) {
	t.Helper()
	if err := w.send(m); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, w *wire) *message {
	t.Helper()
	m, err := w.receive()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func frames(t *testing.T, all ...*message) []byte {
	t.Helper()
	var b bytes.Buffer
	e := gob.NewEncoder(&b)
	for _, m := range all {
		if err := e.Encode(m); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// TestFramesInPieces: a stream is cut anywhere.
func TestFramesInPieces(t *testing.T) {
	both := frames(t, &message{Verb: kill, ID: "first"}, &message{Verb: forget, ID: "second"})
	for cut := range len(both) + 1 {
		a, b := ends(t)
		var got []string
		var reading sync.WaitGroup
		reading.Go(func() {
			for {
				m, err := b.receive()
				if err != nil {
					same(t, "it ends well", errors.Is(err, io.EOF), true)
					return
				}
				got = append(got, string(m.Verb)+" "+m.ID)
			}
		})
		for _, piece := range [][]byte{both[:cut], both[cut:]} {
			if _, err := a.conn.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		a.close()
		reading.Wait()
		same(t, fmt.Sprintf("cut at %d", cut), strings.Join(got, ", "), "kill first, forget second")
	}
}

// TestResultOfAnOlderKeeper: one that does not tell when a process ended is understood, and
// one that tells more than we know, too.
func TestResultOfAnOlderKeeper(t *testing.T) {
	type older struct{ To int64 }
	type newer struct {
		To   int64
		At   time.Time
		Fuel map[string]int
	}
	at := time.Date(2026, 11, 22, 12, 0, 0, 5, time.UTC)
	for _, tt := range []struct {
		told any
		want time.Time
	}{
		{struct{ Result older }{older{7}}, time.Time{}},
		{struct{ Result newer }{newer{7, at, map[string]int{"l": 3}}}, at},
	} {
		var b bytes.Buffer
		var m message
		err := errors.Join(gob.NewEncoder(&b).Encode(tt.told), gob.NewDecoder(&b).Decode(&m))
		if err != nil || m.Result.To != 7 || m.Result.At != tt.want {
			t.Errorf("%+v: %+v, %v", tt.told, m.Result, err)
		}
	}
}

// TestLostHasNoEnd: when it was found out that a task is lost is not when it ended.
func TestLostHasNoEnd(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for reason, want := range map[run.Reason]time.Time{run.Exited: at, run.Lost: {}} {
		r := remember(&journal.Task{ID: "a", Exit: &journal.Exit{Outcome: run.Outcome{Reason: reason}, At: at}}, true)
		same(t, string(reason), r.result.At, want)
	}
}

// TestFrameBytewise: the slowest possible sender.
func TestFrameBytewise(t *testing.T) {
	a, b := ends(t)
	go func() {
		for _, c := range frames(t, &message{Verb: stop, ID: "x", Order: &Order{State: run.Cancelled, Reason: "r", Detail: "why"}}) {
			_, _ = a.conn.Write([]byte{c})
		}
	}()
	m := receive(t, b)
	same(t, "message", fmt.Sprint(m.Verb, m.ID, *m.Order), "stopx{CANCELLED r why}")
}

func TestBadFrames(t *testing.T) {
	whole := string(frames(t, &message{Verb: kill, ID: "x"}))
	for name, tt := range map[string]struct {
		sent string
		want string
	}{
		"too large": {string(frames(t, &message{Verb: kill, Text: strings.Repeat("x", maxMessage)})), errTooLarge.Error()},
		"no gob":    {"\x02{]", "gob: duplicate type received"},
		"cut off":   {whole[:len(whole)-1], "EOF"},
	} {
		a, b := ends(t)
		go func() {
			_, _ = a.conn.Write([]byte(tt.sent))
			a.close()
		}()
		m, err := b.receive()
		if err == nil || !strings.HasSuffix(err.Error(), tt.want) {
			t.Errorf("%s: %.99s, %v", name, fmt.Sprint(m), err)
		}
		b.close() // a may be writing still
	}
}

func TestTooLargeIsNotSent(t *testing.T) {
	a, b := ends(t)
	send(t, a, &message{Verb: kill, ID: "first"})
	receive(t, b)
	if err := a.send(&message{Verb: kill, Text: strings.Repeat("x", maxMessage)}); !errors.Is(err, errTooLarge) {
		t.Error(err)
	}
	send(t, a, &message{Verb: kill, ID: "next"})
	same(t, "what follows", receive(t, b).ID, "next")
}

// TestFilesArriveWithTheirMessages: many senders at once, some with files.
func TestFilesArriveWithTheirMessages(t *testing.T) {
	const senders, each = 8, 60
	a, b := ends(t)
	var sending sync.WaitGroup
	for n := range senders {
		sending.Go(func() {
			for i := range each {
				m := &message{Verb: ended, ID: fmt.Sprintf("%d/%d", n, i), Text: strings.Repeat("x", i*100)}
				if i%3 == 0 {
					r, w, err := os.Pipe()
					if err != nil {
						t.Error(err)
						return
					}
					_, _ = w.WriteString(m.ID)
					w.Close()
					m.Verb, m.fd = custody, int(r.Fd())
					if err := a.send(m); err != nil {
						t.Error(err)
					}
					r.Close()
				} else if err := a.send(m); err != nil {
					t.Error(err)
				}
			}
		})
	}
	next := make([]int, senders)
	for range senders * each {
		m := receive(t, b)
		var n, i int
		if _, err := fmt.Sscanf(m.ID, "%d/%d", &n, &i); err != nil || next[n] != i {
			t.Fatalf("%q came, %d/%d was next: %v", m.ID, n, next[n], err)
		}
		next[n]++
		if (m.Verb == custody) != (m.file != nil) {
			t.Fatalf("%s has the file %v", m.Verb, m.file)
		}
		if m.file != nil {
			in, err := io.ReadAll(m.file)
			m.file.Close()
			if err != nil || string(in) != m.ID {
				t.Fatalf("the file of %s is that of %s: %v", m.ID, in, err)
			}
		}
	}
	sending.Wait()
}

// TestFilesCloseOnExec: no job gets them.
func TestFilesCloseOnExec(t *testing.T) {
	a, b := ends(t)
	send(t, a, &message{Verb: custody, fd: int(os.Stderr.Fd())})
	m := receive(t, b)
	defer m.file.Close()
	flags, err := unix.FcntlInt(m.file.Fd(), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("%#x, %v", flags, err)
	}
}

// TestNoRoomForAFile: its message comes without it, and the next has its own.
func TestNoRoomForAFile(t *testing.T) {
	a, b := ends(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	send(t, a, &message{Verb: custody, ID: "none", Inode: fileInode(r), fd: int(r.Fd())})
	tight := limit
	tight.Cur = 3
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &tight); err != nil {
		t.Fatal(err)
	}
	m, err := b.receive()
	if back := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); back != nil {
		t.Fatal(back)
	}
	if err != nil || m.ID != "none" || m.file != nil {
		t.Fatalf("%+v, %v", m, err)
	}
	send(t, a, &message{Verb: custody, ID: "one", Inode: fileInode(w), fd: int(w.Fd())})
	m = receive(t, b)
	if m.ID != "one" || m.file == nil || fileInode(m.file) != m.Inode {
		t.Fatalf("%+v", m)
	}
	m.file.Close()
}

// TestUnclaimedFilesAreClosed: of who sends more files than messages for them.
func TestUnclaimedFilesAreClosed(t *testing.T) {
	a, b := ends(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	send(t, a, &message{Verb: kill, fd: int(w.Fd())})
	w.Close()
	receive(t, b)
	a.close()
	if _, err := b.receive(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF { // nobody has the other end any more
		t.Error(n, err)
	}
}

// TestStoppedReader: senders do not wait for who does not read, except with a file, and
// the conversation can be ended all the same.
func TestStoppedReader(t *testing.T) {
	a, b := ends(t)
	big := &message{Verb: ended, Text: strings.Repeat("x", 1<<20)}
	for range 4 {
		send(t, a, big)
	}
	blocked := make(chan error)
	go func() { blocked <- a.send(&message{Verb: custody, fd: int(os.Stderr.Fd())}) }()
	finished := make(chan struct{})
	go func() {
		a.finish(&message{Verb: refused}, 20*time.Millisecond)
		close(finished)
	}()
	for range 2 {
		select {
		case err := <-blocked:
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
			blocked = nil
		case <-finished:
			finished = nil
		case <-time.After(patience):
			t.Fatal("still waiting")
		}
	}
	b.close()
}

// TestFinishTellsTheLast: after all that was queued.
func TestFinishTellsTheLast(t *testing.T) {
	a, b := ends(t)
	for range 100 {
		send(t, a, &message{Verb: ended, Text: strings.Repeat("x", 10_000)})
	}
	go a.finish(&message{Verb: bye}, patience)
	for range 100 {
		same(t, "before", receive(t, b).Verb, ended)
	}
	same(t, "the last", receive(t, b).Verb, bye)
	if _, err := b.receive(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestInheritedIsASocket(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	fd, err := unix.Dup(int(r.Fd()))
	r.Close()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inherited(uintptr(fd)); err == nil {
		t.Error("a pipe is no conversation")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { _, _ = l.Accept() }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.(*net.TCPConn).File()
	c.Close()
	if err != nil {
		t.Fatal(err)
	}
	fd, err = unix.Dup(int(f.Fd()))
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inherited(uintptr(fd)); err == nil {
		t.Error("a TCP connection is no conversation with a keeper")
	}
}

// TestFailedSendLosesNothingReceived: an engine that wrote to a keeper that had just been
// killed closed the conversation, and with it the pipes that the keeper had sent before.
func TestFailedSendLosesNothingReceived(t *testing.T) {
	a, b := ends(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	send(t, b, &message{Verb: custody, ID: "a", Inode: fileInode(r), fd: int(r.Fd())})
	b.close()
	for deadline := time.Now().Add(patience); a.send(&message{Verb: forget, ID: "b"}) == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("sending never failed")
		}
	}
	m := receive(t, a)
	if m.Verb != custody || m.file == nil || fileInode(m.file) != fileInode(r) {
		t.Fatalf("received %+v", m)
	}
	m.file.Close()
	if _, err := a.receive(); err == nil {
		t.Error("and more")
	}
}

// TestFailedSendEndsTheConversation on the other side, too, which would wait for ever.
func TestFailedSendEndsTheConversation(t *testing.T) {
	a, b := ends(t)
	a.mu.Lock()
	a.fail(io.ErrShortWrite)
	a.mu.Unlock()
	if _, err := b.receive(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	b.close()
	if _, err := a.receive(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}
