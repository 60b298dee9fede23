package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/event"
	"github.com/executionerhq/executioner/internal/expr"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/incident"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/signature"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
	"github.com/executionerhq/executioner/internal/workflow"
)

// inbox is a receiver in memory. It takes what down does not refuse.
type inbox struct {
	mu      sync.Mutex // guards all below
	down    func(Parcel) Receipt
	parcels []Parcel
	tries   int
}

func (b *inbox) Send(ctx context.Context, p Parcel) Receipt {
	b.mu.Lock()
	down := b.down
	b.tries++
	b.mu.Unlock()
	if down != nil {
		if r := down(p); r.Err != nil {
			return r
		}
	}
	if ctx.Err() != nil {
		return Receipt{Err: ctx.Err()}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.parcels = append(b.parcels, p)
	return Receipt{Said: "ok"}
}

func (b *inbox) fails(down func(Parcel) Receipt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
}

// subjects are those of all messages that came, in order.
func (b *inbox) subjects() (all []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.parcels {
		for _, m := range p.Messages {
			all = append(all, m.Subject())
		}
	}
	return all
}

// sent are the parcels that came.
func (b *inbox) sent() []Parcel {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.parcels)
}

// tried is how often somebody tried to send.
func (b *inbox) tried() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tries
}

// desk is a store, runs that are recorded in it, and what services need.
type desk struct {
	*testing.T
	*memstore.Store
	hub *event.Hub
}

func newDesk(t *testing.T) *desk { return &desk{T: t, Store: memstore.New(), hub: &event.Hub{}} }

func (d *desk) service(rules []incident.Rule, senders map[string]Sender, change func(*Config)) *Service {
	c := Config{Records: d.Store, Hub: d.hub, Setup: Setup{Rules: rules, Senders: senders}}
	if change != nil {
		change(&c)
	}
	s := NewService(c)
	if err := s.Start(context.Background()); err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { d.close(s) })
	return s
}

func (d *desk) close(s *Service) {
	if err := s.Close(context.Background()); err != nil {
		d.Error(err)
	}
}

// begin records a run with jobs that run.
func (d *desk) begin(app string, jobs ...run.JobID) store.Lease {
	d.Helper()
	wf := &workflow.Workflow{Application: app}
	for _, id := range jobs {
		wf.Jobs = append(wf.Jobs, workflow.Job{ID: id, Tags: []string{"tag-" + string(id)}})
	}
	body, hash, err := workflow.Encode(wf)
	if err != nil {
		d.Fatal(err)
	}
	l, err := d.CreateRun(context.Background(), store.NewRun{Application: app, Hash: hash, Workflow: body, At: time.Now()}, store.Owner{PID: 1}, time.Hour)
	if err != nil {
		d.Fatal(err)
	}
	d.moves(l, run.Transition{From: run.Pending, To: run.Queued}, run.Transition{From: run.Queued, To: run.Running})
	for _, id := range jobs {
		d.moves(l, run.Transition{Job: id, Try: 1, From: run.Pending, To: run.Queued}, run.Transition{Job: id, Try: 1, From: run.Queued, To: run.Running})
	}
	return l
}

func (d *desk) moves(l store.Lease, ts ...run.Transition) {
	d.Helper()
	for i := range ts {
		ts[i].At = time.Now()
		if ts[i].Attempt == 0 {
			ts[i].Attempt = 1
		}
	}
	if _, err := d.Append(context.Background(), l, ts); err != nil {
		d.Fatal(err)
	}
	d.hub.Publish(l.Run, ts)
}

// end records how jobs and their run ended.
func (d *desk) end(l store.Lease, state run.State, jobs ...run.JobID) {
	d.Helper()
	for _, id := range jobs {
		d.moves(l, run.Transition{Job: id, Try: 1, From: run.Running, To: state, Reason: run.Exited, Outcome: &run.Outcome{State: state, ExitCode: 3}})
	}
	d.moves(l, run.Transition{From: run.Running, To: state, Reason: run.JobFailed})
}

