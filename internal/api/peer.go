package api

import (
	"context"
	"net"
)

// peer is who is at the other end of a unix socket.
type peer struct {
	socket bool // the connection is one of a unix socket
	known  bool // and the system says whose it is
	uid    int
}

type peerKey struct{}

// ConnContext is what http.Server.ConnContext is to be: it finds out who is at the other
// end of a unix socket.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	uid, known := peerUID(u)
	return context.WithValue(ctx, peerKey{}, peer{socket: true, known: known, uid: uid})
}

// peerOf returns the other end of the connection that a context belongs to.
func peerOf(ctx context.Context) peer {
	p, _ := ctx.Value(peerKey{}).(peer)
	return p
}
