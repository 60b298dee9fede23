package workflow

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/fault"
)

func TestSnapshot(t *testing.T) {
	w := mustLoad(t, "f.json", oneJob(`"env_variables": {"A": "\"\\\n\u00e9"},`))
	snapshot, hash, err := Encode(w)
	if err != nil {
		t.Fatal(err)
	}
	// This text is stored with runs: a change of it must be a decision, with a new format number.
	want := `{"format":1,"application":"f","working_dir":"/w","log_dir":"/w/logs","max_workers":1,"sequential":true,` +
		`"allow_shell":true,"inherit_all":true,"env":[{"name":"A","value":"\"\\\u000aé"}],"mail_on_failure":true,` +
		`"mail_server":"localhost","mail_port":587,"policy":"warn","level":"medium",` +
		`"retries":[{"delay":30000000000,"backoff":1.5,"jitter":0.1,"max_time":1800000000000,` +
		`"on_status":["ERROR","FAILED","TIMEOUT"],"exit_codes":[1]}],` +
		`"jobs":[{"id":"a","command":"true"}],"file":"f.json"}`
	if diff := cmp.Diff(want, string(snapshot)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if want := "8d7ad056e88b19be13ff088739c85aaab7d16f7836ef93831f076162de0b3ef8"; hash != want {
		t.Errorf("hash %s, want %s", hash, want)
	}
}

func TestRoundTrip(t *testing.T) {
	odd := fullWorkflow() // values that Load does not make, but the types allow
	odd.Jobs = append(odd.Jobs, Job{ID: "zero", Needs: []int{0}}, Job{ID: "big", Timeout: 1<<63 - 1, OutputLimit: -1, Priority: -1 << 62})
	odd.Application, odd.MaxWorkers = "", -5
	odd.Jobs[0].PostChecks[1].Params["_x"] = "\u2028\x7f\x01"
	tests := map[string]*Workflow{
		"full":    mustLoad(t, "full.json", fullJSON),
		"default": mustLoad(t, "", oneJob("")),
		"odd":     odd,
		"zero":    {},
	}
	for name, w := range tests {
		t.Run(name, func(t *testing.T) {
			w.Warnings = nil
			snapshot, hash, err := Encode(w)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Decode(snapshot)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(w, got) {
				t.Errorf("(-want +got)\n%s", cmp.Diff(w, got))
			}
			again, hashAgain, err := Encode(got)
			if err != nil || string(again) != string(snapshot) || hashAgain != hash {
				t.Errorf("a second Encode differs: %v", err)
			}
			if d := Compare(w, got); !d.Empty() {
				t.Errorf("Compare finds %q", d.Lines())
			}
		})
	}
}

func TestHash(t *testing.T) {
	hash := func(w *Workflow) string {
		_, h, err := Encode(w)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	w := mustLoad(t, "full.json", fullJSON)
	elsewhere := *w
	elsewhere.File, elsewhere.Warnings = "other.json", Problems{{Msg: "x"}}
	if hash(w) != hash(&elsewhere) {
		t.Error("File or Warnings are part of the hash")
	}
	apart := mustLoad(t, "full.json", fullJSON) // equal retries that are not shared
	retry := *apart.Jobs[2].Retry
	apart.Jobs[2].Retry = &retry
	if hash(w) != hash(apart) {
		t.Error("which jobs share a Retry is part of the hash")
	}
	changed := *w
	changed.ContinueOnError = false
	if hash(w) == hash(&changed) {
		t.Error("ContinueOnError is not part of the hash")
	}
}

func TestEncodeNotUTF8(t *testing.T) {
	for _, text := range []string{"/w\xff", "/w\x00"} {
		w := fullWorkflow()
		w.WorkingDir = text
		_, _, err := Encode(w)
		want := fmt.Sprintf("the workflow has text that can't be kept, with bytes that are not UTF-8 or NUL: %q", text)
		if err == nil || err.Error() != want || fault.CodeOf(err) != fault.InvalidWorkflow {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	w := fullWorkflow()
	w.File = "f\xff.json"
	snapshot, _, err := Encode(w)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode(snapshot); err != nil || got.File != "f\ufffd.json" {
		t.Errorf("file %q, %v", got.File, err)
	}
}

func TestDecodeDamaged(t *testing.T) {
	good, _, err := Encode(fullWorkflow())
	if err != nil {
		t.Fatal(err)
	}
	text := string(good)
	tests := []struct {
		name, snapshot string
		want           fault.Code
	}{
		{"empty", "", fault.Internal},
		{"list", "[]", fault.Internal},
		{"no format", "{}", fault.Internal},
		{"cut", text[:len(text)/2], fault.Internal},
		{"newer format", strings.Replace(text, `"format":1`, `"format":2`, 1), fault.Unsupported},
		{"field of a newer program", strings.Replace(text, `"format":1`, `"format":1,"pools":[]`, 1), fault.Unsupported},
		{"unknown need", strings.Replace(text, `"needs":["b"`, `"needs":["x"`, 1), fault.Internal},
		{"needs of another kind", strings.Replace(text, `"needs":["b","c"]`, `"needs":7`, 1), fault.Internal},
		{"circle", strings.Replace(text, `"id":"b"`, `"id":"b","needs":["a"]`, 1), fault.Internal},
		{"retry out of range", strings.Replace(text, `"retry":2`, `"retry":9`, 1), fault.Internal},
		{"negative retry", strings.Replace(text, `"retry":2`, `"retry":-1`, 1), fault.Internal},
		{"number that is none", strings.Replace(text, `"max_workers":4`, `"max_workers":4.5`, 1), fault.Internal},
		{"float that is none", strings.Replace(text, `"backoff":2`, `"backoff":1e999`, 1), fault.Internal},
		{"job of another kind", strings.Replace(text, `"jobs":[`, `"jobs":[7,`, 1), fault.Internal},
		{"jobs of another kind", `{"format":1,"jobs":7}`, fault.Internal},
		{"retries of another kind", `{"format":1,"retries":7}`, fault.Internal},
		{"id of another kind", `{"format":1,"jobs":[{"id":7,"leftover":1}]}`, fault.Internal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.snapshot == text {
				t.Fatal("the snapshot was not changed")
			}
			if w, err := Decode([]byte(tt.snapshot)); w != nil || fault.CodeOf(err) != tt.want {
				t.Errorf("got %v, %v, want code %s", w, err, tt.want)
			}
		})
	}
}
