package workflow

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/executionerhq/executioner/internal/run"
)

// chain returns a file of n jobs, each needing the one before it in the chain;
// reversed lists the last job of the chain first.
func chain(n int, reversed bool) []byte {
	var b bytes.Buffer
	b.WriteString(`{"working_dir": "/w", "jobs": [`)
	for k := range n {
		i, comma := k, ","
		if reversed {
			i = n - 1 - k
		}
		if k == n-1 {
			comma = ""
		}
		need := ""
		if i > 0 {
			need = fmt.Sprintf(`"job-%07d"`, i-1)
		}
		fmt.Fprintf(&b, `{"id": "job-%07d", "description": "number %d of many", "command": "echo hello %d && sleep 1", "timeout": 60, "dependencies": [%s]}%s`+"\n",
			i, i, i, need, comma)
	}
	b.WriteString("]}")
	return b.Bytes()
}

func TestReversedChain(t *testing.T) {
	const n = 100_000
	w, err := Load(Source{Name: "f.json", Data: chain(n, true)}, testHost)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n - 1 {
		if j := w.Jobs[i]; len(j.Needs) != 1 || j.Needs[0] != i+1 {
			t.Fatalf("job %d needs %v", i, j.Needs)
		}
	}
	snapshot, _, err := Encode(w)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(snapshot)
	if err != nil || !Compare(w, got).Empty() {
		t.Errorf("round trip: %v", err)
	}
}

func TestLongCircle(t *testing.T) {
	data := bytes.Replace(chain(100_000, true), []byte(`"dependencies": []`), []byte(`"dependencies": ["job-0099999"]`), 1)
	ps := loadProblems(t, string(data))
	want := "jobs depend on each other in a circle: job-0099999 → job-0099998 → job-0099997 → job-0099996 → job-0099995 → " +
		"job-0099994 → job-0099993 → job-0099992 → (99985 more) → job-0000006 → job-0000005 → job-0000004 → job-0000003 → " +
		"job-0000002 → job-0000001 → job-0000000 → job-0099999"
	if len(ps) != 1 || ps[0].Msg != want || ps[0].Line != 1 || ps[0].Col != bytes.Index(data, []byte(`["job`))+2 {
		t.Errorf("got %v", ps)
	}
}

func TestDeepNesting(t *testing.T) {
	for _, n := range []int{1000, 300_000} {
		for name, data := range map[string]string{
			"f.json": `{"_a": ` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}",
			"g.json": strings.Repeat(`{"a":`, n),
			"f.yaml": "_a: " + strings.Repeat("[", n) + strings.Repeat("]", n),
			"g.yaml": strings.Repeat("- ", n),
			"h.yaml": "_a: " + strings.Repeat("{a: ", n),
			"i.yaml": strings.Repeat("? ", n),
		} {
			_, err := Load(Source{Name: name, Data: []byte(data)}, testHost)
			ps := problemsOf(t, err)
			if len(ps) != 1 || !strings.Contains(ps[0].Msg, "deep") && !strings.Contains(ps[0].Msg, "levels") && name != "i.yaml" {
				t.Errorf("%s, %d deep: %v", name, n, ps)
			}
		}
	}
}

func TestHugeString(t *testing.T) {
	huge := strings.Repeat("x", 100<<20)
	w, err := Load(Source{Name: "f.json", Data: []byte(`{"working_dir": "/w", "jobs": [{"id": "a", "command": "` + huge + `"}]}`)}, testHost)
	if err != nil || len(w.Jobs[0].Command) != len(huge) {
		t.Fatal(err)
	}
	ps := loadProblems(t, `{"working_dir": "/w", "jobs": [{"id": "`+huge+`", "command": ""}]}`)
	if want := "job 1: id must have at most 255 bytes, not 104857600"; len(ps) != 1 || ps[0].Msg != want {
		t.Errorf("got %v", ps)
	}
}

func TestTooLarge(t *testing.T) {
	_, err := Load(Source{Name: "f.yaml", Data: bytes.Repeat([]byte("#\n"), MaxYAML/2+1)}, testHost)
	want := "the file has 16777218 bytes, more than the 16777216 that are read as YAML"
	if ps := problemsOf(t, err); len(ps) != 1 || ps[0].Msg != want {
		t.Errorf("got %v", ps)
	}
}

// TestLargePlainYAML is that plain YAML has the limit of JSON.
func TestLargePlainYAML(t *testing.T) {
	data := append(bytes.Repeat([]byte("#\n"), MaxYAML/2+1), "working_dir: /w\njobs:\n  - id: a\n    command: x\n"...)
	if w, err := Load(Source{Name: "f.yaml", Data: data}, testHost); err != nil || len(w.Jobs) != 1 {
		t.Errorf("got %v", err)
	}
}

