package oratest

import (
	"fmt"
	"net"
	"runtime/debug"
	"strings"
)

// The version that the stand-in says it has.
const (
	service       = "standin"
	banner        = "Oracle stand-in: H2 in its Oracle mode"
	versionNumber = 19<<24 | 3<<16
)

// conversation is one client's session. It belongs to one goroutine.
type conversation struct {
	server  *Server
	conn    net.Conn
	packets chan packet
	in      []byte // what has come and was not read
	out     message
	logon   logon
	link    *link // nil until logged on

	inTx     bool // a transaction has begun
	readOnly bool // and may not write
	cursors  map[int]*cursor
	last     int // number of the newest cursor
}

// hangup is the panic that ends a conversation: the client has gone, or the stand-in
// does not understand it, which is told to the test.
type hangup struct{ why string }

func unknown(format string, args ...any) hangup { return hangup{fmt.Sprintf(format, args...)} }

// talk serves the client until it goes.
func (s *conversation) talk() {
	ended := make(chan struct{})
	go readPackets(s.conn, s.packets, ended)
	defer func() {
		close(ended)
		s.conn.Close()
		for range s.packets { // the reader ends
		}
		if s.link != nil {
			s.link.close()
		}
		switch p := recover().(type) {
		case nil, hangup:
			if h, ok := p.(hangup); ok && h.why != "" {
				s.server.complain(h.why)
			}
		default:
			s.server.complain(fmt.Sprintf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	connect := <-s.packets
	if connect.typ != packetConnect {
		return
	}
	writePacket(s.conn, packetAccept, accept(connect.body))
	for {
		s.next()
	}
}

// cut ends the connection without a word.
func (s *conversation) cut() {
	s.conn.Close()
	panic(hangup{})
}

// bytes waits for n bytes of the client's. They are valid until the next call.
func (s *conversation) bytes(n int) []byte {
	for len(s.in) < n {
		p, ok := <-s.packets
		if !ok || p.typ != packetData || len(p.body) < 2 || p.body[1]&0x40 != 0 {
			s.leave(p, ok)
		}
		s.in = append(s.in, p.body[2:]...)
	}
	b := s.in[:n]
	s.in = s.in[n:]
	return b
}

// leave ends the conversation over a packet that is not data, or over none.
func (s *conversation) leave(p packet, ok bool) {
	switch {
	case !ok || p.typ == packetData: // gone, or the last one
		panic(hangup{})
	case p.typ == packetMarker:
		panic(unknown("the order to interrupt a statement: cut the connection instead"))
	}
	panic(unknown("a packet of type %d", p.typ))
}

func (s *conversation) byte() byte { return s.bytes(1)[0] }

// skip reads a message's fixed fields that say nothing to the stand-in: u is a number,
// b a byte.
func (s *conversation) skip(fields string) {
	for _, f := range fields {
		if f == 'u' {
			s.uint()
		} else {
			s.byte()
		}
	}
}

func (s *conversation) flush() {
	writeMessage(s.conn, s.out.Bytes())
	s.out.Reset()
}

// status ends the answer to a call that has no result.
func (s *conversation) status() {
	s.out.raw(9)
	s.out.uint(1)
	s.out.uint(0)
	s.flush()
}

// summary ends the answer to a call about a cursor.
func (s *conversation) summary(cursor, rows int, err *oraError) {
	code := 0
	if err != nil {
		code = err.code
	}
	m := &s.out
	m.raw(4)
	m.uint(1) // end of call
	m.uint(0)
	m.uint(rows)
	m.uint(min(code, 0xffff))
	m.uint(0)
	m.uint(0)
	m.uint(cursor)
	m.uint(0)
	m.raw(make([]byte, 6)...) // type of statement, fatal, flags, options, warning
	m.raw(make([]byte, 5)...) // row id
	m.raw(make([]byte, 5)...) // number of call
	m.raw(make([]byte, 4)...) // errors of a batch
	m.uint(code)
	m.uint(rows)
	if err != nil {
		m.value([]byte(err.Error()))
	}
	s.flush()
}

// The messages of a client.
const (
	messageProtocol  = 1
	messageTypes     = 2
	messageCall      = 3
	messagePiggyback = 0x11
)

// next answers one message.
func (s *conversation) next() {
	switch typ := s.byte(); typ {
	case messageProtocol:
		s.in = nil
		s.protocol()
	case messageTypes:
		s.in = nil
		s.out.raw(2)
		s.out.raw(0x80, 0, 0, 0, 60, 60, 60, 0x80, 0, 0, 0) // time zone of the server: UTC
		s.out.raw(0, 0, 0, 0x20)
		s.out.raw(0, 0) // no types
		s.flush()
	case messageCall:
		function := s.byte()
		s.skip("b") // number of the call
		s.call(function)
	case messagePiggyback:
		function := s.byte()
		s.skip("b")
		s.piggyback(function)
	default:
		panic(unknown("a message of type %#x", typ))
	}
}

// capabilities are the server's at compile time. The eighth is the version of the
// protocol's fields, that of 18c.
var capabilities = [...]byte{
	6, 1, 1, 1, 0x6f, 1, 1, 11, 1, 1, 1, 1, 1, 1, 0, 0x29, 0x91, 3, 7, 3,
	0, 1, 0, 0xeb, 1, 0, 5, 1, 0, 0, 0, 0x18, 0, 0, 7, 0x20, 2, 0x3a, 0, 0, 5,
}

func (s *conversation) protocol() {
	m := &s.out
	m.raw(1, 6, 0)
	m.WriteString("x86_64/Linux 2.4.xx\x00")
	m.raw(0x69, 3, 1, 0, 0) // character set AL32UTF8, no others
	m.raw(0, 11)
	m.raw(0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0xd0) // the national character set is 2000
	m.raw(byte(len(capabilities)))
	m.raw(capabilities[:]...)
	m.raw(7, 2, 1, 0, 0, 0, 0, 0) // at run time: no texts above 4000 bytes
	s.flush()
}

// The functions that a client calls.
const (
	callReexecute      = 0x04
	callFetch          = 0x05
	callLogoff         = 0x09
	callCommit         = 0x0e
	callRollback       = 0x0f
	callVersion        = 0x3b
	callReexecuteFetch = 0x4e
	callExecute        = 0x5e
	callCloseCursors   = 0x69
	callLogon          = 0x73
	callChallenge      = 0x76
	callCancelCursors  = 0x78
	callPing           = 0x93
)

func (s *conversation) call(function byte) {
	if s.link == nil && function != callChallenge && function != callLogon {
		panic(unknown("function %#x before the logon", function))
	}
	switch function {
	case callChallenge:
		s.challenge()
	case callLogon:
		s.answerLogon()
	case callVersion:
		s.in = nil
		s.out.raw(8)
		s.out.uint(len(banner))
		s.out.value([]byte(banner))
		s.out.uint(versionNumber)
		s.status()
	case callPing, callLogoff:
		s.status()
	case callCommit:
		s.commit()
	case callRollback:
		s.end(orderRollback)
		s.status()
	case callFetch:
		s.fetch()
	case callReexecute, callReexecuteFetch:
		s.reexecute(function)
	case callExecute:
		s.executeCall()
	default:
		panic(unknown("function %#x", function))
	}
}

// piggyback reads a note that comes before a call and is not answered.
func (s *conversation) piggyback(function byte) {
	if function != callCloseCursors && function != callCancelCursors {
		panic(unknown("piggyback %#x", function))
	}
	s.skip("b")
	for n := s.uint(); n > 0; n-- {
		id := s.uint()
		if s.server.strikes(BeforeClose) {
			s.cut()
		}
		if function == callCloseCursors {
			delete(s.cursors, id)
		}
	}
}

// challenge reads the user's name, which is all that is of interest in the message.
func (s *conversation) challenge() {
	named := s.byte()
	s.skip("uububb")
	if named != 0 {
		s.logon.user = string(s.value())
	}
	s.in = nil
	s.logon.password = s.server.password
	s.logon.challenge(&s.out)
	s.summary(0, 0, nil)
}

func (s *conversation) answerLogon() {
	named := s.byte()
	s.skip("uub")
	pairs := s.uint()
	s.skip("bb")
	user := ""
	if named != 0 {
		user = string(s.value())
	}
	answer := map[string]string{}
	for ; pairs > 0; pairs-- {
		k, v := s.pair()
		answer[k] = v
	}
	key, ok := s.logon.check(user, answer)
	if !ok || !s.server.knows(user) {
		s.summary(0, 0, refusal(1017, "invalid username/password; logon denied"))
		return
	}
	l, err := dialLink(s.server.bridge.addr, strings.ToUpper(user))
	if err != nil {
		panic(unknown("%v", err))
	}
	s.link = l
	welcome(&s.out, key)
	s.summary(0, 0, nil)
}

func (s *conversation) commit() {
	s.server.counts.Commits.Add(1)
	if s.server.strikes(BeforeCommit) {
		s.cut()
	}
	s.end(orderCommit)
	if s.server.strikes(AfterCommit) {
		s.cut()
	}
	s.status()
}

// end ends the transaction, if there is one.
func (s *conversation) end(order byte) {
	if !s.inTx {
		return
	}
	s.inTx, s.readOnly = false, false
	s.order(order)
}

func (s *conversation) order(order byte) {
	if err := s.link.order(order); err != nil {
		panic(unknown("%c: %v", order, err))
	}
}
