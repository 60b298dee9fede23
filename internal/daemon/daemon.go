// Package daemon serves an HTTP handler the way a service does that runs for months:
// private listeners, bounded requests, and word to the service manager.
package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Bounds of requests. There is none on writing, since streams of events have no end; the
// handler sets one where an answer has.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 5 * time.Minute
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10 // bytes
)

// Server serves one handler on several listeners.
type Server struct {
	http   *http.Server
	failed chan error // of listeners that stopped serving by themselves
}

// New returns a server. conn is what http.Server.ConnContext is to be; errors of connections
// go to log. most is how many connections there may be at once besides those of unix
// sockets: see Room. 0: any number.
func New(h http.Handler, conn func(context.Context, net.Conn) context.Context, most int, log *slog.Logger) *Server {
	return &Server{
		failed: make(chan error, 1),
		http: &http.Server{
			Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout,
			MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
			ConnContext: conn, ConnState: newConnections(most).changed,
		},
	}
}

// Room returns how many connections there may be at once where so many are wanted: they
// take no more than half of the files that this process may open, or jobs could not be
// started any more.
func Room(wanted int) int {
	if files := fileLimit(); files > 0 {
		return max(1, min(wanted, files/2))
	}
	return wanted
}

// Serve begins to serve a listener, which the server closes.
func (s *Server) Serve(l net.Listener) {
	go func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			select {
			case s.failed <- err:
			default:
			}
		}
	}()
}

// OnStop has f called, in a goroutine of its own, when the server stops: for what ends
// requests that have no end, such as streams.
func (s *Server) OnStop(f func()) { s.http.RegisterOnShutdown(f) }

// Failed yields the error of a listener that stopped serving by itself.
func (s *Server) Failed() <-chan error { return s.failed }

// Stop takes no more requests, gives those that are being answered until ctx ends, and
// cuts off the rest, such as streams.
func (s *Server) Stop(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return s.http.Close()
	}
	return err
}
