package telemetry

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/executionerhq/executioner/internal/run"
)

func TestSpans(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	traces := newTraces(sdk.NewSimpleSpanProcessor(exporter), "1")
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	r := traces.Run("nightly")
	play(r, at)
	r.Close()
	var got []string
	spans := exporter.GetSpans()
	for _, s := range spans {
		under := "nothing"
		for _, p := range spans {
			if p.SpanContext.SpanID() == s.Parent.SpanID() {
				under = p.Name
			}
		}
		got = append(got, fmt.Sprint(s.Name, " under ", under, " ", s.StartTime.Sub(at), " to ", s.EndTime.Sub(at), " ", s.Status.Code))
	}
	want := []string{"a under nightly 2s to 3s Error", "a under nightly 4s to 10s Unset", "nightly under nothing 0s to 10s Unset"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// An attempt that another program goes on with has a trace, too.
func TestSpansOfTheInterrupted(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	traces := newTraces(sdk.NewSimpleSpanProcessor(exporter), "1")
	traces.Run("never began").Close()
	r := traces.Run("b")
	r.Publish(1, []run.Transition{{From: run.Queued, To: run.Running, At: time.Now()}, {Job: "a", Try: 1, From: run.Queued, To: run.Running, At: time.Now()}})
	r.Close()
	if got := exporter.GetSpans(); len(got) != 2 {
		t.Errorf("%d spans, want those of the run and the job", len(got))
	}
}

// A real collector is told by OTLP over HTTP.
func TestCollector(t *testing.T) {
	var asked string
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = fmt.Sprint(r.URL.Path, " ", strings.Contains(string(body), "nightly"))
	}))
	defer collector.Close()
	traces, err := NewTraces(t.Context(), collector.URL+"/v1/traces", "1")
	if err != nil {
		t.Fatal(err)
	}
	play(traces.Run("nightly"), time.Now())
	if err := traces.Close(t.Context()); err != nil || asked != "/v1/traces true" {
		t.Errorf("%v, asked %q", err, asked)
	}
}
