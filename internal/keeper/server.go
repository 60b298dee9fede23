package keeper

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/failpoint"
	"github.com/executionerhq/executioner/internal/keeper/journal"
)

// server is the keeper's end: it has the custodian do what the engine asks. One engine
// at a time is its owner, the one with the highest epoch that has come.
type server struct {
	dir   string
	sync  bool     // results survive a power cut
	lock  *os.File // of dir
	build string
	c     *Custodian
	book  *journal.Writer
	over  chan struct{} // closed when nothing is left to do
	quiet *time.Timer   // until it rests, since a message came or went

	mu       sync.Mutex // guards the rest: sessions and the ends of tasks are goroutines of their own
	owner    *session
	epoch    int64
	other    Fate // of tasks recorded as running before the owner came, of which the journal says nothing
	done     bool
	admitted bool // somebody was owner
	clean    bool // the last owner said bye, and everything is recorded elsewhere
}

// refusalPatience is how long a program that is not owner any more may take to hear so.
const refusalPatience = 100 * time.Millisecond

// restAfter is for how long no message comes or goes before a keeper gives back what it
// does not need to wait.
const restAfter = time.Second

// acceptPause is how long the keeper waits when it can't take a conversation.
const acceptPause = 50 * time.Millisecond

// errLeaving says that the keeper ends, so that another one is needed.
var errLeaving = errors.New("the keeper is going home")

// session is one conversation.
type session struct {
	s        *server
	w        *wire
	settings map[int]*Setting
	other    Fate // see server.other
}

// handle carries on a conversation to its end.
func (s *server) handle(conn *net.UnixConn) {
	w := newWire(conn)
	defer w.close()
	e := &session{s: s, w: w, settings: make(map[int]*Setting)}
	defer s.left(e)
	if err := e.greet(); err != nil {
		answer := refused
		if errors.Is(err, errLeaving) {
			answer = leaving
		}
		w.finish(&message{Verb: answer, Version: version, Text: err.Error()}, refusalPatience)
		return
	}
	for {
		m, err := w.receive()
		if err != nil || !e.obey(m) {
			return
		}
	}
}

// greet lets the engine in if none with a higher epoch has been here.
func (e *session) greet() error {
	m, err := e.w.receive()
	switch {
	case err != nil:
		return err
	case m.Verb != hello:
		return fmt.Errorf("%s came before hello", m.Verb)
	case m.Version != version:
		return fmt.Errorf("this keeper speaks version %d, not %d", version, m.Version)
	}
	before, other, err := e.s.admit(e, m.Epoch)
	if err != nil {
		return err
	}
	failpoint.PeerOf(e.w.conn)
	if before != nil {
		before.w.finish(&message{Verb: refused, Text: "another program took over"}, refusalPatience)
		before.w.close()
	}
	for _, t := range e.s.c.all() {
		t.share(e.custody)
	}
	e.other = other
	return e.welcome("")
}

// welcome tells the engine what is known, and why it is told again.
func (e *session) welcome(text string) error {
	return e.w.send(&message{
		Verb: welcome, Version: version, Build: e.s.build, Keeper: e.s.c.self, Fates: e.s.c.fates(), Other: e.other, Text: text,
	})
}

// admit makes e the owner, and returns who was, and the fate of tasks that the journal
// does not mention. The first engine of a new journal knows nothing of those of earlier
// ones; whoever comes after it does.
func (s *server) admit(e *session, epoch int64) (before *session, other Fate, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.done:
		return nil, "", errLeaving
	case epoch < s.epoch:
		return nil, "", fmt.Errorf("a newer program (epoch %d, not %d) owns the jobs", s.epoch, epoch)
	}
	if epoch > s.epoch {
		if err := s.book.Epoch(epoch); err != nil {
			return nil, "", err
		}
	}
	s.admitted = true
	before, s.owner, s.epoch, s.clean = s.owner, e, epoch, false
	other, s.other = s.other, otherFate(true, s.book.State())
	return before, other, nil
}

// obey does what a message asks. It is false when the conversation is over.
func (e *session) obey(m *message) bool {
	if !e.owns() {
		return false
	}
	e.s.quiet.Reset(restAfter)
	failpoint.At("keeper.message")
	c := e.s.c
	switch m.Verb {
	case setting:
		e.settings[m.Number] = m.Setting
	case start:
		if m.Spec == nil {
			return false
		}
		m.Spec.Setting = e.settings[m.Number]
		c.Start(*m.Spec, func(r Result) { e.tell(m.Spec.ID, r) })
	case stop:
		if m.Order != nil {
			c.Stop(m.ID, *m.Order)
		}
	case kill:
		c.Kill(m.ID)
	case forget:
		c.Forget(m.ID)
	case upgrade:
		return e.welcome(e.s.upgrade(m.Text).Error()) == nil
	case bye:
		e.s.dismiss(m.Done)
		return false
	default: // of a newer engine, which knows from our version that we can't
	}
	return true
}

func (e *session) owns() bool {
	e.s.mu.Lock()
	defer e.s.mu.Unlock()
	return e.s.owner == e
}

// tell reports an end. When nobody listens any more, the next engine will ask.
func (e *session) tell(id string, r Result) {
	failpoint.At("keeper.tell.before")
	_ = e.w.send(&message{Verb: ended, ID: id, Result: &r})
	failpoint.At("keeper.tell.after")
	e.s.quiet.Reset(restAfter)
	e.s.settle()
}

// custody gives the engine a share in a pipe.
func (e *session) custody(id string, pipe int) {
	_ = e.w.send(&message{Verb: custody, ID: id, Inode: inode(pipe), fd: pipe})
}

// custody gives the present owner a share in a pipe.
func (s *server) custody(id string, pipe int) {
	s.mu.Lock()
	e := s.owner
	s.mu.Unlock()
	if e != nil {
		e.custody(id, pipe)
	}
}

// dismiss notes that the owner needs us no more, and nothing of what we know if it is done.
func (s *server) dismiss(done bool) {
	clean := done || s.c.empty()
	s.mu.Lock()
	s.clean = clean
	s.mu.Unlock()
}

// left notes that a conversation has ended.
func (s *server) left(e *session) {
	s.mu.Lock()
	if s.owner == e {
		s.owner = nil
	}
	s.mu.Unlock()
	s.settle()
}

// settle ends the keeper when it has no owner and nothing to look after. What has not
// been recorded elsewhere is in the journal.
func (s *server) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done || s.owner != nil || !s.c.idle() {
		return
	}
	s.done = true
	close(s.over)
}

// accept takes conversations until the listener is closed. A keeper that is short of
// files for the moment takes them later.
func (s *server) accept(l *net.UnixListener) {
	for {
		conn, err := l.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			<-time.After(acceptPause)
			continue
		}
		if !samePeer(conn) {
			_ = conn.Close()
			continue
		}
		go s.handle(conn)
	}
}

// tidy removes what is of no use any more, when everything was recorded elsewhere.
func (s *server) tidy() {
	_ = os.Remove(filepath.Join(s.dir, socketName))
	if s.clean || s.other != Unstarted && !s.admitted { // else an empty journal, too, has something to say
		removeDir(s.dir)
	}
}
