package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
)

// stream is an answer of server-sent events. Each write has a deadline: a reader that has
// stopped to read loses the connection, and costs nothing but its bounded queue until then.
// It belongs to one goroutine.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	limits  Limits
	wrote   time.Time
	asked   time.Time // when it was last asked whether the caller may still see it
	buf     []byte
}

func (s *server) stream(w http.ResponseWriter) *stream {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // for proxies
	w.WriteHeader(http.StatusOK)
	st := &stream{w: w, control: http.NewResponseController(w), limits: s.Limits, wrote: time.Now(), asked: time.Now()}
	_ = st.control.Flush() // so that the reader knows that nothing is missed from here on
	return st
}

// add appends an event to what the next flush sends. id may be empty.
func (st *stream) add(name, id string, v any) (err error) {
	if st.buf, err = sse(st.buf, name, id, v); err != nil {
		return err
	}
	return st.full()
}

// text appends an event that is encoded already.
func (st *stream) text(b []byte) error {
	st.buf = append(st.buf, b...)
	return st.full()
}

// full sends what was added when it is much.
func (st *stream) full() error {
	if len(st.buf) > 1<<18 {
		return st.flush()
	}
	return nil
}

// flush sends what was added.
func (st *stream) flush() error {
	if len(st.buf) == 0 {
		return nil
	}
	_ = st.control.SetWriteDeadline(time.Now().Add(st.limits.WriteTime))
	_, err := st.w.Write(st.buf)
	st.buf = st.buf[:0]
	if cap(st.buf) > 1<<20 {
		st.buf = nil
	}
	st.wrote = time.Now()
	if err != nil {
		return err
	}
	return st.control.Flush()
}

// beat sends a comment when nothing was sent for a while. It reports whether it did.
func (st *stream) beat() (bool, error) {
	if time.Since(st.wrote) < st.limits.Heartbeat {
		return false, nil
	}
	st.buf = append(st.buf, ": alive\n\n"...)
	return true, st.flush()
}

// following takes a place for a stream, and returns the request as one that ends when the
// service stops. It returns nil when it has answered with an error.
func (s *server) following(w http.ResponseWriter, r *http.Request, names ...string) (of *http.Request, end func()) {
	c := callOf(r.Context())
	err := onlyQuery(r, names...)
	var ctx context.Context
	if err == nil {
		ctx, end, err = s.open(r.Context())
	}
	if err != nil {
		c.failed = err
		s.fail(w, r, err)
		return nil, nil
	}
	return r.WithContext(ctx), end
}

// open takes a place for whoever follows something, until end is called. The context ends
// when the service stops.
func (s *server) open(ctx context.Context) (of context.Context, end func(), err error) {
	leave, err := s.streams.begin(callOf(ctx).who.User)
	if err != nil {
		return nil, nil, err
	}
	of, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.Streams, cancel)
	return of, func() {
		stop()
		cancel()
		leave()
	}, nil
}

// onlyQuery refuses parameters that a route does not have.
func onlyQuery(r *http.Request, names ...string) error {
	for name := range r.URL.Query() {
		known := false
		for _, n := range names {
			known = known || n == name
		}
		if !known {
			return fault.New(fault.Usage, "query.%s: unknown query parameter", cut(name))
		}
	}
	return nil
}

// still reports whether who follows may still do so: their token may have been revoked.
func (s *server) still(r *http.Request, a access.Action) bool {
	c := callOf(r.Context())
	if c.local {
		return true
	}
	var now call
	now.from = c.from
	if err := s.prove(r, &now); err != nil || now.who.User != c.who.User {
		return false
	}
	c.who = now.who
	if c.about == inRun {
		return access.Can(c.who, a, c.run.Application)
	}
	return can(c.who, a)
}

// lastEventID is where a client that comes back wants to go on.
func lastEventID(r *http.Request) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	return r.URL.Query().Get("after")
}

// runEvents streams what is recorded of a run until its latest attempt has ended.
func (s *server) runEvents(w http.ResponseWriter, r *http.Request) {
	r, end := s.following(w, r, "after")
	if r == nil {
		return
	}
	defer end()
	c := callOf(r.Context())
	after, err := position(lastEventID(r))
	if err != nil {
		c.failed = err
		s.fail(w, r, err)
		return
	}
	if now, err := s.seen(r.Context()); err == nil && r.Header.Get("Last-Event-ID") != "" && now.Attempt.State.Ended() && now.Seq <= after {
		w.WriteHeader(http.StatusNoContent) // has a browser stop coming back
		return
	}
	if r.Method == http.MethodHead {
		return
	}
	s.streamRun(r, s.stream(w), c.run.ID, after)
}

// position reads the sequence number that a client has seen last.
func position(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fault.New(fault.Usage, "the position is not a number").WithHint("give the id of the last event that was seen")
	}
	return n, nil
}

func (s *server) streamRun(r *http.Request, st *stream, id run.ID, after int64) {
	ctx := r.Context()
	f := s.follow(id, after)
	defer f.close()
	emit := func(ts []run.Transition) error {
		for i := range ts {
			if err := st.add(wire.EventTransition, strconv.FormatInt(ts[i].Seq, 10), s.event(ctx, id, &ts[i])); err != nil {
				return err
			}
		}
		return st.flush()
	}
	for {
		over, err := f.next(ctx, emit)
		if err != nil {
			return // the reader has gone, or the store has: it comes back and goes on where it was
		}
		if over {
			if v, err := s.view(ctx, id); err == nil && st.add(wire.EventEnd, strconv.FormatInt(f.after, 10), wire.End{Event: wire.EventEnd, View: v}) == nil {
				_ = st.flush()
			}
			return
		}
		if !s.quiet(r, st, access.RunRead) {
			return
		}
	}
}

