package lint

import (
	"cmp"
	"path"
	"strings"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// sharedOutputs finds jobs that say they make the same file as another one. Patterns are
// compared as they are written; those with variables are not.
func sharedOutputs(l *linter) {
	first := make(map[string]run.JobID) // by directory and pattern
	told := make(map[run.JobID]bool)
	for i := range l.Jobs {
		j := &l.Jobs[i]
		named := cmp.Or(l.Origin.Named(j.ID), j.ID)
		if j.Footprint == nil || told[named] || within(j.ID, l.Origin.Named(j.ID)) {
			continue
		}
		for _, pattern := range j.Footprint.Outputs {
			if strings.Contains(pattern, "${") {
				continue
			}
			file := outputOf(l.Workflow, j, pattern)
			maker, there := first[file]
			if !there {
				first[file] = j.ID
				continue
			}
			if maker != j.ID {
				told[named] = true
				l.report(i, "outputs", "give each job files of its own",
					"its output %s is also one of job %s: when one of them runs, the other is not up to date", quote(pattern), quote(string(maker)))
				break
			}
		}
	}
}

// outputOf returns a pattern with its directory.
func outputOf(w *workflow.Workflow, j *workflow.Job, pattern string) string {
	if path.IsAbs(pattern) {
		return path.Clean(pattern)
	}
	return path.Join(cmp.Or(j.WorkingDir, w.WorkingDir), pattern)
}
