package workflow

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/run"
)

// spelled writes jobs as "id(needs)", a need that is not by success with how.
func spelled(w *Workflow) string {
	var all []string
	for i := range w.Jobs {
		j := &w.Jobs[i]
		var needs []string
		for n, need := range j.Needs {
			text := string(w.Jobs[need].ID)
			if on := j.Ending(n); on != OnSuccess {
				text += ":" + string(on)
			}
			needs = append(needs, text)
		}
		all = append(all, string(j.ID)+"("+strings.Join(needs, " ")+")")
	}
	return strings.Join(all, " ")
}

func loadFiles(t *testing.T, all map[string]string) (*Workflow, string) {
	t.Helper()
	host := files(all)
	host.Glob = func(pattern string) ([]string, error) {
		if pattern != `/w/in\[1]/*.csv` {
			return nil, fmt.Errorf("asked for %s", pattern)
		}
		return []string{"/w/in[1]/b.csv", "/w/in[1]/a.csv", "/w/in[1]/a.csv"}, nil
	}
	w, err := Load(Source{Name: "main.yaml", Data: []byte("working_dir: /w\n" + all["main"])}, host)
	if err != nil {
		return nil, problemsOf(t, err).String()
	}
	return w, w.Warnings.String()
}

func TestExpansion(t *testing.T) {
	tests := []struct {
		name, file, want string
	}{
		{
			"matrix", `jobs: [{id: a, command: x, matrix: {os: [l, m], _x: 1, db: [1, 2], exclude: [{os: m, db: 1}, {}]}}, {id: b, command: x, dependencies: [a]}]`,
			"a[l,1]() a[l,2]() a[m,2]() b(a[l,1] a[l,2] a[m,2])",
		},
		{
			"one item", `jobs: [{id: a, command: x, foreach: [q]}, {id: b, command: x, dependencies: ["a[q]", {job: c, on: done}]}, {id: c, command: x, foreach: [1, 2]}]`,
			"a[q]() b(a[q] c[1]:done c[2]:done) c[1]() c[2]()",
		},
		{
			"each", `jobs: [{id: a, command: x, foreach: [1, 2]}, {id: b, command: x, foreach: [1, 2], dependencies: [{job: a, each: true}, c]}, {id: c, command: x}]`,
			"a[1]() a[2]() b[1](a[1] c) b[2](a[2] c) c()",
		},
		{
			"no items", `jobs: [{id: z, command: x}, {id: a, command: x, foreach: [], dependencies: [z]}, {id: b, command: x, dependencies: [a]}]`,
			"z() a(z) b(a)",
		},
		{
			"odd labels", `jobs: [{id: a, command: x, foreach: ["a,b", "a[b", "a]b", " ", "\t", "a\u0007b"]}]`,
			"a[a_b]() a[a_b#2]() a[a_b#3]() a[_]() a[_#2]() a[a_b#4]()",
		},
		{
			"glob", `jobs: [{id: a, command: x, working_dir: "in[1]", foreach: {glob: "*.csv", as: F}}]`,
			"a[a.csv]() a[b.csv]()",
		},
		{
			"hook", "jobs: [{id: a, command: x}]\non_failure: [{id: h, command: x, foreach: [1, 2]}, {id: i, command: x, dependencies: [h]}]",
			"a() h[1]() h[2]() i(h[1] h[2])",
		},
		{
			"sub", `jobs: [{id: z, command: x}, {id: s, workflow: s.yaml, dependencies: [z]}, {id: b, command: x, dependencies: [s, s/p]}]`,
			"z() s/p(z) s/q(s/p) s/r(z) b(s/p s/q s/r)",
		},
		{
			"sub in sub, for each", `jobs: [{id: s, workflow: n.yaml, foreach: [1, 2]}, {id: t, workflow: n.yaml, foreach: [1, 2], dependencies: [{job: s, each: true}]}]`,
			"s[1]/m/p() s[1]/m/q(s[1]/m/p) s[1]/m/r() s[2]/m/p() s[2]/m/q(s[2]/m/p) s[2]/m/r() " +
				"t[1]/m/p(s[1]/m/p s[1]/m/q s[1]/m/r) t[1]/m/q(t[1]/m/p) t[1]/m/r(s[1]/m/p s[1]/m/q s[1]/m/r) " +
				"t[2]/m/p(s[2]/m/p s[2]/m/q s[2]/m/r) t[2]/m/q(t[2]/m/p) t[2]/m/r(s[2]/m/p s[2]/m/q s[2]/m/r)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, told := loadFiles(t, map[string]string{
				"main":         tt.file,
				"/here/s.yaml": "parallel: true\njobs: [{id: p, command: x}, {id: q, command: x, dependencies: [p]}, {id: r, command: x}]",
				"/here/n.yaml": "parallel: true\njobs: [{id: m, workflow: s.yaml}]",
			})
			if w == nil {
				t.Fatal(told)
			}
			if got := spelled(w); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestSequentialSub keeps the order of a file whose jobs are run one after the other.
func TestSequentialSub(t *testing.T) {
	w, told := loadFiles(t, map[string]string{
		"main":         "jobs: [{id: z, command: x}, {id: s, workflow: q.yaml, dependencies: [z]}]",
		"/here/q.yaml": "jobs: [{id: c, command: x, dependencies: [b]}, {id: a, command: x}, {id: b, command: x}, {id: d, command: x, dependencies: [{job: a, on: failure}]}]",
	})
	if w == nil {
		t.Fatal(told)
	}
	want := "z() s/c(s/b) s/a(z) s/b(z s/a:done) s/d(s/c:done s/a:failure)"
	if got := spelled(w); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSubWorkflow(t *testing.T) {
	w, told := loadFiles(t, map[string]string{
		"main": `params: {day: {type: date, default: today}, all: [a, b], pw: {secret: true}}
secrets: {DB: {env: X}}
env_variables: {ROOT: "1"}
jobs:
  - id: s
    workflow: sub/s.yaml
    foreach: {param: all, as: R}
    when: day != ""
    tags: [t]
    owner: me
    continue_on_error: true
    env_variables: {CALL: "c-${R}"}
    with: {region: {param: R}, since: {param: day}, list: [x, "y,z"], n: 4, _c: 1}
`,
		"/here/sub/s.yaml": `working_dir: /sub
params: {region: {required: true}, since: {type: date}, list: {type: list}, n: {type: int, max: 9}, pw: {secret: true, required: true}}
secrets: {KEY: {command: k}}
env_variables: {WHERE: "${region}/${CALL}", ROOT: "${ROOT}2"}
jobs: [{id: j, command: x, when: "true", tags: [u], owner: you, env_variables: {MINE: "${WHERE}"}}]
`,
	})
	if w == nil {
		t.Fatal(told)
	}
	if told != "" {
		t.Error(told)
	}
	j := &w.Jobs[1]
	if j.ID != "s[b]/j" || j.Group != "s[b]" || j.Scope.Group != "s" || j.WorkingDir != "/sub" || j.LogDir != "/w/logs" || j.Owner != "you" ||
		j.When != `(day != "") && (true)` || !j.ContinueOnError || strings.Join(j.Tags, " ") != "t u" {
		t.Errorf("%+v", j)
	}
	var secrets []string
	for _, s := range w.Secrets {
		secrets = append(secrets, string(s.Scope)+":"+s.Name)
	}
	if got := strings.Join(secrets, " "); got != ":DB s[a]:KEY s[b]:KEY" {
		t.Errorf("secrets %s", got)
	}
	env := ResolveEnv(w.WithSecrets([]string{"db", "ka", "kb"}), 1, nil, nil)
	var vars []string
	for _, v := range env.Vars {
		vars = append(vars, v.Name+"="+strings.ReplaceAll(v.Value, "\n", "|")+" "+v.Origin)
	}
	want := []string{
		"CALL=c-b job", "DB=db secret", "KEY=kb secret", "MINE=b/c-b job", "R=b item", "ROOT=12 sub-workflow", "WHERE=b/c-b sub-workflow",
		"all=a|b param", "day=2026-03-01 param", "list=x|y,z param", "n=4 param", "pw= param", "region=b param", "since=2026-03-01 param",
	}
	if diff := cmp.Diff(want, vars); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for id, n := range map[string]int{"s": 2, "s[a]": 1, "s[b]/j": 0, "x": 0, "": 0} {
		if got := len(w.Members(run.JobID(id))); got != n {
			t.Errorf("%q stands for %d jobs, want %d", id, got, n)
		}
	}
}

// TestSubAndDefaults leaves what all jobs get to those that can have it.
func TestSubAndDefaults(t *testing.T) {
	w, told := loadFiles(t, map[string]string{
		"main": `defaults: {extends: slow, timeout: 5, max_retries: 3, priority: 7, owner: me, pre_checks: [{name: file_exists, params: {path: x}}]}
templates: {slow: {leftover: kill, output_limit: 2048}, call: {workflow: s.yaml}}
jobs: [{id: s, extends: call}, {id: j, command: x}]
`,
		"/here/s.yaml": "jobs: [{id: a, command: x}, {id: b, command: x, priority: -1}]",
	})
	if w == nil {
		t.Fatal(told)
	}
	var got []string
	for i := range w.Jobs {
		j := &w.Jobs[i]
		got = append(got, fmt.Sprintf("%s %v %d %d %s %s %d", j.ID, j.Timeout, j.Retry.Max, j.Priority, j.Owner, j.Leftover, len(j.PreChecks)))
	}
	want := []string{"s/a 3h0m0s 0 7 me leave 0", "s/b 3h0m0s 0 -1 me leave 0", "j 5s 3 7 me kill 1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	_, told = loadFiles(t, map[string]string{
		"main":         "templates: {slow: {timeout: 5}}\njobs: [{id: s, workflow: s.yaml, extends: slow}]",
		"/here/s.yaml": "jobs: [{id: a, command: x}]",
	})
	if want := `job "s": timeout does not go with workflow`; !strings.Contains(told, want) {
		t.Errorf("got %s", told)
	}
}

// TestSubFiles knows all files that a workflow was made of, each once.
func TestSubFiles(t *testing.T) {
	all := map[string]string{
		"main":            "include: base.yaml\njobs: [{id: s, workflow: s.yaml, foreach: [1, 2]}, {id: u, workflow: u.yaml}]",
		"/here/base.yaml": "parallel: true",
		"/here/s.yaml":    "env_files: s.env\nrules: [{name: r, require: has(job.owner)}]\njobs: [{id: t, workflow: u.yaml}]",
		"/here/s.env":     "A=1",
		"/here/u.yaml":    "validators: [v]\njobs: [{id: a, command: x}]",
	}
	want := "/here/base.yaml /here/s.yaml /here/s.env /here/u.yaml"
	w, told := loadFiles(t, all)
	if w == nil {
		t.Fatal(told)
	}
	if got := strings.Join(w.Files, " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	host := files(all)
	host.Origin = true
	c, err := Compose(Source{Name: "main.yaml", Data: []byte("working_dir: /w\n" + all["main"])}, host)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(c.Workflow.Files, " "); got != want {
		t.Errorf("composed: got %s, want %s", got, want)
	}
	var demands []string
	for _, sub := range c.Workflow.Origin.Subs {
		demands = append(demands, fmt.Sprintf("%s %d %d", sub.File, len(sub.Origin.Rules), len(sub.Origin.Validators)))
	}
	if diff := cmp.Diff([]string{"u.yaml 0 1", "s.yaml 1 0", "u.yaml 0 1", "s.yaml 1 0", "u.yaml 0 1"}, demands); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSubProblems(t *testing.T) {
	deep := map[string]string{"main": "jobs: [{id: s, workflow: d1.yaml}]"}
	for n := 1; n <= maxSubs+1; n++ {
		deep["/here/d"+strconv.Itoa(n)+".yaml"] = "jobs: [{id: s, workflow: d" + strconv.Itoa(n+1) + ".yaml}]"
	}
	tests := []struct {
		name  string
		files map[string]string
		want  string // the messages, one per line
	}{
		{
			"not there",
			map[string]string{"main": "jobs: [{id: s, workflow: x/../s.yaml}]"},
			`main.yaml:2:26: job "s": workflow: there is no file "s.yaml"`,
		},
		{
			"circle",
			map[string]string{"main": "jobs: [{id: s, workflow: a.yaml}]", "/here/a.yaml": "jobs: [{id: s, workflow: b.yaml}]", "/here/b.yaml": "jobs: [{id: s, workflow: a.yaml}]"},
			"main.yaml:2:26: job \"s\": workflow \"a.yaml\" can't be used: see below\na.yaml:1:26: job \"s\": workflow \"b.yaml\" can't be used: see below\n" +
				"b.yaml:1:26: job \"s\": workflow calls workflows in a circle: a.yaml → b.yaml → a.yaml",
		},
		{
			"itself",
			map[string]string{"main": "jobs: [{id: s, workflow: main.yaml}]"},
			`main.yaml:2:26: job "s": workflow calls workflows in a circle: main.yaml → main.yaml`,
		},
		{
			"hooks and timeout",
			map[string]string{"main": "jobs: [{id: s, workflow: a.yaml}]", "/here/a.yaml": "timeout: 5\njobs: [{id: j, command: x}]\non_failure: [{id: h, command: x}]"},
			"main.yaml:2:26: job \"s\": workflow \"a.yaml\" has on_failure or on_success jobs, which a sub-workflow can't have\n" +
				"main.yaml:2:26: job \"s\": workflow \"a.yaml\" has a timeout, which a sub-workflow can't have",
		},
		{
			"with",
			map[string]string{
				"main":         "params: {pw: {secret: true}}\njobs: [{id: s, workflow: a.yaml, with: {n: x, m: 1, k: {param: pw}, l: {param: pv}, o: {}, key2: x}}]",
				"/here/a.yaml": "params: {n: {type: int}, key2: {secret: true}}\njobs: [{id: j, command: x}]",
			},
			"main.yaml:3:64: job \"s\": the parameter \"pw\" is secret\nmain.yaml:3:80: job \"s\": the workflow has no parameter \"pv\"\n" +
				"main.yaml:3:88: job \"s\": with: o must be a value, or name a parameter",
		},
		{
			"values",
			map[string]string{
				"main":         "jobs: [{id: s, foreach: [1, 2], workflow: a.yaml, with: {n: x, m: 1, key2: x}}]",
				"/here/a.yaml": "params: {n: {type: int}, key2: {secret: true}, r: {required: true}}\njobs: [{id: j, command: x}]",
			},
			"main.yaml:2:43: job \"s\": workflow \"a.yaml\" can't be used: see below\n" +
				"a.yaml:1:1: job \"s\": with: m: the workflow has no parameter \"m\"\n" +
				"a.yaml:1:10: job \"s\": with: n=x: must be a whole number\n" +
				"a.yaml:1:26: job \"s\": with: key2: a secret parameter can't be given in a file\n" +
				"a.yaml:1:48: a required parameter has no value: r",
		},
		{
			"shell",
			map[string]string{"main": "allow_shell: false\njobs: [{id: s, workflow: a.yaml}]", "/here/a.yaml": "jobs: [{id: j, command: x | y}]"},
			`main.yaml:3:26: job "s": workflow "a.yaml" has the job "j", whose command does not go without a shell: a pipe (|) needs a shell, and allow_shell is false`,
		},
		{
			"policy",
			map[string]string{"main": "jobs: [{id: s, workflow: a.yaml}]", "/here/a.yaml": "security_policy: strict\nodd: 1\njobs: [{id: j, command: x}]"},
			"main.yaml:2:26: warning: job \"s\": \"a.yaml\" has a strict security_policy, but that of the workflow that calls it counts\n" +
				"a.yaml:2:1: warning: unknown field \"odd\" is ignored",
		},
		{
			"fields of tries",
			map[string]string{"main": "jobs: [{id: s, workflow: a.yaml, timeout: 5, max_retries: 1, retry_delay: null, idempotent: true}]", "/here/a.yaml": "jobs: [{id: j, command: x}]"},
			`main.yaml:2:34: job "s": timeout does not go with workflow` + "\n" + `main.yaml:2:46: job "s": max_retries does not go with workflow` + "\n" +
				`main.yaml:2:81: job "s": idempotent does not go with workflow`,
		},
		{"depth", deep, "calls workflows more than 20 deep"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, told := loadFiles(t, tt.files)
			var lines []string
			for line := range strings.Lines(told) {
				if !strings.HasPrefix(line, " ") {
					lines = append(lines, strings.TrimSpace(line))
				}
			}
			got := strings.Join(lines, "\n")
			if got != tt.want && (tt.name != "depth" || !strings.HasSuffix(got, tt.want)) {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// TestManyItems is bounded in number and linear in time: needs that are alike are shared.
func TestManyItems(t *testing.T) {
	var list strings.Builder
	for n := range 20_000 {
		fmt.Fprintf(&list, "%d,", n)
	}
	begin := time.Now()
	w := loadWith(t, "working_dir: /w\nparams: {all: {type: list}}\njobs:\n  - {id: a, command: x, foreach: [1, 2, 3]}\n"+
		"  - {id: b, command: x, foreach: {param: all}, dependencies: [a]}\n", Given{Name: "all", Value: strings.TrimSuffix(list.String(), ",")})
	if len(w.Jobs) != 20_003 || &w.Jobs[3].Needs[0] != &w.Jobs[20_002].Needs[0] {
		t.Errorf("%d jobs", len(w.Jobs))
	}
	t.Logf("%d jobs in %v", len(w.Jobs), time.Since(begin))
	host := testHost
	_, err := Load(Source{Name: "f.yaml", Data: []byte("working_dir: /w\njobs:\n  - {id: a, command: x, matrix: {a: [" + strings.TrimSuffix(strings.Repeat("1", 0)+list.String(), ",") + "], b: [1,2,3,4,5,6]}}\n")}, host)
	if got := problemsOf(t, err)[0].Msg; got != `job "a": matrix has more than 100000 combinations` {
		t.Error(got)
	}
}
