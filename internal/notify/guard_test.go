package notify

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
)

func TestGuardAllows(t *testing.T) {
	for text, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "2606:4700::1111": true, "::ffff:8.8.8.8": true, "100.63.255.255": true, "100.128.0.0": true,
		"172.15.255.255": true, "172.32.0.0": true, "223.255.255.255": true, "2a00:1450::1%eth0": true,
		"127.0.0.1": false, "0.0.0.0": false, "10.1.2.3": false, "100.64.0.1": false, "169.254.169.254": false, "172.16.0.1": false,
		"192.168.0.1": false, "224.0.0.1": false, "255.255.255.255": false, "198.18.0.1": false, "192.0.2.1": false,
		"::": false, "::1": false, "::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "::127.0.0.1": false,
		"fe80::1": false, "fe80::1%lo": false, "fc00::1": false, "fd00:ec2::254": false, "ff02::1": false, "64:ff9b::7f00:1": false,
		"2002:7f00:1::": false, "2001::1": false, "2001:db8::1": false, "100::1": false, "fec0::1": false, "4000::1": false,
	} {
		if got := (Guard{}).Allows(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if (Guard{}).Allows(netip.Addr{}) {
		t.Error("no address is allowed")
	}
}

func TestGuardAllowList(t *testing.T) {
	g, err := NewGuard([]string{"10.0.0.0/8", "192.168.1.7", "fd00::/16", "::1"})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"10.9.9.9": true, "::ffff:10.9.9.9": true, "192.168.1.7": true, "fd00::7": true, "::1": true, "::1%lo": true,
		"192.168.1.8": false, "11.0.0.1": true, "127.0.0.1": false, "fd01::1": false,
	} {
		if got := g.Allows(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	for _, wrong := range []string{"", "10.0.0.0/33", "here", "10.0.0.0-10.0.0.9", "::ffff:10.0.0.0/104"} {
		if _, err := NewGuard([]string{wrong}); fault.CodeOf(err) != fault.InvalidConfig {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// forbiddenHosts are ways of writing addresses that nobody may be sent to.
func forbiddenHosts() (all []string) {
	for _, a := range []string{
		"127.0.0.1", "127.255.255.254", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255",
		"169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200", "100.127.255.255", "0.0.0.0", "0.1.2.3", "198.18.0.1", "192.0.0.192",
		"192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
	} {
		b := netip.MustParseAddr(a).As4()
		n := binary.BigEndian.Uint32(b[:])
		all = append(all, a, a+".",
			fmt.Sprint(n), fmt.Sprintf("0x%x", n), fmt.Sprintf("0%o", n),
			fmt.Sprintf("0x%x.0x%x.0x%x.0x%x", b[0], b[1], b[2], b[3]), fmt.Sprintf("0%o.0%o.0%o.0%o", b[0], b[1], b[2], b[3]),
			fmt.Sprintf("%d.%d", b[0], n&0xffffff), fmt.Sprintf("%d.%d.%d", b[0], b[1], n&0xffff),
			"[::ffff:"+a+"]", fmt.Sprintf("[::ffff:%x:%x]", n>>16, n&0xffff), fmt.Sprintf("[0:0:0:0:0:ffff:%x:%x]", n>>16, n&0xffff),
			"[::"+a+"]", "[64:ff9b::"+a+"]", fmt.Sprintf("[2002:%x:%x::1]", n>>16, n&0xffff))
	}
	return append(all, "localhost", "LOCALHOST", "localhost.", "ip6-localhost", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[fe80::1]", "[fe80::1%25lo]",
		"[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[fec0::1]", "[::ffff:0:127.0.0.1]", "[2001::1]", "[2001:db8::1]", "[100::1]",
		"127.1", "127.0.1", "①②⑦.⓪.⓪.①", "127。0。0。1", "example.com@127.0.0.1", "127.0.0.1#example.com", "[::1%25lo]")
}

// TestNothingForbiddenIsConnectedTo listens on this host and counts who comes.
func TestNothingForbiddenIsConnectedTo(t *testing.T) {
	var came atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { came.Add(1) }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	nobody := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no names here") }}
	client := (Guard{}).client(nobody)
	transport := client.Transport.(*http.Transport)
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err == nil {
			t.Errorf("connected to %s", address)
		}
		return c, err
	}
	hosts := forbiddenHosts()
	if len(hosts) < 200 {
		t.Errorf("only %d spellings", len(hosts))
	}
	for _, host := range hosts {
		p := poster{client: client, url: "http://" + host + ":" + port + "/", timeout: 5 * time.Second}
		if r := p.post(t.Context(), []byte("{}"), nil, at); r.Err == nil || r.Said != "" {
			t.Errorf("%s: %+v", host, r)
		}
	}
	if came.Load() != 0 {
		t.Errorf("%d connections", came.Load())
	}
}

// TestRebinding has a name that is public when it is asked for first, and this host later.
func TestRebinding(t *testing.T) {
	var came, asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { came.Add(1) }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	resolver := nameServer(t, func(n int64) [4]byte {
		asked.Store(n)
		if n == 1 {
			return [4]byte{93, 184, 216, 34}
		}
		return [4]byte{127, 0, 0, 1}
	})
	if first, err := resolver.LookupIP(t.Context(), "ip4", "rebound.example.org"); err != nil || first[0].String() != "93.184.216.34" {
		t.Fatal(first, err)
	}
	p := poster{client: (Guard{}).client(resolver), url: "http://rebound.example.org:" + port + "/", timeout: 5 * time.Second}
	r := p.post(t.Context(), []byte("{}"), nil, at)
	if r.Err == nil || !strings.Contains(r.Err.Error(), "127.0.0.1:"+port+" is not a public address") || r.Permanent || r.Blocked != "127.0.0.1/32" {
		t.Errorf("%+v", r)
	}
	if came.Load() != 0 || asked.Load() < 2 {
		t.Errorf("%d connections, %d questions", came.Load(), asked.Load())
	}
	g, err := NewGuard([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	p.client = g.client(resolver)
	if r := p.post(t.Context(), []byte("{}"), nil, at); r.Err != nil || came.Load() != 1 {
		t.Errorf("allowed: %+v, %d connections", r, came.Load())
	}
}

// nameServer answers each question for an address.
func nameServer(t *testing.T, answer func(n int64) [4]byte) *net.Resolver {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 512)
		for n := int64(1); ; {
			size, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			q := b[:size]
			end := 12
			for q[end] != 0 {
				end += int(q[end]) + 1
			}
			reply := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:end+5]...)
			if q[end+2] == 1 { // A
				ip := answer(n)
				n++
				reply[7] = 1
				reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ip[0], ip[1], ip[2], ip[3])
			}
			_, _ = c.WriteTo(reply, from)
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", c.LocalAddr().String())
	}}
}

func TestRedirectsAndProxiesAreNotFollowed(t *testing.T) {
	var came atomic.Int64
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { came.Add(1) }))
	defer inner.Close()
	t.Setenv("HTTP_PROXY", inner.URL)
	t.Setenv("http_proxy", inner.URL)
	t.Setenv("ALL_PROXY", inner.URL)
	outer := httptest.NewServer(http.RedirectHandler(inner.URL, http.StatusTemporaryRedirect))
	defer outer.Close()
	to := local(t, outer.URL)
	if to.client.Transport.(*http.Transport).Proxy != nil {
		t.Error("proxies are used")
	}
	to.client.Transport.(*http.Transport).DialContext = (&net.Dialer{Resolver: nameServer(t, func(int64) [4]byte { return [4]byte{127, 0, 0, 1} })}).DialContext
	to.url = strings.Replace(outer.URL, "127.0.0.1", "receiver.example.org", 1) // no proxy is asked about this host
	r := to.post(t.Context(), []byte("{}"), nil, at)
	if r.Err == nil || !r.Permanent || r.Said != "HTTP 307 Temporary Redirect" || came.Load() != 0 {
		t.Errorf("%+v, %d connections", r, came.Load())
	}
}

