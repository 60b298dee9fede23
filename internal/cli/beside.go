package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// newHistory returns the file of a history that was named and is not there, so that it
// will be made; it is empty otherwise. A name may be wrong, which nobody would notice.
func (c *command) newHistory() string {
	if c.database == "" && c.getenv(DatabaseVariable) == "" {
		return ""
	}
	address, err := c.databasePath()
	if err != nil {
		return ""
	}
	path := c.Databases.File(address)
	if _, err := os.Stat(path); path == "" || !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return path
}

// beforeRun tells what somebody who begins a run should know: made is a history that is new,
// and another run of the application may not have ended.
func (c *command) beforeRun(ctx context.Context, s Runs, application, made string) {
	if made != "" {
		c.notice("a new history was made in " + clean(made))
		return
	}
	newest, err := s.List(ctx, store.Filter{Application: application, Limit: 1})
	if err != nil || len(newest) == 0 || newest[0].State != run.Running {
		return // a history that can't be read says so when the run is recorded
	}
	v := &newest[0]
	about := workflow.Problem{Warning: true, Msg: fmt.Sprintf("run %d of %s is still running, and this one runs beside it", v.Run, clean(v.Application))}
	about.Hint = "docs/operations.md shows how to start only one at a time"
	if v.Interrupted {
		about.Msg = fmt.Sprintf("run %d of %s was interrupted, and jobs of it go on", v.Run, clean(v.Application))
		about.Hint = fmt.Sprintf("executioner resume %d goes on with it; this is a new run beside it", v.Run)
	}
	c.warn(workflow.Problems{about})
}
