package cli

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/executionerhq/executioner/internal/api"
	"github.com/executionerhq/executioner/internal/config"
	"github.com/executionerhq/executioner/internal/daemon"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/notify"
	"github.com/executionerhq/executioner/internal/telemetry"
)

// prepared are settings that were checked, and what was made of them: nothing that others
// could see, so that a service whose settings are wrong leaves nothing behind.
type prepared struct {
	config.Settings
	drain       string
	database    string // its address
	log         *slog.Logger
	certificate *tls.Config // nil: there is none
	provider    *api.OIDC   // nil: there is none
	tell        notify.Setup
}

// prepare reads and checks all that the settings say, but for what the database says of it.
func (c *command) prepare(f *serveFlags) (*prepared, error) {
	s, err := f.settings(c.Environ)
	if err != nil {
		return nil, err
	}
	if s.Database != "" && c.database == "" && c.getenv(DatabaseVariable) == "" {
		c.database = s.Database
	}
	p := &prepared{Settings: s, drain: f.drain, log: telemetry.NewLog(c.Err, s.Log.Format, s.Log.Level)}
	if err := p.make(c.Environ); err != nil {
		return nil, config.Located(f.config, err)
	}
	if p.certificate, err = daemon.TLS(s.TLS.Certificate, s.TLS.Key, p.log); err != nil {
		err = fault.Wrap(err, fault.InvalidConfig, "tls")
	} else {
		err = encrypted(s.Listen, p.certificate)
	}
	if f.certificate == "" && f.key == "" && f.listen == "" {
		err = config.Located(f.config, err)
	}
	if err != nil {
		return nil, err
	}
	p.database, err = c.databasePath()
	if err == nil {
		err = c.placed(p.database)
	}
	return p, err
}

// make makes what the settings describe.
func (p *prepared) make(environ []string) error {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	if p.tell, err = notify.Build(p.Notify, environ, host); err != nil {
		return err
	}
	if p.provider, err = oidcOf(p.OIDC, environ); err != nil {
		return fault.Wrap(err, fault.InvalidConfig, "oidc.client_secret")
	}
	if dir := p.Schedules.Directory; dir != "" {
		if _, err := os.ReadDir(dir); err != nil {
			return fault.Wrap(err, fault.InvalidConfig, "schedules.directory can't be read")
		}
	}
	return nil
}

// encrypted refuses to listen without a certificate where others could come.
func encrypted(address string, certificate *tls.Config) error {
	if address == "" || daemon.Loopback(address) || certificate != nil {
		return nil
	}
	return fault.New(fault.InvalidConfig, "listen: %s can be reached from other hosts, and passwords would travel in the open", address).
		WithHint("give a certificate with --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy that has one")
}

// placed checks where a new history would be made. The directory of one that was named has to
// be there: a name that is wrong would look like a lost history.
func (c *command) placed(address string) error {
	file := c.Databases.File(address)
	if file == "" {
		return nil // a server says so itself
	}
	named := c.database != "" || c.getenv(DatabaseVariable) != ""
	if _, err := os.Stat(filepath.Dir(file)); named && errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.NotFound, "there is no directory %s for the history", filepath.Dir(file)).
			WithHint("check the name, or make the directory")
	}
	return nil
}

// begins tells that a new history is made.
func (c *command) begins(address string, log *slog.Logger) {
	if file := c.Databases.File(address); file != "" {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) { // whoever opens it says what else is wrong with it
			log.Info("a new history is made", "at", file)
		}
	}
}
