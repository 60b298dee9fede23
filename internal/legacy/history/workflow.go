package history

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// unknownApplication is that of a run of which none was recorded.
const unknownApplication = "unknown"

// flow is what is known of a workflow besides its jobs.
type flow struct {
	application string
	workingDir  string
}

// flowOf takes the latest of what the attempts say.
func flowOf(attempts []oldAttempt) flow {
	var f flow
	for i := range attempts {
		a := &attempts[i]
		for k := range a.jobs {
			f.application = latestText(f.application, strings.TrimSpace(a.jobs[k].Application))
		}
		if a.summary != nil {
			f.application = latestText(f.application, strings.TrimSpace(a.summary.Application))
			f.workingDir = latestText(f.workingDir, a.summary.WorkingDir)
		}
	}
	if f.application == "" {
		f.application = unknownApplication
	}
	return f
}

// logDir is where the old program kept logs unless the file said otherwise.
func (f flow) logDir() string {
	if !filepath.IsAbs(f.workingDir) {
		return ""
	}
	return filepath.Join(f.workingDir, workflow.DefaultLogDir)
}

// encode returns the workflow of these jobs as a store keeps it, and its hash.
func (f flow) encode(jobs []Job) ([]byte, string, error) {
	wf := f.workflow(len(jobs))
	for i := range jobs {
		wf.Jobs = append(wf.Jobs, f.job(jobs[i].ID, jobs[i].Description, strings.TrimSpace(jobs[i].Command)))
	}
	return workflow.Encode(wf)
}

// workflow returns one without jobs. What the file may have said besides is as if it had
// said nothing.
func (f flow) workflow(room int) *workflow.Workflow {
	return &workflow.Workflow{
		Application: f.application, WorkingDir: f.workingDir, LogDir: f.logDir(),
		MaxWorkers: 1, Sequential: true, AllowShell: true, Inherit: workflow.Inherit{All: true},
		Jobs: make([]workflow.Job, 0, room),
	}
}

func (f flow) job(id run.JobID, description, command string) workflow.Job {
	return workflow.Job{
		ID: id, Description: description, Command: command, LogDir: f.logDir(),
		Timeout: workflow.DefaultTimeout, OutputLimit: workflow.DefaultOutputLimit,
		Retry: &workflow.Retry{}, Leftover: workflow.LeaveLeftover,
	}
}

// Comparable returns wf as the old program would have recorded it, so that it can be
// compared with the workflow stored with an imported run: what changed is then told, and
// not what was never recorded. stored has its jobs in the order in which they ran, so
// those of wf that it has come in that order.
func Comparable(wf, stored *workflow.Workflow) *workflow.Workflow {
	f := flow{application: wf.Application, workingDir: stored.WorkingDir}
	if stored.WorkingDir != "" {
		f.workingDir = wf.WorkingDir
	}
	c := f.workflow(len(wf.Jobs))
	c.LogDir = stored.LogDir
	byID := make(map[run.JobID]*workflow.Job, len(wf.Jobs))
	for i := range wf.Jobs {
		byID[wf.Jobs[i].ID] = &wf.Jobs[i]
	}
	add := func(j *workflow.Job) {
		known := f.job(j.ID, j.Description, j.Command)
		known.LogDir = stored.LogDir
		c.Jobs = append(c.Jobs, known)
		delete(byID, j.ID)
	}
	for i := range stored.Jobs {
		if j, ok := byID[stored.Jobs[i].ID]; ok {
			add(j)
		}
	}
	for i := range wf.Jobs {
		if j, ok := byID[wf.Jobs[i].ID]; ok {
			add(j)
		}
	}
	return c
}

// origin identifies an old run wherever its history is copied to: by application, number
// and when its first attempt began, as it stands there. Two old programs may have
// counted alike, but hardly began the same run of the same application in one second.
func origin(id int64, application string, attempts []oldAttempt) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%s", application, id, firstTime(attempts)))
	return fmt.Sprintf("legacy run %d %s", id, hex.EncodeToString(sum[:16]))
}

// firstTime returns the earliest time that was recorded of a run, to the second. The
// first attempt's rows stay as they are when the run is resumed.
func firstTime(attempts []oldAttempt) string {
	a := &attempts[0]
	if a.summary != nil && a.summary.Start != "" {
		return second(a.summary.Start)
	}
	first := ""
	for i := range a.jobs {
		if s := second(a.jobs[i].LastRun); s != "" && (first == "" || s < first) {
			first = s
		}
	}
	return first
}

// second cuts a time to seconds and to one form, without changing what it says.
func second(text string) string {
	text, _, _ = strings.Cut(strings.Replace(text, "T", " ", 1), ".")
	return text
}
