package workflow

import (
	"slices"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/schedule"
)

// Schedule says when a workflow is to be run by itself. Exactly one of Cron, Every and At
// is set.
type Schedule struct {
	Name          string
	Description   string
	Cron          string
	Every         time.Duration // whole seconds
	At            string        // see schedule.ParseMoment; so are Start and End
	TimeZone      string        // empty: that of the host
	Start, End    string        // empty: no bound
	Include       []string      // names of calendars: only days that are in one of them
	Exclude       []string      // names of calendars whose days are skipped
	Jitter        time.Duration
	Overlap       schedule.Overlap
	MaxQueued     int
	CatchUp       schedule.CatchUp
	CatchUpMax    int
	CatchUpWithin time.Duration // 0: no limit
	Params        []Var         // values of the workflow's parameters, as they can be given
	Paused        bool
}

// Calendar is a set of days that schedules speak of.
type Calendar struct {
	Name string
	Days []string // see schedule.NewCalendar; those of the file among them
}

// Limits of what a file may say about schedules.
const (
	maxSchedules = 1000
	maxDays      = 10_000
	maxJitter    = time.Hour
	maxQueued    = 1000
)

// Zones returns the time zone of a name; of "Local" that of the host.
type Zones func(name string) (*time.Location, error)

// Policy returns what becomes of the schedule's times.
func (s *Schedule) Policy() schedule.Policy {
	return schedule.Policy{
		Overlap: s.Overlap, Waiting: s.MaxQueued, CatchUp: s.CatchUp, Most: s.CatchUpMax, Within: s.CatchUpWithin,
		Jitter: s.Jitter, Paused: s.Paused,
	}
}

// Schedule returns the schedule of that name, or nil.
func (w *Workflow) Schedule(name string) *Schedule {
	for i := range w.Schedules {
		if w.Schedules[i].Name == name {
			return &w.Schedules[i]
		}
	}
	return nil
}

// Spec returns when a schedule of the workflow fires. A time zone that is not known here
// is a fault InvalidWorkflow, and so is what Load would have refused.
func (w *Workflow) Spec(s *Schedule, zones Zones) (*schedule.Spec, error) {
	zone, err := zones(firstOf(s.TimeZone, "Local"))
	if err != nil {
		return nil, fault.New(fault.InvalidWorkflow, "schedule %s: the time zone %s is not known here", quote(s.Name), quote(s.TimeZone)).WithHint("install tzdata")
	}
	spec := &schedule.Spec{Every: s.Every, Zone: zone}
	bad := func(err error) error {
		return fault.Wrap(err, fault.InvalidWorkflow, "schedule %s can't be used", quote(s.Name))
	}
	if s.Cron != "" {
		if spec.Cron, err = schedule.ParseCron(s.Cron); err != nil {
			return nil, bad(err)
		}
	}
	for _, m := range []struct {
		text string
		into *schedule.Moment
	}{{s.At, &spec.At}, {s.Start, &spec.Start}, {s.End, &spec.End}} {
		if m.text == "" {
			continue
		}
		if *m.into, err = schedule.ParseMoment(m.text); err != nil {
			return nil, bad(err)
		}
	}
	if spec.Include, err = w.calendarsOf(s.Include); err != nil {
		return nil, bad(err)
	}
	spec.Exclude, err = w.calendarsOf(s.Exclude)
	return spec, bad(err)
}

func (w *Workflow) calendarsOf(names []string) ([]*schedule.Calendar, error) {
	var all []*schedule.Calendar
	for _, name := range names {
		i := slices.IndexFunc(w.Calendars, func(c Calendar) bool { return c.Name == name })
		if i < 0 {
			return nil, fault.New(fault.InvalidWorkflow, "there is no calendar %s", quote(name))
		}
		c, _, err := schedule.NewCalendar(name, w.Calendars[i].Days)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// scheduleText writes a schedule in one line, to compare it.
func scheduleText(s *Schedule) string {
	if s == nil {
		return ""
	}
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, strings.TrimSpace(name+" "+value))
		}
	}
	span := func(name string, d time.Duration) {
		if d != 0 {
			add(name, d.String())
		}
	}
	add("cron", s.Cron)
	span("every", s.Every)
	add("at", s.At)
	add("in", s.TimeZone)
	add("from", s.Start)
	add("until", s.End)
	add("on", strings.Join(s.Include, " or "))
	add("not on", strings.Join(s.Exclude, " or "))
	span("jitter", s.Jitter)
	add("overlap", string(s.Overlap))
	if s.MaxQueued != 0 {
		add("max_queued", short(float64(s.MaxQueued)))
	}
	add("catch_up", string(s.CatchUp))
	if s.CatchUpMax != 0 {
		add("catch_up_max", short(float64(s.CatchUpMax)))
	}
	span("catch_up_within", s.CatchUpWithin)
	for _, p := range s.Params {
		value := quote(p.Value)
		if secretName(p.Name) {
			value = masked
		}
		add("with "+p.Name, value)
	}
	if s.Paused {
		add("", "paused")
	}
	add("for", s.Description)
	return strings.Join(parts, ", ")
}

