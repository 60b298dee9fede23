package keeper

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/executionerhq/executioner/internal/failpoint"
	"github.com/executionerhq/executioner/internal/process"
)

// Command is the first argument by which the program is told to be a keeper.
const Command = "keeper"

// Names in a keeper's directory.
const (
	socketName = "socket"
	lockName   = "custodian"
	errorName  = "keeper.err" // what it says when something is very wrong
)

// memoryLimit makes the collector work harder before the keeper grows beyond it.
const memoryLimit = 24 << 20

// Main is the keeper: it serves the engine that started it, and those that come after,
// until nothing is left to look after. It returns the exit code.
func Main(args []string, build string) int {
	failpoint.Role("keeper")
	debug.SetMemoryLimit(memoryLimit)
	fs := flag.NewFlagSet(Command, flag.ContinueOnError)
	dir := fs.String("dir", "", "the keeper's directory")
	legacy := fs.Int("legacy", 0, "the file with what this process was before an upgrade")
	sync := fs.Bool("sync", false, "results survive a power cut")
	if err := fs.Parse(args); err != nil || *dir == "" {
		fmt.Fprintln(os.Stderr, "executioner keeper is started by executioner itself")
		return 2
	}
	if err := serve(*dir, *sync, *legacy, build); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// serve is the keeper in a directory. File 3 is the conversation with its engine, unless
// this is an upgrade, of which will says what there is already.
func serve(dir string, sync bool, will int, build string) error {
	signal.Ignore(syscall.SIGHUP)
	s := &server{dir: dir, sync: sync, build: build}
	if will != 0 {
		return serveOn(s, will)
	}
	conn, err := inherited(3)
	if err != nil {
		return err
	}
	failpoint.PeerOf(conn)
	if s.lock, err = occupy(dir); err != nil {
		return errors.Join(err, conn.Close())
	}
	host, err := process.NewHost()
	if err != nil {
		return err
	}
	return attend(s, host, nil, conn)
}

// serveOn is the keeper after an upgrade: the engine calls it again.
func serveOn(s *server, will int) (err error) {
	var pipes map[string]*os.File
	if s.lock, pipes, err = succession(will); err != nil {
		return err
	}
	host, err := process.NewHeir()
	if err != nil {
		return err
	}
	return attend(s, host, pipes, nil)
}

// attend looks after the jobs until nothing is left to do. pipes are those of processes
// that are ours already, conn is with the engine that has started us.
func attend(s *server, host *process.Host, pipes map[string]*os.File, conn *net.UnixConn) error {
	defer func() { _ = errors.Join(host.Close(), s.lock.Close()) }()
	book, found, other, err := openJournal(s.dir, s.sync)
	if err != nil {
		return err
	}
	l, err := listen(s.dir)
	if err != nil {
		return errors.Join(err, book.Close())
	}
	defer func() { _ = l.Close() }()
	s.book, s.epoch, s.other, s.over = book, found.Epoch, other, make(chan struct{})
	s.admitted = conn == nil
	s.c = newCustodian(host, book, found, pipes, whom{})
	s.c.custody, s.c.owed.paid = s.custody, s.settle
	s.quiet = time.AfterFunc(restAfter, rest)
	defer s.quiet.Stop()
	if conn != nil {
		go s.handle(conn)
	} else {
		s.c.settleWhenAdopted()
	}
	go s.accept(l)
	// Being asked to end changes nothing: what runs must be looked after, and without it the
	// keeper ends by itself. Jobs would inherit that it is ignored.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM, syscall.SIGINT)
	<-s.over
	s.tidy()
	return s.c.Close(s.clean)
}

// listen opens the socket at which later engines call.
func listen(dir string) (*net.UnixListener, error) {
	path, done, err := shortPath(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	path = filepath.Join(path, socketName)
	_ = os.Remove(path) // of an earlier keeper, which is gone: we have the lock
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	return l, os.Chmod(path, 0o600)
}

// inherited returns the socket that the program was started with.
func inherited(fd uintptr) (*net.UnixConn, error) {
	f := os.NewFile(fd, "engine")
	defer func() { _ = f.Close() }()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil, errors.New("file 3 is no unix socket")
	}
	return u, nil
}
