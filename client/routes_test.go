package client

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
)

// TestRequests looks at what each method asks for. That a server understands it is tested
// with a real one, see internal/cli.
func TestRequests(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	disabled := true
	for want, ask := range map[string]func(ctx context.Context, c *Client) error{
		`GET /api/v1/runs/@latest `:                 func(ctx context.Context, c *Client) error { return second(c.Find(ctx, "@latest")) },
		`GET /api/v1/runs/7/details `:               func(ctx context.Context, c *Client) error { return second(c.Details(ctx, 7)) },
		`GET /api/v1/runs/7/jobs/a/tries/2 `:        func(ctx context.Context, c *Client) error { return second(c.Try(ctx, 7, "a", 2)) },
		`GET /api/v1/runs/7/explain `:               func(ctx context.Context, c *Client) error { return second(c.Explain(ctx, 7, "")) },
		`GET /api/v1/runs/7/explain?job=a+b `:       func(ctx context.Context, c *Client) error { return second(c.Explain(ctx, 7, "a b")) },
		`GET /api/v1/runs/7/workflow `:              func(ctx context.Context, c *Client) error { return second(c.RunWorkflow(ctx, 7)) },
		`GET /api/v1/runs/7/leftovers `:             func(ctx context.Context, c *Client) error { return second(c.Leftovers(ctx, 7)) },
		`POST /api/v1/runs/7/cancel {"drain":true}`: func(ctx context.Context, c *Client) error { return second(c.Cancel(ctx, 7, Cancellation{Drain: true})) },
		`POST /api/v1/runs/7/jobs/a/cancel `:        func(ctx context.Context, c *Client) error { return second(c.CancelJob(ctx, 7, "a")) },
		`POST /api/v1/runs/7/jobs/a/retry `:         func(ctx context.Context, c *Client) error { return second(c.RetryJob(ctx, 7, "a")) },
		`POST /api/v1/validate {"source":"x","name":"f.yaml"}`: func(ctx context.Context, c *Client) error {
			return second(c.Validate(ctx, Flow{Source: "x", Name: "f.yaml"}))
		},
		`GET /api/v1/version `: func(ctx context.Context, c *Client) error { return second(c.ServerVersion(ctx)) },
		`POST /api/v1/plan {"workflow":"nightly@2","options":{}}`: func(ctx context.Context, c *Client) error {
			return second(c.Plan(ctx, Submission{Flow: Flow{Workflow: "nightly@2"}}))
		},
		`POST /api/v1/runs/7/plan {"options":{},"failed_only":true}`: func(ctx context.Context, c *Client) error {
			return second(c.PlanResume(ctx, 7, Resumption{FailedOnly: true}))
		},
		`GET /api/v1/applications/a%2Fb/usual `: func(ctx context.Context, c *Client) error { return second(c.Usual(ctx, "a/b")) },
		`GET /healthz/ready `:                   func(ctx context.Context, c *Client) error { return c.Ready(ctx) },
		`GET /healthz/live `:                    func(ctx context.Context, c *Client) error { return c.Live(ctx) },
		`GET /openapi.json `:                    func(ctx context.Context, c *Client) error { return second(c.OpenAPI(ctx)) },
		`PUT /api/v1/workflows/nightly {"source":"x"}`: func(ctx context.Context, c *Client) error {
			return second(c.Register(ctx, "nightly", Registration{Source: "x"}))
		},
		`GET /api/v1/workflows `:                            func(ctx context.Context, c *Client) error { return second(c.Workflows(ctx)) },
		`GET /api/v1/workflows/nightly `:                    func(ctx context.Context, c *Client) error { return second(c.RegisteredWorkflow(ctx, "nightly", 0)) },
		`GET /api/v1/workflows/nightly/versions/2 `:         func(ctx context.Context, c *Client) error { return second(c.RegisteredWorkflow(ctx, "nightly", 2)) },
		`GET /api/v1/workflows/nightly/versions `:           func(ctx context.Context, c *Client) error { return second(c.WorkflowVersions(ctx, "nightly")) },
		`GET /api/v1/workflows/nightly/diff?from=1&to=2 `:   func(ctx context.Context, c *Client) error { return second(c.DiffWorkflow(ctx, "nightly", 1, 2)) },
		`POST /api/v1/workflows/nightly/enable `:            func(ctx context.Context, c *Client) error { return second(c.EnableWorkflow(ctx, "nightly", 0, true)) },
		`POST /api/v1/workflows/nightly/disable?version=2 `: func(ctx context.Context, c *Client) error { return second(c.EnableWorkflow(ctx, "nightly", 2, false)) },
		`GET /api/v1/statistics?application=flow&by=day&flakiest=3&job=a&since=30d&slowest=2 `: func(ctx context.Context, c *Client) error {
			return second(c.Statistics(ctx, StatisticsFilter{Application: "flow", Job: "a", Since: "30d", By: "day", Slowest: 2, Flakiest: 3}))
		},
		`GET /api/v1/schedules `:                             func(ctx context.Context, c *Client) error { return second(c.Schedules(ctx)) },
		`GET /api/v1/schedules/file:a.yaml/each%20hour%2F2 `: func(ctx context.Context, c *Client) error { return second(c.Schedule(ctx, "file:a.yaml/each hour/2")) },
		`GET /api/v1/schedules/a/b/times?limit=2&since=2026-01-31T12%3A00%3A00Z `: func(ctx context.Context, c *Client) error {
			return second(c.ScheduledTimes(ctx, "a/b", TimesFilter{Since: at, Limit: 2}))
		},
		`POST /api/v1/schedules/a/b/pause {"why":"x"}`: func(ctx context.Context, c *Client) error { return second(c.PauseSchedule(ctx, "a/b", "x")) },
		`POST /api/v1/schedules/a/b/resume `:           func(ctx context.Context, c *Client) error { return second(c.ResumeSchedule(ctx, "a/b")) },
		`POST /api/v1/schedules/a/b/run `:              func(ctx context.Context, c *Client) error { return second(c.RunSchedule(ctx, "a/b")) },
		`GET /api/v1/schedules/a/b/backfill?from=2026-01-01&limit=3&to=2026-01-02 `: func(ctx context.Context, c *Client) error {
			return second(c.PreviewBackfill(ctx, "a/b", BackfillRange{From: "2026-01-01", To: "2026-01-02", Limit: 3}))
		},
		`POST /api/v1/schedules/a/b/backfill {"from":"2026-01-01","concurrency":4}`: func(ctx context.Context, c *Client) error {
			return second(c.Backfill(ctx, "a/b", BackfillRange{From: "2026-01-01", Concurrency: 4}))
		},
		`GET /api/v1/triggers `:                func(ctx context.Context, c *Client) error { return second(c.Triggers(ctx)) },
		`GET /api/v1/triggers/file:a.yaml/in `: func(ctx context.Context, c *Client) error { return second(c.Trigger(ctx, "file:a.yaml/in")) },
		`GET /api/v1/triggers/a/b/arrivals?limit=2&since=2026-01-31T12%3A00%3A00Z `: func(ctx context.Context, c *Client) error {
			return second(c.Arrivals(ctx, "a/b", TimesFilter{Since: at, Limit: 2}))
		},
		`POST /api/v1/triggers/a/b/pause {"why":"x"}`: func(ctx context.Context, c *Client) error { return second(c.PauseTrigger(ctx, "a/b", "x")) },
		`POST /api/v1/triggers/a/b/resume `:           func(ctx context.Context, c *Client) error { return second(c.ResumeTrigger(ctx, "a/b")) },
		`GET /api/v1/session `:                        func(ctx context.Context, c *Client) error { return second(c.WhoAmI(ctx)) },
		`PUT /api/v1/password {"old":"a","new":"b"}`:  func(ctx context.Context, c *Client) error { return c.ChangePassword(ctx, "a", "b") },
		`GET /api/v1/users `:                          func(ctx context.Context, c *Client) error { return second(c.Users(ctx)) },
		`GET /api/v1/users/ann `:                      func(ctx context.Context, c *Client) error { return second(c.User(ctx, "ann")) },
		`POST /api/v1/users {"name":"ann","grants":[{"role":"viewer","application":"a"}]}`: func(ctx context.Context, c *Client) error {
			return second(c.AddUser(ctx, NewUser{Name: "ann", Grants: []Grant{{Role: RoleViewer, Application: "a"}}}))
		},
		`PATCH /api/v1/users/ann {"disabled":true}`: func(ctx context.Context, c *Client) error {
			return second(c.ChangeUser(ctx, "ann", UserChange{Disabled: &disabled}))
		},
		`DELETE /api/v1/users/ann `:     func(ctx context.Context, c *Client) error { return c.DeleteUser(ctx, "ann") },
		`GET /api/v1/tokens `:           func(ctx context.Context, c *Client) error { return second(c.Tokens(ctx, "")) },
		`GET /api/v1/users/ann/tokens `: func(ctx context.Context, c *Client) error { return second(c.Tokens(ctx, "ann")) },
		`POST /api/v1/tokens {"name":"batch","expires":"1h"}`: func(ctx context.Context, c *Client) error {
			return second(c.AddToken(ctx, "", NewToken{Name: "batch", Expires: "1h"}))
		},
		`POST /api/v1/users/ann/tokens {"name":"batch"}`: func(ctx context.Context, c *Client) error {
			return second(c.AddToken(ctx, "ann", NewToken{Name: "batch"}))
		},
		`DELETE /api/v1/tokens/t1 `:           func(ctx context.Context, c *Client) error { return c.RevokeToken(ctx, "", "t1") },
		`DELETE /api/v1/users/ann/tokens/t1 `: func(ctx context.Context, c *Client) error { return c.RevokeToken(ctx, "ann", "t1") },
		`GET /api/v1/audit `:                  func(ctx context.Context, c *Client) error { return second(c.Audit(ctx, AuditFilter{})) },
		`GET /api/v1/audit?action=run.submit&before=9&limit=5&since=2026-01-31T12%3A00%3A00Z&user=ann `: func(ctx context.Context, c *Client) error {
			return second(c.Audit(ctx, AuditFilter{User: "ann", Action: "run.submit", Since: at, Before: 9, Limit: 5}))
		},
	} {
		t.Run(want, func(t *testing.T) {
			var got string
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got = r.Method + " " + r.URL.RequestURI() + " " + string(body)
				answerJSON(w, struct{}{})
			})
			if err := ask(t.Context(), connect(t, Config{Server: s.URL})); err != nil || got != want {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

// TestSettled asks for a run that the server still holds.
func TestSettled(t *testing.T) {
	for name, c := range map[string]struct {
		state State
		held  int // how often it is
		asked int
		want  Code
	}{
		"for a moment":       {StateFailed, 2, 3, ""},
		"for ever":           {StateFailed, 100, settleTries + 1, CodeLocked},
		"because it goes on": {StateRunning, 100, 1, CodeLocked},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					answerJSON(w, Run{Run: 7, State: c.state})
					return
				}
				if asked++; asked <= c.held {
					answerProblem(w, 423, `{"code":"locked","detail":"run 7 is going on"}`)
					return
				}
				answerJSON(w, Run{Run: 7, Attempt: 2})
			})
			_, err := connect(t, Config{Server: s.URL}).Resume(t.Context(), 7, Resumption{})
			if fault.CodeOf(err) != c.want || asked != c.asked {
				t.Errorf("asked %d times, %v", asked, err)
			}
		})
	}
}

func TestPause(t *testing.T) {
	if err := pause(t.Context(), time.Nanosecond); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := pause(ctx, time.Hour); err == nil {
		t.Error("it did not end with its context")
	}
}
