package workflow

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/schedule"
)

// calendars reads sets of days by their names: lists of days, or files of them.
func (d *decoder) calendars(f field, w *draft) {
	if !d.is(f, objectNode) {
		return
	}
	d.pairs(f.value, func(key, value uint32) {
		name := d.text(key)
		if strings.HasPrefix(name, "_") || d.kind(value) == nullNode {
			return
		}
		if len(w.Calendars) == maxSchedules {
			d.rep.error(d.pos(key), "calendars must have at most %d members", maxSchedules)
			return
		}
		d.check = "calendars: "
		f := field{printable(name), key, value}
		c := Calendar{Name: name}
		switch d.kind(value) {
		case stringNode:
			c.Days = d.calendarFile(f, w)
		case listNode:
			d.days(f, &c.Days)
		default:
			d.wrong(f, "", "must be a list of days or the path of a file, not %s", d.kind(value))
		}
		w.Calendars = append(w.Calendars, c)
	})
	d.check = ""
}

// days reads a list of days.
func (d *decoder) days(f field, into *[]string) {
	d.strings(f, into)
	n := 0
	d.each(f, stringNode, func(item field) {
		text := d.text(item.value)
		if n++; n == maxDays+1 {
			d.wrong(item, "", "must have at most %d days", maxDays)
		}
		if _, _, err := schedule.NewCalendar("", []string{text}); err != nil && n <= maxDays {
			item.name += ":"
			d.within(item, err)
		}
	})
}

// calendarFile reads a file of days: one on each line, with comments behind #.
func (d *decoder) calendarFile(f field, w *draft) []string {
	name := d.text(f.value)
	path := name
	switch {
	case strings.TrimSpace(name) == "":
		d.wrong(f, "", "must not be an empty path")
		return nil
	case d.host.ReadFile == nil:
		d.wrong(f, "", "names a file, and none can be read here")
		return nil
	case strings.HasPrefix(name, "~/") && d.host.Home != "":
		path = filepath.Join(d.host.Home, name[2:])
	case !filepath.IsAbs(name):
		path = filepath.Join(d.dirOf(f), name)
	}
	data, err := d.host.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.wrong(f, "it is relative to the file that names it", "names a file that is not there: %s", quote(name))
		return nil
	case err != nil:
		d.wrong(f, "", "names %s, which can't be read: %s", quote(name), printable(reasonOf(err)))
		return nil
	case len(data) > maxDays*100:
		d.wrong(f, "", "names %s, which is too long", quote(name))
		return nil
	}
	if !slices.Contains(w.Files, path) {
		w.Files = append(w.Files, path)
	}
	return d.fileDays(f, name, data)
}

func (d *decoder) fileDays(f field, name string, data []byte) []string {
	var days []string
	number := 0
	for line := range strings.Lines(string(trimBOM(data))) {
		number++
		text, _, _ := strings.Cut(line, "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		if len(days) == maxDays {
			d.wrong(f, "", "must have at most %d days", maxDays)
			return nil
		}
		var syntax *schedule.SyntaxError
		if _, _, err := schedule.NewCalendar("", []string{text}); errors.As(err, &syntax) {
			d.wrong(f, syntax.Hint, "names %s, where on line %d %s", quote(name), number, syntax.Msg)
			return nil
		}
		days = append(days, text)
	}
	return days
}
