package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/executionerhq/executioner/internal/run"
)

// Canonical returns a as JSON that is the same for equal archives and different for
// others, whatever database they come from. a must be in normal form.
func (a *Archive) Canonical() []byte {
	c := canonical{
		ID: a.Run.ID, Origin: exact(a.Origin), Application: exact(a.Run.Application), File: exact(a.Run.File),
		WorkingDir: exact(a.Run.WorkingDir), SubmittedAt: stamp(a.Run.SubmittedAt),
		Attempts: make([]canonicalAttempt, len(a.Attempts)), Transitions: make([]canonicalTransition, len(a.Transitions)),
		Overrides: make([]canonicalOverride, len(a.Overrides)), Workflows: make(map[string][]byte, len(a.Workflows)),
		By: exact(a.Run.By), Key: exact(a.Key),
	}
	for i := range a.Attempts {
		c.Attempts[i] = canonicalOfAttempt(&a.Attempts[i])
	}
	for i := range a.Transitions {
		c.Transitions[i] = canonicalOfTransition(&a.Transitions[i])
	}
	for i, o := range a.Overrides {
		c.Overrides[i] = canonicalOverride{o.Attempt, exact(o.Job), exact(o.By), stamp(o.At), exact(o.Note)}
	}
	for h, body := range a.Workflows {
		c.Workflows[exact(h)] = orNil(body)
	}
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // it has no value that JSON lacks
	}
	return b
}

// Hash returns the SHA-256 of Canonical in hexadecimal digits.
func (a *Archive) Hash() string {
	sum := sha256.Sum256(a.Canonical())
	return hex.EncodeToString(sum[:])
}

// Equal reports whether both are the same record. Both must be in normal form.
func (a *Archive) Equal(b *Archive) bool { return bytes.Equal(a.Canonical(), b.Canonical()) }

// The types below fix the names and the order of Canonical. To change them changes
// all hashes that were ever printed.

type canonical struct {
	ID          run.ID                `json:"id"`
	Origin      string                `json:"origin"`
	Application string                `json:"application"`
	File        string                `json:"file"`
	WorkingDir  string                `json:"working_dir"`
	SubmittedAt int64                 `json:"submitted_at_us"`
	Attempts    []canonicalAttempt    `json:"attempts"`
	Transitions []canonicalTransition `json:"transitions"`
	Overrides   []canonicalOverride   `json:"overrides"`
	Workflows   map[string][]byte     `json:"workflows"`
	By          string                `json:"by,omitempty"`  // left out where there is none,
	Key         string                `json:"key,omitempty"` // so that older hashes hold
}

type canonicalAttempt struct {
	Number    int       `json:"number"`
	State     run.State `json:"state"`
	Reason    string    `json:"reason"`
	Detail    string    `json:"detail"`
	Hash      string    `json:"hash"`
	Options   []byte    `json:"options"`
	CreatedAt int64     `json:"created_at_us"`
	StartedAt int64     `json:"started_at_us"`
	EndedAt   int64     `json:"ended_at_us"`
	Counts    Counts    `json:"counts"`
}

type canonicalTransition struct {
	Seq     int64             `json:"seq"`
	Attempt int               `json:"attempt"`
	Job     string            `json:"job"`
	Try     int               `json:"try"`
	From    run.State         `json:"from"`
	To      run.State         `json:"to"`
	Reason  string            `json:"reason"`
	Cause   string            `json:"cause"`
	Detail  string            `json:"detail"`
	At      int64             `json:"at_us"`
	Until   int64             `json:"until_us"`
	Outcome *canonicalOutcome `json:"outcome"`
}

type canonicalOutcome struct {
	State     run.State `json:"state"`
	Reason    string    `json:"reason"`
	ExitCode  int       `json:"exit_code"`
	Signal    int       `json:"signal"`
	Detail    string    `json:"detail"`
	CPU       int64     `json:"cpu_us"`
	MaxRSS    int64     `json:"max_rss"`
	Output    int64     `json:"output"`
	Dropped   int64     `json:"dropped"`
	Survivors int       `json:"survivors"`
	Values    string    `json:"values,omitempty"`
	Ended     int64     `json:"ended_us,omitempty"`
}

type canonicalOverride struct {
	Attempt int    `json:"attempt"`
	Job     string `json:"job"`
	By      string `json:"by"`
	At      int64  `json:"at_us"`
	Note    string `json:"note"`
}

func canonicalOfAttempt(a *Attempt) canonicalAttempt {
	return canonicalAttempt{
		a.Number, a.State, exact(a.Reason), exact(a.Detail), exact(a.Hash), orNil(a.Options),
		stamp(a.CreatedAt), stamp(a.StartedAt), stamp(a.EndedAt), a.Counts,
	}
}

func canonicalOfTransition(t *run.Transition) canonicalTransition {
	c := canonicalTransition{
		t.Seq, t.Attempt, exact(t.Job), t.Try, t.From, t.To, exact(t.Reason), exact(t.Cause), exact(t.Detail),
		stamp(t.At), stamp(t.Until), nil,
	}
	if o := t.Outcome; o != nil {
		c.Outcome = &canonicalOutcome{
			o.State, exact(o.Reason), o.ExitCode, o.Signal, exact(o.Detail), o.CPU.Microseconds(), o.MaxRSS,
			o.Output, o.Dropped, o.Survivors, exact(o.Values), stamp(o.Ended),
		}
	}
	return c
}

// stamp returns a time as microseconds, 0 for none: a history has nothing from 1970.
func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// exact returns text as it is, or marked and encoded where it is not UTF-8, of which
// JSON would make something else.
func exact[S ~string](s S) string {
	if utf8.ValidString(string(s)) {
		return string(s)
	}
	return "\x00base64:" + base64.StdEncoding.EncodeToString([]byte(s))
}
