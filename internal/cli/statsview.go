package cli

import (
	"time"

	"github.com/executionerhq/executioner/internal/history"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/stats"
)

// statisticsJSON is stats --json.
type statisticsJSON struct {
	Application  string        `json:"application,omitempty"`
	Job          run.JobID     `json:"job,omitempty"`
	Since        *time.Time    `json:"since"`
	Applications []namedJSON   `json:"applications"`
	Jobs         []namedJSON   `json:"jobs"`
	By           stats.Unit    `json:"by,omitempty"`
	Trend        *[]bucketJSON `json:"trend,omitempty"`
	Slowest      *[]namedJSON  `json:"slowest,omitempty"`
	Flakiest     *[]namedJSON  `json:"flakiest,omitempty"`
}

// namedJSON is the statistics of an application or of a job.
type namedJSON struct {
	Application string    `json:"application"`
	Job         run.JobID `json:"job,omitempty"`
	stats.Summary
}

// bucketJSON is the statistics of some time.
type bucketJSON struct {
	From time.Time `json:"from"`
	stats.Summary
}

func statisticsView(a *history.Statistics, q history.Question, f *statsFlags) *statisticsJSON {
	v := &statisticsJSON{Application: q.Application, Job: q.Job, Applications: []namedJSON{}, Jobs: []namedJSON{}}
	if !q.Since.IsZero() {
		since := stats.Day(q.Since).Time()
		v.Since = &since
	}
	var jobs []*stats.Named
	for _, n := range a.Names {
		if n.Job == "" {
			v.Applications = append(v.Applications, named(n))
			continue
		}
		jobs = append(jobs, n)
		v.Jobs = append(v.Jobs, named(n))
	}
	if f.by != "" {
		v.By = q.By
		trend := make([]bucketJSON, len(a.Trend))
		for i, b := range a.Trend {
			trend[i] = bucketJSON{b.Begin, b.Tally.Summary()}
		}
		v.Trend = &trend
	}
	if f.slowest > 0 {
		v.Slowest = allNamed(stats.Slowest(jobs, f.slowest))
	}
	if f.flakiest > 0 {
		v.Flakiest = allNamed(stats.Flakiest(jobs, f.flakiest))
	}
	return v
}

func named(n *stats.Named) namedJSON { return namedJSON{n.Application, n.Job, n.Tally.Summary()} }

func allNamed(list []*stats.Named) *[]namedJSON {
	all := make([]namedJSON, len(list))
	for i, n := range list {
		all[i] = named(n)
	}
	return &all
}
