package workflow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/executionerhq/executioner/internal/schedule"
)

// scheduleDraft is a schedule in the making.
type scheduleDraft struct {
	Schedule
	every  field
	start  field
	end    field
	max    field // max_queued
	most   field // catch_up_max
	within field // catch_up_within
	times  []field
	bounds [2]schedule.Moment
	flow   *draft
}

// scheduleFields are the names that a schedule may have.
var scheduleFields = fields[scheduleDraft]{
	"name":        func(d *decoder, s *scheduleDraft, f field) { d.label(f, &s.Name) },
	"description": func(d *decoder, s *scheduleDraft, f field) { d.string(f, &s.Description) },
	"cron":        func(d *decoder, s *scheduleDraft, f field) { s.times = append(s.times, f); d.cron(f, &s.Cron) },
	"every": func(d *decoder, s *scheduleDraft, f field) {
		s.times = append(s.times, f)
		s.every = f
		d.limit(f, &s.Every)
	},
	"at":        func(d *decoder, s *scheduleDraft, f field) { s.times = append(s.times, f); d.wallMoment(f, &s.At) },
	"time_zone": func(d *decoder, s *scheduleDraft, f field) { d.timeZone(f, &s.TimeZone) },
	"start":     func(d *decoder, s *scheduleDraft, f field) { s.start = f; s.bounds[0] = d.wallMoment(f, &s.Start) },
	"end":       func(d *decoder, s *scheduleDraft, f field) { s.end = f; s.bounds[1] = d.wallMoment(f, &s.End) },
	"calendars": func(d *decoder, s *scheduleDraft, f field) {
		if d.is(f, objectNode) {
			readFields(d, f.value, scheduleCalendarFields, s)
		}
	},
	"jitter": func(d *decoder, s *scheduleDraft, f field) { d.jitter(f, &s.Jitter) },
	"overlap": func(d *decoder, s *scheduleDraft, f field) {
		oneOf(d, f, &s.Overlap, schedule.SkipOverlap, schedule.AllowOverlap, schedule.QueueOverlap, schedule.CancelOverlap)
	},
	"max_queued": func(d *decoder, s *scheduleDraft, f field) { s.max = f; d.int(f, 1, maxQueued, &s.MaxQueued) },
	"catch_up": func(d *decoder, s *scheduleDraft, f field) {
		oneOf(d, f, &s.CatchUp, schedule.CatchLast, schedule.CatchNone, schedule.CatchAll)
	},
	"catch_up_max": func(d *decoder, s *scheduleDraft, f field) {
		s.most = f
		d.int(f, 1, schedule.MaxCatchUp, &s.CatchUpMax)
	},
	"catch_up_within": func(d *decoder, s *scheduleDraft, f field) {
		s.within = f
		d.limit(f, &s.CatchUpWithin)
	},
	"params": func(d *decoder, s *scheduleDraft, f field) { d.scheduleParams(f, s) },
	"paused": func(d *decoder, s *scheduleDraft, f field) { d.bool(f, &s.Paused) },
}

var scheduleCalendarFields = fields[scheduleDraft]{
	"include": func(d *decoder, s *scheduleDraft, f field) { d.calendarNames(f, s.flow, &s.Include) },
	"exclude": func(d *decoder, s *scheduleDraft, f field) { d.calendarNames(f, s.flow, &s.Exclude) },
}

// oneOf is choice for a type of its own.
func oneOf[T ~string](d *decoder, f field, into *T, choices ...T) {
	words := make([]string, len(choices))
	for i, c := range choices {
		words[i] = string(c)
	}
	text := string(*into)
	d.choice(f, &text, words...)
	*into = T(text)
}

// declareSchedules reads calendars and schedules. Those of a sub-workflow are for runs of
// its file alone.
func (d *decoder) declareSchedules(w *draft) {
	if d.host.outer != nil {
		return
	}
	if w.calendars.value != 0 {
		d.calendars(w.calendars, w)
	}
	if w.schedules.value == 0 {
		return
	}
	seen := map[string]uint32{}
	d.items(w.schedules, func(item field) {
		d.check = ""
		if d.kind(item.value) != objectNode {
			d.wrong(item, `write {name: nightly, cron: "30 2 * * *"}`, "must be a list of objects, not of %s", d.kind(item.value))
			return
		}
		if len(w.Schedules) == maxSchedules {
			d.wrong(item, "", "must have at most %d members", maxSchedules)
			return
		}
		w.Schedules = append(w.Schedules, d.schedule(w, item, seen))
	})
	d.check = ""
}

