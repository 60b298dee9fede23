package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
)

// Loopback reports whether only programs of this host can reach an address host:port. A
// name is looked up by whoever listens, so that only "localhost" counts.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// network returns what an address is of: 0.0.0.0 means IPv4 alone, which Go would take for
// all addresses of either kind.
func network(address string) string {
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && ip.To4() != nil && !strings.Contains(host, ":") {
		return "tcp4"
	}
	return "tcp"
}

// Listen opens a TCP address host:port, with TLS when there is a certificate. An IPv4 address
// is not listened on with IPv6.
func Listen(ctx context.Context, address string, t *tls.Config) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, network(address), address)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "the address can't be used")
	}
	if t != nil {
		return tls.NewListener(l, t), nil
	}
	return l, nil
}

// askPatience is how long it may take to find out whether somebody listens on a socket.
const askPatience = time.Second

// Socket opens a unix socket that only this user can reach. One that a former program
// left is replaced; Locked: a program listens there now. It is removed when it is closed.
func Socket(path string) (net.Listener, error) {
	conn, err := net.DialTimeout("unix", path, askPatience)
	if err == nil {
		_ = conn.Close()
		return nil, fault.New(fault.Locked, "another executioner serves at %s", path).
			WithHint("stop it, or give this one another place with --socket and --listen")
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != fs.ModeSocket {
		return nil, fault.New(fault.InvalidConfig, "%s is there and is no socket", path)
	}
	l, err := privateSocket(path)
	return l, fault.Wrap(err, fault.Unavailable, "the socket %s can't be opened", path)
}

// privateSocket makes the socket where nobody else can reach it and puts it in its place
// when its mode is right.
func privateSocket(path string) (net.Listener, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".s")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(dir) }()
	made := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: made, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err = os.Chmod(made, 0o600); err == nil {
		err = os.Rename(made, path)
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(made), l.Close())
	}
	at, err := os.Lstat(path)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &socket{l, path, at}, nil
}

// socket removes itself when it is closed, if it is still there.
type socket struct {
	*net.UnixListener
	path string
	at   fs.FileInfo
}

// Addr implements net.Listener: where it is now, not where it was made.
func (s *socket) Addr() net.Addr { return &net.UnixAddr{Name: s.path, Net: "unix"} }

// Close implements net.Listener.
func (s *socket) Close() error {
	if is, err := os.Lstat(s.path); err == nil && os.SameFile(is, s.at) {
		_ = os.Remove(s.path)
	}
	return s.UnixListener.Close()
}
