package client

import "encoding/json"

// Schedule says when a workflow is to be run by itself. It needs Name and one of Cron,
// Every and At.
type Schedule struct {
	// Its name, unique in the file. Its times are kept under it.
	Name string `json:"name" yaml:"name" jsonschema:"required,minLength=1,maxLength=255"`
	// What it is for, for people.
	Description string `json:"description,omitempty" yaml:"description,omitempty"`
	// Minute, hour, day of the month, month and day of the week, with the second before them when there are six; or @daily and the like.
	Cron string `json:"cron,omitempty" yaml:"cron,omitempty" jsonschema:"minLength=1,maxLength=1000"`
	// The time from one run to the next: whole seconds, counted from start or else from 1970-01-01T00:00Z.
	Every Duration `json:"every,omitempty" yaml:"every,omitempty"`
	// The one time at which it fires: 2026-12-01T02:00, or with a difference to UTC behind it.
	At string `json:"at,omitempty" yaml:"at,omitempty" jsonschema:"minLength=1"`
	// The time zone of all its times, such as Europe/Berlin. Default: that of the host.
	TimeZone string `json:"time_zone,omitempty" yaml:"time_zone,omitempty" jsonschema:"maxLength=255"`
	// It fires from then on: 2026-12-01, or 2026-12-01T02:00.
	Start string `json:"start,omitempty" yaml:"start,omitempty" jsonschema:"minLength=1"`
	// It fires until then; a day counts to its end.
	End string `json:"end,omitempty" yaml:"end,omitempty" jsonschema:"minLength=1"`
	// The days on which it may fire.
	Calendars *Days `json:"calendars,omitempty" yaml:"calendars,omitempty"`
	// The most by which a run is put off, so that not all begin at once: up to 1h. Default: 0.
	Jitter Duration `json:"jitter,omitempty" yaml:"jitter,omitempty"`
	// What happens when its last run has not ended: skip, allow, queue or cancel. Default: skip.
	Overlap string `json:"overlap,omitempty" yaml:"overlap,omitempty" jsonschema:"enum=skip,enum=allow,enum=queue,enum=cancel"`
	// Runs that may wait, with overlap: queue. Default: 10.
	MaxQueued *int `json:"max_queued,omitempty" yaml:"max_queued,omitempty" jsonschema:"minimum=1,maximum=1000"`
	// What happens to times that passed while no server ran: last, none or all. Default: last.
	CatchUp string `json:"catch_up,omitempty" yaml:"catch_up,omitempty" jsonschema:"enum=last,enum=none,enum=all"`
	// Times that are run late at once, with catch_up: all. Default: 10.
	CatchUpMax *int `json:"catch_up_max,omitempty" yaml:"catch_up_max,omitempty" jsonschema:"minimum=1,maximum=100"`
	// Times that are later than this are missed. Default: no limit.
	CatchUpWithin Duration `json:"catch_up_within,omitempty" yaml:"catch_up_within,omitempty"`
	// Values of the workflow's parameters: texts, numbers, true, false, or lists of these.
	Params map[string]any `json:"params,omitzero" yaml:"params,omitzero"`
	// True: its times are skipped. Default: false.
	Paused *bool `json:"paused,omitempty" yaml:"paused,omitempty"`
}

// Days names calendars.
type Days struct {
	// It fires only on days that are in one of these. Default: on all days.
	Include []string `json:"include,omitzero" yaml:"include,omitzero"`
	// Days that are in one of these are skipped.
	Exclude []string `json:"exclude,omitzero" yaml:"exclude,omitzero"`
}

// Calendar is a set of days: see DaysOf and DaysIn.
type Calendar struct {
	days []string
	file string
}

// DaysOf returns a set of days: 2026-12-25, 2026-12-24..2026-12-31, or 12-25 for each year.
func DaysOf(days ...string) Calendar { return Calendar{days: append([]string{}, days...)} }

// DaysIn returns the days of a file, relative to the workflow file: one on each line, with
// comments behind #.
func DaysIn(file string) Calendar { return Calendar{file: file} }

func (c Calendar) value() any {
	if c.file != "" {
		return c.file
	}
	return c.days
}

// MarshalJSON writes a list of days or a path.
func (c Calendar) MarshalJSON() ([]byte, error) { return json.Marshal(c.value()) }

// MarshalYAML is MarshalJSON for YAML.
func (c Calendar) MarshalYAML() (any, error) { return c.value(), nil }
