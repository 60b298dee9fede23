package daemon

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
)

// TLS reads a certificate with its key, in PEM, and again whenever one of the files has
// changed: connections that come from then on get the new one. Until both fit, the old one
// stays, which log is told. It returns nil when none is given.
func TLS(certificate, key string, log *slog.Logger) (*tls.Config, error) {
	if certificate == "" && key == "" {
		return nil, nil //nolint:nilnil // no certificate is no error
	}
	c := &pair{files: [2]string{certificate, key}, log: log}
	if err := c.load(); err != nil {
		return nil, fault.Wrap(err, fault.InvalidConfig, "the certificate can't be used")
	}
	return &tls.Config{GetCertificate: c.current, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}, nil
}

// pair is a certificate with its key. It is safe for concurrent use.
type pair struct {
	files [2]string
	log   *slog.Logger

	mu     sync.Mutex // guards all below: each connection shakes hands on a goroutine of its own
	stamps [2]stamp   // of the files when they were read last
	loaded *tls.Certificate
}

// stamp tells one state of a file from another.
type stamp struct {
	size int64
	at   time.Time
}

// load reads the files and remembers which they were. The caller holds mu, or is alone.
func (c *pair) load() error {
	c.stamps = c.look() // before they are read: what changes meanwhile is read again
	loaded, err := tls.LoadX509KeyPair(c.files[0], c.files[1])
	if err != nil {
		return err
	}
	c.loaded = &loaded
	if leaf := loaded.Leaf; leaf != nil && len(leaf.DNSNames)+len(leaf.IPAddresses) == 0 {
		c.log.Warn("the certificate names no host as subjectAltName, so that clients refuse it; docs/security.md shows how to make one", "file", c.files[0])
	}
	return nil
}

// look returns the stamps of the files. That of one which is not there is empty.
func (c *pair) look() (stamps [2]stamp) {
	for i, file := range c.files {
		if info, err := os.Stat(file); err == nil {
			stamps[i] = stamp{info.Size(), info.ModTime()}
		}
	}
	return stamps
}

// current is a tls.Config's GetCertificate.
func (c *pair) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.look() == c.stamps {
		return c.loaded, nil
	}
	if err := c.load(); err != nil {
		c.log.Error("the certificate has changed and can't be used, the old one stays", "error", err)
	} else {
		c.log.Info("the certificate has changed, the new one is in use", "file", c.files[0])
	}
	return c.loaded, nil
}
