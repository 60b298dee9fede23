package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
)

// Config says which server a Client speaks to, and as whom. All but Server may be left out.
type Config struct {
	// Server is where it is: https://HOST:PORT, http://HOST:PORT of this host, or
	// unix:///PATH for its socket.
	Server string

	// Token is an API token. TokenFile names a file that holds one.
	Token     string
	TokenFile string
	// User and Password are asked for with each request, when there is no token.
	// PasswordFile names a file that holds the password.
	User         string
	Password     string
	PasswordFile string

	// CAFile names a file of certificates (PEM) that the server's may be signed by. Default:
	// those that this host trusts.
	CAFile string

	// RetryFor bounds how long a call that may be repeated is, while the server can't be
	// reached or asks to come again. Default: 30 seconds. Negative: it is not.
	RetryFor time.Duration
}

// Bounds of what a client waits for, besides Config.RetryFor and the contexts of its calls.
const (
	retryFor    = 30 * time.Second
	dialTimeout = 10 * time.Second
	silence     = 45 * time.Second // an event stream that says nothing is dead: it has a heartbeat
)

// maxSecret is how long a token or a password may be, in bytes.
const maxSecret = 64 << 10

// Client speaks to one server. It is safe for concurrent use.
type Client struct {
	base     *url.URL
	http     *http.Client
	token    string
	user     string
	password string
	retryFor time.Duration
	pause    func(ctx context.Context, d time.Duration) error // waits between tries
	now      func() time.Time
}

// New returns a client. It reads the files that cfg names and connects to nobody yet. Errors
// are *Error with the code invalid_config or usage.
func New(cfg Config) (*Client, error) {
	base, socket, err := address(cfg.Server)
	if err != nil {
		return nil, asError(err)
	}
	c := &Client{base: base, user: cfg.User, retryFor: cfg.RetryFor, pause: pause, now: time.Now}
	if c.retryFor == 0 {
		c.retryFor = retryFor
	}
	if c.token, err = secret("token", cfg.Token, cfg.TokenFile); err != nil {
		return nil, asError(err)
	}
	if c.password, err = secret("password", cfg.Password, cfg.PasswordFile); err != nil {
		return nil, asError(err)
	}
	if base.Scheme == "http" && socket == "" && (c.token != "" || c.user != "") && !loopback(base.Hostname()) {
		return nil, asError(fault.New(fault.InvalidConfig, "%s is not encrypted, so that anybody on the way could read what you log in with", cfg.Server).
			WithHint("use https://, or %s of the host itself", "http://127.0.0.1"))
	}
	roots, err := certificates(cfg.CAFile)
	if err != nil {
		return nil, asError(err)
	}
	c.http = &http.Client{
		Transport:     transport(socket, roots),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // what logs in stays with the server that was named
	}
	return c, nil
}

// Close lets go of idle connections. Calls that go on are not ended. It is idempotent.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// address reads Config.Server. socket is the path of a unix socket.
func address(server string) (base *url.URL, socket string, err error) {
	wrong := func(why string) error {
		return fault.New(fault.Usage, "the server %q %s", server, why).
			WithHint("for example: https://batch.example.org:8323, or unix:///run/executioner/serve.sock")
	}
	u, err := url.Parse(server)
	switch {
	case server == "":
		return nil, "", wrong("is not named")
	case err != nil:
		return nil, "", wrong("is no URL")
	case u.User != nil:
		return nil, "", fault.New(fault.Usage, "a server's URL must not have a user or a password in it").
			WithHint("give a token, or a user and a password, by themselves")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, "", wrong("must have nothing behind its path")
	case u.Scheme == "unix":
		if u.Host != "" || !filepath.IsAbs(u.Path) {
			return nil, "", wrong("must have an absolute path, so three slashes")
		}
		return &url.URL{Scheme: "http", Host: "localhost"}, u.Path, nil
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, "", wrong("does not begin with https://, http:// or unix://")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/")}, "", nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// secret returns a value, or else what a file holds, without the line's end.
func secret(what, value, file string) (string, error) {
	if value != "" || file == "" {
		return value, nil
	}
	info, err := os.Stat(file)
	if err == nil && info.Size() > maxSecret {
		return "", fault.New(fault.InvalidConfig, "the file of the %s, %s, is too long", what, file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fault.Wrap(err, fault.InvalidConfig, "the file of the %s can't be read", what)
	}
	value = strings.TrimRight(string(data), "\r\n")
	if value == "" { // else nobody would log in, and be somebody else
		return "", fault.New(fault.InvalidConfig, "the file of the %s, %s, is empty", what, file)
	}
	return value, nil
}

func certificates(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // those of the host
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.Wrap(err, fault.InvalidConfig, "the file of certificates can't be read")
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fault.New(fault.InvalidConfig, "there is no certificate in %s", file).WithHint("it must be PEM: -----BEGIN CERTIFICATE-----")
	}
	return pool, nil
}

func transport(socket string, roots *x509.CertPool) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout}
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: dialTimeout,
		MaxIdleConnsPerHost: 8,
		IdleConnTimeout:     time.Minute,
		ForceAttemptHTTP2:   true,
	}
	if socket != "" {
		t.Proxy = nil
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		}
	}
	return t
}

// pause waits, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
