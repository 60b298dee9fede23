package config

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/executionerhq/executioner/internal/fault"
)

// Check reports settings that can't be meant, as one fault of code InvalidConfig.
func (s *Settings) Check() error {
	for _, p := range s.problems() {
		if p != "" {
			return fault.New(fault.InvalidConfig, "%s", p)
		}
	}
	return nil
}

func (s *Settings) problems() []string {
	all := []string{
		address(s.Listen),
		positive("slots", s.Slots), positive("max_active_runs", s.MaxActive), positive("max_queued_runs", s.MaxQueued),
		positive("max_connections", s.MaxConnections), positive("limits.streams", s.Limits.Streams), positive("limits.streams_per_user", s.Limits.StreamsPerUser),
		public(s.PublicURL),
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
	if s.OIDC != nil && s.OIDC.RedirectURL == "" {
		all = append(all, "oidc.redirect_url is missing; public_url would do")
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

// public says what is wrong with the public URL.
func public(text string) string {
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	port := 443
	if err == nil && u.Port() != "" {
		port, err = strconv.Atoi(u.Port())
	}
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || strings.HasSuffix(u.Host, ":") || port < 1 || port > 65535 || u.Scheme+"://"+u.Host != text {
		return "public_url is " + strconv.Quote(text) + ", not https://HOST or https://HOST:PORT, and nothing behind that"
	}
	return ""
}

// origin returns a URL as browsers write where a page comes from: in lower case, without what
// goes without saying. What is no such URL stays as it is.
func origin(text string) string {
	u, err := url.Parse(strings.ToLower(strings.TrimSuffix(text, "/")))
	if err != nil || u.Scheme+"://"+u.Host != u.String() {
		return text
	}
	if u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" {
		return strings.TrimSuffix(u.String(), ":"+u.Port())
	}
	return u.String()
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
