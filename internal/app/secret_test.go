package app

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/workflow"
)

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("from file \n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wf := &workflow.Workflow{WorkingDir: dir, Secrets: []workflow.Secret{
		{Name: "A", Env: "SRC"},
		{Name: "B", File: file},
		{Name: "C", Command: "echo $SRC; cat file >&2"},
		{Name: "D", Command: "echo run >> ran; echo once"},
		{Name: "E", Command: "echo run >> ran; echo once", Scope: "s"},
	}}
	got, err := secrets(t.Context(), []string{"SRC=old", "SRC=tiger", "PATH=" + os.Getenv("PATH")}, false, wf)
	if want := "tiger|from file \n|tiger|once|once"; err != nil || strings.Join(got, "|") != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if ran, err := os.ReadFile(filepath.Join(dir, "ran")); err != nil || string(ran) != "run\n" {
		t.Errorf("a command that two secrets have ran as %q, %v", ran, err)
	}
}

func TestSecretsThatCantBeHad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct {
		secret workflow.Secret
		want   string
	}{
		{workflow.Secret{Env: "NONE"}, "the variable NONE: it is not set"},
		{workflow.Secret{Env: "EMPTY"}, "the variable EMPTY: it is empty"},
		{workflow.Secret{File: dir + "/none"}, "the file " + dir + "/none: no such file or directory"},
		{workflow.Secret{File: dir}, "the file " + dir + ": read " + dir + ": is a directory"},
		{workflow.Secret{File: write("empty", "\n")}, "the file " + dir + "/empty: it is empty"},
		{workflow.Secret{File: write("nul", "tiger\x00")}, "the file " + dir + "/nul: it is not text"},
		{workflow.Secret{File: write("long", strings.Repeat("x", secretSize+1))}, "the file " + dir + "/long: it has more than 122880 bytes"},
		{workflow.Secret{Command: "echo tiger; echo tiger >&2; exit 3"}, `the command "echo tiger; echo tiger >&2; exit 3": it ended with exit status 3`},
	}
	for _, tt := range tests {
		tt.secret.Name = "S"
		wf := &workflow.Workflow{WorkingDir: dir, Secrets: []workflow.Secret{tt.secret}}
		_, err := secrets(t.Context(), []string{"EMPTY="}, false, wf)
		if want := "the secret S can't be had from " + tt.want; err == nil || err.Error() != want || fault.CodeOf(err) != fault.InvalidConfig {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestAllMissingSecretsAreTold(t *testing.T) {
	wf := &workflow.Workflow{Secrets: []workflow.Secret{{Name: "A", Env: "A"}, {Name: "B", Env: "B"}, {Name: "C", Env: "C"}}}
	_, err := secrets(t.Context(), []string{"B=tiger"}, false, wf)
	want := "the secret A can't be had from the variable A: it is not set; the secret C can't be had from the variable C: it is not set"
	if err == nil || err.Error() != want || fault.HintOf(err) != "nothing was run" {
		t.Errorf("%v, want %s", err, want)
	}
}

// Whoever submits a run to a service learns where its secrets are looked for.
func TestHintOfASecret(t *testing.T) {
	for _, tt := range []struct {
		service bool
		secret  workflow.Secret
		want    string
	}{
		{false, workflow.Secret{Name: "S", Env: "NONE"}, "nothing was run"},
		{true, workflow.Secret{Name: "S", Env: "NONE"}, "nothing was run. The secret is looked for on the host of the service, in its environment, and not where the run is submitted"},
		{true, workflow.Secret{Name: "S", File: "/none"}, "nothing was run. The secret is looked for on the host of the service, as its user, and not where the run is submitted"},
	} {
		_, err := secrets(t.Context(), nil, tt.service, &workflow.Workflow{Secrets: []workflow.Secret{tt.secret}})
		if got := fault.HintOf(err); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

// TestSecretCommandIsStopped ends a command that does not end, and all that it started.
func TestSecretCommandIsStopped(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := secretCommand(ctx, os.Environ(), t.TempDir(), "sleep 1000 & sleep 1000"); err == nil {
		t.Error("it ended well")
	}
}
