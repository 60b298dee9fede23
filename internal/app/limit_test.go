package app

import (
	"slices"
	"testing"

	"github.com/executionerhq/executioner/internal/cgroup"
	"github.com/executionerhq/executioner/internal/workflow"
)

func TestUnenforced(t *testing.T) {
	memory := workflow.Job{ID: "m", MemoryLimit: 1}
	both := workflow.Job{ID: "b", MemoryLimit: 1, MaxProcesses: 1}
	none := workflow.Job{ID: "n"}
	const (
		onM    = "memory_limit of job m can't be enforced on this host: see executioner doctor"
		onB    = "memory_limit of job b and 1 more can't be enforced on this host: see executioner doctor"
		forksB = "max_processes of job b can't be enforced on this host: see executioner doctor"
	)
	for _, tt := range []struct {
		jobs    []workflow.Job
		support cgroup.Support
		want    []string
	}{
		{[]workflow.Job{none}, cgroup.Support{}, nil},
		{[]workflow.Job{none, memory}, cgroup.Support{}, []string{onM}},
		{[]workflow.Job{both, none, memory}, cgroup.Support{}, []string{onB, forksB}},
		{[]workflow.Job{both, memory}, cgroup.Support{Memory: true}, []string{forksB}},
		{[]workflow.Job{both, memory}, cgroup.Support{PIDs: true}, []string{onB}},
		{[]workflow.Job{both, memory}, cgroup.Support{Memory: true, PIDs: true}, nil},
	} {
		if got := unenforced(&workflow.Workflow{Jobs: tt.jobs}, tt.support); !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %q, want %q", tt.support, got, tt.want)
		}
	}
}

// TestEnforce tells what this host can't do, and nobody who does not listen.
func TestEnforce(t *testing.T) {
	var told []string
	tell := func(s string) { told = append(told, s) }
	enforce(&workflow.Workflow{Jobs: []workflow.Job{{ID: "n"}}}, tell)
	if len(told) > 0 {
		t.Errorf("without limits: %q", told)
	}
	wf := &workflow.Workflow{Jobs: []workflow.Job{{ID: "m", MemoryLimit: 1 << 30}}}
	enforce(wf, nil)
	enforce(wf, tell)
	if want := unenforced(wf, cgroup.Detect()); !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
