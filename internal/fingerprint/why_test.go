package fingerprint

import (
	"strings"
	"testing"

	"github.com/executionerhq/executioner/internal/run"
)

// done is what a job found and made that succeeded.
func done() Document {
	return Document{
		Command: "c", Dir: "/w", Checks: "k", Vars: Hashes{"STAGE": "1"},
		Inputs: Hashes{"data/a.csv": "1", "data/b.csv": "2"},
		Makes:  []string{"out/*"}, Outputs: Hashes{"out/x": "1", "out/y": "2"}, Values: `{"n":"1"}`,
	}
}

func TestWhy(t *testing.T) {
	tests := []struct {
		name   string
		change func(is *Document)
		want   string
	}{
		{"nothing", func(*Document) {}, ""},
		{"values are a result", func(d *Document) { d.Values = "" }, ""},
		{"command", func(d *Document) { d.Command = "other" }, "the command changed"},
		{"directory", func(d *Document) { d.Dir = "/v" }, "the working directory changed"},
		{"checks", func(d *Document) { d.Checks = "" }, "its post_checks changed"},
		{"variable", func(d *Document) { d.Vars["STAGE"] = "2" }, "variable STAGE changed"},
		{"variable set", func(d *Document) { d.Vars["MORE"] = "2" }, "variable MORE is new"},
		{"variable unset", func(d *Document) { d.Vars = nil }, "variable STAGE is gone"},
		{"input", func(d *Document) { d.Inputs["data/a.csv"] = "9" }, "data/a.csv changed"},
		{"new input", func(d *Document) { d.Inputs["data/c.csv"] = "9" }, "data/c.csv is new"},
		{"input gone", func(d *Document) { delete(d.Inputs, "data/b.csv") }, "data/b.csv is gone"},
		{"input renamed", func(d *Document) {
			delete(d.Inputs, "data/b.csv")
			d.Inputs["data/c.csv"] = "2"
		}, "data/b.csv is gone, data/c.csv is new"},
		{"outputs declared", func(d *Document) { d.Makes = []string{"out/x"} }, "the list of outputs changed"},
		{"output gone", func(d *Document) { delete(d.Outputs, "out/x") }, "outputs missing: out/x"},
		{"outputs gone", func(d *Document) { d.Outputs = nil }, "outputs missing: out/x, out/y"},
		{"output", func(d *Document) { d.Outputs["out/y"] = "9" }, "output out/y changed"},
		{"new output", func(d *Document) { d.Outputs["out/z"] = "9" }, "output out/z is new"},
		{"one gone, one changed", func(d *Document) { d.Outputs = Hashes{"out/y": "9"} }, "outputs missing: out/x, output out/y changed"},
		{"many", func(d *Document) {
			d.Command, d.Dir, d.Checks, d.Vars, d.Inputs = "", "", "", nil, nil
		}, "the command changed, the working directory changed, its post_checks changed and 3 more changes"},
	}
	for _, tt := range tests {
		is := done()
		tt.change(&is)
		if got := Why(done(), is); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestMissing(t *testing.T) {
	if got, want := Missing("outputs", []string{"a", "b", "c", "d", "e"}), "outputs missing: a, b, c, d, e"; got != want {
		t.Errorf("%q", got)
	}
	if got, want := Missing("inputs", strings.Split("a b c d e f g", " ")), "inputs missing: a, b, c, d, e and 2 more"; got != want {
		t.Errorf("%q", got)
	}
}

func TestAgain(t *testing.T) {
	now := run.TaskID{Run: 14, Attempt: 2, Job: "j", Try: 1}
	before := run.TaskID{Run: 12, Attempt: 1, Job: "j", Try: 1}
	tests := []struct {
		last Last
		want string
	}{
		{Last{}, "first time"},
		{Last{Task: before}, "it did not succeed in run 12"},
		{Last{Task: run.TaskID{Run: 14, Attempt: 1, Job: "j", Try: 3}}, "the try before did not succeed"},
		{Last{Task: before, Done: true, Document: Document{Problem: "outputs missing: x"}}, "outputs missing: x (in run 12)"},
		{Last{Task: before, Done: true, Document: done()}, ""},
	}
	for _, tt := range tests {
		if got := tt.last.Again(now); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.last, got, tt.want)
		}
	}
}

// TestEncode: a document survives being kept; what can't be kept, or read, has a problem.
func TestEncode(t *testing.T) {
	d := done()
	if got := Decode([]byte(d.Encode())); got.Encode() != d.Encode() || Why(d, got) != "" || got.Values != d.Values {
		t.Errorf("%+v", got)
	}
	d.Inputs = Hashes{strings.Repeat("x", maxDocument): ""}
	if got := Decode([]byte(d.Encode())); got.Problem != "what it read and made takes more than 8 MiB to remember" || got.Inputs != nil {
		t.Errorf("%+v", got)
	}
	if got := Decode([]byte("{")); got.Problem != "what was remembered can't be read" {
		t.Errorf("%+v", got)
	}
}

// TestHash: texts that are divided otherwise are other texts.
func TestHash(t *testing.T) {
	seen := map[string][]string{}
	for _, texts := range [][]string{{}, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"", "ab"}, {"ab", ""}} {
		h := Hash(texts...)
		if other, twice := seen[h]; twice || len(h) != 64 {
			t.Errorf("%q and %q have the hash %s", texts, other, h)
		}
		seen[h] = texts
	}
}
