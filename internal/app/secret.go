package app

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/workflow"
)

const (
	secretTime = 60 * time.Second // that a command may take
	secretSize = 120 << 10        // bytes of a value: what Linux passes as one variable
)

// secrets returns the values of a workflow's secrets, in their order. service says whose
// environ it is, for the hint. The fault about those
// that can't be had names each and where it comes from, never its value.
func secrets(ctx context.Context, environ []string, service bool, wf *workflow.Workflow) ([]string, error) {
	type read struct {
		value string
		err   error
	}
	values := make([]string, len(wf.Secrets))
	known := make(map[string]read, len(values))
	var missing []string
	var first *workflow.Secret
	for i := range wf.Secrets {
		s := &wf.Secrets[i]
		r, ok := known[s.Source()]
		if !ok {
			raw, err := secret(ctx, environ, wf.WorkingDir, s)
			r = read{err: err}
			if err == nil {
				r.value, r.err = usable(raw)
			}
			known[s.Source()] = r
		}
		if r.err != nil {
			missing = append(missing, fmt.Sprintf("the secret %s can't be had from %s: %v", s.Name, s.Source(), r.err))
			first = cmp.Or(first, s)
		}
		values[i] = r.value
	}
	if first != nil {
		return nil, fault.New(fault.InvalidConfig, "%s", strings.Join(missing, "; ")).WithHint("%s", lookedFor(service, first))
	}
	return values, nil
}

// lookedFor says what became of the run, and where else nobody would think to look.
func lookedFor(service bool, s *workflow.Secret) string {
	switch {
	case !service:
		return "nothing was run"
	case s.Env != "":
		return "nothing was run. The secret is looked for on the host of the service, in its environment, and not where the run is submitted"
	default:
		return "nothing was run. The secret is looked for on the host of the service, as its user, and not where the run is submitted"
	}
}

// secret reads one secret as it is.
func secret(ctx context.Context, environ []string, dir string, s *workflow.Secret) (string, error) {
	switch {
	case s.Env != "":
		value, found := "", false
		for _, v := range environ {
			if name, text, ok := strings.Cut(v, "="); ok && name == s.Env {
				value, found = text, true
			}
		}
		if !found {
			return "", errors.New("it is not set")
		}
		return value, nil
	case s.File != "":
		return secretFile(s.File)
	}
	return secretCommand(ctx, environ, dir, s.Command)
}

// secretFile reads a file, no more of it than a secret can have.
func secretFile(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe nobody writes to must not stop us
	if err != nil {
		var p *os.PathError
		if errors.As(err, &p) {
			err = p.Err // the path is in the message already
		}
		return "", err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, secretSize+2))
	return string(b), err
}

// secretCommand returns what a command writes. What it says of errors may hold the secret
// and is not passed on.
func secretCommand(ctx context.Context, environ []string, dir, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, secretTime)
	defer cancel()
	out := &bounded{room: secretSize + 2}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command) //nolint:gosec // the file says what to run
	cmd.Env, cmd.Dir, cmd.Stdout = environ, dir, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "", fmt.Errorf("it took more than %s", secretTime)
	case errors.As(err, &exit):
		return "", fmt.Errorf("it ended with %s", exit.ProcessState)
	}
	return out.String(), err
}

// bounded keeps the beginning of what is written to it.
type bounded struct {
	bytes.Buffer
	room int
}

func (b *bounded) Write(p []byte) (int, error) {
	keep := min(len(p), b.room-b.Len())
	_, _ = b.Buffer.Write(p[:keep])
	return len(p), nil
}

// usable returns a secret without the line break at its end.
func usable(raw string) (string, error) {
	value := strings.TrimSuffix(strings.TrimSuffix(raw, "\n"), "\r")
	switch {
	case value == "":
		return "", errors.New("it is empty")
	case len(value) > secretSize:
		return "", fmt.Errorf("it has more than %d bytes", secretSize)
	case strings.IndexByte(value, 0) >= 0 || !utf8.ValidString(value):
		return "", errors.New("it is not text")
	}
	return value, nil
}
