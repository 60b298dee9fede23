package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/workflow"
)

// TestErrors has the server answer with an error, and looks at what a caller sees of it.
func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter)
		want   Error
		exit   int
	}{
		"ours": {
			func(w http.ResponseWriter) {
				answerProblem(w, 404, `{"code":"not_found","detail":"there is no run 7","hint":"the newest is run 3 of nightly","status":404,"request_id":"r1"}`)
			},
			Error{Code: CodeNotFound, Message: "there is no run 7", Hint: "the newest is run 3 of nightly", Status: 404, RequestID: "r1"},
			4,
		},
		"a code of a newer server": {
			func(w http.ResponseWriter) { answerProblem(w, 409, `{"code":"too_new","detail":"no"}`) },
			Error{Code: CodeConflict, Message: "no", Status: 409},
			5,
		},
		"an invalid workflow": {
			func(w http.ResponseWriter) {
				answerProblem(w, 422, `{"code":"invalid_workflow","detail":"the workflow is not valid: f.yaml:3:1: no","problems":[{"file":"f.yaml","line":3,"column":1,"message":"no"}]}`)
			},
			Error{Code: CodeInvalidWorkflow, Message: "the workflow is not valid", Status: 422},
			3,
		},
		"a proxy's": {
			func(w http.ResponseWriter) { http.Error(w, "<html>", http.StatusForbidden) },
			Error{Code: CodeForbidden, Message: "the server answered 403 Forbidden", Status: 403},
			2,
		},
		"another program": {
			func(w http.ResponseWriter) { http.Error(w, "404 page not found", http.StatusNotFound) },
			Error{Code: CodeNotFound, Message: "the server answered 404 Not Found", Hint: "is this an executioner server, and not older than this program?", Status: 404},
			4,
		},
		"TLS is wanted": {
			func(w http.ResponseWriter) {
				http.Error(w, "Client sent an HTTP request to an HTTPS server.", http.StatusBadRequest)
			},
			Error{Code: CodeUsage, Message: "the server answered 400 Bad Request", Hint: "it speaks https: give its address as https://HOST:PORT", Status: 400},
			2,
		},
		"elsewhere": {
			func(w http.ResponseWriter) {
				w.Header().Set("Location", "https://evil.example.org/")
				w.WriteHeader(http.StatusMovedPermanently)
			},
			Error{Code: CodeInternal, Message: "the server answered 301 Moved Permanently", Hint: "it sends elsewhere, to https://evil.example.org/: name that server if it is the right one", Status: 301},
			70,
		},
		"too large": {
			func(w http.ResponseWriter) { http.Error(w, "", http.StatusRequestEntityTooLarge) },
			Error{Code: CodeUsage, Message: "the server answered 413 Request Entity Too Large", Status: 413},
			2,
		},
		"no JSON": {
			func(w http.ResponseWriter) { _, _ = io.WriteString(w, "<html>") },
			Error{Code: CodeUnsupported, Message: "the server's answer can't be understood: invalid character '<' looking for beginning of value", Hint: "is this an executioner server, and as new as this program?"},
			2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) { c.answer(w) })
			_, err := connect(t, Config{Server: s.URL, Token: "exe_1"}).Run(t.Context(), 7)
			sameError(t, err, c.want)
			if got := asExit(t, err); got != c.exit {
				t.Errorf("exit code %d, want %d", got, c.exit)
			}
			if fault.CodeOf(err) != c.want.Code || fault.HintOf(err) != c.want.Hint {
				t.Errorf("as a fault: %s, %q", fault.CodeOf(err), fault.HintOf(err))
			}
		})
	}
}

func TestInvalidWorkflowHasItsProblems(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answerProblem(w, 422, `{"code":"invalid_workflow","detail":"the workflow is not valid","problems":[{"file":"f.yaml","line":3,"column":1,"message":"no","hint":"yes"}]}`)
	})
	_, err := connect(t, Config{Server: s.URL}).Submit(t.Context(), Submission{}, "")
	var e *Error
	var problems workflow.Problems
	if !errors.As(err, &e) || !errors.As(err, &problems) {
		t.Fatal(err)
	}
	want := FileProblem{File: "f.yaml", Line: 3, Col: 1, Msg: "no", Hint: "yes"}
	if len(e.Problems) != 1 || e.Problems[0] != want || len(problems) != 1 || problems[0] != want {
		t.Errorf("%+v, %+v", e.Problems, problems)
	}
}

