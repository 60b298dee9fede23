package lint

import (
	"cmp"

	"github.com/executionerhq/executioner/internal/expr"
	"github.com/executionerhq/executioner/internal/schedule"
	"github.com/executionerhq/executioner/internal/workflow"
)

// schedules are the schedules of a workflow as rules see them.
func schedules(w *workflow.Workflow) []any {
	var all []any
	for i := range w.Schedules {
		s := &w.Schedules[i]
		g := given{"name": s.Name}
		set(g, "description", s.Description)
		set(g, "cron", s.Cron)
		set(g, "every", s.Every)
		set(g, "at", s.At)
		set(g, "time_zone", s.TimeZone)
		set(g, "start", s.Start)
		set(g, "end", s.End)
		set(g, "jitter", s.Jitter)
		set(g, "overlap", string(s.Overlap))
		set(g, "max_queued", s.MaxQueued)
		set(g, "catch_up", string(s.CatchUp))
		set(g, "catch_up_max", s.CatchUpMax)
		set(g, "catch_up_within", s.CatchUpWithin)
		set(g, "paused", s.Paused)
		if len(s.Include)+len(s.Exclude) > 0 {
			g["calendars"] = map[string]any{"include": append([]string{}, s.Include...), "exclude": append([]string{}, s.Exclude...)}
		}
		if len(s.Params) > 0 {
			values := make(map[string]string, len(s.Params))
			for _, p := range s.Params {
				values[p.Name] = p.Value
			}
			g["params"] = values
		}
		all = append(all, expr.Fields{Type: "Schedule", Values: g, Defaults: map[string]any{
			"overlap": string(cmp.Or(s.Overlap, schedule.SkipOverlap)), "catch_up": string(cmp.Or(s.CatchUp, schedule.CatchLast)),
		}})
	}
	return all
}
