package workflow

import (
	"errors"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/fault"
)

// someday is a day after which a month begins, in a zone where it is not yet that day in UTC.
var someday = time.Date(2026, 3, 1, 0, 30, 0, 0, time.FixedZone("east", 9*3600))

func TestAccept(t *testing.T) {
	tests := []struct {
		param Param
		text  string
		want  string
		wrong string
	}{
		{Param{Type: StringParam}, "  $(rm -rf ~) ${X}\n", "  $(rm -rf ~) ${X}\n", ""},
		{Param{Type: StringParam}, "a\x00b", "", "must not contain a NUL byte"},
		{Param{Type: StringParam}, "\xff", "", "must be UTF-8"},
		{Param{Type: StringParam}, strings.Repeat("x", maxVariable+1), "", "must have at most 122880 bytes, not 122881"},
		{Param{Type: IntParam}, " +007 ", "7", ""},
		{Param{Type: IntParam}, "9223372036854775807", "9223372036854775807", ""},
		{Param{Type: IntParam}, "9223372036854775808", "", "must be a whole number"},
		{Param{Type: IntParam}, "1.0", "", "must be a whole number"},
		{Param{Type: IntParam, Min: "9007199254740993"}, "9007199254740992", "", "must be at least 9007199254740993"},
		{Param{Type: NumberParam}, "1e3", "1e3", ""},
		{Param{Type: NumberParam}, "1e999", "", "must be a number"},
		{Param{Type: NumberParam}, "NaN", "", "must be a number"},
		{Param{Type: NumberParam}, "0x1p4", "", "must be a number"},
		{Param{Type: NumberParam, Max: "0.5"}, "0.51", "", "must be at most 0.5"},
		{Param{Type: BoolParam}, "Yes", "true", ""},
		{Param{Type: BoolParam}, "0", "false", ""},
		{Param{Type: BoolParam}, "", "", "must be true or false"},
		{Param{Type: DateParam}, "2024-02-29", "2024-02-29", ""},
		{Param{Type: DateParam}, "2026-02-29", "", "must be a date"},
		{Param{Type: DateParam}, "today", "2026-03-01", ""},
		{Param{Type: DateParam}, "yesterday", "2026-02-28", ""},
		{Param{Type: DateParam}, "tomorrow", "2026-03-02", ""},
		{Param{Type: DateParam}, "today-365", "2025-03-01", ""},
		{Param{Type: DateParam}, "today+1", "2026-03-02", ""},
		{Param{Type: DateParam}, "today+36501", "", "must be a date"},
		{Param{Type: DateParam}, "today1", "", "must be a date"},
		{Param{Type: DurationParam}, "1h30m", "1h30m", ""},
		{Param{Type: DurationParam}, "90", "90", ""},
		{Param{Type: DurationParam}, "-5", "", "must be a duration"},
		{Param{Type: EnumParam, Values: []string{"eu", "us"}}, "us", "us", ""},
		{Param{Type: EnumParam, Values: []string{"eu", "us"}}, "US", "", "must be one of eu, us"},
		{Param{Type: ListParam}, "a, b ,c", "a\nb\nc", ""},
		{Param{Type: ListParam}, "a,1\nb\n", "a,1\nb", ""},
		{Param{Type: ListParam}, `["a,1", 2, true]`, "a,1\n2\ntrue", ""},
		{Param{Type: ListParam}, " ", "", ""},
		{Param{Type: ListParam}, "a,,b", "", "must be a list whose items are neither empty nor have line breaks"},
		{Param{Type: ListParam}, `["a\nb"]`, "", "must be a list whose items are neither empty nor have line breaks"},
		{Param{Type: ListParam}, `["a"] b`, "", "has text behind a JSON list"},
		{Param{Type: ListParam}, `[null]`, "", "must be a list of texts, numbers, true and false"},
		{Param{Type: ListParam, Pattern: "[a-z]"}, "a,B", "", `has the item "B", which must match [a-z]`},
		{Param{Type: StringParam, Pattern: "a|b"}, "ab", "", "must match a|b"},
		{Param{Type: StringParam, Pattern: "a|b"}, "b\n", "", "must match a|b"},
		{Param{Type: StringParam, Pattern: "a|b"}, "b", "b", ""},
	}
	for _, tt := range tests {
		got, r := tt.param.accept(tt.text, someday)
		wrong := ""
		if r != nil {
			wrong = r.msg
		}
		if got != tt.want && tt.wrong == "" || wrong != tt.wrong {
			t.Errorf("%s %.40q: %q, %q; want %q, %q", tt.param.Type, tt.text, got, wrong, tt.want, tt.wrong)
		}
	}
}

