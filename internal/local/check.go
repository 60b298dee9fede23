package local

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/check"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/keeper"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// checkOutput is how much of a check command's output is kept for its message.
const checkOutput = 4096

// checks is a list of checks of a task that are being made.
type checks struct {
	*task
	stage    string // tells the processes of these checks from others of the task
	env      environment
	log      *joblog.Writer
	from, to int64 // where in the log the output is
	made     int
}

// run makes checks in order and returns what is wrong, or "".
func (c *checks) run(list []workflow.Check) string {
	for _, one := range list {
		result := check.Run(c.ctx, one, check.Input{
			Dir:     c.dir(),
			Log:     c.logPath(),
			LogFrom: c.from,
			LogTo:   c.to,
			Now:     time.Now(),
			Env:     c.env.Expand,
			Exec:    c.command,
			Custom:  &check.Custom{Task: c.ID, Stage: c.stage, Find: c.runner.cfg.Workflow.Custom, Ask: c.ask},
		})
		if !result.OK {
			return fmt.Sprintf("%s: %s", one.Name, result.Detail)
		}
		c.log.Note(joblog.Info, fmt.Sprintf("check %s passed", one.Name))
	}
	return ""
}

// lostChecks is how often the command of a check is run again when nobody knows how it ended.
const lostChecks = 3

// command runs the command of a check as a process of the task. A check only looks, so
// that it may be made again.
func (c *checks) command(ctx context.Context, command string, timeout time.Duration) (int, []byte, error) {
	spec, err := c.spec(command, nil, c.env)
	if err != nil {
		return run.NoExitCode, nil, err
	}
	spec.Head, spec.Timeout = checkOutput, timeout
	return c.process(ctx, spec)
}

// process runs the process of a check to its end.
func (c *checks) process(ctx context.Context, spec keeper.Spec) (int, []byte, error) {
	c.made++
	id := spec.ID + "#" + c.stage + strconv.Itoa(c.made)
	spec.KillLeftover = true
	var r keeper.Result
	ok := true
	for n := range 1 + lostChecks {
		spec.ID = id + strings.Repeat("'", n)
		r, ok = c.runProcess(spec)
		c.runner.cfg.Keeper.Forget(spec.ID)
		if !ok || r.Outcome.Reason != run.Lost {
			break
		}
	}
	switch {
	case !ok:
		return run.NoExitCode, nil, context.Canceled
	case ctx.Err() != nil:
		return run.NoExitCode, r.Head, ctx.Err()
	case r.Outcome.Reason != run.Exited:
		return run.NoExitCode, r.Head, errors.New(joblog.Ending(r.Outcome))
	}
	return r.Outcome.ExitCode, r.Head, nil
}
