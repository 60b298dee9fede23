package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
)

// Accounts keeps who may use a service, what they did, and the workflows that they
// registered. It is part of every Store, and what is said there of methods, errors and
// times holds here as well. It checks no permission and no policy: that is for its callers,
// with package access.
//
// Methods that take entries of the audit log append them in the transaction of what they
// change: see AddAudit. There is none of the two without the other.
type Accounts interface {
	// AddUser records a user. Conflict when there is one of that name or with that Subject.
	AddUser(ctx context.Context, u User, said ...AuditEntry) error
	// User returns a user. NotFound.
	User(ctx context.Context, name string) (User, error)
	// UserOf returns the user with a Subject. NotFound, also for an empty one.
	UserOf(ctx context.Context, subject string) (User, error)
	// Users returns all users, by name.
	Users(ctx context.Context) ([]User, error)
	// SetUser records u in place of the user of that name, if that is still at u.Revision,
	// and returns it at its new one; Created and Subject stay as they were. All sessions of the
	// user end with it, in the same transaction. NotFound; Conflict when it was changed
	// meanwhile: read it again then.
	SetUser(ctx context.Context, u User, said ...AuditEntry) (User, error)
	// DeleteUser removes a user with tokens and sessions. What the audit log has of the user
	// stays. NotFound.
	DeleteUser(ctx context.Context, name string, said ...AuditEntry) error

	// AddToken records a token. NotFound when there is no such user, Conflict when there is a
	// token with that id, or one of that user with that name which was not revoked.
	AddToken(ctx context.Context, t Token, said ...AuditEntry) error
	// Token returns a token by its id, revoked and expired ones too, and its user as of the
	// same moment: see Token.Principal. NotFound.
	Token(ctx context.Context, id string) (Token, User, error)
	// Tokens returns the tokens of a user, or of all for an empty name, by user, creation and id.
	Tokens(ctx context.Context, user string) ([]Token, error)
	// RevokeToken ends a token for ever. One that was revoked stays as it is. NotFound.
	RevokeToken(ctx context.Context, id string, at time.Time, said ...AuditEntry) error
	// UseToken records when a token was last used, if that is later than what is recorded. A
	// token that is gone is not an error. Once a minute for each token is plenty.
	UseToken(ctx context.Context, id string, at time.Time) error

	// AddSession records a session. NotFound when there is no such user.
	AddSession(ctx context.Context, s Session, said ...AuditEntry) error
	// Session returns a session by the hash of its secret, expired ones too, and its user as
	// of the same moment: see Session.Principal. NotFound.
	Session(ctx context.Context, hash string) (Session, User, error)
	// EndSession removes a session. One that is gone is not an error.
	EndSession(ctx context.Context, hash string) error
	// EndSessions removes all sessions of a user and returns how many there were.
	EndSessions(ctx context.Context, user string) (int, error)

	// AddFailure counts a failed login under a key, which the caller makes of the user's name
	// and the address, and returns how many there are now. When the last was more than forget
	// ago, it is the first.
	AddFailure(ctx context.Context, key string, at time.Time, forget time.Duration) (Failures, error)
	// Failures returns the failed logins under a key; zero when there are none.
	Failures(ctx context.Context, key string) (Failures, error)
	// ClearFailures forgets those under a key.
	ClearFailures(ctx context.Context, key string) error
	// TidyAccounts removes the sessions that expired before that time and the failures of
	// which the last was, and returns how many rows that were.
	TidyAccounts(ctx context.Context, before time.Time) (int, error)

	// AddAudit appends entries to the audit log, in order, all or none, in normal form (see
	// AuditEntry.Normal), and returns the sequence number of the last. Numbers have no gaps, and who reads an entry has all
	// before it: later ones never come to stand before it.
	AddAudit(ctx context.Context, es ...AuditEntry) (last int64, err error)
	// Audit returns entries, newest first (highest number first).
	Audit(ctx context.Context, f AuditFilter) ([]AuditEntry, error)
	// PruneAudit removes the oldest entries, up to the first that is not older than before,
	// and returns how many. Their numbers are never given again.
	PruneAudit(ctx context.Context, before time.Time) (int64, error)

	// Register records a version of a workflow and returns it with its number, one more than
	// the highest before it. When the newest version has the same Hash, that is returned and
	// nothing changes but the audit log.
	Register(ctx context.Context, r Registered, said ...AuditEntry) (Registered, error)
	// Registered returns a version of a registered workflow, with its source; for version 0
	// the newest that is enabled. NotFound.
	Registered(ctx context.Context, name string, version int) (Registered, error)
	// RegisteredWorkflows returns the newest version of each, by name, without source.
	RegisteredWorkflows(ctx context.Context) ([]Registered, error)
	// RegisteredVersions returns all versions of one, newest first, without source. NotFound.
	RegisteredVersions(ctx context.Context, name string) ([]Registered, error)
	// EnableRegistered changes whether a version may be submitted by name; version 0 stands
	// for all versions. NotFound.
	EnableRegistered(ctx context.Context, name string, version int, enabled bool, said ...AuditEntry) error

	// ExportAccounts returns all users, tokens and registered workflows as of one moment, in
	// normal form.
	ExportAccounts(ctx context.Context) (AccountsArchive, error)
	// ImportAccounts adds what an archive has and the store does not, all or nothing, and
	// returns how many rows that were. Conflict when the store has something else under the
	// same name or id.
	ImportAccounts(ctx context.Context, a AccountsArchive) (int, error)
	// ImportAudit adds entries that were recorded elsewhere under the numbers that they have
	// there, all or none, and returns how many were not there. Numbers that are given later
	// are higher. Conflict when another entry has one of them.
	ImportAudit(ctx context.Context, es []AuditEntry) (int, error)
}

