// Package run holds the words that every other package speaks: ids, states,
// reasons, outcomes and transitions. It decides nothing beyond which moves
// between states are legal, and imports only the standard library.
package run

import "strconv"

// ID numbers a run. It is positive, grows, and stays the same when the run is resumed.
type ID int64

// String returns the number in decimal.
func (id ID) String() string { return strconv.FormatInt(int64(id), 10) }

// JobID names a job within its workflow. The empty JobID stands for the run itself.
type JobID string

// TaskID names one try of one job: the thing that starts at most once, ever.
type TaskID struct {
	Run     ID
	Attempt int // which continuation of the run, 1 for the first
	Job     JobID
	Try     int // which start of the job within the attempt, 1 for the first
}

// String returns "RUN/ATTEMPT/JOB/TRY", which is unique and safe to log.
// It is also the value of EXECUTIONER_TASK in the job's environment.
func (t TaskID) String() string {
	b := make([]byte, 0, len(t.Job)+24)
	b = strconv.AppendInt(b, int64(t.Run), 10)
	b = append(b, '/')
	b = strconv.AppendInt(b, int64(t.Attempt), 10)
	b = append(b, '/')
	b = append(b, t.Job...)
	b = append(b, '/')
	b = strconv.AppendInt(b, int64(t.Try), 10)
	return string(b)
}
