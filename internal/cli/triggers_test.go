package cli_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/signature"
)

const triggered = `
-- service.yaml --
schedules: {directory: flows}
-- flows/build.yaml --
application_name: build
working_dir: "~"
params: {branch: {pattern: "[a-z/]+", required: true}, file: {}}
triggers:
  - {name: pushed, overlap: allow, webhook: {secret: {env: HOOK}, fields: {branch: ref}}}
  - {name: hub, overlap: allow, webhook: {secret: {file: key}, signature: github, fields: {branch: ref}}}
  - {name: arrived, files: {pattern: "inbox/*.csv", settle: 1s, every: 1s, param: file}, params: {branch: none}}
jobs: [{id: a, command: 'echo "$EXECUTIONER_TRIGGER" got "$branch" "$file"'}]
-- key --
hush
-- inbox/a.csv --
1
-- body.json --
{"ref": "main"}
-- bad.json --
{"ref": "No"}
`

// hooks sends requests to a place's server.
type hooks struct {
	t *testing.T
	c *http.Client
}

func (p *place) hooks() *hooks {
	socket := filepath.Join(p.dir, "s")
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	p.t.Cleanup(transport.CloseIdleConnections)
	return &hooks{p.t, &http.Client{Transport: transport}}
}

// send posts a body and returns the status and what was answered. A secret that is empty
// signs nothing.
func (h *hooks) send(trigger, secret, body, id string, at time.Time) (status int, answer string) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, "http://localhost/hooks/file:build.yaml/"+trigger, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	switch stamp := strconv.FormatInt(at.Unix(), 10); {
	case secret == "":
	case trigger == "hub":
		r.Header.Set(signature.GitHub, signature.SignGitHub([]byte(secret), []byte(body)))
		r.Header.Set(signature.GitHubID, id)
	default:
		r.Header.Set(signature.Timestamp, stamp)
		r.Header.Set(signature.Header, signature.Sign([]byte(secret), stamp, []byte(body)))
		r.Header.Set(signature.ID, id)
	}
	resp, err := h.c.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// Signed requests and files run workflows, once, also when the service is killed in between;
