package keeper

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/failpoint"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/run"
)

var _ Keeper = (*Client)(nil)

// Config says how to reach a keeper, or to start one.
type Config struct {
	Dir     string        // of the keeper, absolute; its name should be different for each engine that may run at once
	Epoch   int64         // the fencing number of the lease
	Sync    bool          // results survive a power cut
	Program string        // the file that becomes a keeper when it is started with Command; absolute
	Name    string        // its argv[0]
	Build   string        // its version: a keeper of another one is upgraded to Program
	Environ []string      // its environment
	Host    *process.Host // where the processes go on when the keeper ends before them
	// Notice is told when the keeper is gone. May be nil.
	Notice func(string)
}

// Client is the engine's end of the conversation with its keeper.
type Client struct {
	cfg   Config
	w     *wire
	child *exec.Cmd     // the keeper, when we started it
	gone  chan struct{} // closed when child was waited for
	over  chan struct{} // closed when nobody receives any more

	mu       sync.Mutex // guards the rest: tasks, the receiver and the engine come at any time
	build    string     // of the keeper
	keeper   whom
	fates    map[string]Fate
	other    Fate
	pending  map[string]*pending
	pipes    map[string]*os.File // our shares; the receiver adds, ends take away
	settings map[*Setting]int
	stand    *Custodian // in the keeper's place since it is gone
	lock     *os.File   // of the directory, then
	last     *Result    // of everything, when nobody looks after tasks here any more
	closed   bool
}

// pending is a task of which the end is not known.
type pending struct {
	spec    Spec
	done    func(Result)
	ordered *Order
	hurried bool
}

// greetPatience is how long a keeper may take to say who it is and what it knows.
const greetPatience = 30 * time.Second

// Open calls the keeper of a directory, or starts one. The keeper goes on with what an
// earlier program had it do.
func Open(cfg Config) (*Client, error) {
	if cfg.Notice == nil {
		cfg.Notice = func(string) {}
	}
	if err := makeDir(cfg.Dir); err != nil {
		return nil, err
	}
	c := &Client{
		cfg: cfg, over: make(chan struct{}), gone: make(chan struct{}),
		pending: make(map[string]*pending), pipes: make(map[string]*os.File), settings: make(map[*Setting]int),
	}
	conn, err := call(cfg.Dir)
	if err == nil {
		err = c.greet(conn)
	}
	var no *refusal
	switch {
	case err == nil:
		if err = c.bringUp(); err == nil {
			go c.listen()
			return c, nil
		}
		if !errors.Is(err, errLeaving) {
			return nil, err
		}
	case errors.As(err, &no):
		return nil, fault.Wrap(err, fault.Locked, "the keeper in %s works for another program", cfg.Dir)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fault.Wrap(err, fault.Unavailable, "the keeper in %s does not answer", cfg.Dir)
	}
	for range launches { // it may be killed like anybody
		if conn, err = c.launch(); err == nil { // it waits for the one that is going
			err = c.greet(conn)
		}
		if err == nil || errors.As(err, &no) {
			break
		}
		c.abandonChild()
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "the keeper can't be started, see %s", filepath.Join(cfg.Dir, errorName))
	}
	go c.listen()
	return c, nil
}

// refusal is what a keeper says to an engine that it does not work for.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

// greet begins the conversation.
func (c *Client) greet(conn *net.UnixConn) error {
	c.w = newWire(conn)
	_ = c.w.send(&message{Verb: hello, Version: version, Epoch: c.cfg.Epoch}) // an error ends the conversation
	_, err := c.hear()
	return err
}

// hear waits until the keeper says welcome. With any other answer the conversation is over.
func (c *Client) hear() (m *message, err error) {
	_ = c.w.conn.SetDeadline(time.Now().Add(greetPatience))
	for err == nil {
		if m, err = c.w.receive(); err != nil {
			break
		}
		switch m.Verb {
		case custody:
			c.share(m)
		case refused:
			err = &refusal{m.Text}
		case leaving:
			err = errLeaving
		case welcome:
			c.fates, c.other = m.Fates, m.Other
			failpoint.Peer(m.Keeper.By)
			_ = c.w.conn.SetDeadline(time.Time{})
			c.build, c.keeper = m.Build, m.Keeper
			return m, nil
		}
	}
	c.w.close()
	c.dropPipes()
	return nil, err
}

// Start implements Keeper.
func (c *Client) Start(s Spec, done func(Result)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.fates, s.ID)
	c.pending[s.ID] = &pending{spec: s, done: done}
	switch {
	case c.last != nil:
		go c.end(s.ID, *c.last)
	case c.stand != nil:
		c.stand.Start(s, func(r Result) { go c.end(s.ID, r) })
	default:
		if errors.Is(c.ask(s), errTooLarge) { // any other error ends listen, which takes over
			go c.end(s.ID, Result{To: -1, Outcome: run.Failure(run.StartFailed, "its command and environment are too large for the keeper")})
		}
	}
}

// ask has the keeper start a process. Call it with mu held.
func (c *Client) ask(s Spec) error {
	n, err := c.setting(s.Setting)
	if errors.Is(err, errTooLarge) {
		return err
	}
	s.Setting = nil
	return c.w.send(&message{Verb: start, Spec: &s, Number: n})
}