func (d *desk) run(app string, state run.State, jobs ...run.JobID) {
	d.end(d.begin(app, jobs...), state, jobs...)
}

func (d *desk) states() string {
	all, err := d.Notices(context.Background(), store.NoticeFilter{})
	if err != nil {
		d.Fatal(err)
	}
	n := map[store.NoticeState]int{}
	for i := range all {
		n[all[i].State]++
	}
	return fmt.Sprintf("%d pending, %d sent, %d given up", n[store.NoticePending], n[store.NoticeSent], n[store.NoticeGivenUp])
}

func (d *desk) came(b *inbox, want ...string) {
	d.Helper()
	if diff := cmp.Diff(want, b.subjects()); diff != "" {
		d.Errorf("-want +got\n%s", diff)
	}
}

func rules(r ...incident.Rule) []incident.Rule {
	for i := range r {
		if r[i].To == nil {
			r[i].To = []string{"in"}
		}
	}
	return r
}

func TestServiceTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := newDesk(t), &inbox{}
		d.service(rules(incident.Rule{Name: "runs", After: 2, Remind: time.Hour}, incident.Rule{Name: "jobs", Of: incident.Jobs}), map[string]Sender{"in": b}, nil)
		d.run("app", run.Failed, "a")
		time.Sleep(time.Second)
		d.came(b, "[app] a FAILED")
		d.run("app", run.Failed, "a")
		d.run("app", run.Failed, "a", "b")
		time.Sleep(time.Second)
		d.came(b, "[app] a FAILED", "[app] run 2 FAILED (2nd time in a row)", "[app] b FAILED")
		time.Sleep(2*time.Hour + time.Minute)
		d.run("app", run.Success, "a", "b")
		d.run("app", run.Success, "a")
		time.Sleep(time.Second)
		d.came(b, "[app] a FAILED", "[app] run 2 FAILED (2nd time in a row)", "[app] b FAILED", "[app] run 3 FAILED (reminder 1)",
			"[app] run 3 FAILED (reminder 2)", "[app] Resolved: a SUCCESS", "[app] Resolved: b SUCCESS", "[app] Resolved: run 4 SUCCESS")
		if got := d.states(); got != "0 pending, 8 sent, 0 given up" {
			t.Error(got)
		}
		if left, err := d.Untold(t.Context(), 0, 0); len(left) > 0 || err != nil {
			t.Errorf("runs that ended are looked at for ever: %+v, %v", left, err)
		}
	})
}

