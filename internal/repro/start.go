package repro

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/executionerhq/executioner/internal/fault"
)

// Streams are the standard streams of a command.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// outputVariable names the file in which a command leaves what it hands on.
const outputVariable = "EXECUTIONER_OUTPUT"

// Start runs the command to its end and returns its exit code, which is 128 and the
// signal's number when a signal ended it. Signals that arrive are passed on, but for
// interrupts: a terminal sends these to the command itself. What the command hands on is
// thrown away.
func (c *Command) Start(std Streams, signals <-chan os.Signal) (int, error) {
	dir, err := os.MkdirTemp("", "executioner-repro-")
	if err != nil {
		return 0, fault.Wrap(err, fault.Unavailable, "there is no place for what the command hands on")
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// A shell looks the program up in the command's own PATH.
	cmd := exec.Command("/bin/sh", append([]string{"-c", `exec "$@"`, "sh"}, c.Args...)...)
	cmd.Dir, cmd.Env = c.Dir, append(slices.Clip(c.Env), outputVariable+"="+filepath.Join(dir, "output"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = std.In, std.Out, std.Err
	if err := cmd.Start(); err != nil {
		return 0, fault.Wrap(err, fault.Unavailable, "the command can't be started in %s", c.Dir)
	}
	ended := make(chan struct{})
	passed := make(chan struct{})
	go func() {
		defer close(passed)
		for {
			select {
			case s := <-signals:
				if s != os.Interrupt {
					_ = cmd.Process.Signal(s) // it may have ended by now
				}
			case <-ended:
				return
			}
		}
	}()
	err = cmd.Wait()
	close(ended)
	<-passed
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, fault.Wrap(err, fault.Unavailable, "the end of the command is not known")
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}