const declared = `working_dir: /w
params:
  day: {type: date, default: yesterday}
  n: 3
  names: {type: list, default: [x]}
  pw: {secret: true}
secrets:
  DB: {env: DB_SRC}
  CERT: {file: cert.pem}
  TOKEN: {command: get token}
env_variables: {URL: "db://${DB}@${n}", PATH: "${PATH}:/own"}
jobs:
  - {id: a, command: "true"}
  - {id: b, command: "true", foreach: ["x${n}"], env_variables: {n: own, ALL: "${ITEM} ${day}"}}
`

func loadWith(t *testing.T, data string, given ...Given) *Workflow {
	t.Helper()
	host := testHost
	host.Now, host.Params = someday, given
	w, err := Load(Source{Name: "f.yaml", Data: []byte(data)}, host)
	if err != nil {
		t.Fatal(problemsOf(t, err))
	}
	return w
}

// TestParamsInEnvironment covers precedence, and that values which are data stay as they are.
func TestParamsInEnvironment(t *testing.T) {
	w := loadWith(t, declared,
		Given{Name: "n", Value: "5"}, Given{Name: "n", Value: "${HOME}"}, Given{Name: "pw", Value: "hunter22"}, Given{Name: "other", Ambient: true})
	w = w.WithSecrets([]string{"tiger", "pem${n}", "tok"})
	env := ResolveEnv(w, 1, []string{"HOME=/h", "PATH=/bin", "day=monday", "DB_SRC=tiger"}, []Var{{"ALL2", "${ALL}"}})
	want := []ResolvedVar{
		{"ALL", "x${n} 2026-02-28", OriginJob, nil},
		{"ALL2", "x${n} 2026-02-28", OriginOverride, nil},
		{"CERT", "pem${n}", OriginSecret, nil},
		{"DB", "tiger", OriginSecret, nil},
		{"DB_SRC", "tiger", OriginInherited, nil},
		{"HOME", "/h", OriginInherited, nil},
		{"ITEM", "x${n}", OriginItem, nil},
		{"PATH", "/bin:/own", OriginApplication, []string{OriginInherited}},
		{"TOKEN", "tok", OriginSecret, nil},
		{"URL", "db://tiger@own", OriginApplication, nil},
		{"day", "2026-02-28", OriginParam, []string{OriginInherited}},
		{"n", "own", OriginJob, []string{OriginParam}},
		{"names", "x", OriginParam, nil},
		{"pw", "hunter22", OriginParam, nil},
	}
	if diff := cmp.Diff(want, env.Vars); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := env.Secrets(); !slices.Equal(got, []string{"tiger", "pem${n}", "tok", "hunter22"}) {
		t.Errorf("secrets %q", got)
	}
	for name, want := range map[string]bool{"DB": true, "DB_SRC": true, "pw": true, "EXECUTIONER_PARAM_pw": true, "n": false, "HOME": false} {
		if env.IsSecret(name) != want {
			t.Errorf("IsSecret(%s) is %v", name, !want)
		}
	}
	r := NewResolver(w, nil, nil)
	if !r.Shared(0) || r.Shared(1) {
		t.Error("which jobs share their environment")
	}
	if w.Secrets[1].File != "/w/cert.pem" {
		t.Errorf("file %s", w.Secrets[1].File)
	}
}