// TestEventsKnowWhatHappened looks at a whole message.
func TestEventsKnowWhatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := newDesk(t), &inbox{}
		p, err := expr.NewCompiler().Event(`"tag-a" in tags || job == "" && usual == duration("1m")`)
		if err != nil {
			t.Fatal(err)
		}
		d.service(rules(incident.Rule{Name: "r", Of: incident.All, Each: true, When: p}), map[string]Sender{"in": b}, func(c *Config) {
			c.Usual = func(_ context.Context, app string, job run.JobID) (incident.Usual, error) {
				if app != "app" {
					t.Error(app)
				}
				if job == "" {
					return incident.Usual{Median: time.Minute}, nil
				}
				return incident.Usual{}, nil
			}
		})
		l := d.begin("app", "a", "b")
		time.Sleep(90 * time.Second)
		d.moves(l, run.Transition{Job: "a", Try: 1, From: run.Running, To: run.Failed, Until: time.Now().Add(time.Second)},
			run.Transition{Job: "a", Try: 1, From: run.Failed, To: run.Queued}, run.Transition{Job: "a", Try: 2, From: run.Queued, To: run.Running})
		time.Sleep(time.Second)
		d.moves(l, run.Transition{From: run.Running, To: run.Running, Reason: run.RunCancelled}) // a mark
		at := time.Now()
		d.end(l, run.Failed, "a", "b")
		time.Sleep(time.Second)
		want := []incident.Event{
			{
				Kind: incident.Ended, Application: "app", Run: 1, Attempt: 1, Seq: 11, Job: "a", Try: 1, State: "FAILED", Reason: run.Exited, ExitCode: 3,
				Duration: time.Second, Failures: 1, Tags: []string{"tag-a"},
			},
			{
				Kind: incident.Ended, Application: "app", Run: 1, Attempt: 1, Seq: 13, State: "FAILED", Reason: run.JobFailed, Detail: "failed: a, b",
				Duration: 91 * time.Second, Usual: time.Minute, Failures: 1,
			},
		}
		var got []incident.Event
		for _, p := range b.sent() {
			e := p.Messages[0].Event
			if !e.At.Equal(at) {
				t.Error(e.At)
			}
			e.At = time.Time{}
			got = append(got, e)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestReceiverIsDownForHours has one receiver that is down and one that works.
func TestReceiverIsDownForHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, down, up := newDesk(t), &inbox{}, &inbox{}
		down.fails(func(Parcel) Receipt {
			time.Sleep(30 * time.Second) // it is slow, too
			return Receipt{Err: errors.New("HTTP 503")}
		})
		s := d.service(rules(incident.Rule{Name: "r", Each: true, Of: incident.All, To: []string{"down", "up"}}), map[string]Sender{"down": down, "up": up}, nil)
		var want []string
		for i := range 50 {
			d.run("app", run.Failed)
			want = append(want, fmt.Sprintf("[app] run %d FAILED", i+1))
			if i > 0 {
				want[i] += fmt.Sprintf(" (%s time in a row)", ordinal(i+1))
			}
		}
		time.Sleep(time.Minute)
		d.came(up, want...)
		time.Sleep(5 * time.Hour)
		down.fails(nil)
		d.close(s) // and another program takes over
		d.service(rules(incident.Rule{Name: "r", Each: true, Of: incident.All, To: []string{"down", "up"}}), map[string]Sender{"down": down, "up": up}, nil)
		time.Sleep(time.Hour)
		got := down.subjects()
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if len(up.subjects()) != 50 || d.states() != "0 pending, 100 sent, 0 given up" {
			t.Error(len(up.subjects()), d.states())
		}
	})
}

func ordinal(n int) string {
	m := incident.Message{Event: incident.Event{Kind: incident.Ended, Failures: n}}
	_, text, _ := strings.Cut(m.Subject(), "(")
	text, _, _ = strings.Cut(text, " ")
	return text
}

func TestGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, refuses, dead := newDesk(t), &inbox{}, &inbox{}
		refuses.fails(func(Parcel) Receipt { return Receipt{Err: errors.New("HTTP 404"), Permanent: true} })
		dead.fails(func(Parcel) Receipt { return Receipt{Err: errors.New("dead")} })
		d.service(rules(incident.Rule{Name: "r", To: []string{"refuses", "dead"}}), map[string]Sender{"refuses": refuses, "dead": dead}, func(c *Config) {
			c.Poll = time.Minute
		})
		d.run("app", run.Failed)
		time.Sleep(time.Second)
		if got := d.states(); got != "1 pending, 0 sent, 1 given up" || refuses.tried() != 1 {
			t.Error(got, refuses.tried())
		}
		time.Sleep(22 * time.Hour)
		if got := d.states(); got != "1 pending, 0 sent, 1 given up" {
			t.Error(got)
		}
		time.Sleep(3 * time.Hour)
		if got := d.states(); got != "0 pending, 0 sent, 2 given up" || dead.tried() < 40 || dead.tried() > 80 {
			t.Error(got, dead.tried())
		}
		all, _ := d.Notices(t.Context(), store.NoticeFilter{Notifier: "dead"})
		dead.fails(nil)
		if err := d.RetryNotice(t.Context(), all[0].ID, time.Now(), time.Now().Add(Patience)); err != nil || all[0].Error != "dead" {
			t.Error(err, all[0].Error)
		}
		time.Sleep(2 * time.Minute)
		d.came(dead, "[app] run 1 FAILED")
		time.Sleep(8 * 24 * time.Hour)
		if got := d.states(); got != "0 pending, 0 sent, 0 given up" {
			t.Error("old ones stay:", got)
		}
	})
}

