package store

import (
	"context"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
)

// Outbox keeps who is to be told of what until they were told. A message is recorded in
// the same transaction as how far a run was looked at and as the incident that it is
// about, so that none is lost or recorded twice, whatever ends when.
type Outbox interface {
	// Untold returns runs above after that people may have to be told of: those that
	// moved and were not looked at to their end. Lowest id first, at most limit of them
	// when limit > 0.
	Untold(ctx context.Context, after run.ID, limit int) ([]Untold, error)
	// SkipUntold declares that nobody is to be told of runs that ended, were submitted
	// before that time and were never looked at. It returns how many.
	SkipUntold(ctx context.Context, before time.Time) (int64, error)
	// Tell records what looking at transitions led to, all or nothing. Conflict when
	// somebody else looked at the run or changed an incident since they were read: then
	// they are to be read again. A notice whose id is there already is left as it is.
	Tell(ctx context.Context, t Tell) error

	// Incidents returns those that f selects, by key.
	Incidents(ctx context.Context, f IncidentFilter) ([]Incident, error)

	// ClaimNotices takes the first notice of a notifier that is due at now, and with one
	// of a digest all others of it that are due, at most limit. Nobody else gets them
	// before until. A notice of an incident comes after all earlier ones of it that the
	// same notifier still has to send. Nothing is returned when nothing is due.
	ClaimNotices(ctx context.Context, notifier string, now, until time.Time, limit int) ([]Notice, error)
	// Settle records what became of claimed notices. Where somebody else has claimed one
	// meanwhile, only that it was sent is recorded.
	Settle(ctx context.Context, all []Settlement) error
	// Notices returns those that f selects, newest first.
	Notices(ctx context.Context, f NoticeFilter) ([]Notice, error)
	// Notice returns one, or NotFound.
	Notice(ctx context.Context, id string) (Notice, error)
	// RetryNotice makes a notice due now, to be tried until that time. NotFound when it is
	// not there, Conflict when it was sent.
	RetryNotice(ctx context.Context, id string, now, until time.Time) error
	// PruneOutbox removes notices that were sent or given up before a time, and incidents
	// that are not open and did not change since another. It returns how many of both.
	PruneOutbox(ctx context.Context, notices, incidents time.Time) (int64, error)

	// ImportTold records how far runs were looked at elsewhere; where Told is Seq, to their
	// end. A run that is not there is left out.
	ImportTold(ctx context.Context, all []Untold) error
	// ImportOutbox records incidents and notices of elsewhere as they are there, in place
	// of those with the same key or id. Nobody has claimed the notices.
	ImportOutbox(ctx context.Context, is []Incident, ns []Notice) error
}

// Untold is how far a run was looked at.
type Untold struct {
	Run  run.ID
	Told int64 // the last transition that was looked at; 0 for none
	Seq  int64 // the last that is recorded
}

// Tell is what looking at transitions of a run led to.
type Tell struct {
	Run       run.ID // 0: no run was looked at
	From, To  int64  // what Untold.Told was, and what it becomes
	Done      bool   // the run ended with To: it is looked at again only when it moves again
	Incidents []Incident
	Notices   []Notice
}

// Incident is how something stands that may fail. Body is opaque to the store.
type Incident struct {
	Key         string // what it is about; at most 100 bytes
	Application string
	Version     int64     // as it was read; 0 for a new one. Tell adds 1
	Open        int       // rules by which people know of it; 0 when it is not open
	Due         time.Time // when they are to be reminded; zero for never
	ChangedAt   time.Time
	Body        []byte
}

// IncidentFilter selects incidents. The zero value selects those of the application "".
type IncidentFilter struct {
	Application string    // exact
	All         bool      // of any application
	Open        bool      // only those that are open
	Due         time.Time // only those with a reminder that is due then; zero for all
}

// NoticeState is what became of a notice.
type NoticeState string

// The states of notices.
const (
	NoticePending NoticeState = "pending"
	NoticeSent    NoticeState = "sent"
	NoticeGivenUp NoticeState = "given_up"
)

// Notice is a message to people by one notifier. Body is opaque to the store.
type Notice struct {
	ID        string // at most 100 bytes
	Notifier  string
	Incident  string // whose messages stay in order; empty for none
	Digest    string // those of the same digest may be sent together; empty for none
	Run       run.ID // 0 for none
	CreatedAt time.Time
	Due       time.Time
	Until     time.Time // then it is given up
	Body      []byte

	// The rest is the store's.
	State   NoticeState
	Tries   int
	Error   string    // of the last try
	EndedAt time.Time // when it was sent or given up
	Lease   time.Time // until when somebody sends it
}

// Settlement is what became of a notice that was claimed.
type Settlement struct {
	ID    string
	Lease time.Time   // as it was claimed
	State NoticeState // NoticePending: it is tried again at Due
	Due   time.Time
	Error string
	At    time.Time
}

// NoticeFilter selects notices. The zero value selects all.
type NoticeFilter struct {
	State    NoticeState // empty for all
	Notifier string      // empty for all
	Limit    int         // 0 for no limit
}

// ErrTold returns the fault of a Tell that is about what has changed meanwhile.
func ErrTold() error {
	return fault.New(fault.Conflict, "somebody else has told of this meanwhile")
}

// ErrNoNotice returns the fault of a notice that is not there.
func ErrNoNotice(id string) error {
	return fault.New(fault.NotFound, "there is no notice %q", id).WithHint("executioner notify list shows them")
}

// ErrSent returns the fault of a notice that need not be tried again.
func ErrSent(id string) error {
	return fault.New(fault.Conflict, "notice %s was sent already", id)
}
