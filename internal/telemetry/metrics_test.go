package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// play tells r of one run: job a succeeds at its second try, b is skipped.
func play(r engine.Publisher, at time.Time) {
	after := func(d time.Duration) time.Time { return at.Add(d) }
	r.Publish(1, []run.Transition{
		{To: run.Queued, At: at},
		{From: run.Queued, To: run.Running, At: at},
		{Job: "a", To: run.Queued, At: at},
	})
	r.Publish(1, []run.Transition{{Job: "a", Try: 1, From: run.Queued, To: run.Running, At: after(2 * time.Second)}})
	r.Publish(1, []run.Transition{{Job: "a", Try: 1, From: run.Running, To: run.Failed, At: after(3 * time.Second)}})
	r.Publish(1, []run.Transition{
		{Job: "a", Try: 1, From: run.Failed, To: run.Queued, At: after(3 * time.Second)},
		{Job: "a", Try: 1, From: run.Queued, To: run.Queued, At: after(3 * time.Second)}, // a mark
		{Job: "a", Try: 2, From: run.Queued, To: run.Running, At: after(4 * time.Second)},
	})
	r.Publish(1, []run.Transition{
		{Job: "a", Try: 2, From: run.Running, To: run.Success, At: after(10 * time.Second)},
		{Job: "b", From: run.Pending, To: run.Skipped, At: after(10 * time.Second)},
		{From: run.Running, To: run.Success, At: after(10 * time.Second)},
	})
}

func TestCounts(t *testing.T) {
	m := NewMetrics(100)
	r := m.Run("nightly")
	play(r, time.Now().Add(-10*time.Second))
	r.Close()
	const want = `
# HELP executioner_job_retries_total Tries of jobs after the first.
# TYPE executioner_job_retries_total counter
executioner_job_retries_total{application="nightly"} 1
# HELP executioner_runs_active Runs that this service is executing.
# TYPE executioner_runs_active gauge
executioner_runs_active 0
# HELP executioner_runs_total Attempts of runs that ended, by how.
# TYPE executioner_runs_total counter
executioner_runs_total{application="nightly",state="SUCCESS"} 1
`
	if err := testutil.GatherAndCompare(m.registry, strings.NewReader(want), "executioner_job_retries_total", "executioner_runs_active", "executioner_runs_total"); err != nil {
		t.Error(err)
	}
	got := make(map[string]string)
	for _, f := range families(t, m) {
		for _, s := range f.Series {
			if s.Count != nil && strings.HasPrefix(f.Name, "executioner_") && f.Name != "executioner_event_lag_seconds" {
				got[f.Name+fmt.Sprint(s.Labels)] = fmt.Sprint(*s.Count, " in ", *s.Sum)
			}
		}
	}
	expected := map[string]string{
		"executioner_job_duration_secondsmap[application:nightly job:a state:FAILED]":  "1 in 1",
		"executioner_job_duration_secondsmap[application:nightly job:a state:SUCCESS]": "1 in 6",
		"executioner_job_queue_secondsmap[application:nightly]":                        "2 in 3",
		"executioner_run_duration_secondsmap[application:nightly state:SUCCESS]":       "1 in 10",
	}
	if fmt.Sprint(got) != fmt.Sprint(expected) {
		t.Errorf("%v\nwant %v", got, expected)
	}
}

// An attempt that goes on elsewhere is not active here any more.
func TestCloseBeforeTheEnd(t *testing.T) {
	m := NewMetrics(10)
	r := m.Run("a")
	r.Publish(1, []run.Transition{{From: run.Queued, To: run.Running, At: time.Now()}})
	before := testutil.ToFloat64(m.active)
	r.Close()
	r.Close()
	if before != 1 || testutil.ToFloat64(m.active) != 0 {
		t.Errorf("%v, then %v active", before, testutil.ToFloat64(m.active))
	}
}

func families(t *testing.T, m *Metrics) []Family {
	t.Helper()
	data, err := m.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Metrics []Family }
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all.Metrics
}

func TestLint(t *testing.T) {
	m := NewMetrics(100)
	m.Gauge("executioner_slots", "Slots of this service.", nil, func() float64 { return 4 })
	play(m.Run("nightly"), time.Now())
	problems, err := testutil.GatherAndLint(m.registry)
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if err != nil {
		t.Error(err)
	}
}

