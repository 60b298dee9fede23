package daemon

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/executionerhq/executioner/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:80": true, "127.8.9.1:80": true, "[::1]:80": true, "localhost:80": true,
		":80": false, "0.0.0.0:80": false, "[::]:80": false, "10.0.0.1:80": false, "example.com:80": false,
		"localhost.example.com:80": false, "127.0.0.1": false, "": false, "[::ffff:127.0.0.1]:80": true, "[::ffff:10.0.0.1]:80": false,
	} {
		if got := Loopback(address); got != want {
			t.Errorf("%q: %v, want %v", address, got, want)
		}
	}
}

// An address of IPv4 is not listened on with IPv6 as well.
func TestListenIPv4(t *testing.T) {
	for address, want := range map[string]string{
		"0.0.0.0:0": "tcp4", "127.0.0.1:0": "tcp4", "[::]:0": "tcp", "[::1]:0": "tcp", ":0": "tcp", "localhost:0": "tcp", "[::ffff:127.0.0.1]:0": "tcp",
	} {
		if got := network(address); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
	l, err := Listen(t.Context(), "0.0.0.0:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if at := l.Addr().String(); !strings.HasPrefix(at, "0.0.0.0:") {
		t.Errorf("it listens at %s", at)
	}
}

func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n")
	for _, socket := range []string{path, "@executioner-test-" + filepath.Base(t.TempDir()) + time.Now().Format("150405.000000000")} {
		c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		Notify(socket, "READY=1")
		b := make([]byte, 100)
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := c.Read(b)
		if err != nil || string(b[:n]) != "READY=1" {
			t.Errorf("%s: heard %q, %v", socket, b[:n], err)
		}
		_ = c.Close()
	}
	Notify("", "READY=1")
	Notify(filepath.Join(t.TempDir(), "nobody"), "READY=1")
}

func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	l, err := Socket(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Addr().String(); got != path {
		t.Errorf("it says that it is at %s", got)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("beside it is left: %v", entries)
	}
	if _, err := Socket(path); fault.CodeOf(err) != fault.Locked || !strings.Contains(err.Error(), "another executioner serves at "+path) {
		t.Errorf("a second one: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("it is there when it is closed")
	}
}

// What a program left that was killed is replaced, and only a socket is.
func TestSocketInPlaceOfAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false)
	_ = old.Close()
	l, err := Socket(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil { // by somebody, who puts another thing there
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Error("it removed what is not its own")
	}
	if _, err := Socket(path); fault.CodeOf(err) != fault.InvalidConfig {
		t.Errorf("in place of a file: %v", err)
	}
	if _, err := Socket(filepath.Join(path, "x")); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("where there is no directory: %v", err)
	}
}

// certificate makes one for this host, and returns its files.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return cert, key, pool
}

func TestTLS(t *testing.T) {
	cert, key, pool := certificate(t)
	if c, err := TLS("", "", slog.New(slog.DiscardHandler)); c != nil || err != nil {
		t.Errorf("without files: %v, %v", c, err)
	}
	if _, err := TLS(cert, cert, slog.New(slog.DiscardHandler)); fault.CodeOf(err) != fault.InvalidConfig {
		t.Errorf("with a wrong key: %v", err)
	}
	c, err := TLS(cert, key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l, err := Listen(t.Context(), "127.0.0.1:0", c)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}}}
	if got := get(t, client, "https://"+l.Addr().String()); got != "hello" {
		t.Errorf("it says %q", got)
	}
	if _, err := Listen(t.Context(), l.Addr().String(), nil); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("at a place that is taken: %v", err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func serve(t *testing.T, l net.Listener, h http.Handler) *Server {
	t.Helper()
	s := New(h, func(ctx context.Context, _ net.Conn) context.Context { return ctx }, 0, slog.New(slog.DiscardHandler))
	s.Serve(l)
	return s
}

func get(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body) // a stream that is cut off has what came before
	return string(b)
}

// Whoever is being answered has an answer; a stream is cut off when patience ends.
func TestStop(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	begun := make(chan bool, 1)
	s := serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello")
		_ = http.NewResponseController(w).Flush()
		begun <- true
		<-r.Context().Done()
	}))
	said := make(chan string)
	go func() {
		said <- get(t, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, "http://"+l.Addr().String())
	}()
	<-begun
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer stop()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
	if got := <-said; got != "hello" {
		t.Errorf("it said %q", got)
	}
}

// A listener that fails is told.
func TestFailed(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, l, http.NotFoundHandler())
	_ = l.Close()
	if err := <-s.Failed(); err == nil {
		t.Error("no error")
	}
	_ = s.Stop(t.Context())
}
