package daemon

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// connections bounds how many there are at once. When one more comes, the one goes that has
// kept the server waiting for a request longest: those who hold connections open to keep
// others out lose theirs, and whoever sends a request gets an answer. Where all of them are
// being answered it is the newcomer that goes. Connections of the unix socket are not
// counted: they are this user's. It is safe for concurrent use.
type connections struct {
	most int // 0: any number

	mu      sync.Mutex // guards all below: each connection changes on a goroutine of its own
	open    map[net.Conn]*list.Element
	waiting *list.List // of net.Conn, without those that are being answered; the longest in front
}

func newConnections(most int) *connections {
	return &connections{most: most, open: make(map[net.Conn]*list.Element), waiting: list.New()}
}

// changed is an http.Server's ConnState. A connection is active there once the whole head
// of a request has come.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	if c.most == 0 || conn.LocalAddr().Network() == "unix" {
		return
	}
	if over := c.note(conn, state); over != nil {
		cut(over)
	}
}

// note returns the connection that has to go, if one has.
func (c *connections) note(conn net.Conn, state http.ConnState) (over net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	place, known := c.open[conn]
	if !known && state != http.StateNew { // it was cut off
		return nil
	}
	if place != nil {
		c.waiting.Remove(place)
	}
	switch state {
	case http.StateNew, http.StateIdle:
		c.open[conn] = c.waiting.PushBack(conn)
	case http.StateActive:
		c.open[conn] = nil
	default:
		delete(c.open, conn)
	}
	if len(c.open) <= c.most {
		return nil
	}
	over = c.waiting.Remove(c.waiting.Front()).(net.Conn)
	delete(c.open, over)
	return over
}

// cut closes a connection at once: TLS would say goodbye, to somebody who may not listen.
func cut(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	_ = conn.Close() // its own goroutine hears of it
}
