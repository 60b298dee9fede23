package daemon

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// most is how many connections the servers of these tests may have.
const most = 20

// patience is how long a test waits for what must happen, on a busy machine.
const patience = 30 * time.Second

// crowded is a server with few places. Who asks for /wait is answered when the test says so.
type crowded struct {
	*testing.T
	at     string
	begun  chan struct{} // holds a value for each request that waits
	answer chan struct{} // closed when they are to be answered
}

func newCrowded(t *testing.T, l net.Listener) *crowded {
	t.Helper()
	c := &crowded{T: t, at: l.Addr().String(), begun: make(chan struct{}, 10*most), answer: make(chan struct{})}
	s := New(http.HandlerFunc(c.serve), func(ctx context.Context, _ net.Conn) context.Context { return ctx }, most, slog.New(slog.DiscardHandler))
	s.Serve(l)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Stop(ctx)
		_ = s.http.Close()
	})
	return c
}

func (c *crowded) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/wait" {
		c.begun <- struct{}{}
		select {
		case <-c.answer:
		case <-r.Context().Done():
		}
	}
	_, _ = io.WriteString(w, "hello")
}

func listen(t *testing.T, conf *tls.Config) net.Listener {
	t.Helper()
	l, err := Listen(t.Context(), "127.0.0.1:0", conf)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// send opens a connection and sends a text, which may be the beginning of a request.
func (c *crowded) send(text string) net.Conn {
	c.Helper()
	conn, err := net.Dial("tcp", c.at)
	if err == nil {
		_, err = io.WriteString(conn, text)
	}
	if err == nil {
		err = conn.SetReadDeadline(time.Now().Add(patience))
	}
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { _ = conn.Close() })
	return conn
}

// hears checks what comes back on a connection.
func (c *crowded) hears(conn net.Conn) {
	c.Helper()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		c.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err != nil || string(b) != "hello" {
		c.Errorf("heard %q, %v", b, err)
	}
}

// isCut checks that a connection is closed without an answer.
func (c *crowded) isCut(what string, conn net.Conn) {
	c.Helper()
	n, err := conn.Read(make([]byte, 1))
	if n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		c.Errorf("%s is still there: %d bytes, %v", what, n, err)
	}
}

const (
	slow  = "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "
	whole = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	waits = "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"
)

// Those who hold connections open keep nobody out: they lose the oldest, whether it has
// sent nothing, half a request, or waits for its next one.
func TestSlowConnections(t *testing.T) {
	c := newCrowded(t, listen(t, nil))
	busy := c.send(waits)
	<-c.begun
	first := []net.Conn{c.send(""), c.send(slow), c.send(whole)}
	c.hears(first[2])
	var held []net.Conn
	for range 10 * most {
		held = append(held, c.send(slow))
	}
	c.hears(c.send(whole))
	for i, conn := range append(first, held[:9*most]...) {
		c.isCut(fmt.Sprintf("connection %d", i), conn)
	}
	last := held[len(held)-1] // it goes on, and is a request in the end
	if _, err := io.WriteString(last, "\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	c.hears(last)
	close(c.answer)
	c.hears(busy)
}

// Where all are being answered the newcomer has to go. Then there is room again.
func TestOnlyBusyConnections(t *testing.T) {
	c := newCrowded(t, listen(t, nil))
	var busy []net.Conn
	for range most {
		busy = append(busy, c.send(waits))
		<-c.begun
	}
	for range 3 {
		c.isCut("a newcomer", c.send(""))
	}
	close(c.answer)
	for _, conn := range busy {
		c.hears(conn)
	}
	for until := time.Now().Add(patience); !c.answers(); { // the server may not know yet that it has answered
		if time.Now().After(until) {
			t.Fatal("there is never room again")
		}
	}
}

// answers reports whether a newcomer gets an answer.
func (c *crowded) answers() bool {
	c.Helper()
	n, _ := c.send(whole).Read(make([]byte, 1))
	return n == 1
}

// TLS does not begin to talk with whoever only holds the connection open.
func TestSlowHandshakes(t *testing.T) {
	cert, key, pool := certificate(t)
	conf, err := TLS(cert, key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c := newCrowded(t, listen(t, conf))
	first := c.send("")
	for range 2 * most {
		c.send("\x16\x03\x01")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}}}
	if got := get(t, client, "https://"+c.at); got != "hello" {
		t.Errorf("it says %q", got)
	}
	c.isCut("the first", first)
}

// The unix socket is not counted: whoever is let in there must not be kept out.
func TestTheSocketIsNotCounted(t *testing.T) {
	l, err := Socket(filepath.Join(t.TempDir(), "s.sock"))
	if err != nil {
		t.Fatal(err)
	}
	c := newCrowded(t, l)
	var all []net.Conn
	for range 2 * most {
		conn, err := net.Dial("unix", c.at)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		all = append(all, conn)
	}
	for _, conn := range all {
		if _, err := io.WriteString(conn, whole); err != nil {
			t.Fatal(err)
		}
		c.hears(conn)
	}
}

// A thousand connections that send nothing but the beginning of a head cost what those cost
// that there may be.
func TestSlowConnectionsTakeBoundedMemory(t *testing.T) {
	c := newCrowded(t, listen(t, nil))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 1000 {
		c.send(slow)
	}
	c.hears(c.send(whole))
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapInuse+after.StackInuse) - int64(before.HeapInuse+before.StackInuse); grown > 8<<20 {
		t.Errorf("they take %d KiB", grown>>10)
	}
}

func TestRoom(t *testing.T) {
	files := fileLimit()
	for wanted, want := range map[int]int{1: 1, 10: 10, 1 << 30: files / 2} {
		if got := Room(wanted); got != want && files > 0 {
			t.Errorf("Room(%d) is %d, want %d", wanted, got, want)
		}
	}
}
