package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
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
