package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStrictPolicy refuses the whole file before anything starts.
func TestStrictPolicy(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"strict", "block"} {
		p := newPlace(t)
		file := p.flow("strict", map[string]any{"security_policy": policy},
			job{"id": "fine", "command": ledger}, job{"id": "rogue", "command": "sudo rm -rf /"})
		r := p.run("run", file).ends(t, 3)
		contains(t, "stderr", r.err, "rogue")
		r = p.run("-c", file).ends(t, 1)
		contains(t, "stderr", r.err, "rogue")
		p.run("validate", file).ends(t, 3)
		contains(t, "list", p.run("runs", "list").ends(t, 0).err, "no run has been recorded yet")
		if p.exists("ledger") || p.exists("logs") {
			t.Error("something was run")
		}
	}
}

// TestWarnPolicy warns, and the run goes on.
func TestWarnPolicy(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.write("old.txt", "")
	r := p.run("run", p.flow("warn", nil, job{"id": "a", "command": "echo $(date) && rm old.txt"})).ends(t, 0)
	contains(t, "stderr", r.err, "warning", `job "a": `, "(command_substitution)")
	if p.exists("old.txt") {
		t.Error("the command was not run")
	}
}

// TestNoShell has commands that a shell would take apart.
func TestNoShell(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	r := p.run("run", p.flow("shell", map[string]any{"allow_shell": false}, job{"id": "a", "command": "touch a; touch b"})).ends(t, 3)
	contains(t, "stderr", r.err, "allow_shell is false")
	p.run("run", p.flow("words", map[string]any{"allow_shell": false}, job{"id": "a", "command": `touch 'a; touch b'`}), "-q").ends(t, 0)
	if !p.exists("a; touch b") || p.exists("b") {
		t.Error("it was not run as it is")
	}
}

// TestSecretsAreNowhere looks for secrets wherever something is shown, logged or sent.
func TestSecretsAreNowhere(t *testing.T) {
	t.Parallel()
	p, s := newPlace(t), newMailServer(t)
	p.env = append(p.env, "CALLER_TOKEN=geheim-caller")
	fields := s.fields(map[string]any{"env_variables": map[string]string{"DB_PASSWORD": "geheim-app"}})
	file := p.flow("secrets", fields,
		job{"id": "fails", "command": "echo $DB_PASSWORD geheim-app $CALLER_TOKEN $OWN_KEY; echo $GIVEN_SECRET >&2; exit 3", "env_variables": map[string]string{"OWN_KEY": "geheim-own"}},
		job{"id": "check", "command": "true", "pre_checks": []any{map[string]any{"name": "command", "params": map[string]any{"command": "echo $DB_PASSWORD; exit 1"}}}})
	given := []string{"--env", "GIVEN_SECRET=geheim-given"}
	with := func(args ...string) []string { return append(args, given...) }

	for _, args := range [][]string{
		with("run", file, "--continue-on-error"),
		with("run", file, "--visible", "--verbose", "--continue-on-error"),
		with("run", file, "--json", "--continue-on-error"),
		with("-c", file, "--visible", "--continue-on-error"),
		{"resume", "1", "--visible"},
	} {
		r := p.run(args...).ends(t, 1)
		lacks(t, "output of "+args[0], r.out+r.err, "geheim")
	}
	for _, args := range [][]string{
		{"runs", "show", "1"},
		{"runs", "show", "1", "--json"},
		{"runs", "list", "--json"},
		{"--show-run", "1"},
		{"explain", "1"},
		{"explain", "1", "fails"},
		{"explain", "1", "check"},
		{"explain", "1", "fails", "--json"},
		{"logs", "1"},
		{"logs", "1", "fails"},
		{"plan", file},
		{"plan", "--resume", "1"},
		{"plan", file, "--json"},
		{"validate", file, "--json"},
		{"env", file, "--job", "fails"},
		{"env", file, "--job", "fails", "--json"},
	} {
		r := p.run(args...).ends(t, 0)
		lacks(t, "output of "+args[0], r.out+r.err, "geheim")
	}
	for _, mail := range s.received() {
		_, _, parts := parse(t, mail)
		contains(t, "mail", parts, "\n*** *** *** ***\n***\n")
		lacks(t, "mail", mail+parts, "geheim", "Z2VoZWlt")
	}
	contains(t, "--visible", p.run("resume", "1", "--visible").ends(t, 1).out, "DB_PASSWORD=***", "OWN_KEY=***", "GIVEN_SECRET=***", "CALLER_TOKEN=***")
	equal(t, "mails", len(s.received()), 6)
	logs := 0
	err := filepath.WalkDir(p.path("logs"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		logs++
		b, err := os.ReadFile(path)
		lacks(t, path, string(b), "geheim")
		return err
	})
	if err != nil || logs < 9 {
		t.Errorf("%d logs, %v", logs, err)
	}
	contains(t, "log", p.read(p.log("secrets", "fails")), "\n*** *** *** ***\n***\n")
}

