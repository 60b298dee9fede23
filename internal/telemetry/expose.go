package telemetry

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/executionerhq/executioner/internal/fault"
)

// Handler answers with the metrics as Prometheus reads them.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Family is one metric with all its series, as JSON.
type Family struct {
	Name   string   `json:"name"`
	Help   string   `json:"help"`
	Type   string   `json:"type"` // counter, gauge, histogram or summary
	Series []Series `json:"series"`
}

// Series is one series. Value is set for counters and gauges, the rest for the others.
type Series struct {
	Labels  map[string]string  `json:"labels,omitempty"`
	Value   *Number            `json:"value,omitempty"`
	Count   *uint64            `json:"count,omitempty"`
	Sum     *Number            `json:"sum,omitempty"`
	Buckets map[string]uint64  `json:"buckets,omitempty"` // by upper bound, cumulative
	Quants  map[string]*Number `json:"quantiles,omitempty"`
}

// Number is a value that may be one that JSON has no number for: then it is a text.
type Number float64

// MarshalJSON writes "NaN", "+Inf" and "-Inf" as Prometheus does.
func (n Number) MarshalJSON() ([]byte, error) {
	f := float64(n)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return json.Marshal(bound(f))
	}
	return json.Marshal(f)
}

// JSON returns the same metrics as Handler.
func (m *Metrics) JSON() ([]byte, error) {
	gathered, err := m.registry.Gather()
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the metrics can't be gathered")
	}
	families := make([]Family, 0, len(gathered))
	for _, g := range gathered {
		families = append(families, family(g))
	}
	return json.MarshalIndent(map[string]any{"metrics": families}, "", "  ")
}

func family(g *dto.MetricFamily) Family {
	f := Family{Name: g.GetName(), Help: g.GetHelp()}
	for _, m := range g.GetMetric() {
		s := Series{Labels: labels(m)}
		switch g.GetType() {
		case dto.MetricType_COUNTER:
			f.Type, s.Value = "counter", number(m.GetCounter().GetValue())
		case dto.MetricType_GAUGE:
			f.Type, s.Value = "gauge", number(m.GetGauge().GetValue())
		case dto.MetricType_HISTOGRAM:
			f.Type = "histogram"
			s.histogram(m.GetHistogram())
		case dto.MetricType_SUMMARY:
			f.Type = "summary"
			s.summary(m.GetSummary())
		}
		f.Series = append(f.Series, s)
	}
	return f
}

func (s *Series) histogram(h *dto.Histogram) {
	n := h.GetSampleCount()
	s.Count, s.Sum, s.Buckets = &n, number(h.GetSampleSum()), make(map[string]uint64)
	for _, b := range h.GetBucket() {
		s.Buckets[bound(b.GetUpperBound())] = b.GetCumulativeCount()
	}
	s.Buckets["+Inf"] = n
}

func (s *Series) summary(q *dto.Summary) {
	n := q.GetSampleCount()
	s.Count, s.Sum, s.Quants = &n, number(q.GetSampleSum()), make(map[string]*Number)
	for _, v := range q.GetQuantile() {
		s.Quants[bound(v.GetQuantile())] = number(v.GetValue())
	}
}

func number(f float64) *Number { return (*Number)(&f) }

// bound is how Prometheus writes a number.
func bound(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func labels(m *dto.Metric) map[string]string {
	all := make(map[string]string, len(m.GetLabel()))
	for _, l := range m.GetLabel() {
		all[l.GetName()] = l.GetValue()
	}
	return all
}

// Keep writes the metrics as JSON to the file at path every so often, until ctx ends, and
// then once more. A file is always whole: it is replaced, never rewritten. tell is told
// when it can't be written, and with nil when it can again.
func (m *Metrics) Keep(ctx context.Context, path string, every time.Duration, tell func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	failing := false
	for {
		err := m.Write(path)
		if err != nil && !failing || err == nil && failing {
			tell(err)
		}
		failing = err != nil
		if ctx.Err() != nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// Write replaces the file at path by the metrics as JSON.
func (m *Metrics) Write(path string) error {
	data, err := m.JSON()
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "the metrics can't be written")
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // it is gone when it was renamed
	_, err = temporary.Write(append(data, '\n'))
	if e := temporary.Chmod(0o644); err == nil {
		err = e
	}
	if e := temporary.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	return fault.Wrap(err, fault.Unavailable, "the metrics can't be written to %s", path)
}
