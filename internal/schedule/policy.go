package schedule

import "time"

// Overlap says what happens when a run of the schedule has not ended at the next time.
type Overlap string

// The choices for Overlap.
const (
	SkipOverlap   Overlap = "skip"   // the time is skipped (default)
	AllowOverlap  Overlap = "allow"  // the runs go on side by side
	QueueOverlap  Overlap = "queue"  // the time's run waits for the others to end
	CancelOverlap Overlap = "cancel" // the others are cancelled, and when they have ended the time's run starts
)

// CatchUp says what happens to times that passed while nobody looked.
type CatchUp string

// The choices for CatchUp.
const (
	CatchLast CatchUp = "last" // the last of them is run, late (default)
	CatchNone CatchUp = "none" // they are missed
	CatchAll  CatchUp = "all"  // they are run, late: the newest ones, up to a number
)

// Defaults and limits of a Policy.
const (
	DefaultWaiting = 10
	DefaultCatchUp = 10
	MaxCatchUp     = 100
	// Punctual is how long after its time a run counts as on time.
	Punctual = time.Minute
)

// Policy says what becomes of expected times. The zero value has all defaults.
type Policy struct {
	Overlap Overlap
	Waiting int // runs that may wait at once; 0: DefaultWaiting
	CatchUp CatchUp
	Most    int           // times that CatchAll runs late at once; 0: DefaultCatchUp; at most MaxCatchUp
	Within  time.Duration // times that are later than this are missed; 0: no limit
	Jitter  time.Duration // most by which a run is put off
	Paused  bool
}

func (p Policy) waiting() int {
	if p.Waiting <= 0 {
		return DefaultWaiting
	}
	return p.Waiting
}

// late returns how many times may be run late at once.
func (p Policy) late() int {
	switch p.CatchUp {
	case CatchNone:
		return 0
	case CatchAll:
		if p.Most <= 0 {
			return DefaultCatchUp
		}
		return min(p.Most, MaxCatchUp)
	case CatchLast:
	}
	return 1
}
