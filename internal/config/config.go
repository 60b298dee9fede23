// Package config holds the settings of a service: defaults, over them a file, over it
// the environment, over it flags (which the command line sets itself), then a check
// of the whole. It reads one YAML file and knows nothing of what the settings are for;
// each section is plain data for the package that it is named after.
package config

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/executionerhq/executioner/internal/fault"
)

// maxSize is how large a file of settings may be in bytes.
const maxSize = 1 << 20

// Settings are those of one service. Default gives their defaults.
type Settings struct {
	// Database is where runs are recorded: see docs/databases.md. Empty: that of the command line.
	Database string `yaml:"database"`
	// Listen is the address of the API, as host:port. Empty or NoAddress: the socket only.
	// Defaults to 127.0.0.1:8323. Any address that is not loopback needs TLS and a user.
	Listen string `yaml:"listen"`
	// Socket is the path of the unix socket. Defaults to one beside the database.
	Socket string `yaml:"socket"`
	// TLS names the certificate for Listen.
	TLS TLS `yaml:"tls"`
	// PublicURL is where people and programs ask for the API when that is not Listen: the address
	// of a proxy that ends TLS, as https://jobs.example.org. Empty: there is none.
	PublicURL string `yaml:"public_url"`
	// Hosts are the names under which the API may be asked, besides those of Listen.
	Hosts []string `yaml:"hosts"`
	// Slots is how many jobs may run at once. Defaults to twice the number of processors.
	Slots int `yaml:"slots"`
	// Pools are named limits: how many jobs that name one may run at once.
	Pools map[string]int `yaml:"pools"`
	// MaxActive is how many runs may be active at once. Defaults to 10,000.
	MaxActive int `yaml:"max_active_runs"`
	// MaxQueued is how many runs may wait to become active. Defaults to 100,000.
	MaxQueued int `yaml:"max_queued_runs"`
	// MaxConnections is how many connections there may be at Listen at once. Defaults to
	// 4,096; never more than half of the files that the process may open.
	MaxConnections int `yaml:"max_connections"`
	// Limits bound how often one asks.
	Limits Limits `yaml:"limits"`
	// OIDC is how people log in through their organisation. Nil: they can't.
	OIDC *OIDC `yaml:"oidc"`
	// Schedules is what is run by itself, besides the schedules of registered workflows.
	Schedules Schedules `yaml:"schedules"`
	// Notify is who is told of what.
	Notify Notify `yaml:"notify"`
	// Metrics are those of the process beside /metrics.
	Metrics Metrics `yaml:"metrics"`
	// Log is how the service logs.
	Log Log `yaml:"log"`
	// Traces is where traces go.
	Traces Traces `yaml:"traces"`
}

// TLS names the files of a certificate, in PEM. Both or none.
type TLS struct {
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
}

// Limits bound requests per second; a burst of ten seconds' worth is let through. They bound
// what is followed at the same time, too.
type Limits struct {
	// PerUser is for each user. Defaults to 50.
	PerUser float64 `yaml:"per_user"`
	// PerAddress is for each address without a user. Defaults to 10.
	PerAddress float64 `yaml:"per_address"`
	// Streams is how many events and logs are followed at once. Defaults to 2,000.
	Streams int `yaml:"streams"`
	// StreamsPerUser is how many of these are one user's. Defaults to 200.
	StreamsPerUser int `yaml:"streams_per_user"`
}

// OIDC is an identity provider.
type OIDC struct {
	Issuer       string `yaml:"issuer"`        // its URL
	ClientID     string `yaml:"client_id"`     // of this service there
	ClientSecret Secret `yaml:"client_secret"` // of this service there
	// RedirectURL is where the provider sends people back. Defaults to PublicURL/callback.
	RedirectURL string `yaml:"redirect_url"`
	// UserClaim names a user, for people to read. Defaults to "preferred_username".
	UserClaim string `yaml:"user_claim"`
	// GroupsClaim lists a user's groups. Defaults to "groups".
	GroupsClaim string `yaml:"groups_claim"`
	// Grants are what groups may do. Nobody may do what no group grants.
	Grants []GroupGrant `yaml:"grants"`
}

