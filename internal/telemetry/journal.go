package telemetry

import (
	"context"
	"time"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

var _ engine.Journal = journal{}

// journal measures another one.
type journal struct {
	engine.Journal
	metrics *Metrics
}

// Journal returns j with the time of each call measured.
func (m *Metrics) Journal(j engine.Journal) engine.Journal { return journal{j, m} }

func (j journal) Append(ctx context.Context, l store.Lease, ts []run.Transition) (int64, error) {
	began := time.Now()
	last, err := j.Journal.Append(ctx, l, ts)
	j.metrics.stored("append", began, err)
	return last, err
}

func (j journal) Answer(ctx context.Context, l store.Lease, ts []run.Transition, request int) (int64, error) {
	began := time.Now()
	last, err := j.Journal.Answer(ctx, l, ts, request)
	j.metrics.stored("append", began, err)
	return last, err
}

func (j journal) Renew(ctx context.Context, l store.Lease, ttl time.Duration) ([]store.Request, error) {
	began := time.Now()
	asked, err := j.Journal.Renew(ctx, l, ttl)
	j.metrics.stored("renew", began, err)
	return asked, err
}

func (m *Metrics) stored(operation string, began time.Time, err error) {
	result := "ok"
	if err != nil {
		result = string(fault.CodeOf(err))
	}
	m.store.WithLabelValues(operation, result).Observe(time.Since(began).Seconds())
}
