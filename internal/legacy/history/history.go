// Package history reads the history of the Python program of the same name (a SQLite
// file of schema version 1 to 8) and says what its runs are here. File reads; Translate
// decides, and is pure.
//
// What the old program did not record stays unsaid: it kept neither the workflow file
// nor dependencies, so a translated run has its jobs in the order in which they were
// recorded, depending on nothing, and its options say that it was imported.
package history

import (
	"fmt"
	"strings"

	"github.com/executionerhq/executioner/internal/run"
)

// Newest is the newest version of the old schema that there is.
const Newest = 8

// NotRecorded is the reason of what the old program recorded without saying why.
const NotRecorded = run.NotRecorded

// Options is what the options of an imported attempt say, as JSON: the workflow that is
// stored with it is not what was run.
const Options = `{"imported":true}`

// Run is one run as the old program recorded it, as far as it can be read.
type Run struct {
	ID        int64
	Summaries []Summary // one per attempt; none before version 5 of the schema
	Jobs      []Job     // of all attempts, in the order in which they were recorded
}

// Summary is a row of run_summary. Times are local, as they stand there.
type Summary struct {
	Row                               int64 // where it stands in the table; 0 when that is not known
	Attempt                           int
	Application, WorkingDir           string
	Status                            string
	Start, End                        string
	Total, Completed, Failed, Skipped int64 // jobs, as the old program counted them
}

// Job is a row of job_history. Times are local, as they stand there.
type Job struct {
	Row          int64
	Attempt      int
	ID           run.JobID
	Description  string
	Command      string
	Status       string
	Application  string
	Seconds      float64 // how long it took; negative when that is not known
	MemoryMB     float64 // 0 when it is not known
	Retries      int64
	LastError    string
	RetryHistory string // JSON
	LastRun      string
}

// Problem is something of the old history that could not be taken over.
type Problem struct {
	Table   string    `json:"table,omitempty"`
	Row     int64     `json:"row,omitempty"` // its rowid
	Run     int64     `json:"run,omitempty"` // its number in the old history
	Attempt int       `json:"attempt,omitempty"`
	Job     run.JobID `json:"job,omitempty"`
	Reason  string    `json:"reason"`
	Skipped bool      `json:"skipped"` // nothing of it was taken over; false: all but what the reason names
}

// Place names the row, or the run, that a problem is about.
func (p *Problem) Place() string {
	var words []string
	if p.Run != 0 {
		words = append(words, fmt.Sprintf("run %d", p.Run))
	}
	if p.Attempt != 0 {
		words = append(words, fmt.Sprintf("attempt %d", p.Attempt))
	}
	if p.Job != "" {
		words = append(words, "job "+string(p.Job))
	}
	place := strings.Join(words, ", ")
	switch {
	case p.Table == "":
		return place
	case p.Row == 0:
		return strings.TrimSpace(p.Table + " " + place)
	case place == "":
		return fmt.Sprintf("%s row %d", p.Table, p.Row)
	default:
		return fmt.Sprintf("%s row %d (%s)", p.Table, p.Row, place)
	}
}

func (s *Summary) problem(id int64, format string, args ...any) Problem {
	return Problem{Table: summaryTable, Row: s.Row, Run: id, Attempt: s.Attempt, Reason: fmt.Sprintf(format, args...)}
}

func (j *Job) problem(id int64, format string, args ...any) Problem {
	return Problem{Table: jobTable, Row: j.Row, Run: id, Attempt: j.Attempt, Job: j.ID, Reason: fmt.Sprintf(format, args...)}
}