func TestRetryAfterIsRespected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := newDesk(t), &inbox{}
		b.fails(func(Parcel) Receipt { return Receipt{Err: errors.New("HTTP 429"), RetryAfter: 20 * time.Minute} })
		d.service(rules(incident.Rule{Name: "r", Each: true}), map[string]Sender{"in": b}, nil)
		d.run("app", run.Failed)
		d.run("app", run.Failed)
		time.Sleep(19 * time.Minute)
		if b.tried() != 1 {
			t.Error(b.tried())
		}
		b.fails(nil)
		time.Sleep(2 * time.Minute)
		d.came(b, "[app] run 2 FAILED (2nd time in a row)", "[app] run 1 FAILED")
	})
}

// TestIncidentsStayInOrder has a receiver that is down when an incident opens.
func TestIncidentsStayInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := newDesk(t), &inbox{}
		b.fails(func(p Parcel) Receipt {
			if p.Messages[0].Do == incident.Open && len(b.sent()) == 0 {
				return Receipt{Err: errors.New("not yet")}
			}
			return Receipt{}
		})
		d.service(rules(incident.Rule{Name: "r"}), map[string]Sender{"in": b}, nil)
		d.run("app", run.Failed)
		time.Sleep(time.Second)
		d.run("app", run.Success)
		time.Sleep(time.Second)
		d.came(b)
		b.fails(nil)
		time.Sleep(time.Minute)
		d.came(b, "[app] run 1 FAILED", "[app] Resolved: run 2 SUCCESS")
	})
}

func TestDigest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := newDesk(t), &inbox{}
		d.service(rules(incident.Rule{Name: "r", Each: true, Digest: time.Hour}), map[string]Sender{"in": b}, nil)
		for range 3 {
			d.run("app", run.Failed)
			time.Sleep(10 * time.Minute)
		}
		d.came(b)
		time.Sleep(31 * time.Minute)
		if len(b.sent()) != 1 || len(b.sent()[0].Messages) != 3 || b.sent()[0].subject() != "[executioner] 3 messages of app" {
			t.Errorf("%+v", b.sent())
		}
		d.came(b, "[app] run 1 FAILED", "[app] run 2 FAILED (2nd time in a row)", "[app] run 3 FAILED (3rd time in a row)")
	})
}

func TestConditions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := newDesk(t), &inbox{}
		expect := func(c *Config) {
			c.Setup.Expect = []incident.Expect{{Within: time.Hour, Stuck: 30 * time.Minute, Slower: 2}}
			c.Usual = func(_ context.Context, _ string, job run.JobID) (incident.Usual, error) {
				if job == "a" {
					return incident.Usual{Median: time.Minute, P95: 5 * time.Minute, Runs: 10}, nil
				}
				return incident.Usual{}, nil
			}
		}
		r := rules(incident.Rule{Name: "r", Of: incident.All})
		s := d.service(r, map[string]Sender{"in": b}, expect)
		l := d.begin("app", "a")
		time.Sleep(20 * time.Minute)
		d.came(b, "[app] a takes longer than usual")
		d.close(s)
		s = d.service(r, map[string]Sender{"in": b}, expect) // which tells nothing twice
		time.Sleep(50 * time.Minute)
		d.came(b, "[app] a takes longer than usual", "[app] run 1 is stuck", "[app] run 1 is late")
		d.end(l, run.Success, "a")
		time.Sleep(time.Minute)
		got := b.subjects()[3:]
		slices.Sort(got)
		if diff := cmp.Diff([]string{"[app] Resolved: a is not slow any more", "[app] Resolved: run 1 is late", "[app] Resolved: run 1 is not late any more", "[app] Resolved: run 1 is not stuck any more"}, append(got, "[app] Resolved: run 1 is late")); diff == "" {
			t.Error(diff)
		}
		if want := []string{"[app] Resolved: a is not slow any more", "[app] Resolved: run 1 is not late any more", "[app] Resolved: run 1 is not stuck any more"}; !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		for range 2 {
			if err := s.Missed(t.Context(), "app", time.Now().Truncate(time.Hour), "the schedule nightly"); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(time.Minute)
		d.run("app", run.Success)
		time.Sleep(time.Minute)
		if got, want := b.subjects()[6:], []string{"[app] run has not begun", "[app] Resolved: run 3 has not begun"}; len(got) != 2 || got[0] != want[0] {
			t.Errorf("got %q", got)
		}
	})
}

