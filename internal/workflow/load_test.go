package workflow

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustLoad(t *testing.T, name, data string) *Workflow {
	t.Helper()
	w, err := Load(Source{Name: name, Data: []byte(data)}, testHost)
	if err != nil {
		t.Fatal(problemsOf(t, err))
	}
	return w
}

// oneJob returns a small workflow with more fields at its top.
func oneJob(fields string) string {
	return `{"working_dir": "/w", ` + fields + ` "jobs": [{"id": "a", "command": "true"}]}`
}

func defaultWorkflow() *Workflow {
	return &Workflow{
		Application: "nightly",
		File:        "flows/nightly.json",
		WorkingDir:  "/w",
		LogDir:      "/w/logs",
		MaxWorkers:  1,
		Sequential:  true,
		AllowShell:  true,
		Inherit:     Inherit{All: true},
		Mail:        Mail{OnFailure: true, Server: "localhost", Port: 587},
		Security:    Security{Policy: "warn", Level: "medium"},
		Jobs: []Job{{
			ID: "a", Command: "true", LogDir: "/w/logs", Timeout: 3 * time.Hour, OutputLimit: 64 << 20, Leftover: LeaveLeftover,
			Retry: &Retry{
				Delay: 30 * time.Second, Backoff: 1.5, Jitter: 0.1, MaxTime: 30 * time.Minute,
				OnStatus: []string{"ERROR", "FAILED", "TIMEOUT"}, ExitCodes: []int{1},
			},
		}},
	}
}