func (d *decoder) schedule(w *draft, item field, seen map[string]uint32) Schedule {
	d.check = "schedules: "
	if name := d.tree.member(item.value, "name"); name != 0 && d.kind(name) == stringNode {
		d.check = "schedule " + quote(d.text(name)) + ": "
	}
	s := scheduleDraft{flow: w}
	readFields(d, item.value, scheduleFields, &s)
	first, twice := seen[s.Name]
	switch {
	case s.Name == "":
		d.rep.errorHint(d.pos(item.value), "its times are kept under its name", "schedules: name is missing")
	case twice:
		d.rep.errorAt(d.pos(item.value), d.pos(first), "", "two schedules have the name %s: the first is", quote(s.Name))
	default:
		seen[s.Name] = item.value
	}
	d.finishSchedule(&s, item)
	at := item.value
	if len(s.times) > 0 {
		at = s.times[0].value
	}
	d.learned.Schedules = append(d.learned.Schedules, Pos{d.pos(at) + 1})
	return s.Schedule
}

// finishSchedule settles what depends on more than one field.
func (d *decoder) finishSchedule(s *scheduleDraft, item field) {
	switch {
	case len(s.times) == 0:
		d.rep.errorHint(d.pos(item.value), `add cron: "30 2 * * *", every: 15m or at: 2026-12-01T02:00`, "%sit has no time", d.who())
	case len(s.times) > 1:
		d.wrong(s.times[1], "make it a schedule of its own", "does not go with %s", s.times[0].name)
	}
	if s.every.value != 0 && s.Every%time.Second != 0 {
		d.wrong(s.every, "", "must be whole seconds")
	}
	if from, to := s.bounds[0], s.bounds[1]; from.Set() && to.Set() && !to.After(from) {
		d.wrong(s.end, "", "is before start")
	}
	if s.max.value != 0 && s.Overlap != schedule.QueueOverlap {
		d.wrong(s.max, "add overlap: queue", "goes with overlap: queue only")
	}
	if s.most.value != 0 && s.CatchUp != schedule.CatchAll {
		d.wrong(s.most, "add catch_up: all", "goes with catch_up: all only")
	}
	if s.within.value != 0 && s.CatchUp == schedule.CatchNone {
		d.wrong(s.within, "", "does not go with catch_up: none")
	}
	d.requiredParams(s, item)
}

// requiredParams refuses a schedule whose runs would lack a parameter: none of them could begin.
func (d *decoder) requiredParams(s *scheduleDraft, item field) {
	for i := range s.flow.Params {
		p := &s.flow.Params[i]
		given := slices.ContainsFunc(s.Params, func(v Var) bool { return v.Name == p.Name })
		if p.Required && !given {
			hint := "add params: {" + p.Name + ": " + p.placeholder() + "}"
			if p.Secret {
				hint = "declare it under secrets"
			}
			d.rep.errorHint(d.pos(item.value), hint, "%sits runs have no value for the parameter %s", d.who(), quote(p.Name))
		}
	}
}

// within reports a mistake in a text where it stands, as far as its place is known.
func (d *decoder) within(f field, err error) {
	var syntax *schedule.SyntaxError
	if !errors.As(err, &syntax) {
		d.wrong(f, "", "%s", printable(err.Error()))
		return
	}
	pos := d.pos(f.value)
	text := d.text(f.value)
	if rest := d.rawFrom(pos); syntax.Offset > 0 && syntax.Offset <= len(text) {
		if len(rest) > 0 && (rest[0] == '"' || rest[0] == '\'') {
			rest, pos = rest[1:], pos+1
		}
		if bytes.HasPrefix(rest, []byte(text)) {
			d.rep.errorHint(pos+syntax.Offset, syntax.Hint, "%s%s %s", d.who(), f.name, syntax.Msg)
			return
		}
	}
	d.wrong(f, syntax.Hint, "%s", syntax.Msg)
}

// rawFrom returns the bytes of a file from a place on.
func (d *decoder) rawFrom(pos int) []byte {
	number, at := inFile(d.rep.base + pos)
	data := d.rep.file(number).data
	return data[min(at, len(data)):]
}

