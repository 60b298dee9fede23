package notify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
)

// Guard keeps what is sent away from networks that a receiver in the internet has no
// business in: this host, private networks, the metadata service of a cloud. It looks at
// the address that is about to be connected to, so that no name, redirect or way of
// writing an address gets round it. The zero value allows public addresses only.
type Guard struct {
	allow []netip.Prefix
}

// NewGuard returns a Guard that also lets through what is in those networks, as
// 10.0.0.0/8 or 192.168.1.7. A fault of code InvalidConfig names one that is none.
func NewGuard(allow []string) (Guard, error) {
	var g Guard
	for _, text := range allow {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, e := netip.ParseAddr(text)
			if e != nil {
				return Guard{}, fault.New(fault.InvalidConfig, "notify.allow: %q is no network", text).WithHint("for example 10.0.0.0/8")
			}
			p = netip.PrefixFrom(a.Unmap().WithZone(""), a.Unmap().BitLen())
		}
		if p.Addr().Is4In6() {
			return Guard{}, fault.New(fault.InvalidConfig, "notify.allow: write %q as an IPv4 network", text)
		}
		g.allow = append(g.allow, p.Masked())
	}
	return g, nil
}

// forbidden4 are the IPv4 networks that are not public.
func forbidden4() []netip.Prefix {
	return prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
		"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4")
}

// forbidden6 are the networks within 2000::/3, which all public IPv6 addresses are in,
// that are not public or stand for an IPv4 address.
func forbidden6() []netip.Prefix {
	return prefixes("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
}

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		all[i] = netip.MustParsePrefix(t)
	}
	return all
}

func in(all []netip.Prefix, a netip.Addr) bool {
	for _, p := range all {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Allows reports whether an address may be connected to.
func (g Guard) Allows(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	switch {
	case !a.IsValid():
		return false
	case in(g.allow, a):
		return true
	case a.Is4():
		return !in(forbidden4(), a)
	}
	return netip.MustParsePrefix("2000::/3").Contains(a) && !in(forbidden6(), a)
}

// refused is the error of an address that is not allowed.
type refused struct{ address string }

func (r *refused) Error() string {
	return fmt.Sprintf("%s is not a public address, and notify.allow does not name it", r.address)
}

// blocked returns the network of the address that err says is not allowed, or nothing.
func blocked(err error) string {
	var r *refused
	if !errors.As(err, &r) {
		return ""
	}
	to, err := netip.ParseAddrPort(r.address)
	if err != nil {
		return ""
	}
	a := to.Addr().Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()).String()
}

// control is called with the resolved address right before each connect.
func (g Guard) control(network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return &refused{network + " " + address}
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil || !g.Allows(to.Addr()) {
		return &refused{address}
	}
	return nil
}

// client returns a client that follows no redirect, knows no proxy, and connects to
// allowed addresses only. resolver is nil for that of the system.
func (g Guard) client(resolver *net.Resolver) *http.Client {
	d := &net.Dialer{Timeout: dialTimeout, Control: g.control, Resolver: resolver}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				return d.DialContext(ctx, network, address)
			},
			DisableKeepAlives:      true, // messages are rare, and each is to be checked
			DisableCompression:     true,
			TLSHandshakeTimeout:    dialTimeout,
			ResponseHeaderTimeout:  sendTimeout,
			MaxResponseHeaderBytes: 64 << 10,
			ExpectContinueTimeout:  time.Second,
		},
	}
}