// User is somebody who may use a service.
type User struct {
	Name     string         // see access.CheckName
	Password string         // its hash, see access.Passwords; empty for a user who has none (OIDC, tokens only)
	Subject  string         // who that is at an identity provider, see access.Subject; empty for who is not of one
	Grants   []access.Grant // in the order in which they were recorded
	Disabled bool           // may not log in, and neither may the user's tokens
	Created  time.Time
	Changed  time.Time
	Revision int64 // 1 when added; one more with each change
}

// Token is what a program proves with that it acts for a user.
type Token struct {
	ID       string // within the token's text, see access.TokenID; no secret
	User     string
	Name     string         // what the user calls it, see access.CheckName
	Hash     string         // of the token's text, see access.Hash
	Grants   []access.Grant // what it may do, as far as the user may, too
	Created  time.Time
	Expires  time.Time // zero for never
	LastUsed time.Time // zero until it was used
	Revoked  time.Time // zero until it was revoked
}

// Session is a browser that is logged in.
type Session struct {
	Hash    string // of its secret, see access.Hash
	User    string
	Via     access.Via // how it was begun: ViaSession with a password, ViaOIDC
	CSRF    string     // what its forms have to repeat
	Created time.Time
	Expires time.Time
}

// Failures are the failed logins in a row under one key. Until when nobody may try is for
// access.LockedUntil to say.
type Failures struct {
	Count int
	Last  time.Time // zero when there are none
}

// Result is how something in the audit log ended.
type Result string

// The results.
const (
	Done   Result = "ok"
	Denied Result = "denied" // who asked may not, or it is not known who asked
	Failed Result = "failed" // for any other reason, which Detail has
)

// AuditEntry is one line of the audit log.
type AuditEntry struct {
	Seq         int64
	At          time.Time
	Who         string     // the user; "local:NAME" for whoever has the database itself; empty when nobody knows
	Via         access.Via // how that is known
	From        string     // the address that it came from
	Action      string     // an access.Action, or one of the login (login, logout)
	Object      string     // what it was done to, such as "run 17" or "user bob"
	Application string     // that Object belongs to
	Result      Result
	Detail      string // never a secret
	Request     string // the request that it was done by, as the service's log has it; empty for none
}

