package graph

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

var update = flag.Bool("update", false, "rewrite testdata and docs/graph.svg")

// sample has every kind of edge and of job.
func sample() *workflow.Workflow {
	return &workflow.Workflow{Application: "nightly", Jobs: []workflow.Job{
		{ID: "extract_customers", Description: "From the shop"},
		{ID: "extract_orders"},
		{ID: "extract_stock"},
		{ID: "load", Needs: []int{0, 1}},
		{ID: "restock", Needs: []int{2}},
		{ID: "report", Needs: []int{0, 3, 4}},
		{ID: "tell", Needs: []int{2}, On: []workflow.Ending{workflow.OnFailure}},
		{ID: "clean_up", Needs: []int{3, 4}, On: []workflow.Ending{workflow.OnSuccess, workflow.OnDone}, Always: true},
		{ID: "weekly", Needs: []int{5}, When: "now.getDayOfWeek() == 0"},
		{ID: "page", Hook: workflow.HookFailure},
		{ID: "publish", Hook: workflow.HookSuccess},
	}}
}

func sampleResults() []Result {
	return []Result{
		{State: run.Success, Took: 1200 * time.Millisecond},
		{State: run.Success, Took: 12 * time.Second},
		{State: run.Failed, Took: 125 * time.Second, Why: "Try 1 failed with exit code 3"},
		{State: run.Running},
		{State: run.Skipped, Why: "extract_stock failed"},
		{State: run.Skipped},
		{State: run.Success, Took: 3 * time.Hour},
		{State: run.Queued},
		{State: run.Cancelled},
		{State: run.Timeout, Took: 61 * time.Minute},
		{State: run.Pending},
	}
}

func forms(g *Graph) map[string]string {
	return map[string]string{"txt": g.Text(), "mmd": g.Mermaid(), "dot": g.DOT(), "svg": g.SVG()}
}

// TestGolden compares all forms of graphs with testdata; -update rewrites it.
func TestGolden(t *testing.T) {
	graphs := map[string]*Graph{
		"file": Of(sample(), nil), "run": Of(sample(), sampleResults()), "part": Of(sample(), nil).Around("load"), "big": Of(big(500), nil),
	}
	for name, g := range graphs {
		for form, got := range forms(g) {
			if name == "big" && form != "txt" {
				continue
			}
			compare(t, filepath.Join("testdata", name+"."+form), got)
		}
	}
}

// TestPictureOfTheDocuments keeps docs/graph.svg as the program draws it.
func TestPictureOfTheDocuments(t *testing.T) {
	compare(t, "../../docs/graph.svg", Of(sample(), sampleResults()).SVG())
}

func compare(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (go test ./internal/graph -update rewrites it): %s", path, d)
	}
}

// big is a workflow of n jobs in waves of about 100, each with two needs.
func big(n int) *workflow.Workflow {
	w := &workflow.Workflow{Application: "big", Jobs: make([]workflow.Job, n)}
	for i := range n {
		w.Jobs[i].ID = run.JobID(fmt.Sprintf("job_%d", i))
		if i >= 100 {
			w.Jobs[i].Needs = []int{i - 100, i - i%100 - 1}
		}
	}
	return w
}

func TestAround(t *testing.T) {
	g := Of(sample(), nil)
	tests := []struct{ job, want string }{
		{"load", "extract_customers extract_orders load report clean_up weekly"},
		{"tell", "extract_stock tell"},
		{"page", "page"},
		{"extract_stock", "extract_stock restock report tell clean_up weekly"},
	}
	for _, tt := range tests {
		var ids []string
		for _, n := range g.Around(run.JobID(tt.job)).Nodes {
			ids = append(ids, string(n.ID))
		}
		if got := strings.Join(ids, " "); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.job, got, tt.want)
		}
	}
	if g.Around("nobody") != nil {
		t.Error("a graph around no job")
	}
}

