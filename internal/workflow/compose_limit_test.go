package workflow

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// composeProblem returns the one problem of main.yaml.
func composeProblem(t *testing.T, files map[string]string) string {
	t.Helper()
	_, err := Load(Source{Name: "main.yaml", Data: []byte(files["main.yaml"])}, folder(files))
	ps := problemsOf(t, err)
	if len(ps) != 1 {
		t.Fatalf("got %d problems: %v", len(ps), ps)
	}
	return fmt.Sprintf("%s:%d: %s", ps[0].File, ps[0].Line, ps[0].Msg)
}

const oneJobYAML = "working_dir: /w\njobs: [{id: a, command: a}]\n"

func TestIncludeLimits(t *testing.T) {
	deep := func(n int) map[string]string {
		files := map[string]string{"main.yaml": oneJobYAML + "include: f1.yaml\n"}
		for i := range n {
			files[fmt.Sprintf("f%d.yaml", i+1)] = fmt.Sprintf("include: f%d.yaml\n", i+2)
		}
		files[fmt.Sprintf("f%d.yaml", n)] = "max_workers: 7\n"
		return files
	}
	many := func(n int) map[string]string {
		files := map[string]string{"main.yaml": oneJobYAML + "include: 'x*.yaml'\n"}
		for i := range n {
			files[fmt.Sprintf("x%04d.yaml", i)] = "max_workers: 7\n"
		}
		return files
	}
	large := func(last int) map[string]string {
		big := "{\"_\": \"" + strings.Repeat("x", 16<<20-10) + "\"}\n"
		return map[string]string{
			"main.yaml": oneJobYAML + "include: [a.json, b.json, c.json, d.json, e.json]\n",
			"a.json":    big, "b.json": big, "c.json": big, "d.json": big[:len(big)-last], "e.json": "{\"max_workers\": 7}",
		}
	}
	for name, files := range map[string]map[string]string{"deep": deep(50), "many": many(1000)} {
		w, err := Load(Source{Name: "main.yaml", Data: []byte(files["main.yaml"])}, folder(files))
		if err != nil || w.MaxWorkers != 7 || len(w.Files) != len(files)-1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"deep", deep(51), "f50.yaml:1: files include each other more than 50 deep"},
		{"many", many(1001), "main.yaml:3: include names more than 1000 files, directly or not"},
		{"large", large(0), "main.yaml:3: include names files of more than 64 MiB together"},
	}
	for _, tt := range tests {
		if got := composeProblem(t, tt.files); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestNoFiles: without a way to read files all that needs one is an error.
func TestNoFiles(t *testing.T) {
	for _, line := range []string{"include: a.yaml", "include: '*.yaml'", "extends: [a.yaml]", "env_files: a.env"} {
		ps := loadProblemsYAML(t, oneJobYAML+line+"\n", testHost)
		field, _, _ := strings.Cut(line, ":")
		if want := field + " names another file, and none can be read here"; len(ps) != 1 || ps[0].Msg != want {
			t.Errorf("%s: got %v", line, ps)
		}
	}
}

func loadProblemsYAML(t *testing.T, data string, host Host) Problems {
	t.Helper()
	_, err := Load(Source{Name: "main.yaml", Data: []byte(data)}, host)
	return problemsOf(t, err)
}

func TestUnreadableFiles(t *testing.T) {
	host := testHost
	host.ReadFile = func(string) ([]byte, error) { return nil, errors.New("it is a directory") }
	host.Glob = func(string) ([]string, error) { return nil, errors.New("syntax error in pattern") }
	ps := loadProblemsYAML(t, oneJobYAML+"include: [?dir, '[a*', ~/x]\n", host)
	want := "main.yaml:3:11: include names \"dir\", which can't be read: it is a directory\n"
	for _, p := range ps {
		p.Text, p.caret = "", 0
	}
	if len(ps) != 3 || ps[0].place()+ps[0].Msg+"\n" != want || ps[1].Msg != "include is not a pattern: syntax error in pattern" ||
		ps[2].Msg != `include names "/home/me/x", which can't be read: it is a directory` {
		t.Errorf("got %v", ps)
	}
	host.Home = ""
	ps = loadProblemsYAML(t, oneJobYAML+"include: ~/x\n", host)
	if len(ps) != 1 || ps[0].Msg != "include begins with ~ but the home directory is not known" {
		t.Errorf("got %v", ps)
	}
}

// TestIncludePaths: which path is read, and how it is shown.
func TestIncludePaths(t *testing.T) {
	tests := []struct{ main, include, read, shown string }{
		{"main.yaml", "x.yaml", "/here/x.yaml", "x.yaml"},
		{"flows/main.yaml", "x.yaml", "/here/flows/x.yaml", "flows/x.yaml"},
		{"flows/main.yaml", "../x.yaml", "/here/x.yaml", "x.yaml"},
		{"../main.yaml", "x.yaml", "/x.yaml", "../x.yaml"},
		{"/abs/main.yaml", "x.yaml", "/abs/x.yaml", "/abs/x.yaml"},
		{"flows/main.yaml", "/etc/x.yaml", "/etc/x.yaml", "/etc/x.yaml"},
		{"flows/main.yaml", "~/x.yaml", "/home/me/x.yaml", "/home/me/x.yaml"},
		{"-", "x.yaml", "/here/x.yaml", "x.yaml"},
		{"", "x.yaml", "/here/x.yaml", "x.yaml"},
		{"flows/main.yaml", "x*.yaml", "/here/flows/x1.yaml", "flows/x1.yaml"},
		{"/abs/[1]/main.yaml", "x*.yaml", "/abs/[1]/x1.yaml", "/abs/[1]/x1.yaml"},
	}
	for _, tt := range tests {
		var read, pattern string
		host := testHost
		host.ReadFile = func(path string) ([]byte, error) {
			read = path
			return []byte("max_workers: x"), nil
		}
		host.Glob = func(p string) ([]string, error) {
			pattern = p
			return []string{strings.NewReplacer("*", "1", `\`, "").Replace(p)}, nil
		}
		_, err := Load(Source{Name: tt.main, Data: []byte("include: " + tt.include + "\n" + oneJobYAML)}, host)
		ps := problemsOf(t, err)
		if read != tt.read || len(ps) != 1 || ps[0].File != tt.shown {
			t.Errorf("%s includes %s: read %s (pattern %s), shown %v", tt.main, tt.include, read, pattern, ps)
		}
	}
}

// TestIncludeSelf: a file that includes itself, by whatever name.
func TestIncludeSelf(t *testing.T) {
	got := composeProblem(t, map[string]string{"main.yaml": oneJobYAML + "include: ./../here/main.yaml\n"})
	if want := "main.yaml:3: files include each other in a circle: main.yaml → ../here/main.yaml"; got != want {
		t.Errorf("got %s", got)
	}
}

// bombs are small files that ask for very much.
func bombs() map[string]map[string]string {
	var twice, fields, text, own strings.Builder
	twice.WriteString("templates:\n  t0: {command: a}\n")
	text.WriteString("templates:\n  t0: {params: {p: null}, description: '${{ p }}'}\n")
	for i := range 45 {
		fmt.Fprintf(&twice, "  t%d: {extends: [t%d, t%d]}\n", i+1, i, i)
		fmt.Fprintf(&text, "  t%d: {params: {p: null}, extends: {template: t%d, with: {p: '${{ p }}${{ p }}${{ p }}'}}}\n", i+1, i)
	}
	twice.WriteString("working_dir: /w\njobs: [{id: a, extends: t45}]\n")
	text.WriteString("working_dir: /w\njobs: [{id: a, command: a, extends: {template: t45, with: {p: xxxxxxxxxxxxxxxx}}}]\n")
	fields.WriteString("working_dir: /w\ntemplates:\n  t:\n    command: a\n    tags: [" + strings.Repeat("x, ", 5000) + "x]\njobs:\n")
	own.WriteString("working_dir: /w\njobs:\n")
	var vars strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&fields, "  - {id: j%d, extends: t}\n", i)
		fmt.Fprintf(&own, "  - {id: j%d, command: a, env_files: v.env}\n", i)
		fmt.Fprintf(&vars, "V%d=x\n", i)
	}
	files := map[string]string{}
	for i := range 40 {
		files[fmt.Sprintf("f%d.yaml", i)] = "include: 'f*.yaml'\n"
	}
	files["main.yaml"] = oneJobYAML + "include: f0.yaml\n"
	return map[string]map[string]string{
		"templates twice": {"main.yaml": twice.String()},
		"long text":       {"main.yaml": text.String()},
		"large template":  {"main.yaml": fields.String()},
		"large variables": {"main.yaml": own.String(), "v.env": vars.String()},
		"patterns":        files,
	}
}

// TestComposeBombs: none of them takes more than 64 MiB, counting all that is ever allocated.
func TestComposeBombs(t *testing.T) {
	got := map[string]string{}
	for name, files := range bombs() {
		t.Run(name, func(t *testing.T) {
			host := folder(files)
			src := Source{Name: "main.yaml", Data: []byte(files["main.yaml"])}
			base := allocated(func() { readText(src.Name, src.Data, &reporter{}) }) // what reading YAML takes
			var err error
			took := allocated(func() { _, err = Load(src, host) })
			if took-base > 64<<20 {
				t.Errorf("took %d MiB, besides %d to read it", (took-base)>>20, base>>20)
			}
			got[name] = problemsOf(t, err)[0].Msg
		})
	}
	want := map[string]string{
		"templates twice": "templates and defaults come to more values than are made of a file of this size",
		"long text":       "parameters make this text longer than 1048576 bytes",
		"large template":  "templates and defaults come to more values than are made of a file of this size",
		"large variables": "templates and defaults come to more values than are made of a file of this size",
	}
	if diff := cmp.Diff(want, got, ignoreKey("patterns")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !strings.HasPrefix(got["patterns"], "files include each other in a circle: ") {
		t.Errorf("got %s", got["patterns"])
	}
}

func ignoreKey(key string) cmp.Option {
	return cmp.FilterPath(func(p cmp.Path) bool {
		m, ok := p.Last().(cmp.MapIndex)
		return ok && m.Key().String() == key
	}, cmp.Ignore())
}

// allocated returns the bytes that f allocates, freed ones included.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestTemplatesDeep(t *testing.T) {
	deep := func(n int) map[string]string {
		var b strings.Builder
		b.WriteString("working_dir: /w\ntemplates:\n  t0: {command: a}\n")
		for i := range n {
			fmt.Fprintf(&b, "  t%d: {extends: t%d}\n", i+1, i)
		}
		fmt.Fprintf(&b, "jobs: [{id: a, extends: t%d}]\n", n)
		return map[string]string{"main.yaml": b.String()}
	}
	ok := deep(50)
	if _, err := Load(Source{Name: "main.yaml", Data: []byte(ok["main.yaml"])}, folder(ok)); err != nil {
		t.Error(problemsOf(t, err))
	}
	if got, want := composeProblem(t, deep(51)), "main.yaml:54: templates extend each other more than 50 deep"; got != want {
		t.Errorf("got %s", got)
	}
}

// TestManyJobsOneTemplate: what real files ask for is far below the limits.
func TestManyJobsOneTemplate(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`{"working_dir": "/w", "defaults": {"owner": "me", "tags": ["a", "b"]}, "templates": {"t": {"command": "a", "timeout": 5,` +
		`"env_variables": {"A": "1", "B": "2", "C": "3"}, "retry_on_exit_codes": [1, 2, 3]}}, "jobs": [`)
	for i := range 20_000 {
		fmt.Fprintf(&b, `{"id": "j%d", "extends": "t"},`, i)
	}
	b.WriteString(`{"id": "z", "extends": "t"}]}`)
	w := mustLoad(t, "f.json", b.String())
	if len(w.Jobs) != 20_001 || w.Jobs[20_000].Owner != "me" || len(w.Jobs[20_000].Env) != 3 {
		t.Errorf("got %+v", w.Jobs[20_000])
	}
}

func FuzzCompose(f *testing.F) {
	for _, files := range bombs() {
		f.Add(files["main.yaml"][:min(len(files["main.yaml"]), 2000)], files["f0.yaml"], files["v.env"])
	}
	f.Add("include: a.yaml\nextends: b.json\nenv_files: c.env\nworking_dir: /w\n", "jobs: [{id: a, +tags: [x], extends: t}]\ntemplates: {t: {command: a}}", "A=1\nB='2'\n")
	f.Add("{\"include\": [\"a.yaml\"], \"working_dir\": \"/w\", \"jobs\": [{\"id\": \"a\", \"command\": \"b\"}]}", "defaults: {extends: {template: t, with: {p: 1}}}\ntemplates: {t: {params: {p: null}, owner: '${{ p }}'}}", "")
	f.Fuzz(func(t *testing.T, main, part, vars string) {
		if len(main)+len(part)+len(vars) > 1<<16 {
			return
		}
		host := folder(map[string]string{"a.yaml": part, "b.json": part, "c.env": vars, "f.yaml": main})
		c, err := Compose(Source{Name: "f.yaml", Data: []byte(main)}, host)
		if err != nil {
			for _, p := range problemsOf(t, err) {
				if more := strings.HasPrefix(p.Msg, "and "); !more && (p.Line < 1 || p.Col < 1) || p.Msg == "" {
					t.Fatalf("problem %#v", p)
				}
			}
			return
		}
		for _, how := range []Show{{Origins: true}, {To: JSON}} {
			text, _ := c.Print(how)
			again, err := Load(Source{Name: "f." + string(cmpOr(how.To, YAML)), Data: text}, testHost)
			if err != nil {
				t.Fatalf("%v\n%s", problemsOf(t, err), text)
			}
			if diff := Compare(c.Workflow, again); !diff.Empty() {
				t.Fatalf("%v\n%s", diff.Lines(), text)
			}
		}
	})
}

func cmpOr(a, b Format) Format {
	if a != "" {
		return a
	}
	return b
}

func BenchmarkCompose(b *testing.B) {
	var y bytes.Buffer
	y.WriteString(`{"working_dir": "/w", "defaults": {"owner": "me"}, "templates": {"t": {"params": {"n": null}, "command": "echo $n",` +
		` "description": "number ${{ n }}", "timeout": 60}}, "jobs": [`)
	for i := range 10_000 {
		fmt.Fprintf(&y, `{"id": "job%d", "extends": {"template": "t", "with": {"n": %d}}},`, i, i)
	}
	y.WriteString(`{"id": "z", "command": "a"}]}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load(Source{Name: "f.json", Data: y.Bytes()}, testHost); err != nil {
			b.Fatal(err)
		}
	}
}
