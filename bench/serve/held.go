package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// readersOfOne is how many streams a user may follow.
const readersOfOne = 200

// frozenReaders measures what readers cost that have stopped to read: rates with them and
// without them, in turn.
func (s *settings) frozenReaders(srv *server) error {
	tokens, err := srv.tokens((s.frozen + readersOfOne - 1) / readersOfOne)
	if err != nil {
		return err
	}
	if _, _, err := s.executed(srv, s.runs/2); err != nil { // warm
		return err
	}
	before, cpuBefore, err := s.executed(srv, s.runs)
	if err != nil {
		return err
	}
	idle := srv.memory()
	var held []net.Conn
	for i := range s.frozen {
		conn, err := net.Dial("unix", srv.socket)
		if err != nil {
			return err
		}
		held = append(held, conn)
		if _, err := fmt.Fprintf(conn, "GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", tokens[i/readersOfOne]); err != nil {
			return err
		}
		if _, err := conn.Read(make([]byte, 64)); err != nil {
			return err
		}
	}
	first, _, err := s.executed(srv, s.runs) // until nothing more fits into the sockets
	if err != nil {
		return err
	}
	with, cpuWith, err := s.executed(srv, s.runs)
	if err != nil {
		return err
	}
	memory := srv.memory()
	for _, conn := range held {
		_ = conn.Close()
	}
	<-time.After(time.Second)
	after, cpuAfter, err := s.executed(srv, s.runs)
	if err != nil {
		return err
	}
	n := fmt.Sprintf("%d frozen readers: ", s.frozen)
	s.table.add(n+"runs of one job/s, × without them", with/((before+after)/2))
	s.table.add(n+"CPU for each run, × without them", float64(cpuWith)/(float64(cpuBefore+cpuAfter)/2))
	s.table.add(n+"runs of one job/s while they freeze, × without them", first/((before+after)/2))
	s.table.add(n+"memory, MiB", memory-idle)
	return nil
}

// slowConnections measures connections that send nothing but the beginning of a request,
// and bodies without end.
func (s *settings) slowConnections(srv *server) error {
	tokens, err := srv.tokens(1)
	if err != nil {
		return err
	}
	if _, _, err := s.executed(srv, s.runs/2); err != nil { // warm
		return err
	}
	before := srv.memory()
	var held []net.Conn
	for range s.slow {
		conn, err := net.Dial("tcp", srv.address)
		if err != nil {
			return err
		}
		held = append(held, conn)
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ") // it may be cut off already
	}
	var took []time.Duration
	for range 200 {
		one, err := srv.health()
		if err != nil {
			return err
		}
		took = append(took, one)
	}
	n := fmt.Sprintf("%d slow connections: ", s.slow)
	s.table.add(n+"memory, MiB", srv.memory()-before)
	s.table.add(n+"files open", float64(srv.files()))
	s.table.latency(n+"/healthz from a new connection", took)
	for _, conn := range held {
		_ = conn.Close()
	}
	return s.endless(srv, tokens[0])
}

// health asks whether the service lives, by a connection of its own.
func (srv *server) health() (time.Duration, error) {
	began := time.Now()
	conn, err := net.Dial("tcp", srv.address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if _, err = io.WriteString(conn, "GET /healthz/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		return 0, err
	}
	b, err := io.ReadAll(conn)
	if err == nil && len(b) == 0 {
		err = errNoAnswer
	}
	return time.Since(began), err
}

// endless measures what bodies take that are far too long, or nested far too deep.
func (s *settings) endless(srv *server, token string) error {
	for _, body := range []struct {
		name string
		fill byte
	}{{"1 GB of spaces", ' '}, {"1 GB of [", '['}} {
		srv.peak()
		before := status(srv.cmd.Process.Pid, "VmRSS:")
		status := 0
		req, err := http.NewRequest(http.MethodPost, "http://"+srv.address+"/api/v1/runs", &filled{left: 1 << 30, with: body.fill})
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+token)
		if res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req); err == nil { // else it was cut off
			status = res.StatusCode
			_ = res.Body.Close()
		}
		if status/100 == 2 {
			return fmt.Errorf("%s: status %d", body.name, status)
		}
		s.table.add("a body of "+body.name+": memory at most, MiB", srv.peak()-before)
	}
	return nil
}

// filled is a body of one byte, many times.
type filled struct {
	left int
	with byte
}

func (f *filled) Read(p []byte) (int, error) {
	if f.left <= 0 {
		return 0, io.EOF
	}
	f.left -= len(p)
	for i := range p {
		p[i] = f.with
	}
	return len(p), nil
}
