package workflow

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// folder is a host with these files in /here.
func folder(files map[string]string) Host {
	host := testHost
	host.ReadFile = func(name string) ([]byte, error) {
		data, ok := files[strings.TrimPrefix(name, "/here/")]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return []byte(data), nil
	}
	host.Glob = func(pattern string) ([]string, error) {
		var all []string
		for name := range files {
			ok, err := path.Match(path.Clean(pattern), "/here/"+name)
			if err != nil {
				return nil, err
			}
			if ok {
				all = append(all, "/here/"+name)
			}
		}
		return all, nil
	}
	return host
}

// TestCompose runs the scripts of testdata/compose. Each is one case: files, the first of
// which is loaded, and what is wanted: what show --origin prints, or the problems.
func TestCompose(t *testing.T) {
	scripts, err := filepath.Glob("testdata/compose/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no testdata", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txtar"), func(t *testing.T) { composeScript(t, script) })
	}
}

func composeScript(t *testing.T, script string) {
	data, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	all := sections(string(data))
	files := map[string]string{}
	main, want, out := "", "", all[0].data
	for _, s := range all[1:] {
		if s.name == "wants" {
			want = s.data
			continue
		}
		if main == "" {
			main = s.name
		}
		files[s.name] = s.data
		out += fmt.Sprintf("-- %s --\n%s", s.name, s.data)
	}
	got := composedText(t, main, files)
	if !*rewrite {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		return
	}
	if err := os.WriteFile(script, []byte(out+"-- wants --\n"+got), 0o644); err != nil {
		t.Fatal(err)
	}
}

// composedText is what a file says with where it comes from, without the defaults, or what
// is wrong with it. A good one is the same when it is read again.
func composedText(t *testing.T, main string, files map[string]string) string {
	t.Helper()
	src, host := Source{Name: main, Data: []byte(files[main])}, folder(files)
	c, err := Compose(src, host)
	w, err2 := Load(src, host)
	if (err == nil) != (err2 == nil) {
		t.Fatalf("Compose says %v, Load says %v", err, err2)
	}
	if err != nil {
		if diff := cmp.Diff(problemsOf(t, err2), problemsOf(t, err), cmp.AllowUnexported(Problem{})); diff != "" {
			t.Errorf("Load and Compose find other problems: %s", diff)
		}
		return problemsOf(t, err).String()
	}
	if !Compare(w, c.Workflow).Empty() || !slices.Equal(w.Files, c.Workflow.Files) {
		t.Errorf("Load and Compose make other workflows: %v", Compare(w, c.Workflow).Lines())
	}
	for _, to := range []Format{YAML, JSON} {
		text, _ := c.Print(Show{To: to})
		again, err := Load(Source{Name: main, Data: text}, testHost)
		if err != nil {
			t.Fatalf("what was shown is not valid: %v\n%s", problemsOf(t, err), text)
		}
		if diff := Compare(w, again); !diff.Empty() {
			t.Errorf("what was shown as %s is another workflow: %v\n%s", to, diff.Lines(), text)
		}
	}
	text, _ := c.Print(Show{Origins: true})
	var shown strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(line, "# default\n") {
			shown.WriteString(line)
		}
	}
	return w.Warnings.String() + shown.String()
}
