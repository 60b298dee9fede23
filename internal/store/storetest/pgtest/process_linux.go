package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// owner is who a server runs as: PostgreSQL refuses to run as root.
type owner struct {
	credential *syscall.Credential // nil for ourselves
}

// unprivileged returns ourselves, or somebody with no rights in place of root.
func unprivileged() owner {
	if os.Geteuid() != 0 {
		return owner{}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uerr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gerr := strconv.ParseUint(u.Gid, 10, 32)
		if uerr == nil && gerr == nil {
			return owner{&syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		}
	}
	return owner{&syscall.Credential{Uid: 65534, Gid: 65534}}
}

func (o owner) give(dir string) error {
	if o.credential == nil {
		return nil
	}
	return os.Chown(dir, int(o.credential.Uid), int(o.credential.Gid))
}

func (o owner) become(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: o.credential, Setpgid: true}
	cmd.Dir = "/"
}

// family returns the server's first process and those that it has started. The first
// is stopped meanwhile, so that none is missed.
func family(data string) (first int, others []int, err error) {
	first, err = postmaster(data)
	if err != nil {
		return 0, nil, err
	}
	if err := syscall.Kill(first, syscall.SIGSTOP); err != nil {
		return 0, nil, err
	}
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(first), "task", strconv.Itoa(first), "children"))
	if err != nil {
		return first, nil, fmt.Errorf("the server's processes: %w", err)
	}
	for _, f := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(f)
		if err != nil {
			return first, nil, err
		}
		others = append(others, pid)
	}
	return first, others, nil
}

// kill ends the first process last, so that it can't tell the others.
func (p *process) kill(data string) error {
	first, others, err := family(data)
	if err != nil {
		return err
	}
	return signal(append(others, first), syscall.SIGKILL)
}

func freeze(data string) (thaw func() error, err error) {
	first, others, err := family(data)
	if err != nil {
		return nil, err
	}
	if err := signal(others, syscall.SIGSTOP); err != nil {
		return nil, err
	}
	return func() error { return signal(append(others, first), syscall.SIGCONT) }, nil
}

// signal leaves out who has ended meanwhile.
func signal(pids []int, s syscall.Signal) error {
	var errs []error
	for _, pid := range pids {
		if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
