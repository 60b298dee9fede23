//go:build failpoints

package failpoint

import (
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Enabled says whether the steps are compiled in.
const Enabled = true

// pause is how long the action delay holds a step up: far longer than what other
// goroutines and the other process need to get ahead of it.
const pause = 50 * time.Millisecond

// state is this process's one set of steps. It is a package variable, against the rule,
// because a step has to cost its caller nothing but a name.
var state = &points{role: "engine"}

// points is what a process knows of its steps.
type points struct {
	mu     sync.Mutex
	loaded bool
	script *script
	log    *os.File // nil: hits are not logged
	role   string
	peer   *os.Process // a handle and not a number, so that never another process is hit
}

// Role says which process this is, "engine" or "keeper"; one that says nothing is an engine.
func Role(name string) {
	state.mu.Lock()
	defer state.mu.Unlock()
	state.role = name
}

// Peer says which process kill-other and kill-both mean; zero says that there is none.
func Peer(pid int) {
	var p *os.Process
	if pid > 0 {
		p, _ = os.FindProcess(pid) // on Unix it can't fail: a process that is gone is told at the signal
	}
	state.mu.Lock()
	defer state.mu.Unlock()
	state.peer = p
}

// PeerOf says that it is the process that began a conversation, which is not this one.
func PeerOf(conn *net.UnixConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		if pid := peerOf(int(fd)); pid != os.Getpid() {
			Peer(pid)
		}
	})
}

// At is a step that can be reached, and no more. It may be called concurrently.
func At(name string) { state.reach(name, passing) }

// Err is a step that can be made to fail: then it returns the system's error number
// instead of nil. It may be called concurrently.
func Err(name string) error {
	switch state.reach(name, failing) {
	case enospc:
		return syscall.ENOSPC
	case eio:
		return syscall.EIO
	case emfile:
		return syscall.EMFILE
	case eagain:
		return syscall.EAGAIN
	}
	return nil
}

// Short is a step that writes n bytes: it returns how many of them are to be written,
// n unless it is told to write less. It may be called concurrently.
func Short(name string, n int) int {
	if state.reach(name, writing) == short {
		return n / 2
	}
	return n
}

// reach counts and logs a hit and does what is to happen there, as far as that is not
// for the caller to do.
func (p *points) reach(name string, k kind) action {
	a, peer := p.decide(name, k)
	switch a {
	case kill:
		die()
	case killOther:
		_ = peer.Kill() // it may be gone already
	case killBoth:
		_ = peer.Kill()
		die()
	case delay:
		<-time.After(pause)
	}
	return a
}

// decide counts a hit and logs it before anything happens, because afterwards there may
// be nobody to log it.
func (p *points) decide(name string, k kind) (action, *os.Process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load()
	a := p.script.reach(p.role, name, k)
	if p.peer == nil && (a == killOther || a == killBoth) {
		a = none
	}
	if p.log != nil {
		if _, err := fmt.Fprintf(p.log, "%s %s %s\n", p.role, name, a); err != nil {
			panic("failpoint log: " + err.Error())
		}
	}
	return a, p.peer
}

// load reads the environment at the first hit. What is wrong with it is the test's
// mistake, and a test that goes on regardless would prove nothing.
func (p *points) load() {
	if p.loaded {
		return
	}
	p.loaded = true
	s, err := parse(os.Getenv("EXECUTIONER_FAILPOINT"))
	if err != nil {
		panic(err)
	}
	p.script = s
	if path := os.Getenv("EXECUTIONER_FAILPOINT_LOG"); path != "" {
		if p.log, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600); err != nil {
			panic(err)
		}
	}
}

// die ends this process as kill -9 does: nothing of it runs any more.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}
