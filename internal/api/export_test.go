package api

import (
	"context"
	"net/http"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/scheduler"
	"github.com/executionerhq/executioner/internal/telemetry"
)

// Row is a row of the table of routes, as tests see it.
type Row struct {
	Method, Path, ID, Action string
	Public, Stream           bool
}

// Rows returns the table of routes, with all that settings can add.
func Rows() []Row {
	s := &server{Config: Config{OIDC: &OIDC{}, Schedules: (*scheduler.Scheduler)(nil), Metrics: telemetry.NewMetrics(1), Statistics: func(context.Context, Figures) (any, error) { return nil, nil }}}
	var all []Row
	for _, r := range s.table() {
		all = append(all, Row{r.method, r.path, r.id, string(r.action), r.public, r.class == streaming})
	}
	return all
}

// Register makes a handler of other rows than the table's.
func Register(cfg Config, change func(method, path, action *string, public *bool)) error {
	s := &server{Config: cfg, patterns: http.NewServeMux()}
	for _, r := range s.table() {
		action := string(r.action)
		change(&r.method, &r.path, &action, &r.public)
		r.action = access.Action(action)
		s.routes = append(s.routes, r)
	}
	return s.register()
}

// HideWorkflow is hideWorkflow.
var HideWorkflow = hideWorkflow
