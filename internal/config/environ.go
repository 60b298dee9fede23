package config

import (
	"strconv"
	"strings"

	"github.com/executionerhq/executioner/internal/fault"
)

// override sets what the environment sets. Only what differs from host to host has a variable.
func (s *Settings) override(environ []string) error {
	texts := map[string]*string{
		"EXECUTIONER_DATABASE": &s.Database, "EXECUTIONER_LISTEN": &s.Listen, "EXECUTIONER_SOCKET": &s.Socket,
		"EXECUTIONER_TLS_CERTIFICATE": &s.TLS.Certificate, "EXECUTIONER_TLS_KEY": &s.TLS.Key,
		"EXECUTIONER_METRICS_FILE": &s.Metrics.File, "EXECUTIONER_LOG_FORMAT": &s.Log.Format, "EXECUTIONER_LOG_LEVEL": &s.Log.Level,
		"EXECUTIONER_TRACES": &s.Traces.Endpoint,
	}
	for _, v := range environ {
		name, value, _ := strings.Cut(v, "=")
		if value == "" {
			continue
		}
		if p, ok := texts[name]; ok {
			*p = value
		}
		if name == "EXECUTIONER_SLOTS" {
			n, err := strconv.Atoi(value)
			if err != nil {
				return fault.New(fault.InvalidConfig, "EXECUTIONER_SLOTS is %q, not a number", value)
			}
			s.Slots = n
		}
	}
	return nil
}