func TestLayersAreLongestPaths(t *testing.T) {
	got := Of(sample(), nil).Layers()
	if want := []int{0, 0, 0, 1, 1, 2, 1, 2, 3, 4, 4}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// No two boxes of a picture touch, and all are inside of it.
func TestBoxesDontOverlap(t *testing.T) {
	for _, w := range []*workflow.Workflow{sample(), big(500)} {
		d := draw(Of(w, nil))
		for _, layer := range d.layers {
			for n, i := range layer {
				c := d.cells[i]
				if c.y-c.height()/2 < -0.01 || c.y+c.height()/2 > d.height+0.01 {
					t.Errorf("cell %d is outside", i)
				}
				if n > 0 {
					above := d.cells[layer[n-1]]
					if c.y-c.height()/2-above.y-above.height()/2 < boxGap-0.01 {
						t.Errorf("cells %d and %d touch", layer[n-1], i)
					}
				}
			}
		}
	}
}

// What stands next to each other in one layer and is connected one to one has no crossings.
func TestOrderAvoidsCrossings(t *testing.T) {
	w := &workflow.Workflow{Jobs: []workflow.Job{
		{ID: "a"}, {ID: "b"}, {ID: "c"}, {ID: "c2", Needs: []int{2}}, {ID: "b2", Needs: []int{1}}, {ID: "a2", Needs: []int{0}},
	}}
	d := draw(Of(w, nil))
	if got := d.layers[1]; !slices.Equal(got, []int{5, 4, 3}) {
		t.Errorf("layer 2 is %v", got)
	}
}

func TestTextIsNarrow(t *testing.T) {
	w := sample()
	for i := range w.Jobs {
		w.Jobs[i].ID = run.JobID(strings.Repeat(string(w.Jobs[i].ID), 9))
	}
	chain := &workflow.Workflow{Application: strings.Repeat("x", 200), Jobs: make([]workflow.Job, 150)}
	for i := range chain.Jobs {
		chain.Jobs[i].ID = run.JobID(fmt.Sprintf("job%d", i))
		if i > 0 {
			chain.Jobs[i].Needs = []int{i - 1}
		}
	}
	for _, g := range []*Graph{Of(w, sampleResults()), Of(chain, nil), Of(big(5000), nil)} {
		for line := range strings.Lines(g.Text()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > textWidth {
				t.Errorf("%d columns: %s", n, line)
			}
		}
	}
	if !strings.Contains(Of(chain, nil).Text(), "job149") {
		t.Error("the end of a long chain is missing")
	}
}

// hostile are ids that mean something in one of the languages.
var hostile = []string{
	`a"b`, `a\b`, `a\`, "]]>", "<b>&amp;", `"];x->y;"`, "end", "%% x", "a\nb", "a\x00b", "\x1b[31m", "n0 --> n1", "#quot;", "`a`", "\xff\xfe", "\ufffe", "\u202eabc", "-->", "日本語", "{{a}}", "|a|", "(a)", "click n0 href",
}

func TestHostileIDs(t *testing.T) {
	w := &workflow.Workflow{Application: strings.Join(hostile, ""), Jobs: make([]workflow.Job, len(hostile))}
	for i, id := range hostile {
		w.Jobs[i] = workflow.Job{ID: run.JobID(id), Description: id, When: id}
		if i > 0 {
			w.Jobs[i].Needs = []int{i - 1}
			w.Jobs[i].On = []workflow.Ending{workflow.OnFailure}
		}
	}
	wellFormed(t, Of(w, nil))
	results := make([]Result, len(hostile))
	for i, id := range hostile {
		results[i] = Result{State: run.Failed, Why: id}
	}
	wellFormed(t, Of(w, results))
}

func FuzzGraph(f *testing.F) {
	for _, id := range hostile {
		f.Add(id, "b")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		w := &workflow.Workflow{Application: b, Jobs: []workflow.Job{
			{ID: run.JobID(a), When: b}, {ID: run.JobID(b), Description: a, Needs: []int{0}, On: []workflow.Ending{workflow.OnSkipped}},
		}}
		wellFormed(t, Of(w, nil))
		wellFormed(t, Of(w, []Result{{State: run.Failed, Why: a}, {State: run.Skipped, Why: b}}))
	})
}

// Lines of Mermaid and DOT as this package writes them: a string is all that varies.
var (
	mermaidLine = regexp.MustCompile(`^(flowchart LR|(?:  |    )n\d+\["(?:[A-Za-z0-9 _.,:/-]|[^\x00-\x9f]|#\d+;|<br>)*"\]|  n\d+ --> n\d+|  n\d+ -\.->\|"on [a-z]+"\| n\d+|  subgraph on_[a-z]+|  end|  class(Def)? [-#a-z0-9,: ]+)$`)
	dotString   = `"(?:[^"\\\x00-\x1f]|\\["\\n])*"`
	dotLine     = regexp.MustCompile(`^(digraph ` + dotString + ` \{|\}|  rankdir=LR;|  node \[.*\];|  edge \[.*\];|  n\d+ -> n\d+(?: \[style=dashed, label=` + dotString + `\])?;|  n\d+ \[label=` + dotString + `, tooltip=` + dotString + `(?:, [a-z]+=(?:"#[0-9a-f]+"|2))*\];)$`)
)

func wellFormed(t *testing.T, g *Graph) {
	t.Helper()
	lines := func(form, text string, line *regexp.Regexp) {
		for l := range strings.Lines(text) {
			if !line.MatchString(strings.TrimSuffix(l, "\n")) {
				t.Errorf("%s: %q", form, l)
			}
		}
	}
	lines("mermaid", g.Mermaid(), mermaidLine)
	lines("dot", g.DOT(), dotLine)
	for l := range strings.Lines(g.Text()) {
		if strings.ContainsFunc(strings.TrimSuffix(l, "\n"), func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x202e }) {
			t.Errorf("text: %q", l)
		}
	}
	boxes := 0
	dec := xml.NewDecoder(strings.NewReader(g.SVG()))
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("svg: %v\n%s", err, g.SVG())
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "g" {
			boxes++
		}
	}
	if boxes != len(g.Nodes)+1 {
		t.Errorf("svg: %d groups for %d jobs", boxes, len(g.Nodes))
	}
}