// the commands say the same through the service and on its database.
func TestTriggers(t *testing.T) {
	t.Parallel()
	p := newPlace(t, txtar.Parse([]byte(triggered)))
	p.env = append(p.env, "HOOK=hush")
	stop := p.serve("--config", "service.yaml")
	h := p.hooks()
	now := time.Now()
	for deadline := now.Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		status, answer := h.send("pushed", "hush", `{"ref": "main"}`, "first", now)
		if status == http.StatusAccepted {
			break
		}
		if status != http.StatusServiceUnavailable || time.Now().After(deadline) {
			t.Fatalf("%d %s", status, answer)
		}
	}
	large := `{"ref": "main", "x": "` + strings.Repeat("x", 1<<20) + `"}`
	var refused string
	for _, c := range []struct {
		name, trigger, secret, body, id string
		at                              time.Time
		status                          int
	}{
		{"sent again", "pushed", "hush", `{"ref": "main"}`, "first", now, 200},
		{"sent again with another id", "pushed", "hush", `{"ref": "main"}`, "other", now, 200},
		{"sent again at another time", "pushed", "hush", `{"ref": "main"}`, "first", now.Add(time.Second), 200},
		{"another one", "pushed", "hush", `{"ref": "feature/x"}`, "second", now, 202},
		{"GitHub", "hub", "hush", `{"ref": "main"}`, "hub-1", now, 202},
		{"GitHub again", "hub", "hush", `{"ref": "main"}`, "hub-1", now, 200},
		{"a value that the parameter can't have", "pushed", "hush", `{"ref": "$(rm -rf ~)"}`, "third", now, 400},
		{"no value", "pushed", "hush", `{}`, "fourth", now, 400},
		{"no JSON", "pushed", "hush", `ref`, "fifth", now, 400},
		{"a wrong key", "pushed", "push", `{"ref": "main"}`, "sixth", now, 401},
		{"unsigned", "pushed", "", `{"ref": "main"}`, "seventh", now, 401},
		{"expired", "pushed", "hush", `{"ref": "main"}`, "eighth", now.Add(-6 * time.Minute), 401},
		{"no such trigger", "nothing", "hush", `{"ref": "main"}`, "ninth", now, 401},
		{"a trigger of files", "arrived", "hush", `{"ref": "main"}`, "tenth", now, 401},
		{"too large", "pushed", "hush", large, "eleventh", now, 413},
	} {
		status, answer := h.send(c.trigger, c.secret, c.body, c.id, c.at)
		if status != c.status {
			t.Errorf("%s: %d %s", c.name, status, answer)
		}
		if before, _, _ := strings.Cut(answer, `"request_id"`); status == 401 {
			if refused != "" && before != refused {
				t.Errorf("%s: %s\nis told apart from\n%s", c.name, answer, refused)
			}
			refused = before
		}
	}
	said := func(command, code, out, errs string) {
		t.Helper()
		if got := p.run(command); got.Code != code || !strings.Contains(got.Out, out) || !strings.Contains(got.Err, errs) {
			t.Errorf("%s: %+v", command, got)
		}
	}
	waits := func(trigger, want string) {
		t.Helper()
		command := "executioner trigger history file:build.yaml/" + trigger + " --json | tr '{' '\\n' | grep -c '\"run\":'"
		for deadline := time.Now().Add(time.Minute); strings.TrimSpace(p.run(command).Out) != want; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %+v", trigger, p.run("executioner trigger history file:build.yaml/"+trigger))
			}
		}
	}
	waits("pushed", "2")
	waits("hub", "1")
	waits("arrived", "1")
	stop(syscall.SIGKILL)
	stop = p.serve("--config", "service.yaml")
	if err := os.WriteFile(filepath.Join(p.dir, "inbox", "b.csv"), []byte("2"), 0o600); err != nil {
		t.Fatal(err)
	}
	waits("arrived", "2")
	said("executioner trigger history file:build.yaml/pushed", "0", "refused", "")
	said("executioner trigger pause file:build.yaml/arrived --why works", "0", "trigger file:build.yaml/arrived is paused", "")
	said("executioner schedule list", "0", "SCHEDULE", "")
	said("executioner schedule show file:build.yaml/arrived", "4", "", "there is no schedule")
	said("executioner trigger show nothing", "2", "", "WORKFLOW/TRIGGER")
	said("executioner trigger history file:build.yaml/pushed --limit 0", "2", "", "--limit must be")
	said("executioner __complete trigger pause ''", "0", "file:build.yaml/hub", "")
	commands := []string{
		"list", "list --json", "list --all", "show file:build.yaml/arrived", "show file:build.yaml/pushed", "show file:build.yaml/hub --json", "show no/thing",
		"history file:build.yaml/arrived --limit 1", "history file:build.yaml/hub --json", "history no/thing", "pause no/thing", "resume no/thing",
	}
	var there []ending
	for _, command := range commands {
		there = append(there, p.run("executioner trigger "+command))
	}
	stop(syscall.SIGTERM)
	for i, command := range commands {
		if diff := cmp.Diff(p.run("executioner trigger "+command+" --database history.db"), there[i]); diff != "" {
			t.Errorf("%s\n(-on the database +through the service)\n%s", command, diff)
		}
	}
	said("executioner trigger resume file:build.yaml/arrived --database history.db", "0", "is resumed", "")
	said("executioner audit list --database history.db", "0", "trigger:file:build.yaml/pushed", "")
	said("executioner logs 1 a --database history.db", "0", "got", "")

	said("executioner trigger test flows/build.yaml pushed --body body.json", "0", "branch main", "")
	said("executioner trigger test flows/build.yaml pushed --body - --json <body.json", "0", `"branch":"main"`, "")
	said("executioner trigger test flows/build.yaml pushed --body bad.json", "3", "", "must match")
	said("executioner trigger test flows/build.yaml pushed", "2", "", "there is no value for the parameter branch")
	said("executioner trigger test flows/build.yaml arrived", "0", "$WORK/inbox/a.csv", "")
	said("executioner trigger test flows/build.yaml push", "4", "", "did you mean")
	said("executioner trigger test flows/build.yaml pushed --body none.json", "4", "", "can't be read")
}

// triggers does what the API can do about triggers.
func (o *operator) triggers() {
	_, err := o.c.Register(o.ctx, "hooked", client.Registration{Source: o.text["good.yaml"] + "triggers: [{name: pushed, webhook: {secret: {env: NO_SECRET}}}]\n"})
	o.ok(err)
	const id = "hooked/pushed"
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		all, err := o.c.Triggers(o.ctx)
		o.ok(err)
		if len(all) == 1 && all[0].ID == id {
			break
		}
		if time.Now().After(deadline) {
			o.t.Fatalf("the trigger is not seen: %v", all)
		}
	}
	paused, err := o.c.PauseTrigger(o.ctx, id, "works")
	o.ok(err)
	known, err := o.c.Trigger(o.ctx, id)
	o.ok(err)
	o.same("paused", paused.Paused && known.PausedWhy == "works" && known.Path == "/hooks/hooked/pushed", true)
	resumed, err := o.c.ResumeTrigger(o.ctx, id)
	o.ok(err)
	page, err := o.c.Arrivals(o.ctx, id, client.TimesFilter{})
	o.ok(err)
	o.same("arrivals", !resumed.Paused && len(page.Arrivals) == 0, true)
}