// AuditFilter selects entries. The zero value selects all.
type AuditFilter struct {
	Who         string // exact
	Action      string // exact
	Application string // exact
	Result      Result
	Since       time.Time // at or after
	Until       time.Time // before
	Before      int64     // keyset paging: numbers below this only; 0 for all
	After       int64     // numbers above this only
	Limit       int       // 0 for no limit
}

// Registered is a version of a workflow that the service keeps.
type Registered struct {
	Name        string // see access.CheckName
	Version     int    // from 1
	Application string // of the workflow; empty when it has none
	Hash        string // of Source, see access.Hash
	Source      []byte // as it was sent
	File        string // its name, for messages; no path of the service's host
	Enabled     bool
	By          string
	At          time.Time
	Note        string
}

// AccountsArchive is what a service needs to go on elsewhere. Sessions and failed logins are
// of the moment and not part of it, and neither is the audit log, which may be long: see
// ImportAudit.
type AccountsArchive struct {
	Users      []User       // by name
	Tokens     []Token      // by user, creation and id
	Registered []Registered // by name and version
}

// Principal returns who a token of user u stands for at that time: the fault is
// access.ErrUnauthorized when it was revoked or has expired, when it is not of that text,
// or when the user is disabled. What it may do is what was granted to the token and is
// still granted to the user.
func (t Token) Principal(text string, u User, now time.Time) (access.Principal, error) {
	expired := !t.Expires.IsZero() && !now.Before(t.Expires)
	if !access.Same(t.Hash, access.Hash(text)) || expired || !t.Revoked.IsZero() || u.Disabled || t.User != u.Name {
		return access.Principal{}, access.ErrUnauthorized()
	}
	return access.Principal{User: u.Name, Via: access.ViaToken, Grants: access.Within(t.Grants, u.Grants)}, nil
}

// Principal returns who a session of user u stands for at that time: the fault is
// access.ErrUnauthorized when it has expired or the user is disabled.
func (s Session) Principal(u User, now time.Time) (access.Principal, error) {
	if !now.Before(s.Expires) || u.Disabled || s.User != u.Name {
		return access.Principal{}, access.ErrUnauthorized()
	}
	return access.Principal{User: u.Name, Via: s.Via, Grants: u.Grants}, nil
}

// Existing is the cause of the Conflict with which CreateRun refuses a key that the same
// submitter has used before: the run that was created then.
type Existing struct{ Run run.ID }

func (e *Existing) Error() string { return "run " + e.Run.String() + " was created with the same key" }

// Add returns f with one more failure, at that time: see AddFailure.
func (f Failures) Add(at time.Time, forget time.Duration) Failures {
	if f.Last.Before(at.Add(-forget)) {
		f.Count = 0
	}
	f.Count++
	if at.After(f.Last) {
		f.Last = at
	}
	return f
}

// Normal returns r as a store gives it back: its time in UTC to the microsecond, and nothing
// but nil for an empty source.
func (r Registered) Normal() Registered {
	r.Source, r.At = orNil(r.Source), micros(r.At)
	return r
}

const (
	mostText   = 250  // characters of the texts of an AuditEntry,
	mostDetail = 2000 // and of its Detail
)

// Normal returns e as a store keeps it: texts are cut to 250 characters, Detail to 2,000,
// control characters and what is no UTF-8 are replaced by U+FFFD, so that no entry is
// refused and none can pass for two, whatever a stranger sends. The time is in UTC to the
// microsecond.
func (e AuditEntry) Normal() AuditEntry {
	e.At = micros(e.At)
	e.Who, e.From, e.Action = oneLine(e.Who, mostText), oneLine(e.From, mostText), oneLine(e.Action, mostText)
	e.Object, e.Application = oneLine(e.Object, mostText), oneLine(e.Application, mostText)
	e.Via, e.Result = oneLine(e.Via, mostText), oneLine(e.Result, mostText)
	e.Detail, e.Request = oneLine(e.Detail, mostDetail), oneLine(e.Request, mostText)
	return e
}

