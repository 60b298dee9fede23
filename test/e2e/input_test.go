package e2e

import (
	"strings"
	"testing"
)

// TestBrokenFiles are refused with a place and a reason, and leave no run.
func TestBrokenFiles(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	files := []struct{ name, text, want string }{
		{"empty.json", "", "the file is empty"},
		{"blank.yaml", " \n\t\n", "the file is empty"},
		{"nul.json", "{\"jobs\": [{\"id\": \"a\x00b\", \"command\": \"true\"}]}", "nul.json:1:"},
		{"nuls.json", strings.Repeat("\x00", 4096), "nuls.json:1:1"},
		{"command.json", `{"working_dir": "~", "jobs": [{"id": "a", "command": "echo \u0000"}]}`, "command.json:1:"},
		{"deep.json", `{"x": ` + strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000) + "}", "deep.json:1:"},
		{"lists.json", strings.Repeat("[", 1000), "lists.json:1:"},
		{"deep.yaml", "x: " + strings.Repeat("[", 1000) + strings.Repeat("]", 1000), "deep.yaml:1:"},
		{"cut.json", `{"working_dir": "~", "jobs": [{"id": "a", "comm`, "cut.json:1:"},
		{"text.txt", "this is no workflow", "text.txt:1:"},
	}
	for _, f := range files {
		p.write(f.name, f.text)
		r := p.run("run", f.name).ends(t, 3)
		contains(t, f.name, r.err, f.want, "executioner: the workflow is not valid")
		lacks(t, f.name, r.err, "panic", "goroutine", "\x00")
		if n := len(r.err); n > 2000 {
			t.Errorf("%s: %d bytes of message", f.name, n)
		}
	}
	contains(t, "runs", p.run("runs", "list").ends(t, 0).err, "no run has been recorded yet")
}

// TestExitCodes are those that --help documents.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	good := p.flow("good", nil, job{"id": "a", "command": "true"})
	bad := p.flow("bad", nil, job{"id": "a", "command": "exit 7"})
	late := p.flow("late", nil, job{"id": "a", "command": "exec sleep 60", "timeout": 0.1})
	p.write("invalid.json", `{"jobs": []}`)
	p.write("text.db", strings.Repeat("no database\n", 100))
	tests := []struct {
		args      string
		code, old int // of the new and the old command line; -1: there is no such command line
	}{
		{"run " + good, 0, -1},
		{"run " + bad, 1, -1},
		{"run " + late, 1, -1},
		{"run --no-such-flag", 2, -1},
		{"run", 2, -1},
		{"no-such-command", 2, -1},
		{"run invalid.json", 3, -1},
		{"validate invalid.json", 3, -1},
		{"run missing.json", 4, -1},
		{"runs show 99", 4, -1},
		{"cancel 1", 5, -1},
		{"run good.json --database text.db", 6, -1},
		{"version", 0, -1},
		{"", -1, 1},
		{"-c " + good, -1, 0},
		{"-c " + bad, -1, 1},
		{"-c invalid.json", -1, 1},
		{"-c missing.json", -1, 1},
		{"--show-run 99", -1, 1},
		{"-c good.json --database text.db", -1, 1},
		{"--list-runs", -1, 0},
	}
	for _, tt := range tests {
		if got := p.run(strings.Fields(tt.args)...); got.code != max(tt.code, tt.old) {
			t.Errorf("%q: %d\n%s", tt.args, got.code, got.err)
		}
	}
	contains(t, "--help", p.run("--help").ends(t, 0).out, `Exit codes: 0 all succeeded, 1 a job failed, 2 wrong usage, 3 invalid workflow, 4 not
found, 5 conflict or locked, 6 database unavailable, 70 internal error, 130 interrupted.`)
}
