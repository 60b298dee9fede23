package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strconv"
	"strings"
	"time"
)

// Security is how a connection to a mail server is protected.
type Security int

// The ways. Certificates are verified, except for servers on this host.
const (
	Opportunistic Security = iota // STARTTLS where the server offers it; required when there is a password
	Plain                         // no TLS
	StartTLS                      // required, after a plain greeting
	ImplicitTLS                   // from the first byte
)

// SecurityOf returns the usual way of a port: 25 plain, 587 STARTTLS, 465 TLS, others
// opportunistic.
func SecurityOf(port int) Security {
	switch port {
	case 25:
		return Plain
	case 587:
		return StartTLS
	case 465:
		return ImplicitTLS
	default:
		return Opportunistic
	}
}

// Times that sending may take.
const (
	dialTimeout = 10 * time.Second
	sendTimeout = 30 * time.Second
)

// Server is a mail server.
type Server struct {
	Host     string
	Port     int
	User     string // empty: without authentication
	Password string
	Security Security
	RootCAs  *x509.CertPool // nil: those of the system
	Timeout  time.Duration  // for all of Send; 30 s by default

	dial func(ctx context.Context, network, address string) (net.Conn, error) // nil: the network
}

// local reports whether the server is on this host, so that nobody can listen in.
func (s Server) local() bool {
	host := strings.TrimSuffix(strings.ToLower(s.Host), ".")
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// policy is Security with regard to the password.
func (s Server) policy() Security {
	if s.Security == Opportunistic && s.User != "" && !s.local() {
		return StartTLS
	}
	return s.Security
}

func (s Server) address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

func (s Server) tls() *tls.Config {
	return &tls.Config{
		ServerName: s.Host, RootCAs: s.RootCAs, MinVersion: tls.VersionTLS12,
		// A local server rarely has a certificate that anybody signed, and what is
		// sent to it does not leave the host.
		InsecureSkipVerify: s.local(),
	}
}

// connect opens the connection, which is cut at the end of ctx whatever happens.
func (s Server) connect(ctx context.Context) (net.Conn, error) {
	dial := s.dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	conn, err := dial(ctx, "tcp", s.address())
	if err != nil {
		return nil, err
	}
	// The mail library sets a new deadline for each step, and a slow server could use
	// all of them. This one is for all steps.
	context.AfterFunc(ctx, func() { conn.Close() })
	if s.Security != ImplicitTLS {
		return conn, nil
	}
	secure := tls.Client(conn, s.tls())
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}