func TestDefaults(t *testing.T) {
	got := mustLoad(t, "flows/nightly.json", oneJob(""))
	if diff := cmp.Diff(defaultWorkflow(), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestNullIsAbsent: null means that a field is not there.
func TestNullIsAbsent(t *testing.T) {
	var top, job strings.Builder
	for name := range workflowFields {
		if name != "working_dir" && name != "jobs" {
			top.WriteString(`"` + name + `": null, `)
		}
	}
	for name := range jobFields {
		if name != "id" && name != "command" {
			job.WriteString(`"` + name + `": null, `)
		}
	}
	got := mustLoad(t, "flows/nightly.json", `{`+top.String()+`"working_dir": "/w", "jobs": [{`+job.String()+`"id": "a", "command": "true"}]}`)
	if diff := cmp.Diff(defaultWorkflow(), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

const fullJSON = `{
  "$schema": "workflow.schema.json", "_comment": {"anything": [1]}, "_comment": 2,
  "application_name": " Release ", "name": "unused",
  "jobs": [
    {
      "id": "a", "command": "  echo a\n", "description": "first", "timeout": 1.5, "_timeout": "x",
      "dependencies": ["b", "c", "b"], "priority": -3, "output_limit": 2048, "leftover": "kill", "log_dir": "jl",
      "memory_limit": "64MiB", "max_processes": 100,
      "env_variables": {"Z": "1", "_A": "${Z}", "N": 1.50, "T": true, "F": false, "U": null, "BIG": 12345678901234567890},
      "pre_checks": [{"name": "check_file_exists", "params": {"path": "${Z}/x", "_path": 1}, "_x": 1}],
      "post_checks": [
        {"name": "log_matches", "params": {"pattern": "^ok$"}},
        {"name": "own", "params": {"n": 1.5, "b": true, "l": [1, "x", null, {"k": false, "_k": 2}], "z": null}},
        {"name": "own", "params": {}}
      ],
      "max_retries": 3, "retry_delay": 0, "retry_backoff": 2, "retry_jitter": 0, "max_retry_time": 60,
      "retry_on_status": ["FAILED", "POSTCHECK_FAILED"], "retry_on_exit_codes": [2, -9]
    },
    {"id": "b", "command": "", "max_retries": 5},
    {"id": "c", "command": "x", "max_retries": 5, "dependencies": [], "env_variables": {}, "pre_checks": [], "log_dir": "/var/l"},
    {"id": "d", "command": "x", "retry_on_exit_codes": [], "retry_on_status": []}
  ],
  "working_dir": "~/work/../w",
  "default_timeout": 60, "default_output_limit": 4096,
  "default_max_retries": 1, "default_retry_delay": 2.5, "default_retry_backoff": 1, "default_retry_jitter": 0.5,
  "default_max_retry_time": 100, "default_retry_on_exit_codes": [7],
  "email_address": "a@x, b@y,", "email_on_success": true, "email_on_failure": false,
  "smtp_server": "mail", "smtp_port": 25, "smtp_user": "me", "smtp_password": "${PW}",
  "parallel": true, "max_workers": 4, "continue_on_error": true, "allow_shell": false,
  "inherit_shell_env": ["PATH", "HOME"],
  "env_variables": {"B": "2", "A": "1"},
  "dependency_plugins": ["p/one.py", {"name": "two", "path": "t.py"}, {"path": "x/three.py"}],
  "security_policy": "block", "security_level": "high",
  "command_whitelist": ["ls"], "command_allowlist_patterns": ["^ls "], "workspace_paths": ["~", "sub", "/abs/"],
  "log_dir": "~/l"
}`

func fullWorkflow() *Workflow {
	retry := func(r Retry) *Retry { return &r }
	statuses := []string{"ERROR", "FAILED", "TIMEOUT"}
	common := Retry{
		Max: 1, Delay: 2500 * time.Millisecond, Backoff: 1, Jitter: 0.5, MaxTime: 100 * time.Second,
		OnStatus: statuses, ExitCodes: []int{7},
	}
	five, none := common, common
	five.Max = 5
	none.OnStatus, none.ExitCodes = nil, nil
	return &Workflow{
		Application:     "Release",
		File:            "full.json",
		WorkingDir:      "/home/me/w",
		LogDir:          "/home/me/l",
		MaxWorkers:      4,
		ContinueOnError: true,
		Inherit:         Inherit{Names: []string{"PATH", "HOME"}},
		Env:             []Var{{"B", "2"}, {"A", "1"}},
		Mail:            Mail{To: []string{"a@x", "b@y"}, OnSuccess: true, Server: "mail", Port: 25, User: "me", Password: "${PW}"},
		Security: Security{
			Policy: "strict", Level: "high", Whitelist: []string{"ls"}, AllowlistPatterns: []string{"^ls "},
			WorkspacePaths: []string{"/home/me", "/home/me/w/sub", "/abs"},
		},
		Plugins: []Plugin{{"one", "p/one.py"}, {"two", "t.py"}, {"three", "x/three.py"}},
		Jobs: []Job{
			{
				ID: "a", Description: "first", Command: "echo a", Needs: []int{1, 2}, LogDir: "/home/me/w/jl",
				Env: []Var{
					{"Z", "1"},
					{"_A", "${Z}"},
					{"N", "1.50"},
					{"T", "True"},
					{"F", "False"},
					{"U", "None"},
					{"BIG", "12345678901234567890"},
				},
				PreChecks: []Check{{Name: "check_file_exists", Params: map[string]any{"path": "${Z}/x"}}},
				PostChecks: []Check{
					{Name: "log_matches", Params: map[string]any{"pattern": "^ok$"}},
					{Name: "own", Params: map[string]any{
						"n": 1.5, "b": true, "z": nil,
						"l": []any{1.0, "x", nil, map[string]any{"k": false, "_k": 2.0}},
					}},
					{Name: "own"},
				},
				Timeout: 1500 * time.Millisecond, Priority: -3, OutputLimit: 2048, Leftover: KillLeftover,
				MemoryLimit: 64 << 20, MaxProcesses: 100,
				Retry: retry(Retry{
					Max: 3, Backoff: 2, MaxTime: time.Minute,
					OnStatus: []string{"FAILED", "POSTCHECK_FAILED"}, ExitCodes: []int{2, -9},
				}),
			},
			{ID: "b", LogDir: "/home/me/l", Timeout: time.Minute, OutputLimit: 4096, Leftover: LeaveLeftover, Retry: retry(five)},
			{ID: "c", Command: "x", LogDir: "/var/l", Timeout: time.Minute, OutputLimit: 4096, Leftover: LeaveLeftover, Retry: retry(five)},
			{ID: "d", Command: "x", LogDir: "/home/me/l", Timeout: time.Minute, OutputLimit: 4096, Leftover: LeaveLeftover, Retry: retry(none)},
		},
	}
}

func TestAllFields(t *testing.T) {
	got := mustLoad(t, "full.json", fullJSON)
	if got.Jobs[1].Retry != got.Jobs[2].Retry {
		t.Error("jobs that retry alike do not share a Retry")
	}
	got.Warnings = nil
	if diff := cmp.Diff(fullWorkflow(), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestSameInYAML reads a file as JSON and as YAML, of which JSON is a part. Only the
// values that Python's str() changed differ.
func TestSameInYAML(t *testing.T) {
	got := mustLoad(t, "full.yaml", fullJSON)
	want := fullWorkflow()
	want.File = "full.yaml"
	env := want.Jobs[0].Env
	env[3].Value, env[4].Value, env[5].Value = "true", "false", ""
	got.Warnings = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestYAML(t *testing.T) {
	got := mustLoad(t, "jobs.yml", `# a comment
name: nightly
working_dir: ~/w
_defaults: &defaults
  timeout: 0x10
  max_retries: 2
  env_variables: &env
    VERSION: 1.10
    OCTAL: 0o17
    YES: yes
    ON: true
    EMPTY:
    TEXT: !!str 12
    MORE: "a\tb"
jobs:
  - <<: *defaults
    id: "1"
    command: |
      set -e
      echo "é"
  - <<: [*defaults, {timeout: 5, leftover: kill}]
    id: two
    timeout: 1_000
    command: >-
      echo
      folded
    dependencies: ["1"]
    env_variables:
      <<: *env
      VERSION: '2'
`)
	env := []Var{{"VERSION", "1.10"}, {"OCTAL", "0o17"}, {"YES", "yes"}, {"ON", "true"}, {"EMPTY", ""}, {"TEXT", "12"}, {"MORE", "a\tb"}}
	retry := defaultRetries()
	retry.Max = 2
	want := []Job{
		{
			ID: "1", Command: "set -e\necho \"é\"", Env: env, LogDir: "/home/me/w/logs", Timeout: 16 * time.Second,
			Retry: &retry, OutputLimit: DefaultOutputLimit, Leftover: LeaveLeftover,
		},
		{
			ID: "two", Command: "echo folded", Needs: []int{0}, LogDir: "/home/me/w/logs", Timeout: 1000 * time.Second,
			Env:   append([]Var{{"VERSION", "2"}}, env[1:]...),
			Retry: &retry, OutputLimit: DefaultOutputLimit, Leftover: KillLeftover,
		},
	}
	if diff := cmp.Diff(want, got.Jobs); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got.Application != "nightly" || len(got.Warnings) != 0 {
		t.Errorf("application %q, warnings %v", got.Application, got.Warnings)
	}
}

func TestSmallChoices(t *testing.T) {
	tests := []struct {
		name, fields string
		get          func(w *Workflow) any
		want         any
	}{
		{"name is the fallback", `"name": "n",`, func(w *Workflow) any { return w.Application }, "n"},
		{"blank name is none", `"name": " ", "application_name": "",`, func(w *Workflow) any { return w.Application }, "f"},
		{"not parallel keeps max_workers for --parallel", `"max_workers": 8,`, func(w *Workflow) any { return []any{w.MaxWorkers, w.Sequential} }, []any{8, true}},
		{"parallel alone", `"parallel": true,`, func(w *Workflow) any { return []any{w.MaxWorkers, w.Sequential} }, []any{1, false}},
		{"inherit all", `"inherit_shell_env": true,`, func(w *Workflow) any { return w.Inherit }, Inherit{All: true}},
		{"inherit none", `"inherit_shell_env": false,`, func(w *Workflow) any { return w.Inherit }, Inherit{}},
		{"inherit default", `"inherit_shell_env": "default",`, func(w *Workflow) any { return w.Inherit }, Inherit{Names: defaultInherit[:]}},
		{"strict", `"security_policy": "strict", "security_level": "low",`, func(w *Workflow) any { return w.Security }, Security{Policy: "strict", Level: "low"}},
		{"address list", `"email_address": ["a@x", "b@y, c@z"],`, func(w *Workflow) any { return w.Mail.To }, []string{"a@x", "b@y", "c@z"}},
		{"no address", `"email_address": "",`, func(w *Workflow) any { return w.Mail.To }, []string(nil)},
		{"escapes", `"smtp_user": "\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\u20AC",`, func(w *Workflow) any { return w.Mail.User }, "\"\\/\b\f\n\r\té😀€"},
		{"name written with escapes", `"smtp\u005fuser": "x",`, func(w *Workflow) any { return w.Mail.User }, "x"},
		{"number with exponent", `"smtp_port": 2.5E+1,`, func(w *Workflow) any { return w.Mail.Port }, 25},
		{"negative zero", `"default_retry_delay": -0,`, func(w *Workflow) any { return w.Jobs[0].Retry.Delay }, time.Duration(0)},
		{"ten years", `"default_timeout": 315360000,`, func(w *Workflow) any { return w.Jobs[0].Timeout }, 315360000 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.get(mustLoad(t, "x/f.json", oneJob(tt.fields)))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestApplicationFromFile(t *testing.T) {
	for file, want := range map[string]string{
		"a/b.c.json": "b.c", "": "workflow", "-": "workflow", ".json": "workflow", "x": "x", "dir/é\x1b\xff.json": "é··",
	} {
		if got := mustLoad(t, file, oneJob("")).Application; got != want {
			t.Errorf("file %q: application %q, want %q", file, got, want)
		}
	}
}

func TestFormatIsChosen(t *testing.T) {
	tests := []struct {
		name, data string
		want       bool
	}{
		{"a.yaml", "{", true},
		{"a.YML", "{", true},
		{"a.json", " \r\n\t{", false},
		{"a.json", "[", false},
		{"a.json", "a: b", true},
		{"-", "a: b", true},
		{"-", "// x", false},
	}
	for _, tt := range tests {
		if got := isYAML(tt.name, []byte(tt.data)); got != tt.want {
			t.Errorf("isYAML(%q, %q) = %v", tt.name, tt.data, got)
		}
	}
}

// TestOldFile is a file as the Python program's users have them.
func TestOldFile(t *testing.T) {
	w := mustLoad(t, "jobs_config.json", `{
    "application_name": "ETL",
    "working_dir": "/w",
    "_parallel": true,
    "max_workers": 4,
    "validation_timeout": 10,
    "inherit_shell_env": "default",
    "env_variables": {"DB": "x", "PORT": 1521, "DEBUG": true},
    "dependency_plugins": [],
    "jobs": [
        {"id": "load", "description": "Load", "command": "sqlplus x/y @load.sql", "timeout": 300,
         "post_checks": [{"name": "check_no_ora_errors", "params": {"log_file": "logs/*.log"}}]},
        {"id": "clean", "command": "rm -rf $(ls -d /tmp/x.*)", "dependencies": ["load"], "group": "end"}
    ]
}`)
	want := "jobs_config.json:6:5: warning: unknown field \"validation_timeout\" is ignored\n" +
		"        \"validation_timeout\": 10,\n        ^\n" +
		"jobs_config.json:13:90: warning: job \"clean\": unknown field \"group\" is ignored\n" +
		"            {\"id\": \"clean\", \"command\": \"rm -rf $(ls -d /tmp/x.*)\", \"dependencies\": [\"load\"], \"group\": \"end\"}\n" +
		"                                                                                             ^\n"
	if diff := cmp.Diff(want, w.Warnings.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]Var{{"DB", "x"}, {"PORT", "1521"}, {"DEBUG", "True"}}, w.Env); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
