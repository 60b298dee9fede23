package local

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/executionerhq/executioner/internal/check"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// What a custom check says to people, on its standard error, is kept as far as this.
const (
	maxSaid      = 64 << 10 // bytes
	maxSaidLines = 200
)

// redirected starts a program with its input from, and its standard error to, a file in
// a directory. The directory comes first, then the program with its arguments.
const redirected = `exec <"$1/in" 2>"$1/err" || exit 126; shift; exec "$@"`

// ask runs the program of a custom check. A process of the keeper has no input, and one
// output: files stand in for them, in a directory that is gone when the check is made.
func (c *checks) ask(ctx context.Context, custom *workflow.CustomCheck, input []byte) (int, []byte, error) {
	spec, err := c.spec(custom.Command, custom.Args, c.env)
	if err != nil {
		return run.NoExitCode, nil, err
	}
	dir, err := os.MkdirTemp("", "executioner-check-")
	if err != nil {
		return run.NoExitCode, nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "in"), input, 0o600); err != nil {
		return run.NoExitCode, nil, err
	}
	if spec.Path == shell {
		spec.Args[0] = shell
	}
	spec.Path, spec.Args = shell, append([]string{"sh", "-c", redirected, "executioner", dir}, spec.Args...)
	spec.Head, spec.Timeout = check.MaxAnswer, custom.Timeout
	exit, answer, err := c.process(ctx, spec)
	c.tell(custom.Name, filepath.Join(dir, "err"))
	return exit, answer, err
}

// tell notes in the job's log what a check said on its standard error.
func (c *checks) tell(name, path string) {
	f, err := os.Open(path)
	if err != nil {
		return // it was not started
	}
	defer f.Close()
	said, _ := io.ReadAll(io.LimitReader(f, maxSaid)) // what can't be read is not told
	lines := bufio.NewScanner(bytes.NewReader(said))
	lines.Buffer(nil, maxSaid+1)
	for n := 0; lines.Scan(); n++ {
		if n == maxSaidLines {
			c.log.Note(joblog.Info, fmt.Sprintf("check %s: more lines are left out", name))
			return
		}
		c.log.Note(joblog.Info, fmt.Sprintf("check %s: %s", name, lines.Text()))
	}
}