// oneLine returns at most so many characters of s, followed by … when that is not all.
func oneLine[S ~string](s S, most int) S {
	var b strings.Builder
	n := 0
	for _, r := range string(s) {
		if n++; n > most {
			return S(b.String()) + "…"
		}
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
	}
	return S(b.String())
}

// ErrExisting returns the fault of a second run with the key of another.
func ErrExisting(id run.ID) error {
	e := fault.New(fault.Conflict, "this was submitted already").WithHint("it is run %d", id)
	e.Err = &Existing{id}
	return e
}

// ExistingRun returns the run that an error of CreateRun says is there already.
func ExistingRun(err error) (run.ID, bool) {
	var e *Existing
	if !errors.As(err, &e) {
		return 0, false
	}
	return e.Run, true
}

// KeyHash returns what is kept of the idempotency key of a submitter: the SHA-256 of both in
// hexadecimal digits, empty when there is no key.
func KeyHash(by, key string) string {
	if key == "" {
		return ""
	}
	b := binary.BigEndian.AppendUint64(nil, uint64(len(by)))
	sum := sha256.Sum256(append(append(b, by...), key...))
	return hex.EncodeToString(sum[:])
}

// ErrNoUser returns the fault of a user who is not there.
func ErrNoUser(name string) error {
	return fault.New(fault.NotFound, "user %s does not exist", name).
		WithHint("executioner user list shows those who do")
}

// ErrNoToken returns the fault of a token that is not there.
func ErrNoToken(id string) error {
	return fault.New(fault.NotFound, "token %s does not exist", id).
		WithHint("executioner token list shows those that do")
}

// ErrNoSession returns the fault of a session that is not there.
func ErrNoSession() error { return fault.New(fault.NotFound, "the session does not exist") }

// ErrNotRegistered returns the fault of a workflow of which no version is registered.
func ErrNotRegistered(name string) error {
	return fault.New(fault.NotFound, "no workflow %s is registered", name)
}

// ErrNoRegistered returns the fault of a version of a registered workflow that is not there;
// for version 0, of a workflow that has no enabled version.
func ErrNoRegistered(name string, version int) error {
	if version == 0 {
		return fault.New(fault.NotFound, "no workflow %s is registered and enabled", name)
	}
	return fault.New(fault.NotFound, "version %d of workflow %s does not exist", version, name)
}

// ErrAllDisabled returns the fault of a workflow that is registered, and no version of which
// is enabled.
func ErrAllDisabled(name string) error {
	return fault.New(fault.NotFound, "all versions of workflow %s are disabled", name).
		WithHint("whoever may write it can enable one: executioner workflow enable %s", name)
}

// ErrUserTaken returns the fault of a second user of a name.
func ErrUserTaken(name string) error {
	return fault.New(fault.Conflict, "user %s exists already", name)
}

// ErrUserChanged returns the fault of a change to what somebody else has changed.
func ErrUserChanged(name string) error {
	return fault.New(fault.Conflict, "user %s was changed by somebody else at the same time", name).
		WithHint("look at the user, and try again")
}

// ErrTokenTaken returns the fault of a second token of a name.
func ErrTokenTaken(user, name string) error {
	return fault.New(fault.Conflict, "user %s has a token %s already", user, name).
		WithHint("revoke it first, or use another name")
}

// ErrAccountTaken returns the fault of an import of what is there in another form. What is
// "user bob", or the like.
func ErrAccountTaken(what string) error {
	return fault.New(fault.Conflict, "%s is there already, and is another", what).
		WithHint("copy into an empty database")
}

// ErrAuditTaken returns the fault of an import of an entry whose number another has.
func ErrAuditTaken(seq int64) error {
	return ErrAccountTaken(fmt.Sprintf("entry %d of the audit log", seq))
}
