package workflow

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestResolveEnv(t *testing.T) {
	const (
		inh = OriginInherited
		app = OriginApplication
		job = OriginJob
		opt = OriginOverride
	)
	tests := []struct {
		name      string
		inherit   Inherit
		inherited []string
		app, job  []Var
		overrides []Var
		want      []ResolvedVar
		warnings  []string
	}{
		{name: "nothing"},
		{
			name:      "later wins",
			inherit:   Inherit{All: true},
			inherited: []string{"A=i", "B=i", "C=i", "D=i"},
			app:       []Var{{"B", "a"}, {"C", "a"}, {"D", "a"}},
			job:       []Var{{"C", "j"}, {"D", "j"}, {"E", "j"}},
			overrides: []Var{{"D", "o"}, {"F", "o"}},
			want: []ResolvedVar{
				{"A", "i", inh, nil},
				{"B", "a", app, []string{inh}},
				{"C", "j", job, []string{inh, app}},
				{"D", "o", opt, []string{inh, app, job}},
				{"E", "j", job, nil},
				{"F", "o", opt, nil},
			},
		},
		{
			name:      "inherit by name",
			inherit:   Inherit{Names: []string{"B", "X"}},
			inherited: []string{"A=1", "B=2", "C"},
			want:      []ResolvedVar{{"B", "2", inh, nil}},
		},
		{name: "inherit nothing", inherited: []string{"A=1"}},
		{
			name:      "odd inherited variables",
			inherit:   Inherit{All: true},
			inherited: []string{"=C:=x", "NOVALUE", "E=", "Q=a=b", "D=1", "D=2"},
			want:      []ResolvedVar{{"D", "2", inh, nil}, {"E", "", inh, nil}, {"Q", "a=b", inh, nil}},
		},
		{
			name:      "references",
			inherit:   Inherit{All: true},
			inherited: []string{"HOME=/h", "RAW=${HOME}"},
			app:       []Var{{"A", "${HOME}/${B}"}, {"B", "b${C}"}, {"C", "c"}, {"D", "${RAW}"}, {"E", "${NONE}-$HOME-${HOME"}},
			job:       []Var{{"C", "job"}},
			overrides: []Var{{"O", "${C}${C}"}},
			want: []ResolvedVar{
				{"A", "/h/bjob", app, nil},
				{"B", "bjob", app, nil},
				{"C", "job", job, []string{app}},
				{"D", "${HOME}", app, nil},
				{"E", "${NONE}-$HOME-${HOME", app, nil},
				{"HOME", "/h", inh, nil},
				{"O", "jobjob", opt, nil},
				{"RAW", "${HOME}", inh, nil},
			},
		},
		{
			name:      "own name means what is overridden",
			inherit:   Inherit{All: true},
			inherited: []string{"PATH=/bin"},
			app:       []Var{{"PATH", "${PATH}:/app"}},
			job:       []Var{{"PATH", "${PATH}:/job"}, {"NEW", "${NEW}x"}},
			overrides: []Var{{"P", "${PATH}"}},
			want: []ResolvedVar{
				{"NEW", "${NEW}x", job, nil},
				{"P", "/bin:/app:/job", opt, nil},
				{"PATH", "/bin:/app:/job", job, []string{inh, app}},
			},
			warnings: []string{"variables refer to each other in a circle and keep their text: NEW"},
		},
		{
			name: "circle",
			app: []Var{
				{"A", "a${B}${F}"}, {"B", "b${C}"}, {"C", "c${A}"}, // a circle
				{"D", "d${A}"}, {"E", "e${D}"}, // behind it
				{"F", "f"}, {"G", "${F}"}, // apart from it
			},
			want: []ResolvedVar{
				{"A", "a${B}${F}", app, nil},
				{"B", "b${C}", app, nil},
				{"C", "c${A}", app, nil},
				{"D", "da${B}${F}", app, nil},
				{"E", "eda${B}${F}", app, nil},
				{"F", "f", app, nil},
				{"G", "f", app, nil},
			},
			warnings: []string{"variables refer to each other in a circle and keep their text: A, B, C"},
		},
		{
			name:     "circle that nobody sees any more",
			app:      []Var{{"A", "${B}"}, {"B", "${A}"}},
			job:      []Var{{"A", "1"}},
			want:     []ResolvedVar{{"A", "1", job, []string{app}}, {"B", "1", app, nil}},
			warnings: nil,
		},
		{
			name: "circle over an overridden value",
			app:  []Var{{"A", "${B}"}},
			job:  []Var{{"A", "${A}!"}, {"B", "${A}"}},
			want: []ResolvedVar{{"A", "${A}!", job, []string{app}}, {"B", "${A}", job, nil}},
			warnings: []string{
				"variables refer to each other in a circle and keep their text: A, B",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &Workflow{Inherit: tt.inherit, Env: tt.app, Jobs: []Job{{ID: "a", Env: tt.job}}}
			got := ResolveEnv(w, 0, tt.inherited, tt.overrides)
			if diff := cmp.Diff(tt.want, got.Vars, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(tt.warnings, got.Warnings); diff != "" {
				t.Errorf("warnings (-want +got)\n%s", diff)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	w := &Workflow{Env: []Var{{"B", "2"}, {"A", "${B}"}, {"L", "${x}"}}, Jobs: []Job{{}, {Env: []Var{{"C", "3"}}}}}
	r := NewResolver(w, nil, nil)
	for job, want := range [][]string{{"A=2", "B=2", "L=${x}"}, {"A=2", "B=2", "C=3", "L=${x}"}} {
		e := r.Resolve(job)
		if diff := cmp.Diff(want, e.List()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if got := append(e.List(), "X=1"); len(got) != len(want)+1 || len(e.List()) != len(want) {
			t.Error("appending to a list changes it")
		}
		if v, ok := e.Lookup("B"); v != "2" || !ok {
			t.Errorf("Lookup(B) = %q, %v", v, ok)
		}
		if v, ok := e.Lookup("NONE"); v != "" || ok {
			t.Errorf("Lookup(NONE) = %q, %v", v, ok)
		}
	}
	e := r.Resolve(0)
	long := strings.Repeat("x", maxValue)
	for text, want := range map[string]string{
		"":                     "",
		"plain $B":             "plain $B",
		"${A}${B}-${C}":        "22-${C}",
		"${${B}}":              "${2}",
		"${L}":                 "${x}",
		"$${B} ${B":            "$2 ${B",
		"${}":                  "${}",
		"${A:-x}":              "${A:-x}",
		"${":                   "${",
		long + long:            long + long,
		long + "${B}" + "${B}": long + "${B}" + "${B}",
	} {
		if got := e.Expand(text); got != want {
			t.Errorf("Expand(%.40q) = %.40q, want %.40q", text, got, want)
		}
	}
}

// TestEnvBombs: variables that double each other, and long chains, end soon and say so.
func TestEnvBombs(t *testing.T) {
	double := []Var{{"A0", strings.Repeat("x", 1000)}}
	for i := range 100 {
		double = append(double, Var{fmt.Sprintf("A%d", i+1), fmt.Sprintf("${A%d}${A%[1]d}", i)})
	}
	e := ResolveEnv(&Workflow{Env: double, Jobs: make([]Job, 1)}, 0, nil, nil)
	size := 0
	for _, v := range e.Vars {
		size += len(v.Value)
	}
	if size > maxExpanded+200_000 || len(e.Warnings) == 0 || e.Warnings[0] != `variable "A11" would become too long and keeps its text` {
		t.Errorf("%d bytes, warnings %.200q", size, e.Warnings)
	}

	var chain []Var
	const n = 200_000
	for i := range n {
		chain = append(chain, Var{fmt.Sprintf("C%d", i), fmt.Sprintf("${C%d}", i+1)})
	}
	chain = append(chain, Var{fmt.Sprintf("C%d", n), "end"})
	e = ResolveEnv(&Workflow{Env: chain, Jobs: make([]Job, 1)}, 0, nil, nil)
	if v, _ := e.Lookup("C0"); v != "end" || len(e.Warnings) != 0 {
		t.Errorf("chain ends as %q, warnings %q", v, e.Warnings)
	}
	chain[n].Value = "${C0}"
	e = ResolveEnv(&Workflow{Env: chain, Jobs: make([]Job, 1)}, 0, nil, nil)
	want := "variables refer to each other in a circle and keep their text: C0, C1, C10, C100, C1000, C10000, C100000, C100001, C100002, C100003 and 199991 more"
	if diff := cmp.Diff([]string{want}, e.Warnings); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestResolverIsConcurrent(t *testing.T) {
	w := &Workflow{Inherit: Inherit{All: true}, Env: []Var{{"PATH", "${PATH}:/a"}}, Jobs: make([]Job, 50)}
	for i := range w.Jobs {
		if i%2 == 0 {
			w.Jobs[i].Env = []Var{{"PATH", fmt.Sprintf("${PATH}:/%d", i)}}
		}
	}
	r := NewResolver(w, []string{"PATH=/bin"}, []Var{{"X", "${PATH}"}})
	var group sync.WaitGroup
	for i := range w.Jobs {
		group.Go(func() {
			want := "/bin:/a"
			if i%2 == 0 {
				want += fmt.Sprintf(":/%d", i)
			}
			e := r.Resolve(i)
			if got, _ := e.Lookup("X"); got != want || e.List()[1] != "X="+want {
				t.Errorf("job %d: got %q, want %q", i, got, want)
			}
		})
	}
	group.Wait()
}

func inherited30() []string {
	var env []string
	for i := range 30 {
		env = append(env, fmt.Sprintf("VARIABLE_%d=some value %d of usual length", i, i))
	}
	return env
}

func BenchmarkResolveShared(b *testing.B) {
	w := &Workflow{Inherit: Inherit{All: true}, Env: []Var{{"A", "${VARIABLE_3}"}}, Jobs: make([]Job, 1)}
	r := NewResolver(w, inherited30(), nil)
	b.ReportAllocs()
	for b.Loop() {
		_ = r.Resolve(0).List()
	}
}

func BenchmarkResolveOwn(b *testing.B) {
	w := &Workflow{Inherit: Inherit{All: true}, Env: []Var{{"A", "${VARIABLE_3}"}}, Jobs: []Job{{Env: []Var{{"B", "${A}"}}}}}
	r := NewResolver(w, inherited30(), nil)
	b.ReportAllocs()
	for b.Loop() {
		_ = r.Resolve(0).List()
	}
}
