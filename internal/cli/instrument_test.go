package cli

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/telemetry"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Each line about a run leads to the request that asked for it, and to the job and try that it
// is about.
func TestLogLeadsFromRequestToTry(t *testing.T) {
	var text bytes.Buffer
	in := &instruments{metrics: telemetry.NewMetrics(10), mails: &mailer{}, log: slog.New(slog.NewJSONHandler(&text, nil))}
	ts := []run.Transition{
		{To: run.Running}, {Job: "load", Try: 2, To: run.Failed, Reason: run.Exited}, {To: run.Failed, Reason: run.JobFailed},
	}
	for _, request := range []string{"rEq-1", ""} {
		a := runs.Attempt{Run: 17, Number: 3, Workflow: &workflow.Workflow{Application: "nightly"}, Options: runs.Options{Request: request}}
		o := in.observe(a)
		o.Publish(17, ts)
		o.Close()
	}
	var got []string
	for line := range strings.Lines(text.String()) {
		var l struct {
			Msg, Application, Request, Job string
			Run, Attempt, Try              int
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if l.Run != 17 || l.Attempt != 3 || l.Application != "nightly" || l.Request == "" && strings.Contains(line, "request") {
			t.Errorf("the line says %s", line)
		}
		got = append(got, strings.Join([]string{l.Msg, l.Request, l.Job, itoa(l.Try)}, "|"))
	}
	want := []string{"a run began|rEq-1||0", "a job failed|rEq-1|load|2", "a run failed|rEq-1||0", "a run began|||0", "a job failed||load|2", "a run failed|||0"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
