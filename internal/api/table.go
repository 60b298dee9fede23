package api

import (
	"net/http"

	"github.com/executionerhq/executioner/internal/access"
)

// prefix is what the paths of this version begin with.
const prefix = "/api/v1"

// table is all that can be reached, and what it takes.
func (s *server) table() []route {
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	logParams := []string{"tail: begin with that many of the last lines", "offset: begin at that byte", "follow: true goes on until the run has ended"}
	eventParams := []string{"after: only what has a higher seq; the same as the header Last-Event-ID"}
	allParams := []string{"application: only of this one", "after: the id of the last event that was seen; the same as the header Last-Event-ID"}
	rows := []route{
		// Runs.
		{method: post, path: prefix + "/runs", id: "submit", summary: "Submit a workflow", action: access.RunSubmit, object: inHandler, class: changing, big: true, typed: typed(s, s.submit)},
		{method: get, path: prefix + "/runs", id: "list-runs", summary: "List runs, the newest first", action: access.RunRead, object: inHandler, typed: typed(s, s.list)},
		{method: get, path: prefix + "/runs/{run}", id: "get-run", summary: "Show a run and its jobs", action: access.RunRead, object: inRun, typed: typed(s, s.show)},
		{method: get, path: prefix + "/runs/{run}/details", id: "get-run-details", summary: "Show all that is recorded of a run", action: access.RunRead, object: inRun, typed: typed(s, s.details)},
		{method: get, path: prefix + "/runs/{run}/jobs/{job}", id: "get-job", summary: "Show a job of a run", action: access.RunRead, object: inRun, typed: typed(s, s.job)},
		{method: get, path: prefix + "/runs/{run}/jobs/{job}/tries/{try}", id: "get-try", summary: "Show one start of a job", action: access.RunRead, object: inRun, typed: typed(s, s.try)},
		{method: get, path: prefix + "/runs/{run}/transitions", id: "list-transitions", summary: "List what was recorded of a run", action: access.RunRead, object: inRun, typed: typed(s, s.transitions)},
		{method: get, path: prefix + "/runs/{run}/explain", id: "explain-run", summary: "Say why each thing happened", action: access.RunRead, object: inRun, typed: typed(s, s.explain)},
		{method: get, path: prefix + "/runs/{run}/leftovers", id: "list-leftovers", summary: "List processes that a program which is gone left running", action: access.RunRead, object: inRun, typed: typed(s, s.leftovers)},
		{method: get, path: prefix + "/runs/{run}/workflow", id: "get-run-workflow", summary: "Show the workflow that a run has, as it was stored", action: access.RunRead, object: inRun, typed: typed(s, s.runWorkflow)},
		{method: post, path: prefix + "/runs/{run}/cancel", id: "cancel-run", summary: "Stop a run, or some of its jobs", action: access.RunCancel, object: inRun, class: changing, typed: typed(s, s.cancel)},
		{method: post, path: prefix + "/runs/{run}/jobs/{job}/cancel", id: "cancel-job", summary: "Stop a job, or don't start it", action: access.RunCancel, object: inRun, class: changing, typed: typed(s, s.cancelJob)},
		{method: post, path: prefix + "/runs/{run}/resume", id: "resume-run", summary: "Go on with a run", action: access.RunResume, object: inRun, class: changing, big: true, typed: typed(s, s.resume)},
		{method: post, path: prefix + "/runs/{run}/jobs/{job}/retry", id: "retry-job", summary: "Run a job again, with all that depends on it", action: access.RunResume, object: inRun, class: changing, typed: typed(s, s.retryJob)},
		{method: post, path: prefix + "/runs/{run}/mark-success", id: "mark-success", summary: "Declare jobs successful by hand", action: access.RunMark, object: inRun, class: changing, typed: typed(s, s.markSuccess)},
		{method: post, path: prefix + "/runs/{run}/plan", id: "plan-resume", summary: "Show what going on with a run would do", action: access.RunRead, object: inRun, big: true, typed: typed(s, s.planResume)},
		{method: get, path: prefix + "/applications/{application}/usual", id: "get-usual", summary: "Show how long an application's jobs took the last time", action: access.RunRead, object: inHandler, typed: typed(s, s.usual)},

		// Logs and events.
		{method: get, path: prefix + "/runs/{run}/log", id: "get-run-log", summary: "Show or follow the log of a run", action: access.LogRead, object: inRun, class: streaming, plain: s.runLog, query: logParams, kind: "text/plain"},
		{method: get, path: prefix + "/runs/{run}/jobs/{job}/log", id: "get-job-log", summary: "Show or follow the log of a job", action: access.LogRead, object: inRun, class: streaming, plain: s.jobLog, query: logParams, kind: "text/plain"},
		{method: get, path: prefix + "/runs/{run}/events", id: "follow-run", summary: "Follow what happens in a run", action: access.RunRead, object: inRun, class: streaming, plain: s.runEvents, query: eventParams, kind: "text/event-stream"},
		{method: get, path: prefix + "/events", id: "follow-all", summary: "Follow what happens in all runs", action: access.RunRead, object: inHandler, class: streaming, plain: s.allEvents, query: allParams, kind: "text/event-stream"},

		// Workflows.
		{method: post, path: prefix + "/validate", id: "validate", summary: "Check a workflow without running it", action: access.RunInline, object: inHandler, big: true, typed: typed(s, s.validate)},
		{method: post, path: prefix + "/plan", id: "plan", summary: "Show what a run would do", action: access.WorkflowRead, object: inHandler, big: true, typed: typed(s, s.plan)},

		// The shapes of before there were versions.
		{method: post, path: "/workflows", id: "old-submit", summary: "Submit a workflow (as " + prefix + "/runs)", action: access.RunSubmit, object: inHandler, class: changing, big: true, typed: typed(s, s.submit)},
		{method: get, path: "/runs/{run}", id: "old-get-run", summary: "Show a run (as " + prefix + "/runs/{run})", action: access.RunRead, object: inRun, typed: typed(s, s.show)},

		// The service.
		{method: get, path: "/healthz/live", id: "live", summary: "Say that the service answers", public: true, typed: typed(s, s.live)},
		{method: get, path: "/healthz/ready", id: "ready", summary: "Say whether the service takes runs", public: true, typed: typed(s, s.ready)},
		{method: get, path: prefix + "/version", id: "version", summary: "Say which program this is", action: access.TokenOwn, typed: typed(s, s.version)},
		{method: get, path: "/openapi.json", id: "openapi", summary: "This document", public: true, plain: s.serveOpenAPI},
		{method: get, path: "/docs", id: "docs", summary: "This document, to read", public: true, plain: s.docs("docs.html", "text/html; charset=utf-8")},
		{method: get, path: "/docs.js", id: "docs-js", summary: "A part of /docs", public: true, plain: s.docs("docs.js", "text/javascript; charset=utf-8")},
		{method: get, path: "/docs.css", id: "docs-css", summary: "A part of /docs", public: true, plain: s.docs("docs.css", "text/css; charset=utf-8")},
	}
	rows = append(rows, s.accountRows(get, post, put, del)...)
	rows = append(rows, s.insightRows()...)
	if s.Schedules != nil {
		rows = append(rows, s.scheduleRows(get, post)...)
		rows = append(rows, s.triggerRows(get, post)...)
	}
	if s.Statistics != nil {
		rows = append(rows, route{method: get, path: prefix + "/statistics", id: "statistics", summary: "Figures of runs", action: access.StatsRead, object: inHandler, typed: typed(s, s.statistics)})
	}
	return rows
}
