package workflow

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/executionerhq/executioner/internal/fault"
)

// mergedAndIncluded returns what Merge makes of two files, and what the second is when it
// includes the first.
func mergedAndIncluded(a, b string) (merged, included *Workflow, err error) {
	all := map[string]string{"a.yaml": a, "x.yaml": "max_workers: 9\nenv_variables: {X: x}\n", "a.env": "V=file\nW=a\n", "b.env": "W=b\n"}
	host := folder(all)
	m, err := Merge([]Source{{"a.yaml", []byte(a)}, {"b.yaml", []byte(b)}}, true, YAML)
	if err != nil {
		return nil, nil, err
	}
	load := func(name, text string) (*Workflow, error) {
		w, err := Load(Source{Name: name, Data: []byte(text)}, host)
		if err == nil {
			w.File = ""
		}
		return w, err
	}
	merged, merr := load("merged.yaml", string(m.Text))
	included, ierr := load("b.yaml", "include: a.yaml\n"+b)
	if merr != nil || ierr != nil {
		return nil, nil, errors.Join(fmt.Errorf("merged:\n%s", m.Text), merr, ierr)
	}
	return merged, included, nil
}

// sameFlow says how two workflows differ.
func sameFlow(a, b *Workflow) string {
	x, _, xerr := Encode(a)
	y, _, yerr := Encode(b)
	if xerr != nil || yerr != nil || string(x) != string(y) {
		return fmt.Sprintf("%s\nmerged   %s\nincluded %s", strings.Join(Compare(b, a).Lines(), "\n"), x, y)
	}
	return ""
}

