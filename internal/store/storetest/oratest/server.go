// Package oratest is a stand-in for an Oracle server, for tests only: it speaks enough
// of Oracle's protocol for a client without a native library, and executes what it is
// sent on H2 in its Oracle mode, which runs in a Java process. So the real driver is at
// work, on a server that says no to much of what Oracle says no to.
//
// It is not Oracle: locking, plans, limits in bytes, NLS settings and LOB locators are
// H2's or nobody's. It has no RETURNING INTO, PL/SQL, encryption, or interruption of
// statements: they end with their connection, as the driver's way to interrupt one
// races with itself. And H2 accepts statements that Oracle does not, which is what
// package oralint is for.
package oratest

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	goora "github.com/sijms/go-ora/v2"
)

// Server is a stand-in that listens on this host. It is safe for concurrent use.
type Server struct {
	tb       testing.TB
	bridge   *bridge
	listener net.Listener
	password string
	counts   Counts
	work     sync.WaitGroup // the listener's goroutine and one for each client

	mu      sync.Mutex
	users   map[string]bool
	clients map[net.Conn]bool
	armed   map[Point]int
	texts   map[string]bool
	down    bool
}

// Counts are how often something was done since the server was started.
type Counts struct {
	Connections atomic.Int64
	Executions  atomic.Int64 // an array of rows counts once
	Rows        atomic.Int64 // each row of an array counts
	Commits     atomic.Int64 // asked for by the client
}

// Point is where a connection can be made to break.
type Point int

// The points.
const (
	BeforeCommit Point = iota // the order to commit has arrived and is not carried out
	AfterCommit               // it is carried out and not answered
	AfterExecute              // a statement is executed and not answered
	BeforeFetch               // some rows of an answer are sent, and more are asked for
	BeforeClose               // a statement is executed and answered; the client is about to close its cursor
)

// Start starts a server, which ends with the test. It fails the test where Java or H2
// is missing, and says how to install them.
func Start(tb testing.TB) *Server {
	tb.Helper()
	b, err := startBridge(tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(b.stop)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{
		tb: tb, bridge: b, listener: ln, password: upperHex(random(8)),
		users: map[string]bool{}, clients: map[net.Conn]bool{}, armed: map[Point]int{}, texts: map[string]bool{},
	}
	s.work.Go(s.serve)
	tb.Cleanup(s.close)
	return s
}

// DSN returns the address of a schema of its own, which is new and empty at each call.
func (s *Server) DSN() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	user := fmt.Sprintf("EXEC%d", len(s.users)+1)
	s.users[user] = true
	return s.address(user, s.password)
}

// WrongPassword returns the address of a new schema with a password that is not its.
func (s *Server) WrongPassword() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	user := fmt.Sprintf("EXEC%d", len(s.users)+1)
	s.users[user] = true
	return s.address(user, "not-"+s.password)
}

func (s *Server) address(user, password string) string {
	addr := s.listener.Addr().(*net.TCPAddr)
	return goora.BuildUrl(addr.IP.String(), addr.Port, service, user, password, nil)
}

// Counts returns the counters, which go on counting.
func (s *Server) Counts() *Counts { return &s.counts }

// Texts returns each different SQL text that was executed, sorted, without those by
// which the driver sets a session up.
func (s *Server) Texts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]string, 0, len(s.texts))
	for t := range s.texts {
		all = append(all, t)
	}
	slices.Sort(all)
	return all
}

// Cut breaks one connection, the next that comes to that point.
func (s *Server) Cut(p Point) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed[p]++
}

// KillAll breaks all connections that are open now. What they had not committed is undone.
func (s *Server) KillAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.clients {
		c.Close()
	}
}

// Open returns how many connections are open.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients)
}

// Down makes the server refuse new connections, or take them again.
func (s *Server) Down(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

func (s *Server) serve() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		if !s.admit(c) {
			c.Close()
			continue
		}
		s.counts.Connections.Add(1)
		s.work.Go(func() {
			defer s.leave(c)
			(&conversation{server: s, conn: c, packets: make(chan packet), cursors: map[int]*cursor{}}).talk()
		})
	}
}

func (s *Server) admit(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.down {
		s.clients[c] = true
	}
	return !s.down
}

func (s *Server) leave(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
}

func (s *Server) close() {
	s.Down(true)
	_ = s.listener.Close()
	s.KillAll()
	s.work.Wait()
}

func (s *Server) knows(user string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.users[strings.ToUpper(user)]
}

// strikes reports whether a connection is to break at that point, which it then does once.
func (s *Server) strikes(p Point) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.armed[p] == 0 {
		return false
	}
	s.armed[p]--
	return true
}

func (s *Server) saw(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text != driverClock {
		s.texts[text] = true
	}
}

// driverClock is what the driver asks of each new connection.
const driverClock = "SELECT SYSTIMESTAMP FROM DUAL"

// complain fails the test: a client said what the stand-in does not understand.
func (s *Server) complain(why string) { s.tb.Errorf("oracle stand-in: %s", why) }