// schedules compares schedules and calendars by their names.
func (c *changes) schedules(old, new *Workflow) {
	texts := func(w *Workflow) []Var {
		var all []Var
		for i := range w.Schedules {
			all = append(all, Var{w.Schedules[i].Name, scheduleText(&w.Schedules[i])})
		}
		return all
	}
	days := func(w *Workflow) []Var {
		var all []Var
		for _, calendar := range w.Calendars {
			all = append(all, Var{calendar.Name, strings.Join(calendar.Days, ", ")})
		}
		return all
	}
	c.varsOf("schedules.", texts(old), texts(new))
	c.varsOf("calendars.", days(old), days(new))
}

// schedules writes schedules and calendars.
func (e *encoder) schedules(w *Workflow) {
	list(e, "schedules", w.Schedules, func(s *Schedule) {
		e.string("name", s.Name)
		e.string("description", s.Description)
		e.string("cron", s.Cron)
		e.int("every", int64(s.Every))
		e.string("at", s.At)
		e.string("time_zone", s.TimeZone)
		e.string("start", s.Start)
		e.string("end", s.End)
		e.strings("include", s.Include)
		e.strings("exclude", s.Exclude)
		e.int("jitter", int64(s.Jitter))
		e.string("overlap", string(s.Overlap))
		e.int("max_queued", int64(s.MaxQueued))
		e.string("catch_up", string(s.CatchUp))
		e.int("catch_up_max", int64(s.CatchUpMax))
		e.int("catch_up_within", int64(s.CatchUpWithin))
		e.varList("params", s.Params)
		e.bool("paused", s.Paused)
	})
	list(e, "calendars", w.Calendars, func(c *Calendar) {
		e.string("name", c.Name)
		e.strings("days", c.Days)
	})
}

var snapshotScheduleFields = fields[Schedule]{
	"name":            func(d *decoder, s *Schedule, f field) { d.string(f, &s.Name) },
	"description":     func(d *decoder, s *Schedule, f field) { d.string(f, &s.Description) },
	"cron":            func(d *decoder, s *Schedule, f field) { d.string(f, &s.Cron) },
	"every":           func(d *decoder, s *Schedule, f field) { d.nanoseconds(f, &s.Every) },
	"at":              func(d *decoder, s *Schedule, f field) { d.string(f, &s.At) },
	"time_zone":       func(d *decoder, s *Schedule, f field) { d.string(f, &s.TimeZone) },
	"start":           func(d *decoder, s *Schedule, f field) { d.string(f, &s.Start) },
	"end":             func(d *decoder, s *Schedule, f field) { d.string(f, &s.End) },
	"include":         func(d *decoder, s *Schedule, f field) { d.strings(f, &s.Include) },
	"exclude":         func(d *decoder, s *Schedule, f field) { d.strings(f, &s.Exclude) },
	"jitter":          func(d *decoder, s *Schedule, f field) { d.nanoseconds(f, &s.Jitter) },
	"overlap":         func(d *decoder, s *Schedule, f field) { word(d, f, &s.Overlap) },
	"max_queued":      func(d *decoder, s *Schedule, f field) { d.exactInt(f, &s.MaxQueued) },
	"catch_up":        func(d *decoder, s *Schedule, f field) { word(d, f, &s.CatchUp) },
	"catch_up_max":    func(d *decoder, s *Schedule, f field) { d.exactInt(f, &s.CatchUpMax) },
	"catch_up_within": func(d *decoder, s *Schedule, f field) { d.nanoseconds(f, &s.CatchUpWithin) },
	"params":          func(d *decoder, s *Schedule, f field) { snapshotVars(d, f, &s.Params) },
	"paused":          func(d *decoder, s *Schedule, f field) { d.bool(f, &s.Paused) },
}

var snapshotCalendarFields = fields[Calendar]{
	"name": func(d *decoder, c *Calendar, f field) { d.string(f, &c.Name) },
	"days": func(d *decoder, c *Calendar, f field) { d.strings(f, &c.Days) },
}

// word reads a text that is one of the choices for a type, or none of those of today.
func word[T ~string](d *decoder, f field, into *T) {
	if d.is(f, stringNode) {
		*into = T(d.text(f.value))
	}
}
