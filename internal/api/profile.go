package api

import (
	"bytes"
	"net/http"
	"runtime/pprof"
	"strconv"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/fault"
)

// maxProfile is how long a profile of the processor may take.
const maxProfile = 2 * time.Minute

// insightRows are the routes for those who run the service.
func (s *server) insightRows() []route {
	const get = http.MethodGet
	rows := []route{
		{method: get, path: "/debug/pprof/profile", id: "profile-cpu", summary: "Profile the processor, for go tool pprof", action: access.SystemRun, plain: s.profile},
		{method: get, path: "/debug/pprof/{profile}", id: "profile", summary: "Show a profile, for go tool pprof", action: access.SystemRun, plain: s.snapshot},
	}
	if s.Metrics != nil {
		rows = append(rows,
			route{method: get, path: "/metrics", id: "metrics", summary: "Metrics for Prometheus", action: access.SystemRead, plain: s.Metrics.Handler().ServeHTTP},
			route{method: get, path: "/metrics.json", id: "metrics-json", summary: "The same metrics as JSON", action: access.SystemRead, plain: s.metrics})
	}
	return rows
}

// metrics answers with the metrics as JSON.
func (s *server) metrics(w http.ResponseWriter, r *http.Request) {
	data, err := s.Metrics.JSON()
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data)
}

// profile watches the processor for some seconds.
func (s *server) profile(w http.ResponseWriter, r *http.Request) {
	took := 30 * time.Second
	if text := r.URL.Query().Get("seconds"); text != "" {
		n, err := strconv.Atoi(text)
		if took = time.Duration(n) * time.Second; err != nil || took <= 0 || took > maxProfile {
			s.refuse(w, r, fault.New(fault.Usage, "seconds is a number from 1 to %d", int(maxProfile.Seconds())))
			return
		}
	}
	var found bytes.Buffer // another goroutine writes to it, which w does not bear
	if err := pprof.StartCPUProfile(&found); err != nil {
		s.refuse(w, r, fault.New(fault.Conflict, "the processor is being profiled already"))
		return
	}
	select {
	case <-r.Context().Done():
	case <-time.After(took):
	}
	pprof.StopCPUProfile()
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(found.Bytes())
}

// snapshot answers with one of the profiles that are there at any time, such as heap.
func (s *server) snapshot(w http.ResponseWriter, r *http.Request) {
	p := pprof.Lookup(r.PathValue("profile"))
	if p == nil {
		s.refuse(w, r, fault.New(fault.NotFound, "there is no such profile").WithHint("there are profile, heap, allocs, goroutine, block, mutex and threadcreate"))
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_ = p.WriteTo(w, 0) // whoever asked has gone
}

// refuse answers with a fault and notes it for the audit log.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	callOf(r.Context()).failed = err
	s.fail(w, r, err)
}
