package cli

import (
	"context"
	"log/slog"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
)

const (
	mailRoom     = 1000             // mails that wait for being sent
	mailPatience = time.Minute      // for one mail
	mailLast     = 10 * time.Second // for all that wait when the service ends
)

// mailer sends the mails that workflows of a service ask for themselves, as run does: each
// is tried once. Nothing waits for it.
type mailer struct {
	c     *command
	log   *slog.Logger
	ended chan runs.Attempt // never closed: a loop may end at any time
	stop  chan struct{}
	done  chan struct{}

	ctx    context.Context // of all sending
	cancel context.CancelFunc
}

func (c *command) newMailer(log *slog.Logger) *mailer {
	m := &mailer{c: c, log: log, ended: make(chan runs.Attempt, mailRoom), stop: make(chan struct{}), done: make(chan struct{})}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	return m
}

// Observer returns what has the mail of an attempt sent when it ends, nil when it asks for none.
func (m *mailer) Observer(a runs.Attempt) runs.Observer {
	if len(a.Workflow.Mail.To) == 0 {
		return nil
	}
	return attemptMail{m, a}
}

// attemptMail is told of one attempt.
type attemptMail struct {
	mailer  *mailer
	attempt runs.Attempt
}

func (a attemptMail) Publish(_ run.ID, ts []run.Transition) {
	for i := range ts {
		if t := &ts[i]; t.Job != "" || t.Mark() || !t.To.Ended() {
			continue
		}
		select {
		case a.mailer.ended <- a.attempt:
		default:
			a.mailer.log.Warn("a mail was not sent: too many wait", "run", a.attempt.Run)
		}
	}
}

func (attemptMail) Close() {}

// work sends mails until Close, and then those that wait.
func (m *mailer) work(s *runs.Service) {
	defer close(m.done)
	for {
		select {
		case a := <-m.ended:
			m.sendOne(s, a)
			continue
		case <-m.stop:
		}
		select {
		case a := <-m.ended:
			m.sendOne(s, a)
		default:
			return
		}
	}
}

func (m *mailer) sendOne(s *runs.Service, a runs.Attempt) {
	if err := m.send(m.ctx, s, a); err != nil {
		m.log.Warn("a mail was not sent", append([]any{"run", a.Run}, fault.Attrs(err)...)...)
	}
}

func (m *mailer) send(ctx context.Context, s *runs.Service, a runs.Attempt) error {
	ctx, done := context.WithTimeout(ctx, mailPatience)
	defer done()
	r, err := s.Find(ctx, a.Run.String(), "")
	if err != nil {
		return err
	}
	d, err := s.Show(ctx, r)
	if err != nil {
		return err
	}
	return m.c.mailOf(ctx, d, a)
}

// Close sends what waits, for some seconds; what is left then is logged as not sent.
func (m *mailer) Close() {
	close(m.stop)
	late := time.AfterFunc(mailLast, m.cancel)
	<-m.done
	late.Stop()
	m.cancel()
}
