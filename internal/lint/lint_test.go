package lint_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/executionerhq/executioner/internal/expr"
	"github.com/executionerhq/executioner/internal/lint"
	"github.com/executionerhq/executioner/internal/workflow"
)

func load(t *testing.T, name string, data []byte) (*workflow.Workflow, *expr.Compiler) {
	t.Helper()
	c := expr.NewCompiler()
	w, err := workflow.Load(workflow.Source{Name: name, Data: data}, host(c))
	if err != nil {
		var problems workflow.Problems
		errors.As(err, &problems)
		t.Fatalf("%s: %v\n%s", name, err, problems)
	}
	return w, c
}

func host(c *expr.Compiler) workflow.Host {
	return workflow.Host{
		Home: "/home/u", Dir: "/srv", Origin: true, Now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		Zones:     time.LoadLocation,
		CheckWhen: func(text string) error { _, err := c.Condition(text); return err },
		CheckRule: func(text string) error { _, err := c.Rule(text); return err },
	}
}

// show writes findings as users see them.
func show(w *workflow.Workflow, found []lint.Finding) string {
	return lint.Problems(w, found).String()
}

// TestRules runs testdata/*.txtar: files, and behind them what is found in all of them.
// With -update it is written anew.
func TestRules(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			var kept []txtar.File
			want := ""
			for _, f := range archive.Files {
				if f.Name == "findings" {
					want = string(f.Data)
					continue
				}
				kept = append(kept, f)
				w, c := load(t, f.Name, f.Data)
				got.WriteString(show(w, lint.Check(w, c, asked(f.Name))))
				got.WriteString(show(w, lint.Enforce(w, w.Origin.Rules, c)))
			}
			if os.Getenv("UPDATE") != "" {
				archive.Files = append(kept, txtar.File{Name: "findings", Data: []byte(got.String())})
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// asked turns on rules for files that are named after one.
func asked(name string) []string {
	base := strings.TrimSuffix(strings.TrimPrefix(name, "good-"), filepath.Ext(name))
	return []string{base}
}

// Each rule has a file in which it finds something, and one in which it finds nothing.
func TestEachRuleHasBothCases(t *testing.T) {
	for _, rule := range lint.Rules() {
		archive, err := txtar.ParseFile("testdata/" + rule.Name + ".txtar")
		if err != nil {
			t.Error(err)
			continue
		}
		for _, f := range archive.Files {
			if f.Name == "findings" {
				continue
			}
			w, c := load(t, f.Name, f.Data)
			found := slices.ContainsFunc(lint.Check(w, c, lint.Names()), func(f lint.Finding) bool { return f.Rule == rule.Name })
			if bad := !strings.HasPrefix(f.Name, "good-"); found != bad {
				t.Errorf("%s: %s: found %v, want %v", rule.Name, f.Name, found, bad)
			}
		}
		if len(archive.Files) < 3 {
			t.Errorf("%s has %d files, want a bad one, a good one and the findings", rule.Name, len(archive.Files))
		}
	}
}
