package workflow

import (
	"slices"
	"strings"
)

// shape says how the fields of an object are ordered when a file is formatted, and what
// is within them.
type shape struct {
	order  map[string]int
	inner  map[string]*shape // by field
	each   *shape            // of every member, whatever its name or place
	apart  bool              // a blank line goes between its members
	spaced map[string]bool   // fields with a blank line above
}

func (s *shape) of(name string) *shape {
	switch {
	case s == nil:
		return nil
	case s.each != nil:
		return s.each
	}
	return s.inner[strings.TrimPrefix(name, "+")]
}

// lastRank is behind all fields, known or not.
const lastRank = 1 << 20

func ranks(names []string) map[string]int {
	order := make(map[string]int, len(names))
	for i, name := range names {
		order[name] = i + 1
	}
	return order
}

// workflowShape describes a whole file. The order is that of docs/workflow-file.md, but
// jobs go last: they are long.
func workflowShape() *shape {
	checks := &shape{each: &shape{order: ranks([]string{"name", "params"})}}
	needs := &shape{each: &shape{order: ranks([]string{"job", "on"})}}
	job := &shape{order: ranks(jobOrder[:]), inner: map[string]*shape{
		"pre_checks": checks, "post_checks": checks, "dependencies": needs,
	}}
	jobs := &shape{each: job, apart: true}
	schedules := &shape{each: &shape{order: ranks([]string{
		"name", "description", "cron", "every", "at", "time_zone", "start", "end", "calendars", "jitter",
		"overlap", "max_queued", "catch_up", "catch_up_max", "catch_up_within", "params", "paused",
	})}}
	triggers := &shape{each: &shape{order: ranks([]string{"name", "description", "webhook", "files", "overlap", "max_queued", "params", "paused"})}}
	order := ranks(workflowOrder[:])
	for i, name := range [...]string{"jobs", "on_failure", "on_success"} {
		order[name] = lastRank + i
	}
	return &shape{
		order: order,
		inner: map[string]*shape{
			"jobs": jobs, "on_failure": jobs, "on_success": jobs, "defaults": job,
			"templates": {each: job, apart: true}, "schedules": schedules, "triggers": triggers,
		},
		spaced: map[string]bool{"jobs": true, "on_failure": true, "on_success": true, "templates": true},
	}
}

// arranged returns the indexes of an object's members in their order. Unknown names go
// last, as they stood. A name with _ in front goes where it would go without, or else
// stays in front of what it stood in front of: people comment that way. At the beginning
// it stays there. << goes first.
func (s *shape) arranged(names []string) []int {
	index := make([]int, len(names))
	rank := make([]int, len(names))
	lead := 0 // names at the beginning that are comments
	for lead < len(names) && strings.HasPrefix(names[lead], "_") && s.order[strings.TrimLeft(names[lead], "_")] == 0 {
		lead++
	}
	next := len(s.order) + 1 // rank of the member behind
	for i := len(names) - 1; i >= 0; i-- {
		index[i] = i
		name := strings.TrimPrefix(names[i], "+")
		own, known := s.order[name]
		switch {
		case names[i] == "<<":
			own = -1
		case i < lead:
			own = -2
		case known:
		case strings.HasPrefix(name, "_"):
			if own, known = s.order[strings.TrimLeft(name, "_")]; !known {
				own = next
			}
		default:
			own = len(s.order) + 1
		}
		rank[i], next = own, own
	}
	slices.SortStableFunc(index, func(a, b int) int { return rank[a] - rank[b] })
	return index
}

// arrange gives a whole file its canonical form.
func (l *layout) arrange() {
	l.flow = false
	l.settle(0)
	workflowShape().arrange(l)
}

// arrange orders the fields of a layout and sets the blank lines between jobs.
func (s *shape) arrange(l *layout) {
	if s == nil || !l.container() {
		return
	}
	if l.kind == mapLayout && s.order != nil {
		names := make([]string, len(l.items))
		for i, it := range l.items {
			names[i] = it.name
		}
		items := make([]*layoutItem, len(l.items))
		for to, from := range s.arranged(names) {
			items[to] = l.items[from]
		}
		l.items = items
	}
	for i, it := range l.items {
		s.of(it.name).arrange(it.value)
		switch {
		case i == 0:
		case s.apart:
			it.setBlank(!onOneLine(it) || !onOneLine(l.items[i-1]))
		case s.spaced[it.name] && len(it.value.items) > 0:
			it.setBlank(true)
		}
	}
}

// onOneLine reports whether an item is written in brackets, without comments.
func onOneLine(it *layoutItem) bool {
	_, ok := it.value.oneLine()
	return ok && it.value.flow && len(comments(it.before)) == 0
}

// setBlank makes an item begin with one blank line, or with none.
func (it *layoutItem) setBlank(blank bool) {
	lines := it.before
	for len(lines) > 0 && lines[0] == "" {
		lines = lines[1:]
	}
	if blank {
		lines = append([]string{""}, lines...)
	}
	it.before = lines
}
