package check

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// MaxAnswer is how many bytes of what a custom check prints are read.
const MaxAnswer = 64 << 10

// Custom is how the checks that a workflow defines are made.
type Custom struct {
	Task  run.TaskID
	Stage string // "pre" or "post"
	// Find returns the check of that name, or nil.
	Find func(name string) *workflow.CustomCheck
	// Ask runs the check's program with input as its standard input, and returns how it
	// ended, with the beginning of its standard output.
	Ask func(ctx context.Context, c *workflow.CustomCheck, input []byte) (exit int, answer []byte, err error)
}

// question is what the program gets on its standard input.
type question struct {
	Check      string         `json:"check"`
	Params     map[string]any `json:"params"`
	Job        run.JobID      `json:"job"`
	Run        run.ID         `json:"run"`
	Attempt    int            `json:"attempt"`
	Try        int            `json:"try"`
	Stage      string         `json:"stage"`
	LogFile    string         `json:"log_file"`
	LogFrom    int64          `json:"log_from"`         // where in it the output of this try begins
	LogTo      int64          `json:"log_to,omitempty"` // where it ends; missing: at its end
	WorkingDir string         `json:"working_dir"`
}

// answer is what it may print.
type answer struct {
	OK      *bool  `json:"ok"`
	Message string `json:"message"`
}

// ask makes a custom check. What it returns is empty when the check is passed.
func (u *Custom) ask(ctx context.Context, c *workflow.CustomCheck, values map[string]any, in Input) string {
	input, err := json.Marshal(question{
		Check: c.Name, Params: expanded(values, in.Env), Job: u.Task.Job, Run: u.Task.Run, Attempt: u.Task.Attempt, Try: u.Task.Try,
		Stage: u.Stage, LogFile: in.Log, LogFrom: in.LogFrom, LogTo: max(0, in.LogTo), WorkingDir: in.Dir,
	})
	if err != nil {
		return "its parameters can't be written as JSON: " + err.Error()
	}
	exit, output, err := u.Ask(ctx, c, append(input, '\n'))
	if err != nil {
		return withLastLine("its command did not end by itself: "+err.Error(), output)
	}
	return verdict(exit, output)
}

// verdict says what is wrong, by the exit code and what the program printed: an object
// with ok and message, or text for people.
func verdict(exit int, output []byte) string {
	text := bytes.TrimSpace(output)
	if !bytes.HasPrefix(text, []byte("{")) {
		if exit == 0 {
			return ""
		}
		return withLastLine(fmt.Sprintf("its exit code is %d", exit), output)
	}
	var a answer
	err := json.Unmarshal(text, &a)
	switch {
	case err != nil && len(output) >= MaxAnswer:
		return fmt.Sprintf("its answer is longer than %d bytes", MaxAnswer)
	case err != nil:
		return "its answer is not JSON: " + err.Error()
	case exit == 0 && (a.OK == nil || *a.OK):
		return ""
	case a.Message != "":
		return a.Message[:min(len(a.Message), maxText)]
	case exit != 0:
		return fmt.Sprintf("its exit code is %d", exit)
	}
	return "it is not passed"
}

// expanded returns parameters with ${NAME} replaced in all their texts.
func expanded(values map[string]any, expand func(string) string) map[string]any {
	all := make(map[string]any, len(values))
	for name, v := range values {
		all[name] = expandedValue(v, expand)
	}
	return all
}

func expandedValue(v any, expand func(string) string) any {
	switch v := v.(type) {
	case string:
		if expand == nil {
			return v
		}
		return expand(v)
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = expandedValue(v[i], expand)
		}
		return all
	case map[string]any:
		return expanded(v, expand)
	}
	return v
}
