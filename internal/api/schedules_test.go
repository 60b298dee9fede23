package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/schedule"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/trigger"
)

// hourly decides about all schedules alike: they fire each hour.
type hourly struct{}

// Spec implements api.Schedules.
func (hourly) Spec(string) (*schedule.Spec, error) { return &schedule.Spec{Every: time.Hour}, nil }

// Deliver implements api.Schedules: nothing is signed well enough.
func (hourly) Deliver(context.Context, string, trigger.Request) (store.Firing, bool, error) {
	return store.Firing{}, false, fault.New(fault.Unauthorized, "the request is not signed")
}

func scheduleSite(t *testing.T) (*site, time.Time) {
	s := newSite(t, func(c *api.Config) { c.Schedules = hourly{} })
	noon := s.now().UTC().Truncate(time.Hour)
	s.must(s.st.ChangeSchedule(t.Context(), store.ScheduleChange{
		Schedule: store.Schedule{ID: "file:a.yaml/every hour", Workflow: "file:a.yaml", Name: "every hour", Application: "one", Decided: noon, Next: noon.Add(time.Hour)},
		Add: []store.Firing{
			{Schedule: "file:a.yaml/every hour", Time: noon.Add(-time.Hour), Decision: "run", State: store.FiringRunning, Run: 7, DecidedAt: noon},
			{Schedule: "file:a.yaml/every hour", Time: noon, Decision: "skipped", Reason: "overlap", By: "7", State: store.FiringOver, DecidedAt: noon},
		},
	}))
	return s, noon
}

const ofEveryHour = "/api/v1/schedules/file:a.yaml/every%20hour"

func TestSchedules(t *testing.T) {
	s, noon := scheduleSite(t)
	viewer := s.bearer(s.user("ann", access.Grant{Role: access.Viewer, Application: "one"}))
	author := s.bearer(s.user("bob", access.Grant{Role: access.Author, Application: "one"}))
	next := noon.Add(time.Hour)
	known := wire.Schedule{ID: "file:a.yaml/every hour", Workflow: "file:a.yaml", Name: "every hour", Application: "one", Next: &next, Decided: &noon}
	same := func(a answer, status int, got, want any) {
		t.Helper()
		if a.status != status {
			t.Fatalf("got %d %s", a.status, a.body)
		}
		a.into(t, got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
	same(viewer.do(http.MethodGet, "/api/v1/schedules", nil), 200, &wire.Schedules{}, &wire.Schedules{Schedules: []wire.Schedule{known}})
	same(viewer.do(http.MethodGet, ofEveryHour, nil), 200, &wire.Schedule{}, &known)
	skipped := wire.ScheduledTime{Time: noon, Decision: "skipped", Reason: "overlap", By: "7", State: store.FiringOver, Decided: &noon}
	ran := wire.ScheduledTime{Time: noon.Add(-time.Hour), Decision: "run", State: store.FiringOver, Run: 7, Decided: &noon} // of which nothing is left
	same(viewer.do(http.MethodGet, ofEveryHour+"/times", nil), 200, &wire.ScheduledTimes{}, &wire.ScheduledTimes{Times: []wire.ScheduledTime{skipped, ran}})
	same(viewer.do(http.MethodGet, ofEveryHour+"/times?limit=1", nil), 200, &wire.ScheduledTimes{}, &wire.ScheduledTimes{Times: []wire.ScheduledTime{skipped}, Next: &noon})
	same(viewer.do(http.MethodGet, ofEveryHour+"/times?before="+noon.Format(time.RFC3339), nil), 200, &wire.ScheduledTimes{}, &wire.ScheduledTimes{Times: []wire.ScheduledTime{ran}})

	var paused wire.Schedule
	if a := author.do(http.MethodPost, ofEveryHour+"/pause", wire.Pause{Why: "works"}); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	} else if a.into(t, &paused); !paused.Paused || paused.PausedBy != "bob" || paused.PausedWhy != "works" || paused.PausedAt == nil {
		t.Errorf("%+v", paused)
	}
	same(author.do(http.MethodPost, ofEveryHour+"/resume", nil), 200, &wire.Schedule{}, &known)

	from := noon.Add(-2 * time.Hour).Format(time.RFC3339)
	want := wire.Backfilled{Asked: 2, Times: []wire.BackfillTime{
		{Time: noon.Add(-2 * time.Hour)}, {Time: noon.Add(-time.Hour), Was: "run", Taken: true}, {Time: noon, Was: "skipped: overlap"},
	}}
	same(viewer.do(http.MethodGet, ofEveryHour+"/backfill?from="+from, nil), 200, &wire.Backfilled{}, &want)
	same(author.do(http.MethodPost, ofEveryHour+"/backfill", wire.Backfill{From: from, Concurrency: 2}), 202, &wire.Backfilled{}, &want)
	want.Asked, want.Times[0].Was, want.Times[0].Taken, want.Times[2].Was, want.Times[2].Taken = 0, "backfill", true, "backfill: skipped: overlap", true
	same(author.do(http.MethodPost, ofEveryHour+"/backfill", wire.Backfill{From: from}), 202, &wire.Backfilled{}, &want)
	var now wire.ScheduledTime
	if a := author.do(http.MethodPost, ofEveryHour+"/run", nil); a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	} else if a.into(t, &now); now.Decision != "now" || now.By != "bob" || now.State != store.FiringDue {
		t.Errorf("%+v", now)
	}

	// Each change is in the audit log.
	es, err := s.st.Audit(t.Context(), store.AuditFilter{Who: "bob"})
	s.must(err)
	var actions []string
	for _, e := range es {
		actions = append(actions, e.Action+" "+e.Object+" "+string(e.Result))
	}
	what := " schedule file:a.yaml/every hour ok"
	if diff := cmp.Diff([]string{"run.submit" + what, "run.submit" + what, "run.submit" + what, "workflow.write" + what, "workflow.write" + what}, actions); diff != "" {
		t.Error(diff)
	}
	for path, code := range map[string]int{"/backfill?from=yesterday": 400, "/backfill?from=2999-01-01": 400, "/backfill?from=1990-01-01&limit=5": 400} {
		if a := viewer.do(http.MethodGet, ofEveryHour+path, nil); a.status != code {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	// What others have is not there.
	other := s.bearer(s.user("eve", access.Grant{Role: access.Admin, Application: "two"}))
	if a := other.do(http.MethodPost, ofEveryHour+"/run", nil); a.status != 404 {
		t.Errorf("%d %s", a.status, a.body)
	}
	same(other.do(http.MethodGet, "/api/v1/schedules", nil), 200, &wire.Schedules{}, &wire.Schedules{Schedules: []wire.Schedule{}})
}

// into reads the body of an answer.
func (a answer) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
}