// quiet gives a sign of life when it is time for one. It reports whether to go on.
func (s *server) quiet(r *http.Request, st *stream, a access.Action) bool {
	if _, err := st.beat(); err != nil {
		return false
	}
	if time.Since(st.asked) < st.limits.Heartbeat {
		return true
	}
	st.asked = time.Now()
	return s.still(r, a)
}

// allEvents streams what is recorded of all runs that the caller may see.
func (s *server) allEvents(w http.ResponseWriter, r *http.Request) {
	r, end := s.following(w, r, "application", "after")
	if r == nil {
		return
	}
	defer end()
	c := callOf(r.Context())
	app := r.URL.Query().Get("application")
	var err error
	if app != "" {
		err = s.may(r.Context(), access.RunRead, app)
	}
	id, after, was := lastOfAll(lastEventID(r))
	if err == nil && !was && lastEventID(r) != "" {
		err = fault.New(fault.Usage, "the position is not one of this stream").WithHint("give the id of the last event that was seen")
	}
	if err != nil {
		c.failed = err
		s.fail(w, r, err)
		return
	}
	if r.Method == http.MethodHead {
		return
	}
	a := &allRuns{s: s, r: r, application: app, known: make(map[run.ID]int64)}
	a.at = s.feed.join()
	defer a.at.leave()
	a.st = s.stream(w)
	if was {
		a.resume(id, after)
	}
	a.loop()
}

// lastOfAll reads the id of an event of the stream about all runs: RUN-SEQ.
func lastOfAll(text string) (id run.ID, seq int64, ok bool) {
	first, second, ok := strings.Cut(text, "-")
	n, err1 := strconv.ParseInt(first, 10, 64)
	seq, err2 := strconv.ParseInt(second, 10, 64)
	return run.ID(n), seq, ok && err1 == nil && err2 == nil && n > 0 && seq >= 0
}

// mostKnown is how many runs a stream about all of them remembers the position of.
const mostKnown = 20_000

// allRuns is a stream about all runs. It belongs to one goroutine.
type allRuns struct {
	s           *server
	r           *http.Request
	st          *stream
	at          *feedPosition
	application string           // only of this one
	known       map[run.ID]int64 // of runs that go on, the last that was sent
}

// resume sends what the client has missed of the run that it heard of last. Of others
// nobody knows what it has seen, and the gap says so.
func (a *allRuns) resume(id run.ID, after int64) {
	a.known[id] = after
	r, err := a.s.History.Run(a.r.Context(), id)
	if a.st.add(wire.EventGap, "", wire.Gap{Event: wire.EventGap}) == nil && err == nil && a.mayBeSeen(r.Application) {
		_ = a.fill(id)
	}
}

func (a *allRuns) mayBeSeen(application string) bool {
	return (a.application == "" || a.application == application) &&
		access.Can(callOf(a.r.Context()).who, access.RunRead, application)
}

func (a *allRuns) loop() {
	ctx := a.r.Context()
	for {
		if a.st.flush() != nil {
			return
		}
		waiting, cancel := context.WithTimeout(ctx, a.s.Limits.Heartbeat)
		batch, gap, err := a.at.next(waiting)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, context.DeadlineExceeded):
		case err != nil:
			return
		default:
			if a.take(batch, gap) != nil {
				return
			}
		}
		if !a.s.quiet(a.r, a.st, access.RunRead) {
			return
		}
	}
}

// take sends a batch, and before it what is missing of its run. When batches of any run
// were dropped a gap says so.
func (a *allRuns) take(b fed, gap bool) error {
	if gap {
		if err := a.st.add(wire.EventGap, "", wire.Gap{Event: wire.EventGap}); err != nil {
			return err
		}
	}
	ts := b.Transitions
	if b.err != nil || len(ts) == 0 || !a.mayBeSeen(b.Application) { // which may have been withdrawn
		return b.err
	}
	if seq := a.known[b.Run]; seq > 0 && ts[0].Seq > seq+1 {
		if err := a.fill(b.Run); err != nil {
			return err
		}
	}
	seq := a.known[b.Run]
	for i := range ts {
		if ts[i].Seq > seq {
			if err := a.st.text(b.texts[i]); err != nil {
				return err
			}
		}
	}
	a.know(b.Run, &ts[len(ts)-1])
	return nil
}

// know remembers up to where a run was sent, while it goes on: a stream may last for years.
func (a *allRuns) know(id run.ID, last *run.Transition) {
	if last.Job == "" && !last.Mark() && last.To.Ended() {
		delete(a.known, id)
		return
	}
	if len(a.known) >= mostKnown {
		clear(a.known) // what they missed is not filled up, then
	}
	a.known[id] = max(a.known[id], last.Seq)
}

// fill sends what the store has of a run behind what was sent.
func (a *allRuns) fill(id run.ID) error {
	for {
		ts, err := a.s.History.Transitions(a.r.Context(), id, a.known[id], page)
		if err != nil {
			return err
		}
		for i := range ts {
			a.known[id] = ts[i].Seq
			if err := a.st.add(wire.EventTransition, runEventID(id, ts[i].Seq), a.s.event(a.r.Context(), id, &ts[i])); err != nil {
				return err
			}
		}
		if len(ts) < page {
			return nil
		}
	}
}
