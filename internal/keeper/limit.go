package keeper

import (
	"errors"

	"github.com/executionerhq/executioner/internal/cgroup"
	"github.com/executionerhq/executioner/internal/joblog"
)

// limit bounds the control group of the task, and has the log tell what can't be bounded:
// that is no failure of the job.
func (t *task) limit(leaf *cgroup.Leaf, log *joblog.Writer) {
	for _, l := range [...]struct {
		name  string
		limit cgroup.Limits
	}{
		{"memory_limit", cgroup.Limits{Memory: t.spec.MemoryLimit}},
		{"max_processes", cgroup.Limits{PIDs: int64(t.spec.MaxProcesses)}},
	} {
		err := leaf.Limit(l.limit)
		if err == nil || log == nil {
			continue
		}
		why := ": see executioner doctor"
		if !errors.Is(err, cgroup.ErrUnsupported) {
			why = ": " + err.Error()
		}
		log.Note(joblog.Warning, l.name+" can't be enforced"+why)
	}
}