// TestRepeats counts how often each kind of call is made when the server answers so at first.
func TestRepeats(t *testing.T) {
	hangUp := func(w http.ResponseWriter) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			conn.Close()
		}
	}
	busy := func(w http.ResponseWriter) {
		w.Header().Set("Retry-After", "1")
		answerProblem(w, 429, `{"code":"rate_limited","detail":"too many"}`)
	}
	down := func(w http.ResponseWriter) { answerProblem(w, 503, `{"code":"unavailable","detail":"no database"}`) }
	bad := func(w http.ResponseWriter) { answerProblem(w, 500, `{"code":"internal","detail":"a bug"}`) }
	read := func(ctx context.Context, c *Client) error { _, err := c.Run(ctx, 1); return err }
	submit := func(ctx context.Context, c *Client) error { _, err := c.Submit(ctx, Submission{}, ""); return err }
	resume := func(ctx context.Context, c *Client) error { _, err := c.Resume(ctx, 1, Resumption{}); return err }
	mark := func(ctx context.Context, c *Client) error { _, err := c.MarkSuccess(ctx, 1, Marking{}); return err }
	for name, c := range map[string]struct {
		first  func(w http.ResponseWriter)
		ask    func(ctx context.Context, c *Client) error
		calls  int64
		failed Code
	}{
		"read, hung up":      {hangUp, read, 3, ""},
		"read, no database":  {down, read, 3, ""},
		"read, a bug":        {bad, read, 1, CodeInternal},
		"read, busy":         {busy, read, 3, ""},
		"submit, hung up":    {hangUp, submit, 3, ""},
		"submit, down":       {down, submit, 3, ""},
		"resume, hung up":    {hangUp, resume, 1, CodeUnavailable},
		"resume, down":       {down, resume, 1, CodeUnavailable},
		"resume, busy":       {busy, resume, 3, ""},
		"mark-success, down": {down, mark, 3, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int64
			keys := make(chan string, 10)
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				keys <- r.Header.Get("Idempotency-Key")
				if calls.Add(1) < 3 {
					c.first(w)
					return
				}
				answerJSON(w, Run{Run: 1})
			})
			err := c.ask(t.Context(), connect(t, Config{Server: s.URL}))
			if got := fault.CodeOf(err); got != c.failed || calls.Load() != c.calls {
				t.Errorf("%d calls, %v; want %d, %q", calls.Load(), err, c.calls, c.failed)
			}
			first := <-keys
			if strings.HasPrefix(name, "submit") != (first != "") {
				t.Errorf("key %q", first)
			}
			for range calls.Load() - 1 {
				if again := <-keys; again != first {
					t.Errorf("key %q, then %q", first, again)
				}
			}
		})
	}
}

// TestRepeatsUntil has the clock go on with each wait.
func TestRepeatsUntil(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens there now
	for name, c := range map[string]struct {
		retry time.Duration
		tries int // waits between
	}{
		"default": {0, 7}, "long": {time.Minute, 7}, "never": {-1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			client := connect(t, Config{Server: "http://" + l.Addr().String(), RetryFor: c.retry})
			var at time.Time
			waits := 0
			client.now = func() time.Time { return at }
			client.pause = func(_ context.Context, d time.Duration) error {
				if d < 50*time.Millisecond || d > lastPause {
					t.Errorf("a wait of %s", d)
				}
				waits++
				at = at.Add(d)
				return nil
			}
			begun := at
			_, err := client.Run(t.Context(), 1)
			sameError(t, err, Error{Code: CodeUnavailable, Message: err.Error(), Hint: "check that it runs, and its address"})
			if !strings.HasPrefix(err.Error(), "the server can't be reached: ") {
				t.Error(err)
			}
			if waits < c.tries || at.Sub(begun) > max(0, client.retryFor) || c.tries == 0 && waits > 0 {
				t.Errorf("%d waits, %s in all", waits, at.Sub(begun))
			}
		})
	}
}

func TestGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := connect(t, Config{Server: s.URL}).Run(ctx, 1)
	sameError(t, err, Error{Code: CodeCancelled, Message: "the request was given up: context canceled"})
	if asExit(t, err) != 130 {
		t.Error(asExit(t, err))
	}
}

// TestPaths asks for what has strange names.
func TestPaths(t *testing.T) {
	var got string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.URL.EscapedPath() + "?" + r.URL.RawQuery
		answerJSON(w, RunJob{})
	})
	c := connect(t, Config{Server: s.URL + "/under/here/"})
	for job, want := range map[JobID]string{
		"load":          "/under/here/api/v1/runs/1/jobs/load?",
		"sub/load":      "/under/here/api/v1/runs/1/jobs/sub%2Fload?",
		"a b?c#d%e":     "/under/here/api/v1/runs/1/jobs/a%20b%3Fc%23d%25e?",
		"../../etc":     "/under/here/api/v1/runs/1/jobs/..%2F..%2Fetc?",
		"build[x,y]\"é": "/under/here/api/v1/runs/1/jobs/build%5Bx%2Cy%5D%22%C3%A9?",
	} {
		if _, err := c.RunJob(t.Context(), 1, job); err != nil || got != want {
			t.Errorf("%q: asked for %s, %v; want %s", job, got, err, want)
		}
	}
	for _, job := range []JobID{"", ".", ".."} {
		got = ""
		_, err := c.RunJob(t.Context(), 1, job)
		if fault.CodeOf(err) != CodeUsage || got != "" {
			t.Errorf("%q: %v, asked for %q", job, err, got)
		}
	}
	at := time.Date(2026, 1, 31, 13, 0, 0, 5, time.FixedZone("", 3600))
	_, err := c.Runs(t.Context(), RunFilter{Application: "a&b", States: []State{StateFailed, StateTimeout}, Since: at, Until: at, Before: 9, Limit: 5})
	if err != nil || got != "/under/here/api/v1/runs?application=a%26b&before=9&limit=5&since=2026-01-31T12%3A00%3A00.000000005Z&state=FAILED%2CTIMEOUT&until=2026-01-31T12%3A00%3A00.000000005Z" {
		t.Errorf("%s, %v", got, err)
	}
}

// TestTokensStay has a server send a client to another one, which must not see the token.
func TestTokensStay(t *testing.T) {
	other := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the other server was asked") })
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	_, err := connect(t, Config{Server: s.URL, Token: "exe_1"}).Submit(t.Context(), Submission{}, "k")
	if fault.CodeOf(err) != CodeInternal {
		t.Error(err)
	}
}
