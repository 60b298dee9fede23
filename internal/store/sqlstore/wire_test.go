package sqlstore

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/store/storetest/pgtest"
)

// cut is where a connection is cut.
type cut int

const (
	pass   cut = iota
	before     // the statement does not reach the server
	after      // the server's answer does not reach the client
	during     // the statement is sent, and nobody waits for the answer
)

// wire passes on what is said between a client and a server, and cuts connections
// when it is told to.
type wire struct {
	server  string
	direct  string // the same database's address without this
	l       net.Listener
	deaf    atomic.Bool                // no new connection is taken
	refused atomic.Int64               // connections that were not taken
	decide  func(statement string) cut // called for each simple statement, BEGIN and COMMIT among them

	wg    sync.WaitGroup
	mu    sync.Mutex
	open  map[net.Conn]bool
	ended bool
}

// newWire returns a wire to the cluster's server, and the directory of its socket.
func newWire(t *testing.T, c *pgtest.Cluster, decide func(string) cut) (w *wire, dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "wire-") // a test's own directory may have too long a name for a socket
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	w = &wire{server: filepath.Join(c.SocketDir(), ".s.PGSQL.5432"), l: l, decide: decide, open: map[net.Conn]bool{}}
	w.wg.Go(w.accept)
	t.Cleanup(func() {
		l.Close()
		w.cutAll(true)
		w.wg.Wait()
		os.RemoveAll(dir)
	})
	return w, dir
}

func (w *wire) accept() {
	for {
		client, err := w.l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("unix", w.server)
		if w.deaf.Load() && err == nil {
			w.refused.Add(1)
			server.Close()
			err = net.ErrClosed
		}
		if err != nil {
			client.Close()
			continue
		}
		if !w.keep(client, server) {
			return
		}
		w.wg.Go(func() { w.talk(client, server) })
	}
}

func (w *wire) keep(all ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range all {
		w.open[c] = true
		if w.ended {
			c.Close()
		}
	}
	return !w.ended
}

// cutAll closes all connections that are open.
func (w *wire) cutAll(end bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = w.ended || end
	for c := range w.open {
		c.Close()
	}
	clear(w.open)
}

// waitRefused returns when n more connections were not taken.
func (w *wire) waitRefused(t *testing.T, n int64) {
	t.Helper()
	goal := w.refused.Load() + n
	for deadline := time.Now().Add(time.Minute); w.refused.Load() < goal; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody tries to connect")
		}
	}
}

func (w *wire) talk(client, server net.Conn) {
	var mute sync.Mutex // held while the client is not to hear what the server says
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		defer client.Close()
		buf := make([]byte, 1<<16)
		for {
			n, err := server.Read(buf)
			if n > 0 {
				if !mute.TryLock() {
					return // the answer that nobody is to hear has come
				}
				_, werr := client.Write(buf[:n])
				mute.Unlock()
				err = errors.Join(err, werr)
			}
			if err != nil {
				return
			}
		}
	}()
	w.listen(client, server, func(m []byte) {
		mute.Lock()
		if _, err := server.Write(m); err == nil {
			<-heard
		}
	})
	client.Close()
	server.Close()
	<-heard
}

// listen passes on what the client says until a connection is to be cut. unheard
// passes on the last message, and returns when the server has answered, which the
// client does not get to know.
func (w *wire) listen(client, server net.Conn, unheard func([]byte)) {
	if _, err := pump(client, server, false); err != nil {
		return
	}
	for {
		m, err := message(client, true)
		if err != nil {
			return
		}
		what := pass
		if m[0] == 'Q' {
			what = w.decide(strings.TrimRight(string(m[5:]), "\x00"))
		}
		if what == before {
			return
		}
		if what == after {
			unheard(m)
			return
		}
		if _, err := server.Write(m); err != nil || what == during {
			return
		}
	}
}

func pump(from io.Reader, to io.Writer, typed bool) (int, error) {
	m, err := message(from, typed)
	if err != nil {
		return 0, err
	}
	return to.Write(m)
}

// message reads one message of the protocol. The first of a connection has no type.
func message(r io.Reader, typed bool) ([]byte, error) {
	head := make([]byte, 4, 5)
	if typed {
		head = head[:5]
	}
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[len(head)-4:]) - 4
	m := append(head, make([]byte, n)...)
	_, err := io.ReadFull(r, m[len(head):])
	return m, err
}
