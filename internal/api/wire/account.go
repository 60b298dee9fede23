package wire

import (
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Login begins a session.
type Login struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

// Session says who asks and what they may do.
type Session struct {
	User   string         `json:"user"`
	Via    access.Via     `json:"via"`
	Grants []access.Grant `json:"grants"`
	// CSRF is what changes have to repeat in the header X-CSRF-Token, where a cookie proves
	// who asks.
	CSRF    string     `json:"csrf,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
}

// User is somebody who may use the service.
type User struct {
	Name     string         `json:"name"`
	Grants   []access.Grant `json:"grants"`
	Disabled bool           `json:"disabled,omitempty"`
	Password bool           `json:"has_password"`
	Subject  string         `json:"subject,omitempty"` // who that is at an identity provider: its URL, and what it calls them
	Created  time.Time      `json:"created_at"`
	Changed  time.Time      `json:"changed_at"`
}

// UserOf returns a user as it goes over the API: never with the hash of the password.
func UserOf(u *store.User) User {
	return User{
		Name: u.Name, Grants: grants(u.Grants), Disabled: u.Disabled, Password: u.Password != "", Subject: u.Subject,
		Created: u.Created, Changed: u.Changed,
	}
}

func grants(gs []access.Grant) []access.Grant {
	if gs == nil {
		return []access.Grant{}
	}
	return gs
}

// Users are all users.
type Users struct {
	Users []User `json:"users"`
}

// NewUser asks for a user.
type NewUser struct {
	Name     string         `json:"name" maxLength:"64"`
	Password string         `json:"password,omitempty" maxLength:"1024" doc:"missing: the user has tokens only, or logs in elsewhere"`
	Grants   []access.Grant `json:"grants,omitempty"`
}

// ChangeUser changes what is given of a user.
type ChangeUser struct {
	Password *string         `json:"password,omitempty" maxLength:"1024"`
	Grants   *[]access.Grant `json:"grants,omitempty" doc:"all that the user may do from now on"`
	Disabled *bool           `json:"disabled,omitempty"`
}

// ChangePassword changes one's own password.
type ChangePassword struct {
	Old string `json:"old" maxLength:"1024"`
	New string `json:"new" maxLength:"1024"`
}

// Token is a token, without its text.
type Token struct {
	ID       string         `json:"id"`
	User     string         `json:"user"`
	Name     string         `json:"name"`
	Grants   []access.Grant `json:"grants"`
	Created  time.Time      `json:"created_at"`
	Expires  *time.Time     `json:"expires_at"`
	LastUsed *time.Time     `json:"last_used_at"`
	Revoked  *time.Time     `json:"revoked_at"`
}

// TokenOf returns a token as it goes over the API.
func TokenOf(t *store.Token) Token {
	return Token{
		ID: t.ID, User: t.User, Name: t.Name, Grants: grants(t.Grants), Created: t.Created,
		Expires: at(t.Expires), LastUsed: at(t.LastUsed), Revoked: at(t.Revoked),
	}
}

// Tokens are the tokens of a user.
type Tokens struct {
	Tokens []Token `json:"tokens"`
}

// NewToken asks for a token.
type NewToken struct {
	Name string `json:"name" maxLength:"64"`
	// Grants are what it may do; missing: what its user may.
	Grants  []access.Grant `json:"grants,omitempty" doc:"missing: all that its user may do"`
	Expires string         `json:"expires,omitempty" doc:"after how long it ends, such as 90d; missing: 90d"`
}

// MadeToken is a token with its text, which is shown this once.
type MadeToken struct {
	Token
	Text string `json:"token"`
}

// Audit is a page of the audit log, the newest first.
type Audit struct {
	Entries []AuditEntry `json:"entries"`
	Next    *int64       `json:"next"` // what to give as before for the next page
}

// AuditEntry is one line of the audit log.
type AuditEntry struct {
	Seq         int64        `json:"seq"`
	At          time.Time    `json:"at"`
	Who         string       `json:"who"`
	Via         access.Via   `json:"via,omitempty"`
	From        string       `json:"from,omitempty"`
	Action      string       `json:"action"`
	Object      string       `json:"object,omitempty"`
	Application string       `json:"application,omitempty"`
	Result      store.Result `json:"result"`
	Detail      string       `json:"detail,omitempty"`
	Request     string       `json:"request_id,omitempty"` // as the answer's header X-Request-Id, and the service's log
}

// Register asks for a version of a workflow to be kept.
type Register struct {
	Source string `json:"source" minLength:"1" doc:"the text of the workflow"`
	File   string `json:"file,omitempty" maxLength:"255" doc:"its file name; what ends in .json is JSON"`
	Note   string `json:"note,omitempty" maxLength:"1000"`
}

// Registered is a version of a workflow that the service keeps.
type Registered struct {
	Name        string    `json:"name"`
	Version     int       `json:"version"`
	Application string    `json:"application"`
	Hash        string    `json:"source_hash"`
	File        string    `json:"file,omitempty"`
	Enabled     bool      `json:"enabled"`
	By          string    `json:"by"`
	At          time.Time `json:"at"`
	Note        string    `json:"note,omitempty"`
	Source      string    `json:"source,omitempty"` // of one that was asked for by itself
	// Params are the parameters of one that was asked for by itself; none when it can't be read.
	Params []Param `json:"params,omitempty"`
	// Warnings are of one that was just registered.
	Warnings []workflow.Problem `json:"warnings,omitempty"`
}

// RegisteredOf returns a registered workflow as it goes over the API.
func RegisteredOf(r *store.Registered) Registered {
	return Registered{
		Name: r.Name, Version: r.Version, Application: r.Application, Hash: r.Hash, File: r.File, Enabled: r.Enabled,
		By: r.By, At: r.At, Note: r.Note, Source: string(r.Source),
	}
}

// Workflows are registered workflows or their versions.
type Workflows struct {
	Workflows []Registered `json:"workflows"`
}

// Difference is what changed between two versions of a workflow.
type Difference struct {
	Name       string              `json:"name"`
	From       int                 `json:"from"`
	To         int                 `json:"to"`
	Difference workflow.Difference `json:"difference"`
}