// TestMergeIsInclude holds that merging A and B is the same as B that includes A.
func TestMergeIsInclude(t *testing.T) {
	tests := []struct{ name, a, b string }{
		{"values", "timeout: 5\nmax_workers: 2", "timeout: 6"},
		{"null says nothing", "timeout: 5\nmax_workers: null\nenv_variables: {A: 1}\nemail_address: a@x", "timeout: null\nmax_workers: 3\nenv_variables: ~\nemail_address:"},
		{"objects", "env_variables: {A: 1, B: x}", "env_variables:\n  B: y, z\n  C: null"},
		{"params", "params: {p: {type: int, default: 1}, q: 2}", "params: {p: {default: x}}"},
		{"secrets", "secrets: {S: {env: A}}", "secrets: {S: {file: /x}, T: {env: B}}"},
		{"checks", "checks: {c: ./a, d: ./d}", "checks: {c: {command: ./b, timeout: 5}}"},
		{"ignores", "lint_ignore: {missing-timeout: a}", "lint_ignore: {missing-timeout: b, no-such: c}"},
		{"lists", "command_whitelist: [a, b]\nemail_address: [a@x]", "command_whitelist: [c]\n+email_address: [b@x]"},
		{"added", "email_address: a@x, b@x\ncommand_whitelist: [a]", "+email_address: [c@x]\n+command_whitelist:\n  - b, c"},
		{"added text", "email_address: [a@x]", "+email_address: b@x, c@x"},
		{"added to nothing", "parallel: true", "+email_address: [c@x]\n+command_whitelist: [a]"},
		{"added to null", "email_address: null", "+email_address: [c@x]"},
		{"added within one", "command_whitelist: [a]\n+command_whitelist: [b]", "+command_whitelist: [c]"},
		{"kinds", "inherit_shell_env: [A]\nemail_address: [a@x]", "inherit_shell_env: true\nemail_address: b@x"},
		{"jobs", "jobs: [{id: a, command: a, tags: [x], env_variables: {A: 1}}, {id: b, command: b}]", "jobs: [{id: a, command: 'a, b', +tags: [y], env_variables: {B: 2}}, {id: c, command: c, dependencies: [b]}]"},
		{"job in lines", "jobs: [{id: a, command: a, env_variables: {A: 1}}]", "jobs:\n  - id: a\n    command: echo a, b\n    env_variables:\n      B: x, y\n    when:\n    owner: me"},
		{"job fields", "jobs: [{id: a, command: a, timeout: 5, matrix: {x: [1, 2], y: [1]}, lint_ignore: {r: a}}]", "jobs: [{id: a, timeout: null, matrix: {y: [3]}, lint_ignore: {s: b}}]"},
		{"job extends", "templates: {t: {owner: t}, u: {tags: [u]}, v: {timeout: 9}}\njobs: [{id: a, command: a, extends: t}, {id: b, command: b, extends: t}, {id: c, command: c}]", "jobs: [{id: a, extends: u}, {id: b, +extends: [u, v]}, {id: c, +extends: v}]"},
		{"foreach", "jobs: [{id: a, command: a, foreach: [1, 2]}]", "jobs: [{id: a, foreach: {list: [3]}}]"},
		{"on", "jobs: [{id: a, command: a}, {id: b, command: b, dependencies: [{job: a, on: failure}]}]", "jobs: [{id: b, +dependencies: [c]}, {id: c, command: c}]"},
		{"hooks", "on_failure: [{id: h, command: h}]", "on_failure: [{id: h, timeout: 3}, {id: i, command: i}]\non_success: [{id: k, command: k}]"},
		{"templates", "templates: {t: {params: {p: 1, q: 2}, command: 'x', env_variables: {A: '${p}', B: 1}, tags: [a], timeout: 4}}\njobs: [{id: j, extends: t}]", "templates: {t: {params: {q: 3}, env_variables: {B: '${q}'}, +tags: [b], timeout: null}, n: null}"},
		{"template replaced", "templates: {t: null, u: {owner: u}}\njobs: [{id: j, command: x, extends: [u, t]}]", "templates: {t: {owner: t}, u: null}"},
		{"defaults", "defaults: {timeout: 4, tags: [a], env_variables: {A: 1, B: 1}}\njobs: [{id: j, command: x}]", "defaults: {timeout: null, +tags: [b], env_variables: {B: 2}, owner: me}"},
		{"defaults extend", "templates: {t: {owner: t}, u: {timeout: 7}}\ndefaults: {extends: t}\njobs: [{id: j, command: x}]", "defaults: {+extends: u}"},
		{"env files", "env_files: a.env", "env_files: [b.env]\nenv_variables: {V: own}"},
		{"env files of jobs", "jobs: [{id: a, command: a, env_files: a.env}]", "jobs: [{id: a, env_files: b.env, env_variables: {V: own}}]"},
		{"env files of defaults", "defaults: {env_files: a.env}\njobs: [{id: a, command: a}]", "defaults: {env_files: b.env}"},
		{"first includes", "include: x.yaml\nparallel: true", "max_workers: 3"},
		{"both include", "include: [x.yaml]\nmax_workers: 4", "env_variables: {X: b}"},
		{"comments", "_a: 1\ntimeout: 4", "_a: 2\n_b: {x: 1}\n_a: 3"},
		{"rules", "rules: [{name: r, require: 'true'}]", "+rules: [{name: s, require: 'true'}]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := "working_dir: /w\napplication_name: n\n" + tt.a + "\n"
			if !strings.Contains(a, "jobs:") {
				a += "jobs: [{id: only, command: x}]\n"
			}
			merged, included, err := mergedAndIncluded(a, tt.b+"\n")
			if err != nil {
				t.Fatal(err)
			}
			if diff := sameFlow(merged, included); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestMergeIsIncludeAtRandom puts files together of many fields.
func TestMergeIsIncludeAtRandom(t *testing.T) {
	fields := [][]string{
		{"timeout: 5", "timeout: 6", "timeout: null"},
		{"env_variables: {A: 1, B: 'x, y'}", "env_variables:\n  B: x, y\n  C: 2", "env_variables: null"},
		{"email_address: a@x", "email_address: [a@x]", "+email_address: [b@x]", "+email_address:\n  - c@x, d@x"},
		{"command_whitelist: [a]", "+command_whitelist: [b]", "command_whitelist:\n  - c"},
		{"params: {p: 1, q: x}", "params: {q: {type: int}}"},
		{"templates: {t: {tags: [t], owner: t}, u: {}}", "templates: {t: {+tags: [v]}, u: {env_variables: {U: u}}}"},
		{"defaults: {priority: 1, tags: [d]}", "defaults:\n  env_variables: {D: d}\n  priority: 2"},
		{"jobs: [{id: a, command: a}, {id: b, command: b, tags: [b]}, {id: e, command: e, extends: t, tags: [e], +tags: [f]}]", "jobs: [{id: b, command: b, extends: [t, u], +tags: [x]}, {id: e, command: g, +tags: [g]}]", "jobs:\n  - id: b\n    command: echo x, y\n    +tags: [c]\n  - {id: c, command: c, dependencies: [a]}\n  - {id: a, command: aa, env_variables: {J: 1}}"},
		{"on_failure: [{id: h, command: h}]", "on_failure: [{id: h, command: h, owner: o}, {id: i, command: i}]"},
		{"inherit_shell_env: false", "inherit_shell_env: [A, B]", "+inherit_shell_env: [C]"},
	}
	r := rand.New(rand.NewPCG(1, 2))
	compared := 0
	for range 400 {
		text := func() string {
			var lines []string
			for _, variants := range fields {
				if n := r.IntN(len(variants) + 1); n < len(variants) {
					lines = append(lines, variants[n])
				}
			}
			r.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
			return strings.Join(lines, "\n") + "\n"
		}
		a, b := "working_dir: /w\napplication_name: n\nmax_workers: 3\n"+text(), "parallel: true\n"+text()
		merged, included, err := mergedAndIncluded(a, b)
		if err != nil {
			if strings.Contains(err.Error(), "merged:") && strings.Count(err.Error(), "not valid") != 2 {
				t.Fatalf("%v\n%s\n%s", err, a, b)
			}
			continue // neither is valid, or they can't be put together
		}
		compared++
		if diff := sameFlow(merged, included); diff != "" {
			t.Fatalf("%s\n--- a\n%s--- b\n%s", diff, a, b)
		}
	}
	if compared < 100 {
		t.Errorf("only %d could be compared", compared)
	}
}

// TestMergeRefusesWhatItCantSay is about files that would mean something else as one.
func TestMergeRefusesWhatItCantSay(t *testing.T) {
	tests := []struct {
		a, b, want string
		code       fault.Code
	}{
		{"timeout: 1", "include: x.yaml", "b.yaml includes x.yaml, which would come to stand before what a.yaml says", fault.Unsupported},
		{"env_variables: {A: 1}", "env_files: x.env", "b.yaml has env_files, over which the env_variables of a.yaml would come to win", fault.Unsupported},
		{"jobs: [{id: a, env_variables: {A: 1}}]", "jobs: [{id: a, env_files: x.env}]", "b.yaml has env_files, over which the env_variables of a.yaml would come to win", fault.Unsupported},
		{"jobs: [{id: a}]", "+jobs: [{id: b}]", "b.yaml: +jobs: only lists take a +, and jobs is put together anyway", fault.InvalidWorkflow},
		{"timeout: 1", "+timeout: 2", "b.yaml: +timeout can't be added: only lists can, to lists", fault.InvalidWorkflow},
		{"inherit_shell_env: true", "+inherit_shell_env: [A]", "b.yaml: +inherit_shell_env can't be added: only lists can, to lists", fault.InvalidWorkflow},
	}
	for _, tt := range tests {
		_, err := Merge([]Source{{"a.yaml", []byte(tt.a)}, {"b.yaml", []byte(tt.b)}}, true, YAML)
		if err == nil || err.Error() != tt.want || fault.CodeOf(err) != tt.code {
			t.Errorf("%s + %s: %v", tt.a, tt.b, err)
		}
	}
	if m, err := Merge([]Source{{"a.yaml", []byte("include: [x.yaml, y.yaml]")}, {"b.yaml", []byte("include: y.yaml")}}, false, YAML); err != nil || string(m.Text) != "include: [x.yaml, y.yaml]\n" {
		t.Errorf("%s, %v", m.Text, err)
	}
}
