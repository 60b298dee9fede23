package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/event"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/service"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
	"github.com/executionerhq/executioner/internal/telemetry"
	"github.com/executionerhq/executioner/internal/workflow"
)

// deadline is how long a test waits for what must happen, on a busy machine.
const deadline = 30 * time.Second

// site is a service as serve composes it, with a store in memory and a runner that starts
// no processes: the command of a job says how it ends.
type site struct {
	*testing.T
	dir     string
	st      *memstore.Store
	hub     *event.Hub
	svc     *service.Service
	runs    *runs.Service
	runner  *runner
	cfg     api.Config
	handler http.Handler
	server  *httptest.Server
	socket  string
	logged  *logged
	// readTimeout is that of the server; none unless a test listens anew with one.
	readTimeout time.Duration

	mu   sync.Mutex // guards what is below
	skew time.Duration
}

// logged is what the service's own log says.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func newSite(t *testing.T, change ...func(*api.Config)) *site {
	s := &site{T: t, dir: t.TempDir(), st: memstore.New(), hub: &event.Hub{}, runner: newRunner(), logged: &logged{}}
	s.runs = runs.New(runs.Config{
		Store: s.st, Host: host{}, Hub: s.hub,
		Secrets: func(_ context.Context, wf *workflow.Workflow) ([]string, error) {
			return slices.Repeat([]string{canary}, len(wf.Secrets)), nil
		},
		NewRunner: func(a runs.Attempt) (runs.Runner, error) { return s.runner, nil },
		Trouble:   func(error) {},
	})
	s.svc = service.New(service.Config{Runs: s.runs, Store: s.st})
	s.must(s.svc.Start(t.Context()))
	s.cfg = api.Config{
		Service: s.svc, Runs: s.runs, History: s.st, Accounts: s.st, Hub: s.hub, Load: s.load, Now: s.now,
		Version: map[string]string{"version": "test"}, Passwords: access.NewPasswords(2),
		Limits:  api.Limits{PerUser: 1e6, PerAddress: 1e6, Poll: 20 * time.Millisecond},
		Metrics: telemetry.NewMetrics(100),
		Log:     newLog(s.logged),
	}
	for _, f := range change {
		f(&s.cfg)
	}
	var err error
	s.handler, err = api.New(s.cfg)
	s.must(err)
	s.listen("s")
	t.Cleanup(s.close)
	return s
}

// canary is a secret that must be found nowhere.
const canary = "canary-7f3a9c51e8d24b06"

func (s *site) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.skew)
}

// later moves the service's clock on.
func (s *site) later(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skew += d
}

// listen serves the handler on loopback and on a unix socket.
func (s *site) listen(socket string) {
	s.server = httptest.NewUnstartedServer(s.handler)
	s.server.Config.ConnContext = api.ConnContext
	s.server.Config.ReadTimeout = s.readTimeout
	s.server.Start()
	s.socket = filepath.Join(s.dir, socket)
	l, err := net.Listen("unix", s.socket)
	s.must(err)
	go func() { _ = s.server.Config.Serve(l) }() // ends when the server is closed
}

func (s *site) close() {
	s.runner.release()
	_ = s.server.Config.Close() // streams, too
	s.server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := s.svc.Finish(ctx); err != nil {
		s.Error(err)
	}
	s.svc.Close()
	if err := s.st.Close(); err != nil {
		s.Error(err)
	}
}

func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// load reads workflows as the command line does, but for what the site demands of them.
func (s *site) load(_ context.Context, t api.Text) (*workflow.Workflow, error) {
	dir := t.Dir
	if dir == "" {
		dir = s.dir
	}
	return workflow.Load(t.Source, workflow.Host{Home: s.dir, Dir: dir, Now: time.Now(), Params: t.Params, ParamsLater: t.Look})
}