// GroupGrant is a role that the members of a group have.
type GroupGrant struct {
	Group       string `yaml:"group"`
	Role        string `yaml:"role"`        // viewer, operator, author or admin
	Application string `yaml:"application"` // empty: all
}

// Schedules are the settings of schedules.
type Schedules struct {
	// Directory has workflow files whose schedules count, *.yaml, *.yml and *.json; it is
	// looked at every few seconds. Whoever may write there may run anything. Empty: there is none.
	Directory string `yaml:"directory"`
}

// Metrics are the settings of metrics.
type Metrics struct {
	// File is where they are written as JSON, for hosts without Prometheus. Empty: nowhere.
	File string `yaml:"file"`
	// Every is how often. Defaults to 15 s.
	Every time.Duration `yaml:"every"`
	// MaxSeries is how many series of jobs there may be; the rest is counted as "other".
	// Defaults to 10,000.
	MaxSeries int `yaml:"max_series"`
}

// Log is how the service logs.
type Log struct {
	Format string `yaml:"format"` // text, json or logfmt. Defaults to text
	Level  string `yaml:"level"`  // debug, info, warn or error. Defaults to info
}

// Traces is where traces go.
type Traces struct {
	// Endpoint is the URL of an OpenTelemetry collector (OTLP over HTTP). Empty: no traces.
	Endpoint string `yaml:"endpoint"`
}

// Default returns the settings of a service that nobody has set anything for.
func Default() Settings {
	return Settings{
		Listen:    "127.0.0.1:8323",
		Slots:     2 * runtime.NumCPU(),
		MaxActive: 10_000, MaxQueued: 100_000, MaxConnections: 4096,
		Limits:  Limits{PerUser: 50, PerAddress: 10, Streams: 2000, StreamsPerUser: 200},
		Metrics: Metrics{Every: 15 * time.Second, MaxSeries: 10_000},
		Log:     Log{Format: "text", Level: "info"},
	}
}

// Load returns the defaults with what the file at path and the environment set. An empty
// path is no file. Faults are InvalidConfig with the place, NotFound where there is no
// such file.
func Load(path string, environ []string) (Settings, error) {
	s := Default()
	if path != "" {
		data, err := read(path)
		if err != nil {
			return s, err
		}
		if err := s.decode(path, data); err != nil {
			return s, err
		}
	}
	if err := s.override(environ); err != nil {
		return s, err
	}
	s.complete()
	return s, Located(path, s.Check())
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "there is no file of settings %s", path).
			WithHint("give its path with --config, or leave the flag out to use the defaults")
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.InvalidConfig, "the settings can't be read")
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fault.Wrap(err, fault.InvalidConfig, "the settings in %s can't be read", path)
	}
	if len(data) > maxSize {
		return nil, fault.New(fault.InvalidConfig, "the file of settings is larger than 1 MiB").WithAt(path)
	}
	return data, nil
}

// decode sets what a file sets. Unknown and doubled keys are errors: a misspelt limit is no limit.
func (s *Settings) decode(path string, data []byte) error {
	var keys map[string]any
	if err := yaml.Unmarshal(data, &keys); err == nil && len(keys) == 0 {
		return nil // the decoder would take an empty file for empty settings
	}
	if err := misshapen(path, data); err != nil {
		return err
	}
	err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(s)
	if err == nil {
		return nil
	}
	var known yaml.Error
	if errors.As(err, &known) && known.GetToken() != nil {
		return fault.New(fault.InvalidConfig, "%s", known.GetMessage()).WithAt(path + ":" + place(known.GetToken())).WithHint(listed)
	}
	return fault.Wrap(err, fault.InvalidConfig, "the settings in %s can't be read", path)
}

// NoAddress is the Listen that means the socket only.
const NoAddress = "none"

// complete fills in defaults that depend on whether a section is there.
func (s *Settings) complete() {
	if s.Listen == NoAddress {
		s.Listen = ""
	}
	s.PublicURL = origin(s.PublicURL)
	if o := s.OIDC; o != nil {
		if s.PublicURL != "" {
			o.RedirectURL = first(o.RedirectURL, s.PublicURL+"/callback")
		}
		o.UserClaim = first(o.UserClaim, "preferred_username")
		o.GroupsClaim = first(o.GroupsClaim, "groups")
	}
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
