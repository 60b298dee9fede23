package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/executionerhq/executioner/internal/check"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// checkOutput is how much of a check command's output is kept for its message.
const checkOutput = 4096

// check runs checks in order and returns what is wrong, or "".
func (t *task) check(checks []workflow.Check, env workflow.Environment, environ []string, log *joblog.Writer) string {
	from, to := log.Range()
	for _, c := range checks {
		result := check.Run(t.ctx, c, check.Input{
			Dir:     t.runner.cfg.Workflow.WorkingDir,
			Log:     joblog.JobPath(t.job.LogDir, t.runner.cfg.Workflow.Application, t.job.ID, t.ID.Run),
			LogFrom: from,
			LogTo:   to,
			Now:     time.Now(),
			Env:     env.Expand,
			Exec: func(ctx context.Context, command string, timeout time.Duration) (int, []byte, error) {
				return t.checkCommand(ctx, command, timeout, environ, log)
			},
		})
		if !result.OK {
			return fmt.Sprintf("%s: %s", c.Name, result.Detail)
		}
		log.Note(joblog.Info, fmt.Sprintf("check %s passed", c.Name))
	}
	return ""
}

// checkCommand runs the command of a check as a process of the task.
func (t *task) checkCommand(ctx context.Context, command string, timeout time.Duration, environ []string, log *joblog.Writer) (int, []byte, error) {
	spec, err := t.runner.spec(t, command, environ)
	if err != nil {
		return run.NoExitCode, nil, err
	}
	kept := &firstBytes{}
	spec.Output, spec.Timeout, spec.KillLeftover = kept, timeout, true
	p, err := t.start(spec, log)
	if err != nil {
		return run.NoExitCode, nil, err
	}
	if p == nil {
		return run.NoExitCode, nil, ctx.Err()
	}
	t.watch(p)
	o := p.Wait()
	t.watch(nil)
	if ctx.Err() != nil {
		return run.NoExitCode, kept.Bytes(), ctx.Err()
	}
	if o.Reason != run.Exited {
		return run.NoExitCode, kept.Bytes(), errors.New(ending(&o))
	}
	return o.ExitCode, kept.Bytes(), nil
}

// firstBytes keeps the beginning of what is written to it.
type firstBytes struct{ bytes.Buffer }

func (b *firstBytes) Write(p []byte) (int, error) {
	if room := checkOutput - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