func TestGivenProblems(t *testing.T) {
	const data = "working_dir: /w\nparams:\n  day: {type: date}\n  region: [eu]\n  pw: {secret: true, pattern: x}\njobs: [{id: a, command: x}]\n"
	host := testHost
	host.Params = []Given{
		{Name: "day", Value: "2026-13-01", From: "-p day="},
		{Name: "regoin", Value: "1", From: "-p regoin="},
		{Name: "zzz", Value: "1", From: "-p @f.env: zzz="},
		{Name: "pw", Value: "hunter22", From: "EXECUTIONER_PARAM_pw=", Ambient: true},
	}
	_, err := Load(Source{Name: "f.yaml", Data: []byte(data)}, host)
	want := `f.yaml:2:1: -p regoin: the workflow has no parameter "regoin"
    params:
    ^
    hint: did you mean "region"?
f.yaml:2:1: -p @f.env: zzz: the workflow has no parameter "zzz"
    params:
    ^
    hint: it has day, region, pw
f.yaml:3:3: -p day=2026-13-01: must be a date
      day: {type: date}
      ^
    hint: write it as 2026-01-31, or today, yesterday, tomorrow, today-7
f.yaml:5:3: EXECUTIONER_PARAM_pw=***: must match x
      pw: {secret: ****, pattern: x}
      ^
`
	if diff := cmp.Diff(want, problemsOf(t, err).String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestParamsLater(t *testing.T) {
	host := testHost
	host.ParamsLater = true
	w, err := Load(Source{Name: "f.yaml", Data: []byte("working_dir: /w\nparams: {a: {required: true}}\njobs: [{id: a, command: x}]\n")}, host)
	if err != nil || w.Param("a").Value != "" || w.Param("b") != nil {
		t.Errorf("%+v, %v", w, err)
	}
}

// TestSecretsAreNotKept is what the snapshot of a run must never have.
func TestSecretsAreNotKept(t *testing.T) {
	w := loadWith(t, declared, Given{Name: "pw", Value: "hunter22"}).WithSecrets([]string{"tiger", "pem", "tok"})
	snapshot, _, err := Encode(w)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hunter22", "tiger", `"pem"`, `"tok"`} {
		if strings.Contains(string(snapshot), secret) {
			t.Errorf("%s is in %s", secret, snapshot)
		}
	}
	got, err := Decode(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if d := Compare(w, got); !d.Empty() {
		t.Errorf("Compare finds %q", d.Lines())
	}
	if _, err := got.Regive(nil, someday); err == nil || fault.CodeOf(err) != fault.Usage ||
		err.Error() != "secret parameters are not stored and must be given again: pw" {
		t.Errorf("without it: %v", err)
	}
	again, err := got.Regive([]Given{{Name: "pw", Value: "other", Ambient: true}, {Name: "n", Value: "8", Ambient: true}, {Name: "n", Value: "3"}}, someday)
	if err != nil || again.Param("pw").Value != "other" || again.Param("n").Value != "3" || got.Param("pw").Value != "" {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestRegiveRefuses(t *testing.T) {
	w := loadWith(t, declared)
	for _, tt := range []struct {
		given Given
		want  string
	}{
		{Given{Name: "n", Value: "4", From: "-p n="}, "-p n=4: the run keeps n=3, which it began with"},
		{Given{Name: "day", Value: "x", From: "-p day="}, "-p day=x: must be a date"},
		{Given{Name: "m", Value: "4", From: "-p m="}, `-p m: the stored workflow has no parameter "m"`},
	} {
		if _, err := w.Regive([]Given{tt.given}, someday); err == nil || err.Error() != tt.want {
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
}

func TestKept(t *testing.T) {
	w := loadWith(t, declared, Given{Name: "names", Value: `["a,b","c"]`}, Given{Name: "pw", Value: "x"})
	want := []Given{
		{Name: "day", Value: "2026-02-28", From: "run 1: day=", Ambient: true},
		{Name: "names", Value: `["a,b","c"]`, From: "run 1: names=", Ambient: true},
	}
	if diff := cmp.Diff(want, w.Kept("run 1: ")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDeclaredRoundTrip(t *testing.T) {
	w := loadWith(t, declared+`  - {id: m, working_dir: sub, command: [echo, "${v}"], matrix: {v: [1, 2]}}`+"\n")
	w.Warnings = nil
	w.Params[0] = Param{Name: "full", Type: IntParam, Value: "3", Default: "3", Required: true, Given: true, Pattern: "p", Values: []string{"3"}, Min: "1", Max: "9", Description: "d"}
	outer := &Scope{Job: "s", File: "s.yaml", Call: []Var{{"A", "1"}}, Params: []Param{{Name: "p", Type: StringParam, Value: "v"}}}
	w.Jobs[0].Scope = &Scope{Job: "s[1]/t", Group: "s[1]", File: "t.yaml", Parent: outer, Item: []Var{{"I", "1"}}, Env: []Var{{"B", "2"}}}
	w.Jobs[1].Scope = outer
	snapshot, hash, err := Encode(w)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(snapshot)
	if err != nil || !reflect.DeepEqual(w, got) {
		t.Fatalf("%v (-want +got)\n%s", err, cmp.Diff(w, got, cmp.Exporter(func(reflect.Type) bool { return true })))
	}
	if again, h, err := Encode(got); err != nil || string(again) != string(snapshot) || h != hash {
		t.Errorf("a second Encode differs: %v", err)
	}
	for _, damage := range [][2]string{{`"parent":1`, `"parent":9`}, {`"scope":2`, `"scope":9`}} {
		bad := strings.Replace(string(snapshot), damage[0], damage[1], 1)
		if _, err := Decode([]byte(bad)); bad == string(snapshot) || fault.CodeOf(err) != fault.Internal {
			t.Errorf("%s: %v", damage[1], err)
		}
	}
}

func TestCompareDeclared(t *testing.T) {
	a := loadWith(t, declared)
	b := loadWith(t, strings.NewReplacer("DB_SRC", "DB_NEW", `["x${n}"]`, "[y]", "n: 3", "m: 3").Replace(declared), Given{Name: "day", Value: "2026-01-01"})
	a.Jobs[0].Scope = &Scope{Job: "s", File: "a", Env: []Var{{"E", "1"}}}
	b.Jobs[0].Scope = &Scope{Job: "s", File: "b", Env: []Var{{"E", "2"}}}
	want := []string{
		`params.day changed from "2026-02-28" to "2026-01-01"`,
		`params.m set to "3"`,
		`params.n removed, was "3"`,
		`secrets set to "DB from the variable DB_NEW"`,
		`secrets removed, was "DB from the variable DB_SRC"`,
		`sub-workflow s: file changed from "a" to "b"`,
		`sub-workflow s: env_variables.E changed from "1" to "2"`,
		`job "b[y]" added`,
		`job "b[x${n}]" removed`,
	}
	if diff := cmp.Diff(want, Compare(a, b).Lines()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestReadParams(t *testing.T) {
	for _, tt := range []struct{ name, data, want string }{
		{"a.env", "# note\n\nexport A=1\nB = 'x y' \nC=\"q\"\nD=a=b\r\nE='\n", "A=1 B=x y C=q D=a=b E='"},
		{"a.json", `{"a": 1, "_b": {}, "c": [1, "x,y", true], "d": null, "e": true}`, `a=1 c=["1","x,y","true"] e=true`},
		{"a.yaml", "a: 0x1F\nb: [x]\nday: 2026-01-31\n", `a=0x1F b=["x"] day=2026-01-31`},
		{"a", ` {"a": "b"}`, "a=b"},
		{"a.yml", " \n", ""},
		{"b.env", "A\n", "b.env:1:1: this is not KEY=VALUE\n    A\n    ^\n    hint: write KEY=VALUE on each line\n"},
		{"b.json", `[1]`, "b.json:1:1: parameters must be an object, not a list\n    [1]\n    ^\n"},
		{"c.json", `{"a": {}}`, "c.json:1:7: a must be a text, a number or a list, not an object\n    {\"a\": {}}\n          ^\n"},
	} {
		vars, err := ReadParams(Source{Name: tt.name, Data: []byte(tt.data)})
		var texts []string
		for _, v := range vars {
			texts = append(texts, v.Name+"="+v.Value)
		}
		got := strings.Join(texts, " ")
		var problems Problems
		if errors.As(err, &problems) {
			got = problems.String()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// files is a host's ReadFile and Glob for a few files.
func files(all map[string]string) Host {
	host := testHost
	host.Now = someday
	host.ReadFile = func(path string) ([]byte, error) {
		if text, ok := all[path]; ok {
			return []byte(text), nil
		}
		return nil, fs.ErrNotExist
	}
	return host
}

// FuzzAccept has values and declarations of any kind: what is accepted must fit a
// variable and be accepted again as it is.
func FuzzAccept(f *testing.F) {
	for i, seed := range []string{"x", "2026-01-31", "today-3", "1h", "[1,\"a\"]", "a,b", "1e5", "yes"} {
		f.Add(seed, uint8(i), "", "1")
	}
	f.Fuzz(func(t *testing.T, text string, kind uint8, pattern, low string) {
		p := Param{Type: ParamType(paramTypes[int(kind)%len(paramTypes)]), Pattern: pattern, Min: low}
		value, r := p.accept(text, someday)
		if r != nil {
			return
		}
		if variableText(value) != nil {
			t.Fatalf("%s %q became %q", p.Type, text, value)
		}
		p.Value = value
		if again, r := p.accept(p.text(), someday); r != nil || again != value {
			t.Fatalf("%s %q became %q, then %q, %v", p.Type, text, value, again, r)
		}
	})
}