// TestManyServicesTellOnce has several programs work on one store.
func TestManyServicesTellOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := newDesk(t), &inbox{}
		for range 4 {
			d.service(rules(incident.Rule{Name: "r", Of: incident.All, Remind: time.Hour}, incident.Rule{Name: "each", Each: true}), map[string]Sender{"in": b}, nil)
		}
		want := 0
		for i := range 20 {
			d.run(fmt.Sprint("app", i%3), run.Failed, "a", "b")
			want++ // each
			if i < 3 {
				want += 3 // opened: the run, a and b
			}
			time.Sleep(time.Duration(i) * 100 * time.Millisecond)
		}
		time.Sleep(50 * time.Minute)
		if got := b.subjects(); len(got) != want {
			t.Errorf("%d messages, want %d: %q", len(got), want, got)
		}
		time.Sleep(time.Hour)
		if got := b.subjects(); len(got) != want+9 {
			t.Errorf("%d messages with reminders, want %d", len(got), want+9)
		}
		ids := map[string]bool{}
		for _, p := range b.sent() {
			if ids[p.ID] {
				t.Errorf("%s came twice", p.ID)
			}
			ids[p.ID] = true
		}
	})
}

// brittle is a store that forgets what became of messages, as one does whose program is
// killed between sending and recording.
type brittle struct {
	*memstore.Store
	mu     sync.Mutex
	forget bool
}

func (s *brittle) Settle(ctx context.Context, all []store.Settlement) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forget {
		s.forget = false
		return fault.New(fault.Unavailable, "killed")
	}
	return s.Store.Settle(ctx, all)
}

func TestKilledBetweenSendingAndRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := newDesk(t), &inbox{}
		st := &brittle{Store: d.Store, forget: true}
		s := d.service(rules(incident.Rule{Name: "r"}), map[string]Sender{"in": b}, func(c *Config) { c.Records = st })
		d.run("app", run.Failed)
		time.Sleep(time.Second)
		d.close(s)
		d.came(b, "[app] run 1 FAILED")
		d.service(rules(incident.Rule{Name: "r"}), map[string]Sender{"in": b}, nil)
		time.Sleep(2 * time.Minute)
		d.came(b, "[app] run 1 FAILED") // somebody may still be sending it
		time.Sleep(2 * time.Minute)
		d.came(b, "[app] run 1 FAILED", "[app] run 1 FAILED")
		if b.sent()[0].ID != b.sent()[1].ID {
			t.Error("the receiver can't tell that it is the same")
		}
		if d.states() != "0 pending, 1 sent, 0 given up" {
			t.Error(d.states())
		}
	})
}

func TestClosedWhileSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := newDesk(t), &inbox{}
		hang := hanging{started: make(chan struct{})}
		s := d.service(rules(incident.Rule{Name: "r"}), map[string]Sender{"in": hang}, nil)
		d.run("app", run.Failed)
		<-hang.started
		d.close(s)
		d.close(s)
		all, _ := d.Notices(t.Context(), store.NoticeFilter{})
		if all[0].State != store.NoticePending || !all[0].Lease.IsZero() || all[0].Error != "interrupted: this program was stopped" {
			t.Errorf("%+v", all[0])
		}
		d.service(rules(incident.Rule{Name: "r"}), map[string]Sender{"in": b}, nil)
		time.Sleep(time.Second)
		d.came(b, "[app] run 1 FAILED")
	})
}

// hanging answers only when it is interrupted.
type hanging struct{ started chan struct{} }

func (h hanging) Send(ctx context.Context, _ Parcel) Receipt {
	close(h.started)
	<-ctx.Done()
	return Receipt{Err: ctx.Err()}
}