// The names of jobs are the users': they must not fill the memory.
func TestCardinality(t *testing.T) {
	m := NewMetrics(50)
	at := time.Now()
	for app := range 100 {
		r := m.Run(fmt.Sprint("app", app))
		for job := range 1000 {
			id := run.JobID(fmt.Sprint("job", job))
			r.Publish(1, []run.Transition{
				{Job: id, Try: 1, From: run.Queued, To: run.Running, At: at},
				{Job: id, Try: 1, From: run.Running, To: run.Success, At: at},
			})
		}
	}
	n, total := 0, uint64(0)
	for _, f := range families(t, m) {
		if f.Name == "executioner_job_duration_seconds" {
			n = len(f.Series)
			for _, s := range f.Series {
				total += *s.Count
			}
		}
	}
	if n > 60 || total != 100_000 {
		t.Errorf("%d series with %d jobs, want at most 60 with all 100000", n, total)
	}
}

// JSON says what Prometheus is told.
func TestJSONEqualsPrometheus(t *testing.T) {
	m := NewMetrics(100)
	m.Gauge("executioner_pool_size", "Size of a pool.", map[string]string{"pool": "db"}, func() float64 { return 2 })
	play(m.Run(`night"ly`), time.Now())
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	parser := expfmt.NewTextParser(model.UTF8Validation)
	told, err := parser.TextToMetricFamilies(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, f := range families(t, m) {
		if !strings.HasPrefix(f.Name, "executioner_") {
			continue // those of the process change all the time
		}
		count++
		want, _ := json.Marshal(family(told[f.Name]))
		if got, _ := json.Marshal(f); !bytes.Equal(got, want) {
			t.Errorf("%s\nJSON       %s\nPrometheus %s", f.Name, got, want)
		}
	}
	if count < 7 {
		t.Errorf("%d metrics compared", count)
	}
}

type failing struct{ err error }

func (f failing) Append(context.Context, store.Lease, []run.Transition) (int64, error) {
	return 5, f.err
}

func (f failing) Answer(context.Context, store.Lease, []run.Transition, int) (int64, error) {
	return 6, f.err
}

func (f failing) Renew(context.Context, store.Lease, time.Duration) ([]store.Request, error) {
	return []store.Request{{Kind: store.CancelRun}}, f.err
}

func TestJournal(t *testing.T) {
	m := NewMetrics(10)
	for _, err := range []error{nil, errors.New("no")} {
		j := m.Journal(failing{err})
		if last, got := j.Append(t.Context(), store.Lease{}, nil); last != 5 || got != err {
			t.Error(last, got)
		}
		if last, got := j.Answer(t.Context(), store.Lease{}, nil, 1); last != 6 || got != err {
			t.Error(last, got)
		}
		if asked, got := j.Renew(t.Context(), store.Lease{}, 0); len(asked) != 1 || got != err {
			t.Error(asked, got)
		}
	}
	if n := testutil.CollectAndCount(m.store); n != 4 {
		t.Errorf("%d series, want append and renew, ok and internal", n)
	}
}

func TestKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetrics(10)
		dir := t.TempDir()
		path := filepath.Join(dir, "sub", "metrics.json")
		ctx, cancel := context.WithCancel(t.Context())
		var told []string
		done := make(chan struct{})
		go func() {
			m.Keep(ctx, path, time.Minute, func(err error) { told = append(told, fmt.Sprint(err != nil)) })
			close(done)
		}()
		time.Sleep(150 * time.Second) // three failures are told once
		if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		play(m.Run("last"), time.Now())
		cancel()
		<-done
		data, err := os.ReadFile(path)
		if err != nil || !json.Valid(data) || !bytes.Contains(data, []byte(`"last"`)) {
			t.Errorf("%v: %s", err, data)
		}
		if fmt.Sprint(told) != "[true false]" {
			t.Errorf("told %v", told)
		}
		entries, _ := os.ReadDir(filepath.Dir(path))
		if len(entries) != 1 {
			t.Errorf("%v", entries)
		}
	})
}

func TestBoundsAreShort(t *testing.T) {
	m := NewMetrics(1)
	m.stored("begin", time.Now(), nil)
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			for _, b := range metric.GetHistogram().GetBucket() {
				if text := strconv.FormatFloat(b.GetUpperBound(), 'g', -1, 64); len(text) > len("17.7147") {
					t.Errorf("%s has le=%q", f.GetName(), text)
				}
			}
		}
	}
}
