package cli

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/config"
	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/scheduler"
	"github.com/executionerhq/executioner/internal/service"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/telemetry"
)

// tracePatience is how long the last traces may take to be sent.
const tracePatience = 5 * time.Second

// instruments are what is told of every attempt of a service: what one sees it with, and
// what sends the mails that workflows ask for.
type instruments struct {
	metrics *telemetry.Metrics
	traces  *telemetry.Traces // nil: there are none
	mails   *mailer
	log     *slog.Logger
	keeping chan struct{} // closed when the file of metrics is not kept any more; nil: there is none
	stop    context.CancelFunc
}

// instrument makes them. Close them after use.
func (c *command) instrument(ctx context.Context, s config.Settings, log *slog.Logger) (*instruments, error) {
	in := &instruments{metrics: telemetry.NewMetrics(s.Metrics.MaxSeries), mails: c.newMailer(log), log: log, stop: func() {}}
	if s.Traces.Endpoint != "" {
		traces, err := telemetry.NewTraces(ctx, s.Traces.Endpoint, c.Build.Version)
		if err != nil {
			return nil, err
		}
		in.traces = traces
	}
	if s.Metrics.File != "" {
		in.keep(ctx, s.Metrics)
	}
	return in, nil
}

// keep begins to keep the file of metrics.
func (in *instruments) keep(ctx context.Context, s config.Metrics) {
	ctx, in.stop = context.WithCancel(ctx)
	in.keeping = make(chan struct{})
	go func() {
		defer close(in.keeping)
		in.metrics.Keep(ctx, s.File, s.Every, func(err error) {
			if err != nil {
				in.log.Warn("the file of metrics can't be written for now", "error", err)
				return
			}
			in.log.Info("the file of metrics is being written again")
		})
	}()
}

// Close writes and sends what is left.
func (in *instruments) Close() {
	in.stop()
	if in.keeping != nil {
		<-in.keeping
	}
	if in.traces == nil {
		return
	}
	ctx, done := context.WithTimeout(context.Background(), tracePatience)
	defer done()
	if err := in.traces.Close(ctx); err != nil {
		in.log.Warn("the last traces were lost", "error", err)
	}
}

// gauges adds what the service knows of itself.
func (in *instruments) gauges(runs *service.Service, pools map[string]int) {
	gauge := func(name, help string, labels map[string]string, read func(service.Stats) int) {
		in.metrics.Gauge(name, help, labels, func() float64 { return float64(read(runs.Stats())) })
	}
	gauge("executioner_runs_waiting", "Runs that wait for becoming active.", nil, func(s service.Stats) int { return s.Waiting })
	gauge("executioner_slots", "Jobs that may run at once; 0 is no limit.", nil, func(s service.Stats) int { return s.Tasks.Slots.Size })
	gauge("executioner_slots_used", "Jobs that have a slot.", nil, func(s service.Stats) int { return s.Tasks.Slots.Taken })
	gauge("executioner_jobs_waiting", "Jobs that wait for a slot or for a place in a pool.", nil, func(s service.Stats) int { return s.Tasks.Waiting })
	for name, size := range pools {
		labels := map[string]string{"pool": name}
		gauge("executioner_pool_size", "Places of a pool.", labels, func(service.Stats) int { return size })
		gauge("executioner_pool_used", "Places of a pool that are taken.", labels, func(s service.Stats) int { return s.Tasks.Pools[name].Taken })
	}
}

// arrivals adds what arrived by triggers.
func (in *instruments) arrivals(times *scheduler.Scheduler) {
	for _, word := range scheduler.Arrivals() {
		in.metrics.Counter("executioner_arrivals_total", "Requests and files that arrived by triggers, and what became of them.",
			map[string]string{"decision": word}, func() float64 { return float64(times.Arrived(word)) })
	}
}

// noticesCounted is how many messages are counted at most: each of them is read for that.
const noticesCounted = 1000

// outbox adds how many messages to people wait and were given up.
func (in *instruments) outbox(ctx context.Context, st store.Outbox) {
	for state, help := range map[store.NoticeState]string{
		store.NoticePending: "Messages to people that wait for being sent, up to 1000.",
		store.NoticeGivenUp: "Messages to people that were given up in the last days, up to 1000.",
	} {
		in.metrics.Gauge("executioner_notices_"+string(state), help, nil, func() float64 {
			found, err := st.Notices(ctx, store.NoticeFilter{State: state, Limit: noticesCounted})
			if err != nil {
				return math.NaN()
			}
			return float64(len(found))
		})
	}
}

// observe returns what is told of one attempt.
func (in *instruments) observe(a runs.Attempt) runs.Observer {
	log := in.log.With("run", a.Run, "attempt", a.Number, "application", a.Workflow.Application)
	if a.Options.Request != "" {
		log = log.With("request", a.Options.Request)
	}
	all := observers{in.metrics.Run(a.Workflow.Application), attemptLog{log}}
	if in.traces != nil {
		all = append(all, in.traces.Run(a.Workflow.Application))
	}
	if mail := in.mails.Observer(a); mail != nil {
		all = append(all, mail)
	}
	return all
}

// journal measures another one.
func (in *instruments) journal(j engine.Journal) engine.Journal { return in.metrics.Journal(j) }

// observers are told one after the other.
type observers []runs.Observer

func (os observers) Publish(id run.ID, ts []run.Transition) {
	for _, o := range os {
		o.Publish(id, ts)
	}
}

func (os observers) Close() {
	for _, o := range slices.Backward(os) {
		o.Close()
	}
}

// attemptLog logs how one attempt goes: its begin and end, and each try that ended badly.
type attemptLog struct{ log *slog.Logger }

func (a attemptLog) Publish(_ run.ID, ts []run.Transition) {
	for i := range ts {
		t := &ts[i]
		log := a.log.With("state", t.To.String(), "reason", string(t.Reason))
		switch bad := t.To == run.Failed || t.To == run.Timeout; {
		case t.Mark():
		case t.Job != "" && bad:
			log.Warn("a job failed", "job", string(t.Job), "try", t.Try, "again", !t.Until.IsZero())
		case t.Job != "":
			log.Debug("a job moved", "job", string(t.Job), "try", t.Try)
		case bad:
			log.Warn("a run failed")
		case t.To == run.Running:
			log.Info("a run began")
		case t.To.Ended():
			log.Info("a run ended")
		}
	}
}

func (attemptLog) Close() {}
