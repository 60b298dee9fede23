package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
)

var (
	_ engine.Publisher = (*RunTrace)(nil)
	_ engine.Publisher = (*RunMetrics)(nil)
)

// Traces sends what runs did to an OpenTelemetry collector: a span for each attempt of
// a run, and below it one for each try of a job. A collector that is slow or gone loses
// spans and costs the runs nothing. It is safe for concurrent use.
type Traces struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// NewTraces returns traces that go to the collector at the URL endpoint, by OTLP over
// HTTP. version is that of this program. Close sends what is left.
func NewTraces(ctx context.Context, endpoint, version string) (*Traces, error) {
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint))
	if err != nil {
		return nil, fault.Wrap(err, fault.InvalidConfig, "traces can't be sent to %s", endpoint)
	}
	return newTraces(sdk.NewBatchSpanProcessor(exporter), version), nil
}

func newTraces(p sdk.SpanProcessor, version string) *Traces {
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(p), sdk.WithResource(resource.NewSchemaless(
		attribute.String("service.name", "executioner"), attribute.String("service.version", version))))
	return &Traces{provider, provider.Tracer("executioner")}
}

// Close sends what is left until ctx ends.
func (t *Traces) Close(ctx context.Context) error {
	return fault.Wrap(t.provider.Shutdown(ctx), fault.Unavailable, "the last traces can't be sent")
}

// Run returns what is told of one attempt of a run.
func (t *Traces) Run(application string) *RunTrace {
	return &RunTrace{tracer: t.tracer, application: application, tries: make(map[run.JobID]trace.Span)}
}

// RunTrace traces one attempt of a run. It is for one goroutine.
type RunTrace struct {
	tracer      trace.Tracer
	application string
	ctx         context.Context // of the attempt's span; nil before it begins
	span        trace.Span
	tries       map[run.JobID]trace.Span // those that run
}

// Publish traces transitions that were committed.
func (r *RunTrace) Publish(id run.ID, ts []run.Transition) {
	for i := range ts {
		t := &ts[i]
		if t.Mark() {
			continue
		}
		if r.ctx == nil {
			r.begin(id, t)
		}
		switch {
		case t.Job == "" && t.To.Ended():
			r.end(r.span, t)
		case t.Job != "" && t.To == run.Running:
			_, r.tries[t.Job] = r.tracer.Start(r.ctx, string(t.Job), trace.WithTimestamp(t.At), trace.WithAttributes(attribute.Int("executioner.try", t.Try)))
		case r.tries[t.Job] != nil:
			r.end(r.tries[t.Job], t)
			delete(r.tries, t.Job)
		}
	}
}

func (r *RunTrace) begin(id run.ID, t *run.Transition) {
	r.ctx, r.span = r.tracer.Start(context.Background(), r.application, trace.WithTimestamp(t.At), trace.WithAttributes(
		attribute.Int64("executioner.run", int64(id)), attribute.Int("executioner.attempt", t.Attempt)))
}

// end says on a span how it ended.
func (r *RunTrace) end(s trace.Span, t *run.Transition) {
	s.SetAttributes(attribute.String("executioner.state", t.To.String()), attribute.String("executioner.reason", string(t.Reason)))
	if t.Outcome != nil {
		s.SetAttributes(attribute.Int("executioner.exit_code", t.Outcome.ExitCode), attribute.Float64("executioner.cpu_seconds", t.Outcome.CPU.Seconds()),
			attribute.Int64("executioner.memory_bytes", t.Outcome.MaxRSS))
	}
	if t.To == run.Failed || t.To == run.Timeout {
		s.SetStatus(codes.Error, string(t.Reason))
	}
	s.End(trace.WithTimestamp(t.EndedAt(time.Time{})))
}

// Close ends the spans of an attempt that goes on elsewhere.
func (r *RunTrace) Close() {
	if r.ctx == nil {
		return
	}
	now := trace.WithTimestamp(time.Now())
	for _, s := range r.tries {
		s.End(now)
	}
	clear(r.tries)
	r.span.End(now)
}
