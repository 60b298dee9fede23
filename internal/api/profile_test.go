package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestMetrics(t *testing.T) {
	s := newSite(t)
	a := s.local().do(http.MethodGet, "/metrics", nil)
	if a.status != http.StatusOK || !strings.Contains(string(a.body), "\nexecutioner_runs_active 0\n") {
		t.Errorf("%d: %.200s", a.status, a.body)
	}
	a = s.local().do(http.MethodGet, "/metrics.json", nil)
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" || !json.Valid(a.body) {
		t.Errorf("%d: %.200s", a.status, a.body)
	}
}

func TestProfiles(t *testing.T) {
	s := newSite(t)
	for _, tt := range []struct {
		path string
		want int
	}{
		{"heap", http.StatusOK},
		{"goroutine", http.StatusOK},
		{"profile?seconds=1", http.StatusOK},
		{"profile?seconds=121", http.StatusBadRequest},
		{"profile?seconds=x", http.StatusBadRequest},
		{"cmdline", http.StatusNotFound}, // arguments are nobody's business
	} {
		a := s.local().do(http.MethodGet, "/debug/pprof/"+tt.path, nil)
		gzipped := len(a.body) > 2 && a.body[0] == 0x1f && a.body[1] == 0x8b
		if a.status != tt.want || gzipped != (tt.want == http.StatusOK) {
			t.Errorf("%s: %d, want %d: %.100q", tt.path, a.status, tt.want, a.body)
		}
	}
}
