package e2e

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// mailServer takes mail for one connection after the other. It offers no TLS.
type mailServer struct {
	listener net.Listener
	done     sync.WaitGroup

	mu    sync.Mutex // guards mails, which the server's goroutine writes
	mails []string   // the messages as they came
}

func newMailServer(t *testing.T) *mailServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{listener: l}
	s.done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.serve(conn)
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.done.Wait()
	})
	return s
}

// fields are what a workflow file says to have mail sent there.
func (s *mailServer) fields(more map[string]any) map[string]any {
	all := map[string]any{
		"email_address": "ops@example.com, boss@example.com", "smtp_server": "127.0.0.1", "smtp_port": s.listener.Addr().(*net.TCPAddr).Port,
	}
	for k, v := range more {
		all[k] = v
	}
	return all
}

func (s *mailServer) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	fmt.Fprint(conn, "220 mail.test ESMTP\r\n")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch command, _, _ := strings.Cut(strings.TrimSpace(line), " "); command {
		case "EHLO":
			fmt.Fprint(conn, "250-mail.test\r\n250 8BITMIME\r\n")
		case "DATA":
			fmt.Fprint(conn, "354 go\r\n")
			if !s.take(r) {
				return
			}
			fmt.Fprint(conn, "250 ok\r\n")
		case "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
			return
		default:
			fmt.Fprint(conn, "250 ok\r\n")
		}
	}
}

func (s *mailServer) take(r *bufio.Reader) bool {
	var mail strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		mail.WriteString(strings.TrimPrefix(line, "."))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, mail.String())
	return true
}

// received returns the messages that came so far.
func (s *mailServer) received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.mails...)
}
