package telemetry

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/executionerhq/executioner/internal/run"
)

// other is the label of what came when there were as many series as there may be.
const other = "other"

// quick are the upper bounds of what takes less than a moment, in seconds: each is three
// times the one before.
var quick = [...]float64{0.0001, 0.0003, 0.0009, 0.0027, 0.0081, 0.0243, 0.0729, 0.2187, 0.6561, 1.9683, 5.9049, 17.7147}

// buckets are the upper bounds of durations in seconds: from what a no-op takes to a day.
var buckets = [...]float64{0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400}

// Metrics counts what runs do. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	runs      *prometheus.CounterVec   // application, state
	runTime   *prometheus.HistogramVec // application, state
	jobTime   *prometheus.HistogramVec // application, job, state
	queueTime *prometheus.HistogramVec // application
	retries   *prometheus.CounterVec   // application
	active    prometheus.Gauge
	store     *prometheus.HistogramVec // operation, result
	lag       prometheus.Histogram

	mu   sync.Mutex // guards seen: many loops publish
	seen map[series]bool
	max  int
}

// series is what bounds the number of series: applications and their jobs.
type series struct{ application, job string }

// NewMetrics returns metrics with at most max series of applications and jobs; what
// comes beyond is counted under "other", so that no workflow can fill the memory of the
// service or of Prometheus.
func NewMetrics(max int) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(), seen: make(map[series]bool), max: max,
		runs:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: "executioner_runs_total", Help: "Attempts of runs that ended, by how."}, []string{"application", "state"}),
		runTime:   histogram("executioner_run_duration_seconds", "Time from the start of an attempt of a run to its end.", "application", "state"),
		jobTime:   histogram("executioner_job_duration_seconds", "Time from the start of a try of a job to its end.", "application", "job", "state"),
		queueTime: histogram("executioner_job_queue_seconds", "Time that a job waited for its turn after all that it depends on.", "application"),
		retries:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "executioner_job_retries_total", Help: "Tries of jobs after the first."}, []string{"application"}),
		active:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "executioner_runs_active", Help: "Runs that this service is executing."}),
		store: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "executioner_store_duration_seconds", Help: "Time that the database took to record.",
			Buckets: quick[:],
		}, []string{"operation", "result"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "executioner_event_lag_seconds", Help: "Time from a transition to its publication.",
			Buckets: quick[:],
		}),
	}
	m.registry.MustRegister(m.runs, m.runTime, m.jobTime, m.queueTime, m.retries, m.active, m.store, m.lag,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets[:]}, labels)
}

// Gauge adds a metric that read gives the value of whenever it is asked for. It is for
// the service's own state: its slots, its queue, its outbox. Labels are pairs of name and value.
func (m *Metrics) Gauge(name, help string, labels map[string]string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, read))
}

// Counter is Gauge for what only grows. Its name ends with _total.
func (m *Metrics) Counter(name, help string, labels map[string]string, read func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, read))
}

// labels returns the labels of an application and its job, or "other" for either.
func (m *Metrics) labels(application, job string) (app, name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := series{application, job}
	if m.seen[s] {
		return application, job
	}
	if len(m.seen) >= m.max {
		return m.beyond(application, job)
	}
	m.seen[s] = true
	return application, job
}

// beyond is where a new series goes when there are as many as there may be. The caller holds mu.
func (m *Metrics) beyond(application, job string) (app, name string) {
	if job != "" && m.seen[series{application, ""}] {
		return application, other
	}
	if job == "" {
		return other, ""
	}
	return other, other
}

// Run returns what is told of one attempt of a run.
func (m *Metrics) Run(application string) *RunMetrics {
	app, _ := m.labels(application, "")
	return &RunMetrics{metrics: m, application: application, label: app, queued: make(map[run.JobID]time.Time), started: make(map[run.JobID]time.Time)}
}

// RunMetrics counts one attempt of a run. It is an engine.Publisher, for one goroutine.
type RunMetrics struct {
	metrics            *Metrics
	application, label string
	begun              time.Time
	queued, started    map[run.JobID]time.Time // jobs that wait, and that run
}

// Publish counts transitions that were committed.
func (r *RunMetrics) Publish(_ run.ID, ts []run.Transition) {
	for i := range ts {
		t := &ts[i]
		switch {
		case t.Mark():
		case t.Job == "":
			r.run(t)
		default:
			r.job(t)
		}
	}
	if len(ts) > 0 {
		r.metrics.lag.Observe(max(0, time.Since(ts[0].At).Seconds()))
	}
}

func (r *RunMetrics) run(t *run.Transition) {
	m := r.metrics
	switch {
	case t.To == run.Running && r.begun.IsZero():
		r.begun = t.At
		m.active.Inc()
	case t.To.Ended():
		m.runs.WithLabelValues(r.label, t.To.String()).Inc()
		if !r.begun.IsZero() {
			m.active.Dec()
			m.runTime.WithLabelValues(r.label, t.To.String()).Observe(t.At.Sub(r.begun).Seconds())
			r.begun = time.Time{}
		}
	}
}

func (r *RunMetrics) job(t *run.Transition) {
	m := r.metrics
	switch t.To {
	case run.Queued:
		r.queued[t.Job] = t.At
	case run.Running:
		if at, ok := r.queued[t.Job]; ok {
			m.queueTime.WithLabelValues(r.label).Observe(t.At.Sub(at).Seconds())
			delete(r.queued, t.Job)
		}
		r.started[t.Job] = t.At
		if t.Try > 1 {
			m.retries.WithLabelValues(r.label).Inc()
		}
	default:
		delete(r.queued, t.Job)
		if at, ok := r.started[t.Job]; ok {
			app, job := m.labels(r.application, string(t.Job))
			m.jobTime.WithLabelValues(app, job, t.To.String()).Observe(t.At.Sub(at).Seconds())
			delete(r.started, t.Job)
		}
	}
}

// Close forgets an attempt that this service does not execute any more, also where it
// did not end.
func (r *RunMetrics) Close() {
	if !r.begun.IsZero() {
		r.metrics.active.Dec()
		r.begun = time.Time{}
	}
}
