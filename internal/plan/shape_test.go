package plan

import (
	"reflect"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// shaped returns a workflow of which job i needs the jobs needs[i].
func shaped(needs ...[]int) *workflow.Workflow {
	wf := &workflow.Workflow{Jobs: make([]workflow.Job, len(needs))}
	for i := range needs {
		wf.Jobs[i] = workflow.Job{ID: run.JobID(rune('a' + i)), Needs: needs[i]}
	}
	return wf
}

func TestShape(t *testing.T) {
	const s = time.Second
	tests := []struct {
		name     string
		wf       *workflow.Workflow
		expected []time.Duration
		waves    [][]int
		critical []int
	}{
		{"no job", shaped(), nil, [][]int{}, nil},
		{"one job", shaped(nil), nil, [][]int{{0}}, []int{0}},
		{"no dependencies", shaped(nil, nil, nil), nil, [][]int{{0, 1, 2}}, []int{0}},
		{"no dependencies, the last is the longest", shaped(nil, nil, nil), []time.Duration{2 * s, 3 * s, 4 * s}, [][]int{{0, 1, 2}}, []int{2}},
		{"a chain", shaped(nil, []int{0}, []int{1}), nil, [][]int{{0}, {1}, {2}}, []int{0, 1, 2}},
		{"a chain in reverse", shaped([]int{1}, []int{2}, nil), nil, [][]int{{2}, {1}, {0}}, []int{2, 1, 0}},
		{"a diamond", shaped(nil, []int{0}, []int{0}, []int{1, 2}), nil, [][]int{{0}, {1, 2}, {3}}, []int{0, 1, 3}},
		{"a diamond with a long side", shaped(nil, []int{0}, []int{0}, []int{1, 2}), []time.Duration{s, s, 2 * s, s}, [][]int{{0}, {1, 2}, {3}}, []int{0, 2, 3}},
		{"a short cut does not shorten", shaped(nil, []int{0}, []int{0, 1}), nil, [][]int{{0}, {1}, {2}}, []int{0, 1, 2}},
		{"one long job beats a chain", shaped(nil, []int{0}, nil), []time.Duration{s, s, 3 * s}, [][]int{{0, 2}, {1}}, []int{2}},
		{"what is not known counts as a second", shaped(nil, []int{0}, nil), []time.Duration{s / 2, 0, 6 * s / 5}, [][]int{{0, 2}, {1}}, []int{0, 1}},
		{"what is not covered counts as a second", shaped(nil, []int{0}, nil, nil), []time.Duration{s, 0, s}, [][]int{{0, 2, 3}, {1}}, []int{0, 1}},
		{"a cycle, which no valid workflow has", shaped(nil, []int{2}, []int{1}, []int{0}), nil, [][]int{{0}, {3}}, []int{0, 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Waves(tt.wf); !reflect.DeepEqual(got, tt.waves) {
				t.Errorf("waves %v, want %v", got, tt.waves)
			}
			if got := CriticalPath(tt.wf, tt.expected); !reflect.DeepEqual(got, tt.critical) {
				t.Errorf("critical path %v, want %v", got, tt.critical)
			}
		})
	}
}