// flow is a workflow of an application. Each job is "ID: COMMAND", or "ID: COMMAND < NEEDED".
func (s *site) flow(application string, jobs ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "application_name: %s\nworking_dir: %s\nlog_dir: %s\nparallel: true\nmax_workers: 4\ncontinue_on_error: true\njobs:\n", application, s.dir, s.dir)
	for _, j := range jobs {
		id, rest, _ := strings.Cut(j, ": ")
		command, needs, _ := strings.Cut(rest, " < ")
		fmt.Fprintf(&b, "  - id: %q\n    command: %s\n", id, command)
		if needs != "" {
			fmt.Fprintf(&b, "    dependencies: [%s]\n", needs)
		}
	}
	return b.String()
}

// host is the only program that there is.
type host struct{}

func (host) Owner() store.Owner                                         { return store.Owner{Host: "test", PID: 1} }
func (host) Dead(store.Owner) bool                                      { return false }
func (host) Remains(run.ID, []run.TaskID) bool                          { return false }
func (host) Survivors([]run.TaskID) ([]int, error)                      { return nil, nil }
func (host) KillSurvivors(context.Context, []run.TaskID) ([]int, error) { return nil, nil }

// runner ends jobs as their commands say: "true" well, "false" badly, "block" when it is
// told to. It is safe for concurrent use.
type runner struct {
	mu      sync.Mutex
	blocked map[run.TaskID]func(run.Outcome)
	open    bool // nothing blocks any more
	// says is how jobs end whose name begins with "say"; set it before one starts.
	says run.Outcome
}

func newRunner() *runner { return &runner{blocked: make(map[run.TaskID]func(run.Outcome))} }

var (
	_         runs.Runner = (*runner)(nil)
	well                  = run.Outcome{State: run.Success, Reason: run.Exited}
	badly                 = run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 3}
	cancelled             = run.Outcome{State: run.Cancelled, Reason: run.RunCancelled, ExitCode: run.NoExitCode}
)

func (r *runner) Start(t engine.Task, done func(run.Outcome)) {
	name := string(t.ID.Job)
	switch {
	case strings.HasPrefix(name, "bad"):
		go done(badly)
	case strings.HasPrefix(name, "say"):
		go done(r.says)
	case strings.HasPrefix(name, "block"):
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.open {
			go done(well)
			return
		}
		r.blocked[t.ID] = done
	default:
		go done(well)
	}
}

func (r *runner) take(id run.TaskID) func(run.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	done := r.blocked[id]
	delete(r.blocked, id)
	return done
}

func (r *runner) Recorded(run.TaskID) {}

func (r *runner) Stop(s engine.Stop) {
	if done := r.take(s.ID); done != nil {
		out := cancelled
		out.State, out.Reason = s.State, s.Reason
		go done(out)
	}
}

// release lets all go on that blocks, and block nothing from now on.
func (r *runner) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = true
	for id, done := range r.blocked {
		delete(r.blocked, id)
		go done(well)
	}
}

func (r *runner) Kill()                {}
func (r *runner) Lost(run.TaskID) bool { return false }
func (r *runner) Close(bool) error     { return nil }

// caller makes requests as somebody.
type caller struct {
	s      *site
	client *http.Client
	base   string
	header http.Header
}

// local is the user who runs the service.
func (s *site) local() *caller {
	t := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", s.socket)
	}}
	s.Cleanup(t.CloseIdleConnections)
	return &caller{s, &http.Client{Transport: t}, "http://executioner", http.Header{}}
}

// nobody comes over the network and proves nothing.
func (s *site) nobody() *caller {
	t := &http.Transport{}
	s.Cleanup(t.CloseIdleConnections)
	c := &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &caller{s, c, s.server.URL, http.Header{}}
}

// with is the caller with one more header.
func (c *caller) with(name, value string) *caller {
	h := c.header.Clone()
	h.Set(name, value)
	return &caller{c.s, c.client, c.base, h}
}

// bearer is somebody with a token.
func (s *site) bearer(text string) *caller { return s.nobody().with("Authorization", "Bearer "+text) }