func (d *decoder) cron(f field, into *string) {
	if !d.is(f, stringNode) {
		return
	}
	c, err := schedule.ParseCron(d.text(f.value))
	if err != nil {
		d.within(f, err)
		return
	}
	*into = c.String()
}

func (d *decoder) wallMoment(f field, into *string) schedule.Moment {
	if !d.is(f, stringNode) {
		return schedule.Moment{}
	}
	m, err := schedule.ParseMoment(d.text(f.value))
	if err == nil && f.name == "at" && m.Day() {
		d.wrong(f, "write "+m.String()+"T00:00", "must have a time of the day")
		return m
	}
	if err != nil {
		d.within(f, err)
	}
	*into = m.String()
	return m
}

func (d *decoder) jitter(f field, into *time.Duration) {
	d.seconds(f, into)
	if *into > maxJitter {
		d.wrong(f, "", "must be at most 1h")
	}
}

// timeZone reads the name of a time zone.
func (d *decoder) timeZone(f field, into *string) {
	d.label(f, into)
	if d.host.Zones == nil || *into == "" {
		return
	}
	if _, err := d.host.Zones(*into); err == nil {
		return
	}
	hint := "write a name such as Europe/Berlin, America/New_York or UTC"
	title := titled(*into)
	if _, err := d.host.Zones(title); err == nil && title != *into {
		hint = fmt.Sprintf("did you mean %q?", title)
	}
	d.wrong(f, hint, "must be a time zone that is known here, not %s", quote(*into))
}

// titled writes the words of a zone's name as most zones have them: America/New_York.
func titled(name string) string {
	start := true
	return strings.Map(func(r rune) rune {
		first := start
		start = r == '/' || r == '_' || r == ' ' || r == '-'
		switch {
		case r == ' ':
			return '_'
		case first:
			return unicode.ToUpper(r)
		}
		return unicode.ToLower(r)
	}, name)
}

// calendarNames reads names of calendars that the file has.
func (d *decoder) calendarNames(f field, w *draft, into *[]string) {
	var known []string
	for _, c := range w.Calendars {
		known = append(known, c.Name)
	}
	f.name = "calendars." + f.name
	d.strings(f, into)
	d.each(f, stringNode, func(item field) {
		if name := d.text(item.value); !slices.Contains(known, name) {
			hint := d.meant(name, slices.Values(known))
			if len(known) == 0 {
				hint = "add calendars at the top of the file"
			}
			d.wrong(item, hint, "names the calendar %s, which there is not", quote(name))
		}
	})
}

// scheduleParams reads the values that the schedule's runs get.
func (d *decoder) scheduleParams(f field, s *scheduleDraft) {
	if !d.is(f, objectNode) {
		return
	}
	d.pairs(f.value, func(key, value uint32) {
		v := field{"params: " + printable(d.text(key)), key, value}
		name := d.text(key)
		if strings.HasPrefix(name, "_") || d.kind(value) == nullNode {
			return
		}
		p := s.flow.Param(name)
		if p == nil {
			names := make([]string, len(s.flow.Params))
			for i := range s.flow.Params {
				names[i] = s.flow.Params[i].Name
			}
			d.rep.errorHint(d.pos(key), d.meant(name, slices.Values(names)), "%sthe workflow has no parameter %s", d.who(), quote(name))
			return
		}
		if p.Secret {
			d.rep.errorBare(d.pos(key), "declare it under secrets", "%sparams: a secret parameter can't be given in a file", d.who())
			return
		}
		if text, ok := d.scheduleParam(v, p); ok {
			s.Params = append(s.Params, Var{name, text})
		}
	})
}

// scheduleParam reads one value, and checks it as if it were given now.
func (d *decoder) scheduleParam(f field, p *Param) (string, bool) {
	var text string
	if d.kind(f.value) == listNode {
		var items []string
		d.scalars(f, &items)
		written, _ := json.Marshal(append([]string{}, items...)) // texts can always be written
		text = string(written)
	} else {
		var ok bool
		if text, ok = d.scalar(f, "must be a text, a number or a list, not %s"); !ok {
			return "", false
		}
	}
	if _, r := p.accept(text, d.host.Now); r != nil {
		d.wrong(f, r.hint, "%s, not %s", r.msg, p.show(text))
		return "", false
	}
	return text, true
}
