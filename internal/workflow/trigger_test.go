package workflow

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/schedule"
)

const triggered = `working_dir: /w
params: {branch: {}, file: {required: true}, n: {type: int, default: 1}, hidden: {secret: true}}
schedules: [{name: nightly, every: 1h, params: {file: x}}]
triggers:
  - name: pushed
    description: a push
    webhook: {secret: {env: HOOK}, signature: github, fields: {branch: ref.name, _x: y, file: f}}
    overlap: allow
    params: {n: 5}
    paused: true
  - {name: own, webhook: {secret: {file: key}, within: 1m}, params: {file: x}}
  - {name: rests, files: {pattern: "in/*.csv", settle: 1m, every: 30, param: file}, max_queued: 3}
  - {name: marked, files: {pattern: /data/x, done: .done, param: file}}
jobs: [{id: a, command: x}]
`

// laterHost is one on which parameters are given later.
func laterHost() Host {
	h := scheduleHost(nil)
	h.ParamsLater = true
	return h
}

func TestTriggers(t *testing.T) {
	w, err := Load(Source{Name: "a.yaml", Data: []byte(triggered)}, laterHost())
	if err != nil {
		t.Fatal(err)
	}
	want := []Trigger{
		{
			Name: "pushed", Description: "a push", Kind: WebhookTrigger, Secret: Secret{Env: "HOOK"}, Signature: GitHubSignature,
			Fields: []Var{{"branch", "ref.name"}, {"file", "f"}}, Overlap: schedule.AllowOverlap, Params: []Var{{"n", "5"}}, Paused: true,
		},
		{Name: "own", Kind: WebhookTrigger, Secret: Secret{File: "/w/key"}, Within: time.Minute, Params: []Var{{"file", "x"}}},
		{Name: "rests", Kind: FilesTrigger, Pattern: "/w/in/*.csv", Settle: time.Minute, Every: 30 * time.Second, Param: "file", MaxQueued: 3},
		{Name: "marked", Kind: FilesTrigger, Pattern: "/data/x", Done: ".done", Param: "file"},
	}
	if d := cmp.Diff(want, w.Triggers); d != "" {
		t.Error(d)
	}
	body, _, err := Encode(w)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, again.Triggers); d != "" {
		t.Error(d)
	}
	if s := w.Trigger("own").Schedule(); s.Overlap != schedule.QueueOverlap || s.Name != "own" || w.Trigger("none") != nil {
		t.Errorf("%+v", s)
	}
	other := *again
	other.Triggers = append([]Trigger{}, again.Triggers[1:]...)
	other.Triggers[1].Settle = time.Second
	var said []string
	for _, c := range Compare(w, &other).Fields {
		said = append(said, strings.Join([]string{c.Field, c.Old, c.New}, " | "))
	}
	if d := cmp.Diff([]string{
		`triggers.rests | files, /w/in/*.csv, settle 1m0s, every 30s, param file, max_queued 3 | files, /w/in/*.csv, settle 1s, every 30s, param file, max_queued 3`,
		`triggers.pushed | webhook, signed with the variable HOOK, as github, branch from ref.name, file from f, overlap allow, with n "5", paused, for a push | `,
	}, said); d != "" {
		t.Error(d)
	}
	p := w.Param("n")
	if err := p.Check("7", time.Time{}); err != nil {
		t.Error(err)
	}
	if err := p.Check("x", time.Time{}); fault.CodeOf(err) != fault.InvalidWorkflow {
		t.Error(err)
	}
}

func TestTriggerMistakes(t *testing.T) {
	for text, want := range map[string]string{
		`x`:                                `5: triggers must be a list`,
		`[1]`:                              `5: triggers must be a list of objects`,
		`[{webhook: {secret: {env: A}}}]`:  `5: triggers: name is missing`,
		`[{name: a}]`:                      `5: trigger "a": it waits for nothing`,
		`[{name: s, files: {pattern: x}}]`: `5: trigger "s": a schedule has that name`,
		`[{name: a, files: {pattern: x}}, {name: a, files: {pattern: x}}]`:         `5: two triggers have the name "a"`,
		`[{name: a, files: {pattern: x}, webhook: {secret: {env: A}}}]`:            `5: trigger "a": webhook does not go with files`,
		`[{name: a, webhook: {}}]`:                                                 `5: trigger "a": webhook: secret is missing`,
		`[{name: a, webhook: {secret: {}}}]`:                                       `5: trigger "a": secret must have one of env and file`,
		`[{name: a, webhook: {secret: {env: A, file: b}}}]`:                        `5: trigger "a": secret must have one of env and file`,
		`[{name: a, webhook: {secret: {command: pass}}}]`:                          `5: secret must have one of env and file`,
		`[{name: a, webhook: {secret: hush}}]`:                                     `secret must be an object`,
		`[{name: a, webhook: {secret: {env: A}, within: 2h}}]`:                     `within must be at most 1h`,
		`[{name: a, webhook: {secret: {env: A}, signature: md5}}]`:                 `signature must be`,
		`[{name: a, webhook: {secret: {env: A}, signature: github, within: 1m}}]`:  `within does not go with signature: github`,
		`[{name: a, webhook: {secret: {env: A}, fields: {none: x}}}]`:              `fields: the workflow has no parameter "none"`,
		`[{name: a, webhook: {secret: {env: A}, fields: {p: a..b}}}]`:              `fields: p must be the place of a field`,
		`[{name: a, webhook: {secret: {env: A}, fields: {hush: a}}}]`:              `a secret parameter can't be given so`,
		`[{name: a, webhook: {secret: {env: A}, fields: {p: a}}, params: {p: 1}}]`: `the parameter "p" is given twice`,
		`[{name: a, files: {}}]`:                                                   `files: pattern is missing`,
		`[{name: a, files: {pattern: "a/*/b"}}]`:                                   `pattern may have a pattern in its last part only`,
		`[{name: a, files: {pattern: "a/["}}]`:                                     `pattern is no pattern`,
		`[{name: a, files: {pattern: x, done: a/b}}]`:                              `done must be the end of a name`,
		`[{name: a, files: {pattern: x, done: .d, settle: 1}}]`:                    `settle does not go with done`,
		`[{name: a, files: {pattern: x, param: q}}]`:                               `param: the workflow has no parameter "q"`,
		`[{name: a, files: {pattern: x}, overlap: skip, max_queued: 2}]`:           `max_queued goes with overlap: queue only`,
	} {
		data := "working_dir: /w\nparams: {p: {}, hush: {secret: true}}\nschedules: [{name: s, every: 1h}]\njobs: [{id: a, command: x}]\ntriggers: " + text + "\n"
		_, err := Load(Source{Name: "a.yaml", Data: []byte(data)}, scheduleHost(nil))
		var problems Problems
		if !errors.As(err, &problems) || !strings.Contains(problems.Error(), want[strings.Index(want, " ")+1:]) {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
			continue
		}
		if problems[0].Line != 5 {
			t.Errorf("%s: line %d", text, problems[0].Line)
		}
	}
	// No run of a trigger that lacks a value could begin.
	_, err := Load(Source{Name: "a.yaml", Data: []byte("working_dir: /w\nparams: {p: {required: true}}\njobs: [{id: a, command: x}]\ntriggers: [{name: a, files: {pattern: x}}]\n")}, laterHost())
	if err == nil || !strings.Contains(err.Error(), `a.yaml:4:12: trigger "a": its runs have no value for the parameter "p"`) {
		t.Errorf("%v", err)
	}
}
