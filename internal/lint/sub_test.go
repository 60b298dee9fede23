package lint

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/expr"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Rules hold for the jobs of a sub-workflow too; lint leaves them to the lint of their file.
func TestSubWorkflows(t *testing.T) {
	files := map[string]string{"/d/sub.yaml": "working_dir: /w\njobs:\n  - {id: one, command: 'cp $X y'}\n  - {id: two, command: x, timeout: 5m, matrix: {os: [l, m]}}\n"}
	host := workflow.Host{Home: "/h", Dir: "/d", Origin: true, ReadFile: func(path string) ([]byte, error) {
		if data, ok := files[path]; ok {
			return []byte(data), nil
		}
		return nil, errors.New("no such file: " + path)
	}}
	w, err := workflow.Load(workflow.Source{Name: "f.yaml", Data: []byte("working_dir: /w\njobs:\n  - {id: s, workflow: sub.yaml}\n  - {id: t, command: x, timeout: 1m, matrix: {os: [l, m]}}\n")}, host)
	if err != nil {
		t.Fatal(err)
	}
	c := expr.NewCompiler()
	if found := Check(w, c, nil); len(found) != 0 {
		t.Errorf("%+v", found)
	}
	found := Enforce(w, []workflow.Rule{
		{Name: "timeouts", For: workflow.EachJob, Require: "has(job.timeout)", Message: "no timeout"},
		{Name: "all", For: workflow.EachJob, Require: "false", Message: "m"},
	}, c)
	var got []string
	for _, f := range found {
		got = append(got, f.Msg)
	}
	want := []string{`job "s/one": no timeout`, `job "s/one": m`, `job "s/two[l]": m`, `job "t": m`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