// setting sends a setting that is new and returns its number. Call it with mu held.
func (c *Client) setting(s *Setting) (int, error) {
	if s == nil {
		return 0, nil
	}
	n, ok := c.settings[s]
	if ok {
		return n, nil
	}
	n = len(c.settings) + 1
	err := c.w.send(&message{Verb: setting, Number: n, Setting: s})
	if !errors.Is(err, errTooLarge) {
		c.settings[s] = n
	}
	return n, err
}

// Fate implements Keeper.
func (c *Client) Fate(id string) Fate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending[id] != nil {
		return Running
	}
	if f, ok := c.fates[id]; ok {
		return f
	}
	return c.other
}

// Knows reports whether the ID is that of a task of which the keeper knows something: of
// any other, Fate tells what its silence means.
func (c *Client) Knows(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, known := c.fates[id]
	return known || c.pending[id] != nil
}

// Stop implements Keeper.
func (c *Client) Stop(id string, o Order) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.pending[id]; p != nil && p.ordered == nil {
		p.ordered = &o
	}
	if c.stand != nil {
		c.stand.Stop(id, o)
		return
	}
	_ = c.w.send(&message{Verb: stop, ID: id, Order: &o})
}

// Kill implements Keeper.
func (c *Client) Kill(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.pending[id]; p != nil {
		p.hurried = true
	}
	if c.stand != nil {
		c.stand.Kill(id)
		return
	}
	_ = c.w.send(&message{Verb: kill, ID: id})
}

// Forget implements Keeper.
func (c *Client) Forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stand != nil {
		c.stand.Forget(id)
		return
	}
	_ = c.w.send(&message{Verb: forget, ID: id})
}

// Close implements Keeper. A keeper that has nothing left to do ends; the wait for it
// is short, and it needs nobody. Who waits for a process that still runs is not told of
// its end.
func (c *Client) Close(done bool) error {
	c.mu.Lock()
	closed := c.closed
	c.closed = true
	c.mu.Unlock()
	if closed {
		return nil
	}
	c.w.finish(&message{Verb: bye, Done: done}, closePatience)
	deadline := time.Now().Add(closePatience)
	_ = c.w.conn.SetReadDeadline(deadline) // it may be stopped
	<-c.over
	c.dropPipes()
	c.mu.Lock()
	stand, resigned := c.stand, c.last != nil
	c.mu.Unlock()
	if resigned {
		return nil // the keeper, if there is one, works for somebody else
	}
	if stand == nil {
		return c.seeOff(done, deadline)
	}
	err := stand.Close(done)
	if done || stand.empty() {
		removeDir(c.cfg.Dir)
	}
	return errors.Join(err, c.lock.Close())
}

// dropPipes gives up all shares.
func (c *Client) dropPipes() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, f := range c.pipes {
		_ = f.Close()
		delete(c.pipes, id)
	}
}

// seeOff waits for a keeper that has nothing left to do, and removes what it leaves when
// it was killed on its way home.
func (c *Client) seeOff(done bool, deadline time.Time) error {
	if c.child != nil {
		select {
		case <-c.gone:
		case <-time.After(time.Until(deadline)): // it looks after something still, or is stopped
			return nil
		}
	}
	if !done {
		return nil
	}
	if lock, err := succeed(c.cfg.Dir); err == nil { // else it is gone already, as it should be
		removeDir(c.cfg.Dir)
		_ = lock.Close()
	}
	return nil
}

// listen receives what the keeper tells until it is gone, and takes over then.
func (c *Client) listen() {
	defer close(c.over)
	for {
		m, err := c.w.receive()
		if err != nil {
			break
		}
		switch m.Verb {
		case custody:
			c.share(m)
		case ended:
			if m.Result != nil {
				c.end(m.ID, *m.Result)
			}
		case refused:
			c.w.close()
			c.resign(engineLost(m.Text))
			return
		}
	}
	c.w.close()
	c.takeOver()
}

// share keeps our share in a pipe. A program that has too many files open has none, and
// must not take one pipe for another.
func (c *Client) share(m *message) {
	if m.file == nil {
		return
	}
	if is := fileInode(m.file); is != m.Inode {
		_ = m.file.Close()
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.pipes[m.ID]; old != nil {
		_ = old.Close()
	}
	c.pipes[m.ID] = m.file
}

func fileInode(f *os.File) (is uint64) {
	raw, err := f.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { is = inode(int(fd)) })
	}
	if err != nil {
		return 0
	}
	return is
}

// end passes on how a task ended.
func (c *Client) end(id string, r Result) {
	c.mu.Lock()
	p, pipe := c.pending[id], c.pipes[id]
	delete(c.pending, id)
	delete(c.pipes, id)
	c.mu.Unlock()
	if pipe != nil {
		_ = pipe.Close()
	}
	if p != nil {
		p.done(r)
	}
}

// closePatience bounds how long a keeper may take to hear that it is not needed any
// more, and to end.
const closePatience = 5 * time.Second
