package lint

import (
	"math"
	"time"

	"github.com/executionerhq/executioner/internal/workflow"
)

// missingTimeout finds jobs that are stopped after a time that nobody chose.
func missingTimeout(l *linter) {
	if l.Origin.Has("", "default_timeout") {
		return
	}
	l.each(func(i int, j *workflow.Job) {
		if j.Timeout == workflow.DefaultTimeout && j.Command != "" && !l.Origin.Has(j.ID, "timeout") {
			l.report(i, "id", "add timeout to the job, or default_timeout to the workflow",
				"it has no timeout: it is stopped after %s", spell(j.Timeout))
		}
	})
}

// What more than these is taken for "without limit".
const (
	manyRetries = 100
	longRetries = 7 * 24 * time.Hour
)

// retries finds retries that don't end, or can't happen.
func retries(l *linter) {
	l.each(func(i int, j *workflow.Job) {
		r := j.Retry
		if r == nil || r.Max == 0 {
			return
		}
		say := func(field, hint, format string, args ...any) {
			if !l.Origin.Has(j.ID, field) {
				if l.Origin.Has("", "default_"+field) {
					l.add(Warn, j.ID, l.Origin.At("", "default_"+field), hint, format, args...)
					return
				}
				field = "max_retries"
			}
			l.report(i, field, hint, format, args...)
		}
		possible := reachable(r)
		switch {
		case len(r.OnStatus) == 0 && len(r.ExitCodes) == 0:
			say("retry_on_status", "name what is to be repeated", "nothing is repeated: retry_on_status and retry_on_exit_codes are empty")
		case r.Max > manyRetries && r.MaxTime > longRetries:
			say("max_retries", "choose a limit after which somebody looks", "it is repeated up to %d times for %s", r.Max, spell(r.MaxTime))
		case r.Max > manyRetries && r.Delay < time.Second && r.MaxTime > time.Minute:
			say("retry_delay", "wait between tries", "it is repeated up to %d times with a wait of %s only", r.Max, spell(r.Delay))
		case possible == 0:
			say("max_retry_time", "make max_retry_time longer than retry_delay", "it is never repeated: the first wait (%s) is longer than max_retry_time (%s)", spell(r.Delay), spell(r.MaxTime))
		case possible < r.Max && r.Max <= manyRetries:
			say("max_retries", "make max_retry_time longer, or max_retries smaller", "%d of its %d retries can't happen: the waits are longer than max_retry_time (%s)", r.Max-possible, r.Max, spell(r.MaxTime))
		}
	})
}

// reachable counts the retries whose waits alone, at their shortest, fit into the time.
func reachable(r *workflow.Retry) int {
	passed, wait := 0.0, float64(r.Delay)*(1-r.Jitter)
	for n := range min(r.Max, manyRetries+1) {
		if passed += wait; passed > float64(r.MaxTime) || math.IsInf(passed, 0) {
			return n
		}
		wait *= r.Backoff
	}
	return r.Max
}

// spell writes a duration as files do.
func spell(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if n := len(text) - len(zero); n > 0 && text[n:] == zero {
			text = text[:n+1]
		}
	}
	return text
}

func missingDescription(l *linter) {
	l.each(func(i int, j *workflow.Job) {
		if j.Description == "" {
			l.report(i, "id", "say in a sentence what it is for", "it has no description")
		}
	})
}

func missingOwner(l *linter) {
	l.each(func(i int, j *workflow.Job) {
		if j.Owner == "" {
			l.report(i, "id", "say who is to be asked about it", "it has no owner")
		}
	})
}