// user adds a user and returns the text of a token that may all that the user may.
func (s *site) user(name string, grants ...access.Grant) string {
	s.Helper()
	now := s.now().UTC()
	s.must(s.st.AddUser(s.Context(), store.User{Name: name, Grants: grants, Created: now, Changed: now, Revision: 1}))
	return s.token(name, now.Add(time.Hour), grants...)
}

func (s *site) token(user string, expires time.Time, grants ...access.Grant) string {
	s.Helper()
	text, id, hash := access.NewToken()
	s.must(s.st.AddToken(s.Context(), store.Token{ID: id, User: user, Name: "t" + id, Hash: hash, Grants: grants, Created: s.now().UTC(), Expires: expires}))
	return text
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (c *caller) do(method, path string, body any) answer {
	c.s.Helper()
	resp := c.open(method, path, body)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	c.s.must(err)
	return answer{resp.StatusCode, resp.Header, b}
}

// open makes a request and leaves the answer to be read.
func (c *caller) open(method, path string, body any) *http.Response {
	c.s.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		c.s.must(err)
		r = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(c.s.Context(), method, c.base+path, r)
	c.s.must(err)
	if r != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range c.header {
		req.Header[name] = values
	}
	resp, err := c.client.Do(req)
	c.s.must(err)
	return resp
}

// get reads an answer that must be good.
func (c *caller) get(path string, into any) {
	c.s.Helper()
	c.good(c.do(http.MethodGet, path, nil), into)
}

// post makes a change that must be good.
func (c *caller) post(path string, body, into any) {
	c.s.Helper()
	c.good(c.do(http.MethodPost, path, body), into)
}

func (c *caller) good(a answer, into any) {
	c.s.Helper()
	if a.status/100 != 2 {
		c.s.Fatalf("status %d: %s", a.status, a.body)
	}
	if into != nil {
		c.s.must(json.Unmarshal(a.body, into))
	}
}

// problem returns the error that an answer is.
func (a answer) problem(t testing.TB) wire.Problem {
	t.Helper()
	var p wire.Problem
	if kind := a.header.Get("Content-Type"); kind != wire.ProblemType {
		t.Fatalf("status %d, %s: %s", a.status, kind, a.body)
	}
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != a.status {
		t.Errorf("status %d, and the problem says %d", a.status, p.Status)
	}
	return p
}

// submit begins a run and returns it.
func (c *caller) submit(source string) run.ID {
	c.s.Helper()
	var out wire.Submitted
	c.post("/api/v1/runs", wire.Submit{Flow: wire.Flow{Source: source}}, &out)
	return out.Run
}

// ended begins a run and waits for its end.
func (c *caller) ended(source string) wire.Submitted {
	c.s.Helper()
	var out wire.Submitted
	c.post("/api/v1/runs?wait=30s", wire.Submit{Flow: wire.Flow{Source: source}}, &out)
	if !out.State.Ended() {
		c.s.Fatalf("run %d has not ended: %s", out.Run, out.State)
	}
	return out
}

// writeLog writes what a job would have written.
func (s *site) writeLog(application string, job run.JobID, id run.ID, text string) string {
	s.Helper()
	path := joblog.JobPath(s.dir, application, job, id)
	s.must(os.MkdirAll(filepath.Dir(path), 0o700))
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	s.must(err)
	_, err = f.WriteString(text)
	s.must(errors.Join(err, f.Close()))
	return path
}

// until waits for something that must happen.
func (s *site) until(what string, is func() bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), deadline)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-ctx.Done():
			s.Fatalf("it never happened: %s", what)
		case <-tick.C:
		}
	}
}

// dial opens a connection to the address of the service.
func (c *caller) dial() net.Conn {
	c.s.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.s.server.URL, "http://"))
	c.s.must(err)
	return conn
}

// text is a body as it is sent.
func (c *caller) text(body any) string {
	c.s.Helper()
	b, err := json.Marshal(body)
	c.s.must(err)
	return string(b)
}

// readStatus reads the status of an answer, and no more.
func readStatus(s *site, r io.Reader) int {
	s.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(r), nil)
	s.must(err)
	resp.Body.Close()
	return resp.StatusCode
}
