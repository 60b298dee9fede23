package local

import (
	"testing"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

func TestAllUnknownSecretsAreTold(t *testing.T) {
	for _, tt := range []struct {
		secrets []workflow.Secret
		want    string
	}{
		{[]workflow.Secret{{Name: "A", Value: "x"}}, ""},
		{[]workflow.Secret{{Name: "A"}, {Name: "B", Value: "x"}}, "the secret A is not known here"},
		{[]workflow.Secret{{Name: "A"}, {Name: "B"}}, "the secrets A, B are not known here"},
	} {
		w := &task{runner: &Runner{cfg: Config{Workflow: &workflow.Workflow{Secrets: tt.secrets}}}}
		got := ""
		if o := w.unknownSecrets(); o != nil {
			got = o.Detail
			if o.Reason != run.StartFailed {
				t.Errorf("%s", o.Reason)
			}
		}
		if got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
