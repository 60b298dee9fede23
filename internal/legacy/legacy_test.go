package legacy

import (
	"testing"

	"github.com/executionerhq/executioner/internal/policy"
	"github.com/executionerhq/executioner/internal/workflow"
)

func TestConfigsLoadWithoutProblems(t *testing.T) {
	tests := []struct {
		name, text string
		jobs       int
	}{
		{"simple", SimpleConfig, 3},
		{"sample", SampleConfig, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wf, err := workflow.Load(workflow.Source{Name: "jobs_config.json", Data: []byte(tt.text)}, workflow.Host{Home: "/root", Dir: "/"})
			if err != nil {
				t.Fatal(err)
			}
			if len(wf.Warnings) > 0 {
				t.Errorf("warnings:\n%s", wf.Warnings)
			}
			if wf.Application != tt.name || len(wf.Jobs) != tt.jobs || wf.WorkingDir != "/tmp" {
				t.Errorf("%s: %d jobs in %s", wf.Application, len(wf.Jobs), wf.WorkingDir)
			}
			for _, f := range policy.Review(wf) {
				t.Errorf("policy: %+v", f)
			}
		})
	}
}
