package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/failpoint"
)

// An upgrade replaces the keeper's program and nothing else: execve keeps the process,
// its children and the files that are told to stay open. So all that the new program is
// given are the lock and our ends of the pipes; the journal tells it the rest, and the
// engine, which has asked for the upgrade before it asked for anything else, the specs.

// legacy is what the old program leaves to the new one: descriptors.
type legacy struct {
	Lock  int            `json:"lock"`
	Pipes map[string]int `json:"pipes"` // by task
}

// upgrade goes on as the program in a file. It returns only when that can't be done, and
// then nothing has changed.
func (s *server) upgrade(program string) error {
	if info, err := os.Stat(program); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no program", program)
	}
	if err := unix.Access(program, unix.X_OK); err != nil {
		return fmt.Errorf("%s: %w", program, err)
	}
	will, err := os.CreateTemp(s.dir, "upgrade")
	if err != nil {
		return err
	}
	_ = os.Remove(will.Name())
	s.c.adopting.Wait() // a process that is being taken up has no task yet that could be left
	s.c.starting.Lock() // for ever, if all goes well: nothing is between START and PID
	if s.c.owes() {
		s.c.starting.Unlock()
		return errors.Join(errors.New("not everything is in the journal"), will.Close())
	}
	err = s.become(program, will)
	fmt.Fprintln(os.Stderr, "the keeper can't be upgraded:", err)
	os.Exit(1) // its jobs are the engine's to take over
	return err
}

// become leaves everything to the program in a file. From here on there is no way back
// but to become this very program again.
func (s *server) become(program string, will *os.File) error {
	left := legacy{Pipes: make(map[string]int)}
	open := []*os.File{will, s.lock} // a file that nobody refers to is closed by the garbage collector
	defer func() { runtime.KeepAlive(open) }()
	for _, t := range s.c.all() {
		if pipe, ok := t.release(); ok && pipe != nil {
			left.Pipes[t.spec.ID] = int(pipe.Fd())
			open = append(open, pipe)
		}
	}
	for id, pipe := range s.c.unclaimed() {
		left.Pipes[id] = int(pipe.Fd())
		open = append(open, pipe)
	}
	failpoint.At("keeper.upgrade.before")
	left.Lock = int(s.lock.Fd())
	body, err := json.Marshal(left)
	if err != nil {
		return err
	}
	if _, err := will.Write(body); err != nil {
		return err
	}
	keepOpen(int(will.Fd()))
	keepOpen(left.Lock)
	for _, fd := range left.Pipes {
		keepOpen(fd)
	}
	args := []string{os.Args[0], Command, "-dir", s.dir, fmt.Sprintf("-sync=%t", s.sync), "-legacy", strconv.Itoa(int(will.Fd()))}
	if err := s.book.Close(); err != nil {
		return err
	}
	err = syscall.Exec(program, args, os.Environ()) //nolint:gosec // the engine is this user, and names its own program
	fmt.Fprintln(os.Stderr, "the keeper goes on as what it was:", program, err)
	return errors.Join(err, syscall.Exec("/proc/self/exe", args, os.Environ())) //nolint:gosec // as above
}

func keepOpen(fd int) { _, _ = unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0) }

// release gives up the process of a task and returns our end of its pipe, nil when its
// output is over. It is false when there is no process to give up.
func (t *task) release() (pipe *os.File, ok bool) {
	t.mu.Lock()
	p := t.proc
	t.mu.Unlock()
	if p == nil {
		return nil, false
	}
	pipe, pidfd, err := p.Files()
	_ = pidfd.Close() // nil is no harm
	if err != nil {
		return nil, false
	}
	p.Release()
	p.Wait()
	if !p.Released() {
		_ = pipe.Close()
		return nil, false
	}
	t.flush()
	return pipe, true
}

// succession returns what an old program left in a file.
func succession(fd int) (lock *os.File, pipes map[string]*os.File, err error) {
	f := os.NewFile(uintptr(fd), "legacy")
	defer func() { _ = f.Close() }()
	var left legacy
	if _, err := f.Seek(0, 0); err != nil {
		return nil, nil, err
	}
	if err := json.NewDecoder(f).Decode(&left); err != nil {
		return nil, nil, err
	}
	unix.CloseOnExec(left.Lock)
	pipes = make(map[string]*os.File)
	for id, fd := range left.Pipes {
		unix.CloseOnExec(fd)
		_ = unix.SetNonblock(fd, true)
		pipes[id] = os.NewFile(uintptr(fd), "pipe")
	}
	return os.NewFile(uintptr(left.Lock), "lock"), pipes, nil
}