// TestOldRunsAreNotNews has runs that ended while no service was there.
func TestOldRunsAreNotNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := newDesk(t), &inbox{}
		d.run("old", run.Failed)
		going := d.begin("going", "a", "b")
		d.moves(going, run.Transition{Job: "b", Try: 1, From: run.Running, To: run.Failed})
		time.Sleep(25 * time.Hour)
		d.moves(going, run.Transition{Job: "a", Try: 1, From: run.Running, To: run.Failed})
		d.run("new", run.Failed)
		d.service(rules(incident.Rule{Name: "r", Of: incident.All}), map[string]Sender{"in": b}, nil)
		time.Sleep(time.Minute)
		d.end(going, run.Failed)
		time.Sleep(time.Minute)
		d.came(b, "[going] a FAILED", "[new] run 3 FAILED", "[going] run 2 FAILED")
	})
}

// TestNotifierThatIsGone is about messages that nobody can send any more.
func TestNotifierThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		s := d.service(rules(incident.Rule{Name: "r"}), nil, nil)
		d.run("app", run.Failed)
		time.Sleep(23 * time.Hour)
		if d.states() != "1 pending, 0 sent, 0 given up" {
			t.Error(d.states())
		}
		time.Sleep(3 * time.Hour)
		if d.states() != "0 pending, 0 sent, 1 given up" {
			t.Error(d.states())
		}
		d.close(s)
	})
}

// flaky fails each third call or so.
type flaky struct {
	*memstore.Store
	mu   sync.Mutex
	dice *rand.Rand
}

func (s *flaky) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dice.IntN(3) == 0 {
		return fault.New(fault.Unavailable, "the database is away")
	}
	return nil
}

func (s *flaky) Untold(ctx context.Context, after run.ID, limit int) ([]store.Untold, error) {
	if err := s.err(); err != nil {
		return nil, err
	}
	return s.Store.Untold(ctx, after, limit)
}

func (s *flaky) Transitions(ctx context.Context, id run.ID, after int64, limit int) ([]run.Transition, error) {
	if err := s.err(); err != nil {
		return nil, err
	}
	return s.Store.Transitions(ctx, id, after, limit)
}

func (s *flaky) Tell(ctx context.Context, l store.Tell) error {
	if err := s.err(); err != nil {
		return err
	}
	return s.Store.Tell(ctx, l)
}

func (s *flaky) ClaimNotices(ctx context.Context, notifier string, now, until time.Time, limit int) ([]store.Notice, error) {
	if err := s.err(); err != nil {
		return nil, err
	}
	return s.Store.ClaimNotices(ctx, notifier, now, until, limit)
}

func TestDatabaseComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := newDesk(t), &inbox{}
		d.service(rules(incident.Rule{Name: "r", Of: incident.Jobs, Each: true}), map[string]Sender{"in": b}, func(c *Config) {
			c.Records = &flaky{Store: d.Store, dice: rand.New(rand.NewPCG(1, 2))}
		})
		var jobs []run.JobID
		for i := range 1200 { // more than a page of transitions
			jobs = append(jobs, run.JobID(fmt.Sprint("j", i)))
		}
		d.run("app", run.Failed, jobs...)
		time.Sleep(time.Hour)
		seen := map[string]bool{}
		for _, s := range b.subjects() {
			seen[s] = true
		}
		if len(seen) != 1200 || len(b.subjects()) != 1200 {
			t.Errorf("%d messages, %d different", len(b.subjects()), len(seen))
		}
	})
}

// damaged can't read one run, however often it is tried.
type damaged struct {
	*memstore.Store
	bad    run.ID
	mended atomic.Bool
}

func (s *damaged) Transitions(ctx context.Context, id run.ID, after int64, limit int) ([]run.Transition, error) {
	if id == s.bad && !s.mended.Load() {
		return nil, fault.New(fault.Unavailable, "the database is damaged")
	}
	return s.Store.Transitions(ctx, id, after, limit)
}

