package workflow

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// addSeeds adds the files of testdata whose name ends in ext.
func addSeeds(f *testing.F, ext string) {
	scripts, _ := filepath.Glob("testdata/*.txtar")
	for _, script := range scripts {
		data, err := os.ReadFile(script)
		if err != nil {
			f.Fatal(err)
		}
		for _, s := range sections(string(data)) {
			if strings.HasSuffix(s.name, ext) {
				f.Add(s.data)
			}
		}
	}
}

// checkLoad holds what is true of every file.
func checkLoad(t *testing.T, name, data string) {
	w, err := Load(Source{Name: name, Data: []byte(data)}, testHost)
	if err != nil {
		checkProblems(t, problemsOf(t, err))
		return
	}
	checkProblems(t, w.Warnings)
	if len(w.Jobs) == 0 || !filepath.IsAbs(w.WorkingDir) || !filepath.IsAbs(w.LogDir) || w.MaxWorkers < 1 || w.Application == "" {
		t.Fatalf("loaded %+v", w)
	}
	for _, j := range w.Jobs {
		if j.ID == "" || j.Timeout <= 0 || j.Retry == nil || j.OutputLimit < minOutput || !filepath.IsAbs(j.LogDir) {
			t.Fatalf("loaded job %+v", j)
		}
		if _, err := SplitCommand(j.Command); err != nil && !w.AllowShell {
			t.Fatalf("loaded %v", err)
		}
	}
	w.Warnings = nil
	snapshot, _, err := Encode(w)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(snapshot)
	if err != nil || !reflect.DeepEqual(w, got) {
		t.Fatalf("round trip: %v\n%+v\n%+v", err, w, got)
	}
	ResolveEnv(w, 0, []string{"A=b"}, nil).List()
}

func checkProblems(t *testing.T, ps Problems) {
	for i, p := range ps {
		more := strings.HasPrefix(p.Msg, "and ")
		if !more && (p.Line < 1 || p.Col < 1) || len([]rune(p.Text)) > textWidth+2 || p.caret > len([]rune(p.Text)) || p.Msg == "" {
			t.Fatalf("problem %#v", p)
		}
		if i > 0 && !more && (p.Line < ps[i-1].Line || p.Line == ps[i-1].Line && p.Col < ps[i-1].Col) {
			t.Fatalf("%v is out of order", p)
		}
	}
	if text := ps.String(); !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\x1b\x7f\r") {
		t.Fatalf("text %q", text)
	}
}

func FuzzLoadJSON(f *testing.F) {
	addSeeds(f, ".json")
	f.Add(fullJSON)
	f.Fuzz(func(t *testing.T, data string) { checkLoad(t, "f.json", data) })
}

func FuzzLoadYAML(f *testing.F) {
	addSeeds(f, ".yaml")
	f.Add(fullJSON)
	f.Add("working_dir: /w\njobs:\n  - &a {id: a, command: x}\n  - {<<: *a, id: b}\n")
	f.Fuzz(func(t *testing.T, data string) { checkLoad(t, "f.yaml", data) })
}

func FuzzSplitCommand(f *testing.F) {
	for _, seed := range []string{`a 'b c' "d e" f\ g`, "a | b", "a $X", "a `b`", "a\\\nb", `"\\\""`, "{ a; }", "a {b,c}", "a <<E\nE\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, command string) {
		words, err := SplitCommand(command)
		if err != nil {
			return
		}
		// Quoted again, the words must come back as they are.
		var quoted []string
		for _, w := range words {
			quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
		}
		again, err := SplitCommand(strings.Join(quoted, " "))
		if err != nil || !reflect.DeepEqual(words, again) {
			t.Fatalf("%q splits into %q, quoted again into %q, %v", command, words, again, err)
		}
	})
}

// TestSplitAsShell compares SplitCommand with what a real shell makes of the same text.
func TestSplitAsShell(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell here")
	}
	for _, command := range []string{
		`a 'b c' "d e" f\ g`, `a b"c"'d'e`, `a ''`, `a "\$x \n \" \\ \a"`, `a '$x *' "*" \* \~ \#`, "a \\\n b", "a \"b\\\nc\"",
		"a b=c x~ a#b", "a foo$ x", `a {} \;`, "a {b} {c", `a \\ \' \"`, `a "'" '"'`, `a "x"\""y"`, "a é\\é", "a -- --x=~",
	} {
		words, err := SplitCommand(command)
		if err != nil {
			t.Errorf("%q: %v", command, err)
			continue
		}
		out, err := exec.Command(shell, "-c", `a() { printf '%s\0' a "$@"; }; `+command).Output()
		if want := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); err != nil || !reflect.DeepEqual(words, want) {
			t.Errorf("%q: we make it %q, the shell %q (%v)", command, words, want, err)
		}
	}
}
