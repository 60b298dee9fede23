package check

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

func TestCustomChecks(t *testing.T) {
	long := `{"ok": true, "message": "` + strings.Repeat("x", MaxAnswer)
	tests := []struct {
		name   string
		exit   int
		answer string
		err    error
		want   string
	}{
		{"silent", 0, "", nil, ""},
		{"text", 0, "all is well\n", nil, ""},
		{"silent failure", 1, "", nil, "its exit code is 1"},
		{"failure with text", 3, "first\nthe reason\n", nil, "its exit code is 3: the reason"},
		{"ok", 0, ` {"ok": true} `, nil, ""},
		{"ok with more", 0, `{"message": "fine", "rows": 5}`, nil, ""},
		{"not ok", 0, `{"ok": false, "message": "only 3\nrows"}`, nil, "only 3 rows"},
		{"not ok, silent", 0, `{"ok": false}`, nil, "it is not passed"},
		{"not ok, exit code", 2, `{"ok": false}`, nil, "its exit code is 2"},
		{"ok does not make up for the exit code", 1, `{"ok": true}`, nil, "its exit code is 1"},
		{"a message and an exit code", 1, `{"message": "why"}`, nil, "why"},
		{"a long message", 1, `{"message": "` + strings.Repeat("x", 300) + `"}`, nil, strings.Repeat("x", maxText)},
		{"no JSON", 0, `{"ok": yes}`, nil, "its answer is not JSON: invalid character 'y' looking for beginning of value"},
		{"wrong type", 0, `{"ok": "no"}`, nil, "its answer is not JSON: json: cannot unmarshal string into Go struct field answer.ok of type bool"},
		{"too long", 0, long[:MaxAnswer], nil, "its answer is longer than 65536 bytes"},
		{"did not end", -1, "half\nway", errors.New("TIMEOUT"), "its command did not end by itself: TIMEOUT: way"},
	}
	rows := &workflow.CustomCheck{Name: "rows", Command: "./rows", Timeout: time.Minute}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var asked string
			in := Input{
				Dir: "/w", Log: "/w/job.log", LogFrom: 5, LogTo: 9, Env: strings.NewReplacer("${DAY}", "monday").Replace,
				Custom: &Custom{
					Task: run.TaskID{Run: 7, Attempt: 2, Job: "load", Try: 3}, Stage: "post",
					Find: func(name string) *workflow.CustomCheck {
						if name == "rows" {
							return rows
						}
						return nil
					},
					Ask: func(_ context.Context, c *workflow.CustomCheck, input []byte) (int, []byte, error) {
						if c != rows {
							t.Errorf("another check is asked: %v", c)
						}
						asked = string(input)
						return tt.exit, []byte(tt.answer), tt.err
					},
				},
			}
			params := map[string]any{"file": "${DAY}.csv", "least": 5.0, "list": []any{"${DAY}", true}, "deep": map[string]any{"x": "${DAY}"}}
			got := Run(t.Context(), workflow.Check{Name: "rows", Params: params}, in)
			if want := (Result{OK: tt.want == "", Detail: tt.want}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			want := `{"check":"rows","params":{"deep":{"x":"monday"},"file":"monday.csv","least":5,"list":["monday",true]},"job":"load","run":7,"attempt":2,"try":3,"stage":"post","log_file":"/w/job.log","log_from":5,"log_to":9,"working_dir":"/w"}` + "\n"
			if asked != want {
				t.Errorf("asked %s\n want %s", asked, want)
			}
			if params["file"] != "${DAY}.csv" {
				t.Error("the workflow's parameters were changed")
			}
			if got := Run(t.Context(), workflow.Check{Name: "rowz"}, in); got.OK || got.Detail != `there is no check "rowz"` {
				t.Errorf("an unknown check: %+v", got)
			}
		})
	}
}

// Parameters that are no JSON can't be asked about.
func TestCustomCheckWithoutEnv(t *testing.T) {
	u := Custom{Ask: func(context.Context, *workflow.CustomCheck, []byte) (int, []byte, error) { return 0, nil, nil }}
	if got := u.ask(t.Context(), &workflow.CustomCheck{}, map[string]any{"x": "${DAY}"}, Input{}); got != "" {
		t.Error(got)
	}
	if got := u.ask(t.Context(), &workflow.CustomCheck{}, map[string]any{"x": func() {}}, Input{}); !strings.HasPrefix(got, "its parameters can't be written as JSON: ") {
		t.Error(got)
	}
}
