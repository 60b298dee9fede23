package workflow

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
)

var updateMerge = flag.Bool("update-merge", false, "rewrite testdata/merge/*.txtar and testdata/extract/*.txtar")

// golden runs a test per archive: the files but the last two are the input, the last two
// ("out.EXT" and "notes") what must come of it.
func golden(t *testing.T, dir string, do func(comment string, in []Source, to Format) (text, notes string)) {
	archives, err := filepath.Glob(dir + "/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal(archives, err)
	}
	for _, path := range archives {
		t.Run(filepath.Base(path), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			n := len(a.Files) - 2
			var in []Source
			for _, f := range a.Files[:n] {
				in = append(in, Source{f.Name, f.Data})
			}
			text, notes := do(string(a.Comment), in, Format(strings.TrimPrefix(filepath.Ext(a.Files[n].Name), ".")))
			if notes != "" {
				notes += "\n"
			}
			if *updateMerge {
				a.Files[n].Data, a.Files[n+1].Data = []byte(text), []byte(notes)
				if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if d := cmp.Diff(string(a.Files[n].Data)+string(a.Files[n+1].Data), text+notes); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestMergeGolden(t *testing.T) {
	golden(t, "testdata/merge", func(comment string, in []Source, to Format) (string, string) {
		m, err := Merge(in, strings.Contains(comment, "--override"), to)
		if err != nil {
			return "", "error: " + err.Error()
		}
		again(t, m.Text, to)
		return string(m.Text), strings.Join(m.Notes, "\n")
	})
}

// TestExtractGolden keeps the jobs that the comment names behind a colon.
func TestExtractGolden(t *testing.T) {
	golden(t, "testdata/extract", func(comment string, in []Source, _ Format) (string, string) {
		_, names, _ := strings.Cut(comment, ":")
		keep := map[run.JobID]bool{}
		for _, name := range strings.Fields(names) {
			keep[run.JobID(name)] = true
		}
		text, err := Extract(in[0], func(id run.JobID) bool { return keep[id] })
		if err != nil {
			return "", "error: " + err.Error()
		}
		return string(text), ""
	})
}

func TestMergeAndExtractRefuse(t *testing.T) {
	list, broken, good := Source{"l.yaml", []byte("- a\n")}, Source{"b.yaml", []byte("a: [\n")}, Source{"g.yaml", []byte("a: 1\n")}
	for _, bad := range []Source{list, broken} {
		if _, err := Merge([]Source{good, bad}, false, YAML); fault.CodeOf(err) != fault.InvalidWorkflow {
			t.Errorf("merge: %v", err)
		}
		if _, err := Extract(bad, func(run.JobID) bool { return true }); fault.CodeOf(err) != fault.InvalidWorkflow {
			t.Errorf("extract: %v", err)
		}
		if got := RelativePaths(bad); got != nil {
			t.Errorf("paths: %v", got)
		}
	}
}

func TestRelativePaths(t *testing.T) {
	tests := map[string]string{
		"include: a.yaml":              "include",
		"include: [/a.yaml, b/*.yaml]": "include",
		"include: /a.yaml":             "",
		"+env_files: ?x.env":           "env_files",
		"working_dir: x":               "",
		"defaults: {env_files: x}":     "env_files",

		"jobs: [{id: a, env_files: [x]}, {env_files: y}, 1]": "env_files",
		"jobs: [{id: a, workflow: sub.yaml}]":                "workflow",
		"templates: {a: {env_files: x}, b: {workflow: y}}":   "env_files workflow",
		"templates: [a]\ndefaults: {env_files: /x}":          "",
	}
	for text, want := range tests {
		if got := strings.Join(RelativePaths(Source{"a.yaml", []byte(text)}), " "); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
