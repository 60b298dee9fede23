package app

import (
	"fmt"

	"github.com/executionerhq/executioner/internal/cgroup"
	"github.com/executionerhq/executioner/internal/workflow"
)

// enforce prepares this program's control group for the limits that jobs of a workflow
// have, before the keeper is started in it, and tells what can't be enforced. Nothing is
// touched for a workflow without limits.
func enforce(wf *workflow.Workflow, tell func(string)) {
	if len(unenforced(wf, cgroup.Support{})) == 0 {
		return
	}
	tree, support := cgroup.Open(cgroup.Config{Limits: true})
	tree.Close()
	if tell == nil {
		return
	}
	for _, text := range unenforced(wf, support) {
		tell(text)
	}
}

// unenforced says which limits are not enforced, one line for each kind.
func unenforced(wf *workflow.Workflow, s cgroup.Support) (texts []string) {
	for _, l := range [...]struct {
		name string
		can  bool
		has  func(*workflow.Job) bool
	}{
		{"memory_limit", s.Memory, func(j *workflow.Job) bool { return j.MemoryLimit > 0 }},
		{"max_processes", s.PIDs, func(j *workflow.Job) bool { return j.MaxProcesses > 0 }},
	} {
		var first string
		more := -1
		for i := range wf.Jobs {
			if j := &wf.Jobs[i]; l.has(j) {
				if more++; more == 0 {
					first = string(j.ID)
				}
			}
		}
		if l.can || more < 0 {
			continue
		}
		if more > 0 {
			first = fmt.Sprintf("%s and %d more", first, more)
		}
		texts = append(texts, fmt.Sprintf("%s of job %s can't be enforced on this host: see executioner doctor", l.name, first))
	}
	return texts
}
