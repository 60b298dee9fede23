package local

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// outputVariable names the file in which a job leaves what it hands on.
const outputVariable = "EXECUTIONER_OUTPUT"

// outputPath is that file of one try. It belongs to this try alone, and whoever takes the
// try up finds it.
func (r *Runner) outputPath(t engine.Task) string {
	sum := sha256.Sum256([]byte(r.cookie(t.ID)))
	return filepath.Join(r.cfg.Workflow.Jobs[t.Job].LogDir, "executioner.output-"+hex.EncodeToString(sum[:16]))
}

// readOutput returns what is in an output file. One that is not there has nothing.
func readOutput(path string) (map[string]string, error) {
	f, err := openPlain(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxOutput+1))
	if err != nil {
		return nil, err
	}
	return parseOutput(b)
}

// openPlain opens a file that must be none of the things that a reader would wait for,
// or that lead elsewhere.
func openPlain(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a plain file")
	}
	f, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, err
	}
	if opened, err := f.Stat(); err != nil || !os.SameFile(info, opened) {
		_ = f.Close()
		return nil, errors.New("it is not a plain file")
	}
	return f, nil
}

// handOn adds to the outcome of a command that succeeded what it left for later jobs.
// What can't be read makes it fail.
func (t *task) handOn(o *run.Outcome, env environment) {
	if o.State != run.Success {
		return
	}
	values, err := readOutput(t.runner.outputPath(t.Task))
	if err != nil {
		o.State, o.Reason = run.Failed, run.OutputInvalid
		o.Detail = "what it wrote to " + outputVariable + " can't be read: " + reason(err)
		return
	}
	if name := t.unknownSecret(); name != "" && len(values) > 0 {
		o.Detail = joblog.Join(o.Detail, "what it handed on is not recorded, as the secret "+name+" is not known here and can't be hidden in it")
		return
	}
	o.Values = kept(values, env.masker)
}

// unknownSecret returns the name of a secret that the job had and that this program, which
// took it up, was not told; or "".
func (t *task) unknownSecret() string {
	if !t.Again {
		return ""
	}
	wf := t.runner.cfg.Workflow
	for i := range wf.Secrets {
		if s := &wf.Secrets[i]; s.Value == "" {
			return s.Name
		}
	}
	lists := [][]workflow.Param{wf.Params}
	for s := t.job.Scope; s != nil; s = s.Parent {
		lists = append(lists, s.Params)
	}
	for _, params := range lists {
		for i := range params {
			if p := &params[i]; p.Secret && p.Value == "" {
				return p.Name
			}
		}
	}
	return ""
}

// reason is an error without the path, which nobody knows.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// fill resolves the environment of a task, with what other jobs handed on. The text says
// what is missing.
func (t *task) fill() (env environment, missing string) {
	r := t.runner
	known, missing := t.job.Known(t.Handed.Map())
	if len(known) == 0 {
		return r.resolve(t.Task), missing
	}
	return r.newEnvironment(r.env().FilledJob(t.job, known)), missing
}
