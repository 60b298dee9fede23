package cli

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
	"github.com/executionerhq/executioner/internal/workflow"
)

// mailing is an attempt that wants a mail, and the transition that ends it.
func mailing() (runs.Attempt, []run.Transition) {
	wf := &workflow.Workflow{}
	wf.Mail.To = []string{"ann@example.org"}
	return runs.Attempt{Run: 1, Workflow: wf}, []run.Transition{{Job: "a", To: run.Success}, {To: run.Running}, {To: run.Success}}
}

// mute is a database that gives no answer.
type mute struct{ store.Store }

func (mute) Run(ctx context.Context, _ run.ID) (store.Run, error) {
	<-ctx.Done()
	return store.Run{}, context.Cause(ctx)
}

// A run that ended while the service did sent its mail to a channel that was closed.
func TestMailAfterTheEnd(t *testing.T) {
	var log bytes.Buffer
	m := (&command{}).newMailer(slog.New(slog.NewTextHandler(&log, nil)))
	a, ts := mailing()
	o := m.Observer(a)
	go m.work(runs.New(runs.Config{Store: memstore.New()}))
	o.Publish(1, ts)
	m.Close()
	if n := strings.Count(log.String(), "a mail was not sent"); n != 1 { // there is no such run
		t.Errorf("the log says %s", log.String())
	}
	for range mailRoom + 1 { // its loop may end at any time
		o.Publish(1, ts)
	}
	if !strings.Contains(log.String(), "too many wait") {
		t.Errorf("the log says %s", log.String())
	}
}

// Mails that can't be sent held the service up at its end, one after the other.
func TestMailsThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := (&command{}).newMailer(slog.New(slog.DiscardHandler))
		a, ts := mailing()
		for range 100 {
			m.Observer(a).Publish(1, ts)
		}
		go m.work(runs.New(runs.Config{Store: mute{memstore.New()}}))
		began := time.Now()
		m.Close()
		if took := time.Since(began); took != mailLast {
			t.Errorf("it took %s", took)
		}
		hurried := (&command{}).newMailer(slog.New(slog.DiscardHandler))
		hurried.Observer(a).Publish(1, ts)
		go hurried.work(runs.New(runs.Config{Store: mute{memstore.New()}}))
		hurried.cancel() // a second signal
		began = time.Now()
		hurried.Close()
		if took := time.Since(began); took != 0 {
			t.Errorf("in a hurry it took %s", took)
		}
	})
}
