package workflow

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// statuses are those of the old program after which a try may be repeated.
var statuses = [...]string{"ERROR", "FAILED", "TIMEOUT", "PRECHECK_FAILED", "POSTCHECK_FAILED"}

func defaultRetries() Retry {
	return Retry{
		Delay: 30 * time.Second, Backoff: 1.5, Jitter: 0.1, MaxTime: 1800 * time.Second,
		OnStatus: []string{"ERROR", "FAILED", "TIMEOUT"}, ExitCodes: []int{1},
	}
}

type readRetry = func(d *decoder, r *Retry, f field)

// defaultRetry makes a reader of a job's field one of its default_ twin.
func defaultRetry(read readRetry) func(*decoder, *draft, field) {
	return func(d *decoder, w *draft, f field) { read(d, &w.retry, f) }
}

func jobRetry(read readRetry) func(*decoder, *jobDraft, field) {
	return func(d *decoder, j *jobDraft, f field) {
		if !j.ownRetry {
			j.ownRetry, j.retry = true, *j.Retry
		}
		read(d, &j.retry, f)
	}
}

func readMaxRetries(d *decoder, r *Retry, f field)   { d.int(f, 0, maxTries, &r.Max) }
func readRetryDelay(d *decoder, r *Retry, f field)   { d.seconds(f, &r.Delay) }
func readRetryBackoff(d *decoder, r *Retry, f field) { d.number(f, 0, 1_000_000, &r.Backoff) }
func readRetryJitter(d *decoder, r *Retry, f field)  { d.number(f, 0, 1, &r.Jitter) }
func readMaxRetryTime(d *decoder, r *Retry, f field) { d.seconds(f, &r.MaxTime) }

func readRetryOnStatus(d *decoder, r *Retry, f field) {
	var all, known []string
	d.strings(f, &all)
	for _, s := range all {
		if slices.Contains(statuses[:], s) {
			known = append(known, s)
		}
	}
	r.OnStatus = known
	d.each(f, stringNode, func(item field) {
		if s := d.text(item.value); !slices.Contains(statuses[:], s) {
			d.rep.warnGuess(d.pos(item.value), func() string { return d.meant(s, slices.Values(statuses[:])) },
				"%s%s: there is no status %s", d.who(), f.name, quote(s))
		}
	})
}

func readRetryOnExitCodes(d *decoder, r *Retry, f field) {
	r.ExitCodes = nil
	d.items(f, func(item field) {
		if code, ok := d.integer(item, math.MinInt32, math.MaxInt32); ok {
			r.ExitCodes = append(r.ExitCodes, int(code))
		}
	})
}

// retryPool shares equal Retry values: most jobs of a workflow retry alike.
type retryPool map[string]*Retry

func (p retryPool) share(r Retry) *Retry {
	key := fmt.Sprintf("%d %d %v %v %d %q %v", r.Max, r.Delay, r.Backoff, r.Jitter, r.MaxTime, r.OnStatus, r.ExitCodes)
	if shared, ok := p[key]; ok {
		return shared
	}
	p[key] = &r
	return &r
}