// local returns a poster that may reach this host.
func local(t *testing.T, url string) *poster {
	t.Helper()
	g, err := NewGuard([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	return &poster{client: g.client(nil), url: url, timeout: 10 * time.Second}
}

func TestURLsThatAreRefused(t *testing.T) {
	for _, text := range []string{
		"", "example.org", "ftp://example.org/", "file:///etc/passwd", "gopher://x/", "javascript:alert(1)", "http://", "https:///x", "http://u:p@example.org/",
		"http://[::1", "HTTP//x", "unix:///var/run/docker.sock", "http://%zz/",
	} {
		err := checkURL(text)
		if fault.CodeOf(err) != fault.InvalidConfig || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"http://example.org", "https://example.org:8443/a?b=c"} {
		if err := checkURL(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAnswersAreNotReadToTheirEnd(t *testing.T) {
	wrote := make(chan int64, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		n, _ := io.Copy(w, io.LimitReader(zeros{}, 1<<30))
		wrote <- n
	}))
	defer server.Close()
	r := local(t, server.URL).post(t.Context(), []byte("{}"), nil, at)
	if n := <-wrote; n == 1<<30 {
		t.Error("all of it was read")
	}
	if r.Said != "HTTP 403 Forbidden" || !r.Permanent || r.Err.Error() != r.Said {
		t.Errorf("%+v", r)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }
