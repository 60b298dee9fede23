package notify

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// smtpServer is a small mail server for one connection after the other.
type smtpServer struct {
	implicit bool              // TLS from the first byte
	starttls bool              // offered
	auth     bool              // offered
	answers  map[string]string // instead of the usual one, by command; "hang" for none at all
	tls      *tls.Config
	roots    *x509.CertPool
	listener net.Listener
	done     sync.WaitGroup

	mu       sync.Mutex // guards what was received
	commands []string   // without their arguments; in lower case when they came over TLS
	login    string     // user and password, as they came
	data     string
}

// start begins to listen. The server's certificate is for mail.test.
func (s *smtpServer) start(t *testing.T) *smtpServer {
	t.Helper()
	s.tls, s.roots = certificate(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.listener = l
	s.done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.done.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); s.done.Wait() })
	return s
}

// server returns how to reach it under the name mail.test.
func (s *smtpServer) server(security Security) Server {
	return Server{
		Host: "mail.test", Port: 1, Security: security, RootCAs: s.roots, Timeout: 10 * time.Second,
		dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address != "mail.test:1" && address != "localhost:1" {
				return nil, fmt.Errorf("dialled %s", address)
			}
			var d net.Dialer
			return d.DialContext(ctx, network, s.listener.Addr().String())
		},
	}
}

func (s *smtpServer) serve(conn net.Conn) {
	defer conn.Close()
	secure := s.implicit
	if secure {
		conn = tls.Server(conn, s.tls)
	}
	r := bufio.NewReader(conn)
	if !s.say(conn, r, "GREETING", "220 mail.test ESMTP") {
		return
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		command, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		s.heard(command, secure)
		switch command {
		case "STARTTLS":
			if !s.say(conn, r, command, "220 go") {
				return
			}
			conn, secure = tls.Server(conn, s.tls), true
			r = bufio.NewReader(conn)
			continue
		case "AUTH":
			text, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(line), "AUTH PLAIN "))
			s.mu.Lock()
			s.login = string(text)
			s.mu.Unlock()
		case "DATA":
			if !s.say(conn, r, command, "354 go") || !s.read(r) {
				return
			}
			command = "."
		}
		if !s.say(conn, r, command, s.usual(command, secure)) || command == "QUIT" {
			return
		}
	}
}

func (s *smtpServer) usual(command string, secure bool) string {
	switch command {
	case "EHLO":
		text := "250-mail.test\r\n"
		if s.starttls && !secure {
			text += "250-STARTTLS\r\n"
		}
		if s.auth {
			text += "250-AUTH PLAIN LOGIN\r\n"
		}
		return text + "250 8BITMIME"
	case "AUTH":
		return "235 ok"
	case "QUIT":
		return "221 bye"
	}
	return "250 ok"
}

// say answers a command. It reports whether the conversation goes on.
func (s *smtpServer) say(conn net.Conn, r *bufio.Reader, command, usual string) bool {
	answer, ok := s.answers[command]
	if !ok {
		answer = usual
	}
	if answer == "hang" {
		_, _ = io.Copy(io.Discard, r) // until the client goes
		return false
	}
	_, err := conn.Write([]byte(answer + "\r\n"))
	return err == nil
}

func (s *smtpServer) heard(command string, secure bool) {
	if secure {
		command = strings.ToLower(command)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commands = append(s.commands, command)
}

func (s *smtpServer) read(r *bufio.Reader) bool {
	var data strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		data.WriteString(strings.TrimPrefix(line, "."))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = data.String()
	return true
}

// received returns what came, after the last connection ended.
func (s *smtpServer) received() (commands, login, data string) {
	s.listener.Close()
	s.done.Wait()
	return strings.Join(s.commands, " "), s.login, s.data
}

// certificate returns a server's configuration for mail.test and who trusts it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"mail.test"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
}
