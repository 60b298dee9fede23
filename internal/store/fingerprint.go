package store

import (
	"cmp"
	"context"

	"github.com/executionerhq/executioner/internal/run"
)

// Fingerprints keeps, of each job that says what it reads or makes, the try that began
// last, and when that succeeded what it found and made. It is part of every Store, and what
// is said there of methods and errors holds here as well. What is kept outlives the runs
// that it is of.
type Fingerprints interface {
	// Fingerprint returns what is kept of an application's job; the zero Fingerprint when
	// that is nothing. Neither name may be empty.
	Fingerprint(ctx context.Context, application string, job run.JobID) (Fingerprint, error)
	// BeginFingerprint puts next in place of seen, and reports whether seen was still what
	// is kept; else nothing changes. next is not Done: Append makes it so, together with
	// recording an outcome of next.Task that has a Fingerprint, which becomes the Body,
	// unless another try has begun since. Of seen, Task and Done count. next.Task.Job is
	// the job.
	BeginFingerprint(ctx context.Context, application string, seen, next Fingerprint) (bool, error)
	// Fingerprinted returns the jobs of which something is kept, by application and job.
	Fingerprinted(ctx context.Context) ([]Fingerprinted, error)
	// ImportFingerprint records what is kept elsewhere of f.Task.Job in place of what is
	// kept here. Of one that is not Done nothing is kept: its try began elsewhere.
	ImportFingerprint(ctx context.Context, application string, f Fingerprint) error
}

// Fingerprinted is a job of which something is kept.
type Fingerprinted struct {
	Application string
	Job         run.JobID
}

// Compare orders by application, then by job.
func (f Fingerprinted) Compare(g Fingerprinted) int {
	return cmp.Or(cmp.Compare(f.Application, g.Application), cmp.Compare(f.Job, g.Job))
}

// Fingerprint is what is kept of the last start of a job.
type Fingerprint struct {
	Task run.TaskID // the try that began last
	Done bool       // it succeeded, and Body is what it found and made
	Body []byte     // opaque to the store
}
