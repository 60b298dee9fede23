package keeper

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/fault"
)

// launches is how often the start of a keeper is tried.
const launches = 3

// launch starts a keeper, in a session of its own, that has one end of a pair of sockets.
func (c *Client) launch() (*net.UnixConn, error) {
	our, their, err := pair()
	if err != nil {
		return nil, err
	}
	theirs := os.NewFile(uintptr(their), "keeper")
	defer func() { _ = theirs.Close() }()
	conn, err := inherited(uintptr(our))
	if err != nil {
		return nil, err
	}
	if err := c.begin(theirs); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// begin starts the keeper's process.
func (c *Client) begin(theirs *os.File) error {
	said, err := c.openSaid()
	if err != nil {
		return err
	}
	defer func() { _ = said.Close() }()
	cmd := exec.Command(c.cfg.Program, Command, "-dir", c.cfg.Dir, fmt.Sprintf("-sync=%t", c.cfg.Sync))
	cmd.Args[0], cmd.Env, cmd.Dir = c.cfg.Name, c.cfg.Environ, "/" // it must not keep a file system from being unmounted
	cmd.Stderr, cmd.ExtraFiles = said, []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.child = cmd
	err = c.cfg.Host.Guard(cmd.Process.Pid)
	go func() {
		defer close(c.gone)
		_ = cmd.Wait()
	}()
	return err
}

// openSaid opens the file for what the keeper says. One that is going home may be
// removing the directory.
func (c *Client) openSaid() (f *os.File, err error) {
	for range 10 {
		f, err = os.OpenFile(filepath.Join(c.cfg.Dir, errorName), os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err := makeDir(c.cfg.Dir); err != nil {
			return nil, err
		}
	}
	return f, err
}

// abandonChild ends a keeper that was started in vain.
func (c *Client) abandonChild() {
	if c.child != nil {
		_ = c.child.Process.Kill()
		<-c.gone
		c.child, c.gone = nil, make(chan struct{})
		c.cfg.Host.Settle()
	}
}

// bringUp has a keeper of another version go on as this program, and calls it again. One
// that can't says so, and goes on as what it is. The error is errLeaving when the keeper did
// not survive it: another one has to take its jobs up.
func (c *Client) bringUp() error {
	if c.build == c.cfg.Build || c.cfg.Build == "" {
		return nil
	}
	program, err := os.Readlink(c.cfg.Program)
	if err != nil {
		program = c.cfg.Program
	}
	if err := c.w.send(&message{Verb: upgrade, Text: program}); err != nil {
		return fault.Wrap(err, fault.Unavailable, "the keeper in %s can't be upgraded", c.cfg.Dir)
	}
	if m, err := c.hear(); err == nil {
		c.cfg.Notice("the keeper goes on as version " + c.build + ": " + m.Text)
		return nil
	}
	for deadline := time.Now().Add(greetPatience); ; <-time.After(lockPause) {
		conn, err := call(c.cfg.Dir)
		if err == nil {
			err = c.greet(conn)
		}
		switch {
		case err == nil:
			return nil
		case !isLocked(c.cfg.Dir):
			return errLeaving
		case time.Now().After(deadline):
			return fault.Wrap(err, fault.Unavailable, "the keeper in %s has not come back from its upgrade", c.cfg.Dir)
		}
	}
}