// TestYAMLBombs are small files that would keep the YAML parser, or what reads its
// result, busy for hours.
func TestYAMLBombs(t *testing.T) {
	var laughs, merges strings.Builder
	laughs.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	merges.WriteString("a0: &a0 {x: 1}\n")
	for i := range 20 {
		fmt.Fprintf(&laughs, "a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 10), ", "))
		fmt.Fprintf(&merges, "a%d: &a%d {<<: [%s]}\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 10), ", "))
	}
	var keys strings.Builder
	keys.WriteString("k: &k v\n") // with an anchor it is for the YAML module
	for i := range 200_000 {
		fmt.Fprintf(&keys, "k%d: v\n", i)
	}
	tests := []struct{ name, data, want string }{
		{"aliases", laughs.String(), "aliases expand to more than 1000000 values"},
		{"merges", merges.String(), "aliases expand to more than 1000000 values"},
		{"names", keys.String(), "the YAML has too many names in one mapping"},
		{"absent", strings.Repeat("- a:\n", 100_000), "the YAML has too many names without a value"},
		{"names only", "a: {" + strings.Repeat("a, ", 100_000) + "}", "the YAML has too many names without a value"},
		{"one name each", strings.Repeat("- {a}\n", 100_000), "the YAML has too many names without a value"},
		{"lists and names", "a: {" + strings.Repeat("a, [b]: c, ", 50_000) + "}", "the YAML has too many names without a value"},
		{"paths", strings.Repeat("k", 1_000_000) + ": [" + strings.Repeat("1,", 10_000) + "]", "the YAML has names that are too long for so many levels and values"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(Source{Name: "f.yaml", Data: []byte(tt.data)}, testHost)
			if ps := problemsOf(t, err); ps[0].Msg != tt.want {
				t.Errorf("got %.300v, want %s", ps, tt.want)
			}
		})
	}
}

// TestFlowStyle is a file that is written in brackets, as programs do: the commas of its
// lists are no names without a value.
func TestFlowStyle(t *testing.T) {
	const n = 10_000
	var b strings.Builder
	b.WriteString("working_dir: /w\njobs:\n")
	for i := range n {
		var needs []string
		for k := max(0, i-5); k < i; k++ {
			needs = append(needs, fmt.Sprintf("job%d", k))
		}
		fmt.Fprintf(&b, "  - {id: job%d, tags: [a, b], command: \"echo %d\", env_variables: {A: 1, B: x}, dependencies: [%s]}\n", i, i, strings.Join(needs, ", "))
	}
	w, err := Load(Source{Name: "f.yaml", Data: []byte(b.String())}, testHost)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.Jobs) != n || len(w.Jobs[n-1].Needs) != 5 || len(w.Jobs[7].Env) != 2 {
		t.Errorf("%d jobs, the last needs %v", len(w.Jobs), w.Jobs[n-1].Needs)
	}
}

func TestManyNames(t *testing.T) {
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, `"x%d": 1, `, i)
	}
	ps := loadProblems(t, oneJob(b.String()+`"x7": 2, "x99999": 3,`))
	if len(ps) != maxProblems+1 || ps[0].Msg != `unknown field "x0" is ignored` {
		t.Fatalf("got %v", ps[0])
	}
	last := ps[maxProblems-1]
	if last.Msg != `"x99999" appears twice: first on line 1` || ps[maxProblems-2].Msg != `"x7" appears twice: first on line 1` {
		t.Errorf("got %v", ps[maxProblems-2:])
	}
}

func TestIndex(t *testing.T) {
	w := mustLoad(t, "f.json", string(chain(10, false)))
	if got := w.Index("job-0000007"); got != 7 {
		t.Errorf("got %d", got)
	}
	if got := w.Index(run.JobID("none")); got != -1 {
		t.Errorf("got %d", got)
	}
}

func BenchmarkLoad(b *testing.B) {
	data := chain(100_000, true)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load(Source{Name: "f.json", Data: data}, testHost); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoadYAML(b *testing.B) {
	var y bytes.Buffer
	y.WriteString("working_dir: /w\njobs:\n")
	for i := range 10_000 {
		fmt.Fprintf(&y, "  - id: job%d\n    command: echo hello %d\n    description: some text\n    timeout: 60\n", i, i)
	}
	b.SetBytes(int64(y.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load(Source{Name: "f.yaml", Data: y.Bytes()}, testHost); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkWorkflow(b *testing.B) *Workflow {
	w, err := Load(Source{Name: "f.json", Data: chain(100_000, true)}, testHost)
	if err != nil {
		b.Fatal(err)
	}
	return w
}

func BenchmarkEncode(b *testing.B) {
	w := benchmarkWorkflow(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Encode(w); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	data, _, err := Encode(benchmarkWorkflow(b))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompare(b *testing.B) {
	w, other := benchmarkWorkflow(b), benchmarkWorkflow(b)
	for b.Loop() {
		if !Compare(w, other).Empty() {
			b.Fatal("differ")
		}
	}
}
