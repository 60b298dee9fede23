package workflow

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/run"
)

func TestCompareEqual(t *testing.T) {
	other := fullWorkflow()
	other.File, other.Warnings = "elsewhere", Problems{{Msg: "x"}}
	d := Compare(fullWorkflow(), other)
	if !d.Empty() || d.Lines() != nil {
		t.Errorf("got %q", d.Lines())
	}
}

func TestCompareAll(t *testing.T) {
	changed := fullWorkflow()
	changed.Application = "Other"
	changed.WorkingDir, changed.LogDir = "/x", "/y"
	changed.MaxWorkers, changed.Sequential = 1, true
	changed.ContinueOnError, changed.AllowShell = false, true
	changed.Inherit = Inherit{All: true}
	changed.Env = []Var{{"C", ""}, {"A", "9"}, {"API_KEY", "k"}}
	changed.Mail = Mail{To: []string{"z@z"}, OnFailure: true, Server: "m2", Port: 26, User: "you", Password: "new"}
	changed.Security = Security{Policy: "warn", Level: "low"}
	changed.Plugins = nil
	a, b, c := &changed.Jobs[0], changed.Jobs[1], changed.Jobs[2]
	a.Command, a.Description = "echo b", ""
	a.Needs = []int{1}
	a.Env[0].Value = "2"
	a.PreChecks[0].Params = map[string]any{"path": "y", "token": "t"}
	a.PostChecks = nil
	a.LogDir, a.Timeout, a.Priority, a.OutputLimit, a.Leftover = "/z", time.Minute, 1, 4096, LeaveLeftover
	a.MemoryLimit, a.MaxProcesses = 1<<20, 7
	a.Retry = &Retry{
		Max: 4, Delay: time.Second, Backoff: 3, Jitter: 0.25, MaxTime: time.Hour,
		OnStatus: []string{"FAILED"}, ExitCodes: []int{3},
	}
	changed.Jobs = []Job{*a, c, b, {ID: "new"}}
	changed.Jobs[0].Needs = []int{1, 3} // c stays, b goes, new comes

	want := []string{
		`application_name changed from "Release" to "Other"`,
		`working_dir changed from "/home/me/w" to "/x"`,
		`log_dir changed from "/home/me/l" to "/y"`,
		`max_workers changed from "4" to "1"`,
		`parallel changed from "true" to "false"`,
		`continue_on_error changed from "true" to "false"`,
		`allow_shell changed from "false" to "true"`,
		`inherit_shell_env changed from "PATH, HOME" to "true"`,
		`env_variables.C set to "\"\""`,
		`env_variables.A changed from "1" to "9"`,
		`env_variables.API_KEY set to "***"`,
		`env_variables.B removed, was "2"`,
		`email_address changed from "a@x, b@y" to "z@z"`,
		`email_on_success changed from "true" to "false"`,
		`email_on_failure changed from "false" to "true"`,
		`smtp_server changed from "mail" to "m2"`,
		`smtp_port changed from "25" to "26"`,
		`smtp_user changed from "me" to "you"`,
		`smtp_password changed (secret)`,
		`security_policy changed from "strict" to "warn"`,
		`security_level changed from "high" to "low"`,
		`command_whitelist removed, was "ls"`,
		`command_allowlist_patterns removed, was "^ls "`,
		`workspace_paths removed, was "/home/me, /home/me/w/sub, /abs"`,
		`dependency_plugins removed, was "one (p/one.py), two (t.py), three (x/three.py)"`,
		`job "new" added`,
		`job "d" removed`,
		`job "a": command changed from "echo a" to "echo b"`,
		`job "a": description removed, was "first"`,
		`job "a": env_variables.Z changed from "1" to "2"`,
		`job "a": pre_checks changed from "check_file_exists {\"path\":\"${Z}/x\"}" to "check_file_exists {\"path\":\"y\",\"token\":\"***\"}"`,
		`job "a": post_checks removed, was "log_matches {\"pattern\":\"^ok$\"}, own {\"b\":true,\"l\":[1,\"x\",null,{\"_k\":2,\"k\":false}…"`,
		`job "a": log_dir changed from "/home/me/w/jl" to "/z"`,
		`job "a": timeout changed from "1.5s" to "1m0s"`,
		`job "a": priority changed from "-3" to "1"`,
		`job "a": output_limit changed from "2048" to "4096"`,
		`job "a": memory_limit changed from "67108864" to "1048576"`,
		`job "a": max_processes changed from "100" to "7"`,
		`job "a": leftover changed from "kill" to "leave"`,
		`job "a": max_retries changed from "3" to "4"`,
		`job "a": retry_delay changed from "0s" to "1s"`,
		`job "a": retry_backoff changed from "2" to "3"`,
		`job "a": retry_jitter changed from "0" to "0.25"`,
		`job "a": max_retry_time changed from "1m0s" to "1h0m0s"`,
		`job "a": retry_on_status changed from "FAILED, POSTCHECK_FAILED" to "FAILED"`,
		`job "a": retry_on_exit_codes changed from "2 -9" to "3"`,
		`job "a": now depends on "new"`,
		`job "a": no longer depends on "b"`,
		`jobs are in another order`,
	}
	d := Compare(fullWorkflow(), changed)
	if diff := cmp.Diff(want, d.Lines()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if d.Empty() {
		t.Error("Empty")
	}
}

func TestCompareReordersOnly(t *testing.T) {
	w := fullWorkflow()
	w.Jobs[1], w.Jobs[2] = w.Jobs[2], w.Jobs[1]
	if d := Compare(fullWorkflow(), w); !cmp.Equal(d, Difference{Reordered: true}) || d.Empty() {
		t.Errorf("got %+v", d)
	}
}

func TestDifferenceJSON(t *testing.T) {
	d := Difference{
		Fields: []FieldChange{{"a", "b", "c"}}, Added: []run.JobID{"x"}, Removed: []run.JobID{"y"},
		Changed: []JobChange{{ID: "j", NeedsAdded: []run.JobID{"n"}, NeedsRemoved: []run.JobID{"m"}}}, Reordered: true,
	}
	got, err := json.Marshal(d)
	want := `{"fields":[{"field":"a","old":"b","new":"c"}],"added":["x"],"removed":["y"],` +
		`"changed":[{"id":"j","needs_added":["n"],"needs_removed":["m"]}],"reordered":true}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}

// TestChangeInALongCommand: the two texts that are shown must differ where the command does.
func TestChangeInALongCommand(t *testing.T) {
	long := strings.Repeat("echo a line that stays as it is\n", 10)
	c := FieldChange{Field: "command", Old: long + "exit 0", New: long + "exit 1"}
	want := `command changed from "…stays as it is\nexit 0" to "…stays as it is\nexit 1"`
	if got := c.line(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	short := FieldChange{Field: "command", Old: "echo é", New: "echo è"}
	if got, want := short.line(), `command changed from "echo é" to "echo è"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
