package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/executionerhq/executioner/internal/fault"
)

// unreached is the error of a request that got no answer. The address that was asked is not
// told: whoever asks has not given it, and what is wrong names the host.
func (c *Client) unreached(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return asError(fault.Wrap(context.Cause(ctx), fault.Cancelled, "the request was given up"))
	}
	var asked *url.Error
	if errors.As(err, &asked) {
		err = asked.Err
	}
	if hint := distrust(err); hint != "" {
		return asError(&fault.Error{Code: fault.Unauthorized, Msg: "the server's certificate is not trusted", Hint: hint, Err: err})
	}
	f := &fault.Error{Code: fault.Unavailable, Msg: "the server can't be reached", Hint: "check that it runs, and its address", Err: err}
	var plain tls.RecordHeaderError
	if errors.As(err, &plain) || errors.Is(err, http.ErrSchemeMismatch) {
		f.Hint = "what answers there does not speak TLS: check the address, and whether it is http:// that is meant"
	}
	return asError(f)
}

// distrust says what to do about a certificate that err is about; empty: it is about none.
func distrust(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &unknown):
		return "check that it is the right server, or name the certificates that sign its own"
	case errors.As(err, &name):
		return misnamed(name.Certificate)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "it has expired, or is not valid yet, or the clock of this host is wrong"
	case errors.As(err, &invalid):
		return "the server needs another certificate: docs/security.md shows how one is made"
	}
	return ""
}

// misnamed says what to do about a certificate that is for other hosts.
func misnamed(c *x509.Certificate) string {
	var names []string
	if c != nil {
		names = append(names, c.DNSNames...)
		for _, ip := range c.IPAddresses {
			names = append(names, ip.String())
		}
	}
	if len(names) == 0 {
		return "it names no host as subjectAltName, and the common name does not count: docs/security.md shows how one is made that does"
	}
	const most = 10
	if len(names) > most {
		names = append(names[:most:most], "…")
	}
	return "it is for " + strings.Join(names, ", ") + ": use one of these names, or give the server another certificate"
}
