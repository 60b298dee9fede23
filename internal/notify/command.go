package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// command runs a program with the payload of a webhook on its standard input.
type command struct {
	argv    []string
	env     []string
	timeout time.Duration
}

var _ Sender = (*command)(nil)

// drainTime is how long a program that was killed may hold its pipes.
const drainTime = time.Second

// commandEnv are the variables of our environment that a command gets: none of them is
// ours, so none has a secret of ours in it.
func commandEnv(environ []string) (env []string) {
	for _, v := range environ {
		switch name, _, _ := strings.Cut(v, "="); name {
		case "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR":
			env = append(env, v)
		}
	}
	return env
}

// Send implements Sender. What the command writes is not kept.
func (c *command) Send(ctx context.Context, p Parcel) Receipt {
	p = p.bounded()
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	cmd.Env = append([]string{"EXECUTIONER_NOTICE_ID=" + p.ID}, c.env...)
	cmd.Stdin = bytes.NewReader(payloadOf(&p))
	cmd.WaitDelay = drainTime
	ownGroup(cmd)
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return Receipt{Said: "killed", Err: fmt.Errorf("the command did not end within %s", c.timeout)}
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return Receipt{Said: "exit code 0"}
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		said := fmt.Sprintf("exit code %d", exit.ExitCode())
		return Receipt{Said: said, Err: errors.New(said), Permanent: permanent(exit.ExitCode())}
	case errors.As(err, &exit):
		return Receipt{Said: exit.String(), Err: errors.New(exit.String())}
	}
	return Receipt{Err: fmt.Errorf("the command can't be run: %s", clip(err.Error(), maxDetail))}
}

// permanent reports whether an exit code says that trying again is in vain, as
// sysexits.h has it: wrong usage, wrong data and the like, but not EX_TEMPFAIL.
func permanent(code int) bool { return code >= 64 && code <= 78 && code != 75 }
