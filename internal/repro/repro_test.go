package repro

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// source loads a workflow and returns its first job, as try 2 of run 7 had it.
func source(t *testing.T, text string) Source {
	t.Helper()
	wf, err := workflow.Load(workflow.Source{Name: "w.yaml", Data: []byte("working_dir: " + t.TempDir() + "\n" + text)}, workflow.Host{
		Params: []workflow.Given{{Name: "PIN", Value: "1234", From: "PIN=", Ambient: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return Source{Workflow: wf, Task: run.TaskID{Run: 7, Attempt: 1, Job: wf.Jobs[0].ID, Try: 2}}
}

const rich = `
application_name: night
params: {day: {type: string, default: "it's today"}, PIN: {type: string, secret: true}}
secrets: {VAULT: {env: CALLER_VAULT}}
env_variables: {STAGE: live, DB_PASSWORD: hunter2, DSN: "u:${DB_PASSWORD}@${HOST}/${VAULT}", HERE: "${HOME}/x", odd.name: 1}
jobs:
  - id: load
    command: env
    env_variables: {STAGE: "test $x", EMPTY: ""}
`

func caller() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=/home/me", "HOST=db", "API_TOKEN=theirs"}
}

func TestOf(t *testing.T) {
	src := source(t, rich)
	src.Workflow = src.Workflow.WithSecrets([]string{"open sesame"})
	src.Env = []workflow.Var{{Name: "STAGE", Value: "given"}}
	c, err := Of(src, caller())
	if err != nil {
		t.Fatal(err)
	}
	want := &Command{
		Dir: src.Workflow.WorkingDir, Args: []string{"/bin/sh", "-c", "env"}, Marker: "repro/7/1/load/2",
		Env: []string{
			"API_TOKEN=theirs", "DB_PASSWORD=hunter2", "DSN=u:hunter2@db/open sesame", "EMPTY=", "HERE=/home/me/x", "HOME=/home/me", "HOST=db",
			"PATH=" + os.Getenv("PATH"), "PIN=1234", "STAGE=given", "VAULT=open sesame", "day=it's today", "odd.name=1",
			"EXECUTIONER_TASK=repro/7/1/load/2", "EXECUTIONER_RUN=7", "EXECUTIONER_ATTEMPT=1", "EXECUTIONER_JOB=load", "EXECUTIONER_TRY=2",
		},
		Inherited: []string{"API_TOKEN", "HOME", "HOST", "PATH"},
		Secrets:   []string{"DB_PASSWORD", "PIN", "VAULT"},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
}

const handing = `
jobs:
  - {id: first, command: [echo, "${jobs.count.rows}"], dependencies: [count], env_variables: {N: "n${jobs.count.rows}"}}
  - {id: count, command: x}
`

// TestHandedValues is a job that was run with what another one had handed on.
func TestHandedValues(t *testing.T) {
	src := source(t, "inherit_shell_env: false"+handing)
	if _, err := Of(src, nil); fault.CodeOf(err) != fault.Conflict || err.Error() != "job first can't be run again: ${jobs.count.rows} is not known: job count handed on no rows before it started" {
		t.Error(err)
	}
	src.Handed = map[string]string{"jobs.count.rows": "1'2 ${x}"}
	c, err := Of(src, nil)
	if err != nil || !slices.Equal(c.Args, []string{"echo", "1'2 ${x}"}) || c.Env[0] != "N=n1'2 ${x}" {
		t.Errorf("%+v, %v", c, err)
	}
	script, err := Script(src, nil)
	if err != nil || !strings.Contains(script, `export N='n1'\''2 ${x}'`+"\n") || !strings.Contains(script, `exec echo '1'\''2 ${x}'`+"\n") {
		t.Errorf("%s %v", script, err)
	}
}

// TestArguments covers the ways in which a job names its program.
func TestArguments(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"shell":    {"jobs: [{id: a, command: 'x | y'}]", []string{"/bin/sh", "-c", "x | y"}},
		"list":     {"env_variables: {N: 5}\njobs: [{id: a, command: [echo, 'a b', 'n${N}']}]", []string{"echo", "a b", "n5"}},
		"no shell": {"allow_shell: false\njobs: [{id: a, command: 'echo \"a b\" c'}]", []string{"echo", "a b", "c"}},
	}
	for name, tt := range tests {
		if c, err := Of(source(t, tt.text), nil); err != nil || !slices.Equal(c.Args, tt.want) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	if _, err := Of(source(t, "jobs: [{id: a, command: ''}]"), nil); fault.CodeOf(err) != fault.Usage {
		t.Error(err)
	}
	if _, err := Script(source(t, "jobs: [{id: a, command: ''}]"), nil); fault.CodeOf(err) != fault.Usage {
		t.Error(err)
	}
}

// environment runs a script and returns the variables that its command sees.
func environment(t *testing.T, script string, environ ...string) ([]string, string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", file)
	cmd.Env = environ
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	vars := slices.DeleteFunc(strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n"), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"_", "PWD", "OLDPWD", "SHLVL", outputVariable}, name) // the shell's own
	})
	slices.Sort(vars)
	return vars, errs.String(), err
}

// TestScript runs the script elsewhere: with other variables of the caller and the same
// secrets it must give the command what Of gives it there.
func TestScript(t *testing.T) {
	for name, inherit := range map[string]string{"all": "", "some": "inherit_shell_env: [PATH, HOST]\n", "none": "inherit_shell_env: false\n"} {
		t.Run(name, func(t *testing.T) {
			src := source(t, inherit+rich)
			script, err := Script(src, caller())
			if err != nil {
				t.Fatal(err)
			}
			for _, hidden := range []string{"hunter2", "1234", "theirs", "open sesame"} {
				if strings.Contains(script, hidden) {
					t.Errorf("%q is in the script:\n%s", hidden, script)
				}
			}
			there := []string{"PATH=" + os.Getenv("PATH"), "HOME=/root's home", "HOST=other", "MORE=x"}
			got, errs, err := environment(t, script, append(there, "DB_PASSWORD=hunter2", "PIN=1234", "VAULT=open sesame")...)
			if err != nil {
				t.Fatal(err, errs, script)
			}
			src.Workflow = src.Workflow.WithSecrets([]string{"open sesame"})
			c, err := Of(src, there)
			if err != nil {
				t.Fatal(err)
			}
			want := slices.DeleteFunc(slices.Sorted(slices.Values(c.Env)), func(v string) bool { return v == "odd.name=1" })
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s\n%s", diff, script)
			}
			if !strings.Contains(script, "# A shell can't set variables of these names: odd.name\n") {
				t.Error(script)
			}
			_, errs, err = environment(t, script, there...)
			if err == nil || !strings.Contains(errs, "DB_PASSWORD: is secret: give it as a variable") {
				t.Errorf("without secrets: %v %s", err, errs)
			}
		})
	}
}

// TestScriptOfSubWorkflow hides what is secret of the sub-workflow, too.
func TestHiddenScope(t *testing.T) {
	outer := &workflow.Scope{Env: []workflow.Var{{Name: "A_TOKEN", Value: "t1"}}}
	inner := &workflow.Scope{
		Parent: outer, Call: []workflow.Var{{Name: "B_SECRET", Value: "t2"}, {Name: "B", Value: "b"}},
		Params: []workflow.Param{{Name: "C", Value: "t3", Secret: true}, {Name: "D", Value: "d"}},
	}
	safe := hiddenScope(inner)
	got := []string{safe.Parent.Env[0].Value, safe.Call[0].Value, safe.Call[1].Value, safe.Params[0].Value, safe.Params[1].Value}
	want := []string{secretMark + "A_TOKEN" + endMark, secretMark + "B_SECRET" + endMark, "b", secretMark + "C" + endMark, "d"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if inner.Params[0].Value != "t3" || outer.Env[0].Value != "t1" {
		t.Error("the workflow itself was changed")
	}
}

func TestStart(t *testing.T) {
	start := func(script string, signals <-chan os.Signal) (int, string, error) {
		var out bytes.Buffer
		c := &Command{Dir: t.TempDir(), Args: []string{"sh", "-c", script}, Env: []string{"PATH=" + os.Getenv("PATH"), "N=5"}}
		code, err := c.Start(Streams{In: strings.NewReader("typed\n"), Out: &out, Err: &out}, signals)
		return code, out.String(), err
	}
	if code, out, err := start(`cat; echo $N; pwd | grep -c TestStart; exit 7`, nil); code != 7 || out != "typed\n5\n1\n" || err != nil {
		t.Error(code, out, err)
	}
	if code, out, err := start(`echo a=1 > "$EXECUTIONER_OUTPUT"; cat "$EXECUTIONER_OUTPUT"; echo "$EXECUTIONER_OUTPUT" >&2`, nil); code != 0 || !strings.HasPrefix(out, "a=1\n/") || err != nil {
		t.Error(code, out, err)
	} else if _, err := os.Stat(strings.TrimSpace(strings.TrimPrefix(out, "a=1\n"))); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if code, _, err := start("kill -9 $$", nil); code != 128+9 || err != nil {
		t.Error(code, err)
	}
	signals := make(chan os.Signal, 2)
	signals <- os.Interrupt // the terminal gave it to the command already
	signals <- syscall.SIGTERM
	if code, _, err := start(`exec sleep 60`, signals); code != 128+int(syscall.SIGTERM) || err != nil {
		t.Error(code, err)
	}
	c := &Command{Dir: "/no/such/place", Args: []string{"true"}}
	var f *fault.Error
	if _, err := c.Start(Streams{}, nil); !errors.As(err, &f) || f.Code != fault.Unavailable {
		t.Error(err)
	}
}
