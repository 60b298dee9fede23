package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// try is one start of a job's command.
type try struct {
	start, end time.Time
	outcome    run.Outcome
}

// entry is one try in a row's retry_history.
type entry struct {
	Timestamp *string  `json:"timestamp"`
	Duration  *float64 `json:"duration"`
	Success   *bool    `json:"success"`
	ExitCode  *float64 `json:"exit_code"`
	Status    *string  `json:"status"`
}

// entries reads a retry_history. An empty one, or null, has none.
func entries(text string) ([]entry, error) {
	if text == "" {
		return nil, nil
	}
	var all []entry
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return nil, fmt.Errorf("retry_history is no list of tries: there is an unexpected %s", wrong.Value)
		}
		return nil, fmt.Errorf("retry_history is not JSON: %w", err)
	}
	return all, nil
}

// status returns the status that an entry stands for.
func (e *entry) status() string {
	if e.Status != nil {
		if word, ok := status(*e.Status); ok && word != running && word != skipped {
			return word
		}
	}
	if e.Success != nil && *e.Success {
		return success
	}
	return failed
}

func (e *entry) code() *int64 {
	if e.ExitCode == nil || *e.ExitCode != math.Trunc(*e.ExitCode) || math.Abs(*e.ExitCode) > maxExitCode {
		return nil
	}
	n := int64(*e.ExitCode)
	return &n
}

func (e *entry) seconds() time.Duration {
	if e.Duration == nil || !plausible(*e.Duration) {
		return 0
	}
	return seconds(*e.Duration)
}

// maxSeconds is longer than any job took: a year.
const maxSeconds = 366 * 24 * 3600

// plausible reports whether something can have taken that many seconds.
func plausible(seconds float64) bool { return seconds >= 0 && seconds <= maxSeconds }

func seconds(s float64) time.Duration {
	return time.Duration(math.Round(s*1e6)) * time.Microsecond
}

// span is when a row's job began and ended, as far as its last_run and duration tell.
type span struct {
	start, end time.Time
}

// tries returns the tries of a job whose row has a status. The row says how the last one
// ended, whatever its list says: where they differ, or the row counts more retries than
// the list has, a last try is added that ended as the row did.
func (t *translation) tries(j *Job, word string, s span) []try {
	list, err := entries(j.RetryHistory)
	if err != nil {
		t.report(j.problem(t.old.ID, "%v", err))
	}
	code := codeIn(j.LastError)
	n := len(list)
	whole := n > 0 && word != running && stateOf(list[n-1].status()) == stateOf(word) && j.Retries < int64(n)
	all := t.listed(j, list, s, whole)
	if whole {
		if c := list[n-1].code(); c != nil {
			code = c
		}
		if word == failed {
			word = list[n-1].status() // it may say more
		}
		all[n-1].outcome = outcome(word, j.Command, code)
		return finish(j, all)
	}
	start := s.start
	if n > 0 {
		start = later(start, all[n-1].end)
	}
	return finish(j, append(all, try{start: start, end: later(start, s.end), outcome: outcome(word, j.Command, code)}))
}

// finish adds to the last try what the row says of all.
func finish(j *Job, all []try) []try {
	o := &all[len(all)-1].outcome
	if o.State != run.Success {
		o.Detail = line(j.LastError)
	}
	if o.Reason == run.Lost && o.Detail == "" {
		o.Detail = noEnd
	}
	if missing := j.Retries - int64(len(all)-1); missing > 0 && o.Detail == "" {
		o.Detail = fmt.Sprintf("it was repeated %d times; of these %d are not recorded", j.Retries, missing)
	}
	if j.MemoryMB > 0 {
		o.MaxRSS = int64(j.MemoryMB * (1 << 20))
	}
	return all
}

// listed returns the tries of a list, each after the one before. All but the last of a
// job have failed: after a success nothing is repeated, so what is called one was none.
func (t *translation) listed(j *Job, list []entry, s span, whole bool) []try {
	all := make([]try, len(list))
	ends := t.ends(j, list, s, whole)
	after := t.begin
	for i := range list {
		e := &list[i]
		o := outcome(e.status(), j.Command, e.code())
		last := whole && i == len(list)-1
		if o.State == run.Success && !last {
			o = run.Outcome{State: run.Failed, Reason: NotRecorded, ExitCode: o.ExitCode, Detail: "recorded as SUCCESS, and repeated"}
		}
		end := ends[i]
		if end.IsZero() && last {
			end = s.end
		}
		if end.IsZero() {
			end = after.Add(e.seconds())
		}
		start := t.clock.past(later(end.Add(-e.seconds()), after))
		all[i] = try{start: start, end: t.clock.past(later(start, end)), outcome: o}
		after = all[i].end
	}
	return all
}

// ends returns when each entry's try ended, zero where that is not known. As far as
// anybody can tell, the old program wrote an entry when the try had ended; where the
// last one is that of the row and fits its end only as a start, all are taken for starts.
func (t *translation) ends(j *Job, list []entry, s span, whole bool) []time.Time {
	ends := make([]time.Time, len(list))
	after := t.begin
	for i := range list {
		if list[i].Timestamp == nil {
			continue
		}
		m, err := t.clock.moment(*list[i].Timestamp, after)
		if err != nil {
			t.report(j.problem(t.old.ID, "retry_history: %v", err))
			continue
		}
		ends[i], after = m, m
	}
	n := len(list) - 1
	if !whole || ends[n].IsZero() || near(ends[n], s.end) || !near(ends[n].Add(list[n].seconds()), s.end) {
		return ends
	}
	for i := range ends {
		if !ends[i].IsZero() {
			ends[i] = ends[i].Add(list[i].seconds())
		}
	}
	return ends
}

func near(a, b time.Time) bool { return a.Sub(b).Abs() <= rounding }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
