package trigger

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/signature"
	"github.com/executionerhq/executioner/internal/workflow"
)

var now = time.Unix(1_800_000_000, 0)

// own is a request as our own notifications are signed.
func own(secret, stamp, id string) Request {
	r := Request{Header: http.Header{}, Body: []byte("{}")}
	r.Header.Set(signature.Timestamp, stamp)
	r.Header.Set(signature.Header, signature.Sign([]byte(secret), stamp, r.Body))
	r.Header.Set(signature.ID, id)
	return r
}

func hub(secret, id string) Request {
	r := Request{Header: http.Header{}, Body: []byte("{}")}
	r.Header.Set(signature.GitHub, signature.SignGitHub([]byte(secret), r.Body))
	r.Header.Set(signature.GitHubID, id)
	return r
}

// Each form takes what is signed so, and tells deliveries apart by their id, by what is
// signed where there is none.
func TestOpen(t *testing.T) {
	mine, theirs := &workflow.Trigger{}, &workflow.Trigger{Signature: workflow.GitHubSignature}
	short := &workflow.Trigger{Within: time.Second}
	for name, c := range map[string]struct {
		t      *workflow.Trigger
		secret string
		r      Request
		good   bool
	}{
		"own": {mine, "k", own("k", "1800000000", "a"), true}, "late": {mine, "k", own("k", "1799999700", "a"), true},
		"too late": {mine, "k", own("k", "1799999699", "a"), false}, "late for a short one": {short, "k", own("k", "1799999998", "a"), false},
		"another key": {mine, "k", own("l", "1800000000", "a"), false}, "an empty key": {mine, "", own("", "1800000000", "a"), false},
		"GitHub": {theirs, "k", hub("k", "a"), true}, "GitHub, another key": {theirs, "k", hub("l", "a"), false},
		"GitHub, an empty key": {theirs, "", hub("", "a"), false}, "own for GitHub": {theirs, "k", own("k", "1800000000", "a"), false},
		"GitHub for own": {mine, "k", hub("k", "a"), false}, "nothing": {mine, "k", Request{Header: http.Header{}}, false},
	} {
		if _, good := Open(c.t, []byte(c.secret), c.r, now); good != c.good {
			t.Errorf("%s: %v", name, good)
		}
	}
	open := func(tr *workflow.Trigger, r Request) Delivery {
		d, _ := Open(tr, []byte("k"), r, now)
		return d
	}
	a, again, b := open(mine, own("k", "1800000000", "a")), open(mine, own("k", "1800000001", "a")), open(mine, own("k", "1800000000", "b"))
	if a.Key != again.Key || a.Proof == again.Proof || a.Key == b.Key || a.Proof != b.Proof || a.ID != "a" {
		t.Errorf("%+v %+v %+v", a, again, b)
	}
	if x, y := open(mine, own("k", "1800000000", "")), open(mine, own("k", "1800000001", "")); x.Key == y.Key {
		t.Errorf("%+v %+v", x, y)
	}
	if x, y := open(theirs, hub("k", "a")), open(theirs, hub("k", "b")); x.Key == y.Key || x.Proof != "" {
		t.Errorf("%+v %+v", x, y)
	}
	if x, y := open(theirs, hub("k", "")), open(theirs, hub("k", "")); x != y {
		t.Errorf("%+v %+v", x, y)
	}
}

func TestValues(t *testing.T) {
	fields := []workflow.Var{{Name: "s", Value: "a.s"}, {Name: "n", Value: "n"}, {Name: "b", Value: "b"}, {Name: "l", Value: "l"}, {Name: "none", Value: "a.x.y"}}
	got, err := Values(fields, []byte(`{"a": {"s": "x\ny", "x": null}, "n": 12345678901234567890.10, "b": true, "l": ["1", "2"]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []workflow.Var{{Name: "s", Value: "x\ny"}, {Name: "n", Value: "12345678901234567890.10"}, {Name: "b", Value: "true"}, {Name: "l", Value: `["1","2"]`}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got, err := Values(fields, nil); len(got) != 0 || err != nil {
		t.Errorf("%v %v", got, err)
	}
	if got, err := Values(fields, []byte(`{"b": false}`)); len(got) != 1 || got[0].Value != "false" || err != nil {
		t.Errorf("%v %v", got, err)
	}
	if got, err := Values(fields, []byte(`"text"`)); len(got) != 0 || err != nil {
		t.Errorf("%v %v", got, err)
	}
	for body, says := range map[string]string{
		`{`: "not JSON", `{} {}`: "not JSON", `{"n": {}}`: "it is an object", `{"l": [1]}`: "it is a list of other things",
		`{"n": "` + strings.Repeat("x", maxValue+1) + `"}`: "longer than 65536 bytes",
	} {
		if _, err := Values(fields, []byte(body)); fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "xxx") {
			t.Errorf("%.30s: %v", body, err)
		}
	}
}

// A file is complete when it has rested for its time, or when its marker is there.
func TestSettled(t *testing.T) {
	const s = time.Second
	file := func(path string, size int64, done bool) File { return File{path, size, now, done} }
	tr := &workflow.Trigger{Settle: 2 * s}
	var seen map[string]Sight
	for i, step := range []struct {
		at    time.Duration
		found []File
		want  string
	}{
		{0, []File{file("a", 1, false)}, ""},
		{1 * s, []File{file("a", 1, false), file("b", 1, false)}, ""},
		{2 * s, []File{file("a", 1, false), file("b", 2, false)}, "a"},
		{3 * s, []File{file("a", 1, false), file("b", 2, false)}, "a"},
		{4 * s, []File{file("a", 2, false), file("b", 2, false)}, "b"},
		{5 * s, []File{file("b", 2, false)}, "b"},
		{6 * s, []File{file("a", 2, false), file("b", 2, false)}, "b"}, // it was away
		{8 * s, []File{file("a", 2, false)}, "a"},
	} {
		var complete []File
		seen, complete = Settled(tr, seen, step.found, step.at)
		got := ""
		for _, f := range complete {
			got += f.Path
		}
		if got != step.want || len(seen) != len(step.found) {
			t.Errorf("%d: %q, want %q", i, got, step.want)
		}
	}
	if _, complete := Settled(&workflow.Trigger{}, map[string]Sight{"a": {file("a", 1, false), 0}}, []File{file("a", 1, false)}, 9*s); len(complete) != 0 {
		t.Error("the default is not 10 s")
	}
	if _, complete := Settled(&workflow.Trigger{Done: ".done"}, nil, []File{file("a", 1, true), file("b", 1, false)}, 0); len(complete) != 1 || complete[0].Path != "a" {
		t.Errorf("%v", complete)
	}
	a, later := file("a", 1, false), file("a", 1, false)
	later.Modified = now.Add(1)
	keys := map[string]bool{a.Key(): true, later.Key(): true}
	for _, f := range []File{file("a", 2, false), file("b", 1, false)} {
		keys[f.Key()] = true
	}
	if done := file("a", 1, true); len(keys) != 4 || done.Key() != a.Key() {
		t.Errorf("%v", keys)
	}
	if !Usable("/in/ä b.csv") || Usable("a\nb") || Usable("a\x00") || Usable("a\xff") {
		t.Error("paths")
	}
}
