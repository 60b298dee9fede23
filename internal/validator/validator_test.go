package validator_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/executionerhq/executioner/internal/validator"
	"github.com/executionerhq/executioner/internal/workflow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun(t *testing.T) {
	type problems = []validator.Problem
	said := func(text string) problems { return problems{{Message: text}} }
	tests := []struct {
		name string
		v    workflow.Validator
		want problems
	}{
		{"nothing to say", workflow.Validator{Command: "cat >/dev/null"}, nil},
		{"does not read", workflow.Validator{Command: "exit 0"}, nil},
		{"an empty list", workflow.Validator{Command: "echo ' [] '"}, nil},
		{"sees the workflow", workflow.Validator{Command: `grep -q '"jobs"' && echo $STAGE >&2; echo '[{"message": "seen"}]'`}, said("seen")},
		{"problems", workflow.Validator{Command: `printf %s '[{"job":"a","message":"no\nname","hint":"do","level":"error"},{"message":"maybe","level":"warn"}]'`}, problems{
			{Job: "a", Message: "no name", Hint: "do"}, {Message: "maybe", Warning: true},
		}},
		{"fails without words", workflow.Validator{Command: "exit 3"}, said("it ended with exit status 3")},
		{"fails", workflow.Validator{Command: "echo first >&2; echo 'no such\a table' >&2; exit 3"}, said("it ended with exit status 3: no such table")},
		{"fails with problems", workflow.Validator{Command: `echo '[{"message":"x"}]'; exit 1`}, said("x")},
		{"fails with warnings only", workflow.Validator{Command: `echo '[{"message":"x","level":"warn"}]'; exit 1`}, problems{
			{Message: "x", Warning: true}, {Message: "it ended with exit status 1"},
		}},
		{"is killed", workflow.Validator{Command: "kill -KILL $$"}, said("it ended with signal: killed")},
		{"no list", workflow.Validator{Command: "echo '{}'"}, said("its answer can't be read: a list of objects with message is wanted: json: cannot unmarshal object into Go value of type []validator.answer")},
		{"no message", workflow.Validator{Command: `echo '[{"message":"x"},{"job":"a"}]'`}, said("its answer can't be read: problem 2 has no message")},
		{"a wrong level", workflow.Validator{Command: `echo '[{"message":"x","level":"fatal"}]'`}, said(`its answer can't be read: problem 1 has the level "fatal", which is neither error nor warn`)},
		{"too long", workflow.Validator{Command: "head -c 2000000 /dev/zero"}, said("its answer is longer than 1048576 bytes")},
		{"arguments", workflow.Validator{Args: []string{"/bin/sh", "-c", `echo "[{\"message\": \"$0\"}]"`, "x y"}}, said("x y")},
		{"not there", workflow.Validator{Args: []string{"/nowhere/at-all"}}, said("it can't be run: fork/exec /nowhere/at-all: no such file or directory")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.v.Timeout = time.Minute
			got := validator.Run(t.Context(), &tt.v, []byte(`{"jobs": []}`), validator.Host{Dir: t.TempDir(), Environ: os.Environ()})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// A validator that goes on is stopped, with what it started.
func TestTimeout(t *testing.T) {
	dir := t.TempDir()
	v := workflow.Validator{Command: "sleep 60 & echo $! >pid; wait", Timeout: 2 * time.Second}
	got := validator.Run(t.Context(), &v, nil, validator.Host{Dir: dir, Environ: os.Environ()})
	if diff := cmp.Diff([]validator.Problem{{Message: "it took longer than 2s and was stopped"}}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	pid, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal("it was stopped before it began: ", err)
	}
	for deadline := time.Now().Add(30 * time.Second); exec.Command("kill", "-0", strings.TrimSpace(string(pid))).Run() == nil; {
		if time.Now().After(deadline) {
			t.Fatal("its child goes on")
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v := workflow.Validator{Command: "sleep 60", Timeout: time.Minute}
	if got := validator.Run(ctx, &v, nil, validator.Host{Dir: t.TempDir()}); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

func TestManyProblems(t *testing.T) {
	v := workflow.Validator{Command: `printf '[{"message":"x"}'; i=0; while [ $i -lt 1001 ]; do printf ',{"message":"x"}'; i=$((i+1)); done; echo ']'`, Timeout: time.Minute}
	got := validator.Run(t.Context(), &v, nil, validator.Host{Dir: t.TempDir()})
	if len(got) != 1001 || got[1000].Message != "and 2 more" {
		t.Errorf("%d problems, last %v", len(got), got[len(got)-1])
	}
}
