package history

import (
	"context"
	"os"
	"path/filepath"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// logFile is a log file of a run: a name in a directory.
type logFile struct{ dir, name string }

// logFinder tells which log files a run has. Not safe for concurrent use.
type logFinder struct {
	st     store.Store
	hash   string // of the workflow below, the last that was read
	logger logger
}

// logger is what the names of log files are made of.
type logger struct {
	dir, application string
	jobs             []run.JobID
	grows            bool // jobs may have come at run time
}

// of returns the log files of a run, whether they are there or not. A workflow that
// can't be read any more has none that are known.
func (f *logFinder) of(ctx context.Context, id run.ID) ([]logFile, error) {
	attempts, err := f.st.Attempts(ctx, id)
	if fault.CodeOf(err) == fault.NotFound {
		return nil, nil // somebody else has removed it
	}
	if err != nil {
		return nil, err
	}
	var all []logFile
	done := map[string]bool{"": true}
	for i := range attempts {
		hash := attempts[i].Hash
		if done[hash] {
			continue
		}
		done[hash] = true
		l, err := f.loggerOf(ctx, hash)
		if err != nil {
			return nil, err
		}
		all = append(all, l.files(id)...)
		if l.grows {
			made, err := f.made(ctx, id, l)
			if err != nil {
				return nil, err
			}
			all = append(all, made...)
		}
	}
	return all, nil
}

func (f *logFinder) loggerOf(ctx context.Context, hash string) (*logger, error) {
	if f.hash == hash {
		return &f.logger, nil
	}
	body, err := f.st.Workflow(ctx, hash)
	if err != nil && fault.CodeOf(err) != fault.NotFound {
		return nil, err
	}
	f.hash, f.logger = hash, logger{}
	if wf, err := workflow.Decode(body); err == nil {
		f.logger = logger{dir: wf.LogDir, application: wf.Application, jobs: make([]run.JobID, len(wf.Jobs)), grows: wf.Grows()}
		for i := range wf.Jobs {
			f.logger.jobs[i] = wf.Jobs[i].ID
		}
	}
	return &f.logger, nil
}

// made returns the log files of jobs that a run had and its workflow as it is stored has not.
func (f *logFinder) made(ctx context.Context, id run.ID, l *logger) ([]logFile, error) {
	ts, err := f.st.Transitions(ctx, id, 0, 0)
	if err != nil {
		return nil, err
	}
	seen := make(map[run.JobID]bool, len(l.jobs))
	for _, job := range l.jobs {
		seen[job] = true
	}
	var all []logFile
	for i := range ts {
		if job := ts[i].Job; job != "" && !seen[job] {
			seen[job] = true
			all = append(all, logFile{l.dir, filepath.Base(joblog.JobPath(l.dir, l.application, job, id))})
		}
	}
	return all, nil
}

func (l *logger) files(id run.ID) []logFile {
	if l.dir == "" {
		return nil
	}
	all := make([]logFile, 0, len(l.jobs)+1)
	add := func(path string) { all = append(all, logFile{l.dir, filepath.Base(path)}) }
	for _, job := range l.jobs {
		add(joblog.JobPath(l.dir, l.application, job, id))
	}
	add(joblog.MainPath(l.dir, l.application, id))
	return all
}

// removeLogs removes log files and returns how many were there and how large they were.
// Only plain files are removed, never what a link points to; what can't be removed stays:
// the runs are gone, and nothing is wrong with the others.
func removeLogs(files []logFile) (n int, bytes int64) {
	var root *os.Root
	defer func() { closeRoot(root) }()
	dir := ""
	for _, f := range files {
		if f.dir != dir || root == nil {
			closeRoot(root)
			dir = f.dir
			root, _ = os.OpenRoot(dir)
		}
		if root == nil {
			continue
		}
		info, err := root.Lstat(f.name)
		if err != nil || !info.Mode().IsRegular() || root.Remove(f.name) != nil {
			continue
		}
		n++
		bytes += info.Size()
	}
	return n, bytes
}

func closeRoot(r *os.Root) {
	if r != nil {
		_ = r.Close()
	}
}
