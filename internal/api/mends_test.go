package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// The stream about all runs was the only one that hid nothing.
func TestTheStreamOfAllRunsHidesSecrets(t *testing.T) {
	s := newSite(t)
	s.runner.says = run.Outcome{
		State: run.Failed, Reason: run.StartFailed, ExitCode: run.NoExitCode, Detail: "no " + canary, Values: run.NewValues(map[string]string{"told": canary}),
	}
	source := s.flow("app", "say: x") + "env_variables: {DB_PASSWORD: " + canary + "}\n"
	viewer := s.bearer(s.user("viewer", access.Grant{Role: access.Viewer}))
	said := ""
	viewer.stream("/api/v1/events", func(e sent) bool {
		said += e.data + "\n"
		return strings.Count(said, "\n") < 6 // all of the run
	}, func() { s.local().ended(source) })
	if strings.Contains(said, canary) || !strings.Contains(said, `"detail":"no ***"`) || !strings.Contains(said, `{"told":"***"}`) {
		t.Errorf("it says %s", said)
	}
}

// Who was shut out was asked again only when a stream had nothing to tell: one that always
// had went on.
func TestARevokedTokenEndsABusyStream(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.Limits.Heartbeat = 200 * time.Millisecond })
	s.local().submit(s.flow("app", "block: x"))
	s.user("ann", access.Grant{Role: access.Viewer})
	last, err := s.st.Run(t.Context(), 1)
	s.must(err)
	busy, rest := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Millisecond) // so that readers keep up
		defer tick.Stop()
		for seq := last.Seq + 1; busy.Err() == nil; seq++ {
			s.hub.Publish(1, []run.Transition{{Seq: seq, Attempt: 1, Job: "block", From: run.Queued, To: run.Running, At: time.Now()}})
			<-tick.C
		}
	}()
	for _, path := range []string{"/api/v1/runs/1/events", "/api/v1/events"} {
		token := s.token("ann", time.Time{}, access.Grant{Role: access.Viewer})
		id, _ := access.TokenID(token)
		resp := s.bearer(token).open(http.MethodGet, path, nil)
		_, err := bufio.NewReader(resp.Body).ReadString('\n')
		s.must(err)
		s.must(s.st.RevokeToken(t.Context(), id, s.now().UTC()))
		stop := time.AfterFunc(deadline, func() { resp.Body.Close() })
		if _, err := io.Copy(io.Discard, resp.Body); !stop.Stop() || err != nil {
			t.Errorf("%s: it goes on: %v", path, err)
		}
		resp.Body.Close()
	}
	rest()
	<-done
}

// A difference between versions that can't be read any more showed the lines of the file, to
// those who may not read it.
func TestADifferenceShowsNoLines(t *testing.T) {
	s := newSite(t)
	broken := false
	load := s.cfg.Load
	handler, err := api.New(func() api.Config {
		c := s.cfg
		c.Load = func(ctx context.Context, text api.Text) (*workflow.Workflow, error) {
			if broken {
				f := fault.New(fault.InvalidWorkflow, "it is not valid")
				f.Err = workflow.Problems{{File: "nightly.yaml", Line: 7, Msg: "there is no file", Text: "password: " + canary}}
				return nil, f
			}
			return load(ctx, text)
		}
		return c
	}())
	s.must(err)
	s.handler = handler
	s.server.Config.Handler = handler
	viewer := s.bearer(s.user("viewer", access.Grant{Role: access.Viewer}))
	author := s.bearer(s.user("author", access.Grant{Role: access.Author}))
	for _, source := range []string{s.flow("one", "a: x"), s.flow("one", "a: y")} {
		author.good(author.do(http.MethodPut, "/api/v1/workflows/nightly", wire.Register{Source: source}), nil)
	}
	const path = "/api/v1/workflows/nightly/diff?from=1&to=2"
	viewer.get(path, nil)
	broken = true
	a := viewer.do(http.MethodGet, path, nil)
	if p := a.problem(t); p.Code != fault.InvalidWorkflow || strings.Contains(string(a.body), canary) || strings.Contains(string(a.body), "password") {
		t.Errorf("got %s", a.body)
	}
	a = author.do(http.MethodGet, path, nil)
	if p := a.problem(t); p.Code != fault.InvalidWorkflow || !strings.Contains(string(a.body), canary) {
		t.Errorf("whoever may read the file is told %s", a.body)
	}
}

// Many bodies at once took all of the memory, however large one may be.
func TestManyBodiesAtOnce(t *testing.T) {
	s := newSite(t)
	token := s.user("ann", access.Grant{Role: access.Author})
	const most, size = 256 << 20, 16 << 20
	for range most / size { // none of it is sent
		conn := s.nobody().dial()
		defer conn.Close()
		_, err := fmt.Fprintf(conn, "POST /api/v1/validate HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{", token, size)
		s.must(err)
	}
	c := s.bearer(token)
	check := wire.Flow{Source: s.flow("app", "a: x")}
	var a answer
	s.until("there is no room", func() bool {
		a = c.do(http.MethodPost, "/api/v1/validate", check)
		return a.status == http.StatusServiceUnavailable
	})
	if p := a.problem(t); p.Code != fault.RateLimited {
		t.Errorf("got %+v", p)
	}
	c.get("/api/v1/session", nil) // what has no body needs no room
}