// TestUnreadableRun is about a run that can't be read: the log says so once, people are told
// of all others, reminders too, and of that one when it can be read.
func TestUnreadableRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := newDesk(t), &inbox{}
		var log strings.Builder
		records := &damaged{Store: d.Store, bad: 2}
		expect := []incident.Expect{{Application: "slow", Within: time.Hour}}
		d.service(rules(incident.Rule{Name: "r", Remind: 90 * time.Minute}), map[string]Sender{"in": b}, func(c *Config) {
			c.Records, c.Log, c.Setup.Expect = records, slog.New(slog.NewTextHandler(&log, nil)), expect
			c.Usual = func(_ context.Context, app string, _ run.JobID) (incident.Usual, error) {
				if app == "odd" {
					return incident.Usual{}, fault.New(fault.Unavailable, "a damaged tally")
				}
				return incident.Usual{}, nil
			}
			c.Setup.Expect = append(c.Setup.Expect, incident.Expect{Application: "odd", Slower: 2})
		})
		d.begin("odd")               // which can't be watched
		d.run("damaged", run.Failed) // which can't be read
		d.run("app", run.Failed)
		d.begin("slow")
		time.Sleep(2 * time.Hour)
		d.came(b, "[app] run 3 FAILED", "[slow] run 4 is late", "[app] run 3 FAILED (reminder 1)")
		lines := strings.Count(log.String(), "nobody can be told of a run for now")
		if lines != 2 || strings.Count(log.String(), "\n") != 2 {
			t.Errorf("%s", log.String())
		}
		records.mended.Store(true)
		time.Sleep(time.Minute)
		d.came(b, "[app] run 3 FAILED", "[slow] run 4 is late", "[app] run 3 FAILED (reminder 1)", "[damaged] run 2 FAILED", "[damaged] run 2 FAILED (reminder 1)")
	})
}

func TestNoticeThatCanNotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := newDesk(t), &inbox{}
		now := time.Now()
		n := store.Notice{ID: "x", Notifier: "in", CreatedAt: now, Due: now, Until: now.Add(time.Hour), Body: []byte("no JSON")}
		if err := d.Tell(t.Context(), store.Tell{Notices: []store.Notice{n}}); err != nil {
			t.Fatal(err)
		}
		d.service(nil, map[string]Sender{"in": b}, nil)
		time.Sleep(time.Second)
		if d.states() != "0 pending, 0 sent, 1 given up" {
			t.Error(d.states())
		}
	})
}

// TestRealReceiverComesBack sends webhooks through the network to a receiver that refuses
// some first.
func TestRealReceiverComesBack(t *testing.T) {
	d, r := newDesk(t), receive(t)
	r.answers(503, "Retry-After", "0")
	var mu sync.Mutex
	now := time.Now()
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	hook := web(t, "webhook", r.URL)
	d.service(rules(incident.Rule{Name: "r"}), map[string]Sender{"in": hook}, func(c *Config) { c.Now, c.Poll = clock, 10*time.Millisecond })
	d.run("app", run.Failed)
	until(t, func() bool { bodies, _ := r.came(); return len(bodies) == 1 })
	until(t, func() bool { return strings.HasPrefix(d.states(), "1 pending") })
	r.mu.Lock()
	r.answer = nil
	r.mu.Unlock()
	until(t, func() bool {
		mu.Lock()
		now = now.Add(time.Second)
		mu.Unlock()
		return d.states() == "0 pending, 1 sent, 0 given up"
	})
	bodies, header := r.came()
	var p payload
	if err := json.Unmarshal(bodies[len(bodies)-1], &p); err != nil || p.Subject != "[app] run 1 FAILED" || len(bodies) != 2 {
		t.Errorf("%d: %s, %v", len(bodies), bodies[0], err)
	}
	if header[0].Get(signature.ID) != header[1].Get(signature.ID) || header[0].Get(signature.ID) != p.ID {
		t.Errorf("%v", header)
	}
}

// until waits for something that real goroutines do.
func until(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatal("it does not happen")
		}
		<-time.After(5 * time.Millisecond)
	}
}
