package config

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/executionerhq/executioner/internal/fault"
)

// Check reports settings that can't be meant, as one fault of code InvalidConfig.
func (s *Settings) Check(path string) error {
	for _, p := range s.problems() {
		if p != "" {
			return fault.New(fault.InvalidConfig, "%s", p).WithAt(path)
		}
	}
	return nil
}

func (s *Settings) problems() []string {
	all := []string{
		address(s.Listen),
		positive("slots", s.Slots), positive("max_active_runs", s.MaxActive), positive("max_queued_runs", s.MaxQueued),
		positive("max_connections", s.MaxConnections),
		positive("metrics.max_series", s.Metrics.MaxSeries), positive("metrics.every", int(s.Metrics.Every)),
		oneOf("log.format", s.Log.Format, "text", "json", "logfmt"),
		oneOf("log.level", s.Log.Level, "debug", "info", "warn", "error"),
	}
	if (s.TLS.Certificate == "") != (s.TLS.Key == "") {
		all = append(all, "tls needs both certificate and key")
	}
	if s.Limits.PerUser <= 0 || s.Limits.PerAddress <= 0 {
		all = append(all, "limits are requests per second and must be above 0")
	}
	for name, size := range s.Pools {
		all = append(all, positive("pools."+name, size))
	}
	slices.Sort(all) // the order of a map is none: the same file has the same first problem
	return all
}

func address(listen string) string {
	if listen == "" {
		return ""
	}
	_, port, err := net.SplitHostPort(listen)
	if n, e := strconv.Atoi(port); err != nil || e != nil || n < 0 || n > 65535 {
		return "listen is " + strconv.Quote(listen) + ", not host:port as in 127.0.0.1:8323"
	}
	return ""
}

func positive(name string, n int) string {
	if n > 0 {
		return ""
	}
	return name + " must be above 0"
}

func oneOf(name, value string, allowed ...string) string {
	if slices.Contains(allowed, value) {
		return ""
	}
	return name + " is " + strconv.Quote(value) + ", not one of " + strings.Join(allowed, ", ")
}
