package wire

import (
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// Schedule is a schedule that a service has seen.
type Schedule struct {
	ID          string     `json:"schedule"` // Workflow/Name
	Workflow    string     `json:"workflow"` // a registered one, or file:NAME for one of the service's directory
	Name        string     `json:"name"`
	Application string     `json:"application"`
	Next        *time.Time `json:"next_at"` // with its jitter; null: never
	Decided     *time.Time `json:"decided_until"`
	Gone        bool       `json:"gone,omitempty"` // its workflow has it no more, or is disabled
	Paused      bool       `json:"paused"`         // by hand
	PausedBy    string     `json:"paused_by,omitempty"`
	PausedAt    *time.Time `json:"paused_at,omitempty"`
	PausedWhy   string     `json:"paused_why,omitempty"`
	Zone        string     `json:"time_zone,omitempty"`    // that its times are meant in; empty: that of the service's host
	Broken      *time.Time `json:"broken_since,omitempty"` // its workflow can't be used: its times are refused
	BrokenWhy   string     `json:"broken_why,omitempty"`
}

// ScheduleOf returns a schedule as it goes over the API.
func ScheduleOf(s *store.Schedule) Schedule {
	return Schedule{
		ID: s.ID, Workflow: s.Workflow, Name: s.Name, Application: s.Application, Next: sometime(s.Next), Decided: sometime(s.Decided), Gone: s.Gone,
		Paused: s.Paused, PausedBy: s.PausedBy, PausedAt: sometime(s.PausedAt), PausedWhy: s.PausedWhy,
		Zone: s.Zone, Broken: sometime(s.Broken), BrokenWhy: s.BrokenWhy,
	}
}

func sometime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// Schedules are all that the caller may see, by workflow and name.
type Schedules struct {
	Schedules []Schedule `json:"schedules"`
}

// ScheduledTime is what became of an expected time.
type ScheduledTime struct {
	Time     time.Time         `json:"time"`
	Until    *time.Time        `json:"until,omitempty"` // it stands for all times from Time to then
	Decision string            `json:"decision"`
	Reason   string            `json:"reason,omitempty"`
	By       string            `json:"by,omitempty"`
	Detail   string            `json:"detail,omitempty"`
	State    store.FiringState `json:"state"`
	Run      run.ID            `json:"run,omitempty"`
	Decided  *time.Time        `json:"decided_at"`
}

// ScheduledTimeOf returns what became of an expected time as it goes over the API.
func ScheduledTimeOf(f *store.Firing) ScheduledTime {
	return ScheduledTime{
		Time: f.Time.UTC(), Until: sometime(f.Until), Decision: f.Decision, Reason: f.Reason, By: f.By, Detail: f.Detail, State: f.State, Run: f.Run,
		Decided: sometime(f.DecidedAt),
	}
}

// ScheduledTimes are a page of what became of a schedule's times, the latest first.
type ScheduledTimes struct {
	Times []ScheduledTime `json:"times"`
	Next  *time.Time      `json:"next,omitempty"` // before of the next page
}

// Pause has a schedule's times skipped.
type Pause struct {
	Why string `json:"why,omitempty" maxLength:"2000"`
}

// Backfill asks for runs of the times of a range. From and To are a day or a time, in the
// schedule's zone where they say no other.
type Backfill struct {
	From        string `json:"from" maxLength:"64" example:"2026-11-01"`
	To          string `json:"to,omitempty" maxLength:"64" doc:"missing: now"`
	Concurrency int    `json:"concurrency,omitempty" minimum:"0" maximum:"1000" doc:"runs that may go on at once; missing: one"`
	Limit       int    `json:"limit,omitempty" minimum:"0" maximum:"10000" doc:"more times than this are refused"`
}

// BackfillTime is a time of a backfill.
type BackfillTime struct {
	Time  time.Time `json:"time"`          // in the schedule's zone
	Was   string    `json:"was,omitempty"` // what had become of it
	Taken bool      `json:"taken"`         // it has a run, or gets one: it is left as it is
}

// Backfilled is what a backfill asked for, or would.
type Backfilled struct {
	Times []BackfillTime `json:"times"`
	Asked int            `json:"asked"` // of these
}