// What one job keeps secret stands in the texts of another: its command, its output, its
// condition, what it hands on, what is said of it.
func TestSecretsOfAnotherJobAreNowhere(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	jobs := func(more string) []job {
		return []job{
			{"id": "holds", "command": "true", "env_variables": map[string]string{"OWN_KEY": "geheim-own", "NEXT_TOKEN": "geheim-next" + more}},
			{
				"id": "says", "command": "echo geheim-own" + more + " | tee /dev/stderr; echo v=geheim-own > $EXECUTIONER_OUTPUT; exit 3", "description": "geheim-own",
				"env_variables": map[string]string{"TEXT": "geheim-own" + more}, "pre_checks": []any{map[string]any{"name": "command", "params": map[string]any{"command": "echo geheim-own"}}},
			},
			{"id": "checked", "command": "true", "pre_checks": []any{map[string]any{"name": "check_file_exists", "params": map[string]any{"path": "geheim-own"}}}},
			{"id": "never", "command": "true", "when": "'geheim-own' == ''"},
			{"id": "good", "command": "echo v=geheim-own > $EXECUTIONER_OUTPUT; echo geheim-own", "description": "geheim-own"},
		}
	}
	file := p.flow("other", map[string]any{"continue_on_error": true}, jobs("")...)
	next := p.flow("next", map[string]any{"continue_on_error": true, "application_name": "other"}, jobs("-2")...)
	for _, args := range [][]string{
		{"run", file, "--verbose"},
		{"run", file, "--json"},
		{"resume", "1", "--from", "says", "--visible"},
		{"resume", "1", "--with-current", "--file", next, "--from", "says"},
		{"diff", file, next},
		{"diff", file, next, "--json"},
		{"diff", "run:2", next, "--format", "markdown"},
	} {
		r := p.run(args...)
		lacks(t, "output of "+args[0], r.out+r.err, "geheim")
		if r.code != 1 {
			t.Errorf("%v: %d %s", args, r.code, r.err)
		}
	}
	for _, args := range [][]string{
		{"workflow", "register", file, "--name", "other"},
		{"workflow", "register", next, "--name", "other", "--json"},
		{"mark-success", "1", "says", "--note", "it said geheim-own"},
		{"runs", "show", "1"},
		{"runs", "show", "1", "--all"},
		{"runs", "show", "1", "--json"},
		{"runs", "show", "1", "--critical-path"},
		{"runs", "list"},
		{"runs", "list", "--json"},
		{"explain", "1", "says"},
		{"explain", "1", "never", "--json"},
		{"explain", "2", "checked"},
		{"explain", "1"},
		{"logs", "1"},
		{"logs", "1", "says"},
		{"logs", "2", "good"},
		{"plan", file},
		{"plan", "--resume", "1", "--json"},
		{"graph", file},
		{"graph", "--run", "1"},
		{"graph", file, "--json"},
		{"env", file, "--job", "says"},
		{"env", file, "--job", "says", "--json"},
		{"show", file},
		{"show", file, "--origin", "--json"},
		{"repro", "1", "says", "--json"},
		{"simulate", file},
		{"stats"},
		{"stats", "--json"},
		{"workflow", "versions", "other", "--json"},
		{"audit", "list", "--json"},
	} {
		r := p.run(args...)
		lacks(t, "output of "+strings.Join(args, " "), r.out+r.err, "geheim")
		if r.code != 0 {
			t.Errorf("%v: %d %s %s", args, r.code, r.out, r.err)
		}
	}
	r := p.run("workflow", "diff", "other", "1", "2").ends(t, 1)
	lacks(t, "workflow diff", r.out+r.err, "geheim")
	contains(t, "workflow diff", r.out, "***")
	contains(t, "values", p.run("runs", "show", "2", "--json").ends(t, 0).out, `"values":{"v":"***"}`)
	err := filepath.WalkDir(p.path("logs"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		lacks(t, path, string(b), "geheim")
		return err
	})
	if err != nil {
		t.Error(err)
	}
	contains(t, "log", p.read(p.log("other", "good")), "\n***\n")
}
