package client

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
)

// Kinds of events.
const (
	EventTransition = wire.EventTransition
	EventEnd        = wire.EventEnd
	EventGap        = wire.EventGap
)

// Event is something that happened to a run. Kind says which of the others is set.
type Event struct {
	Kind       string
	Run        RunID       // of an EventGap it may be 0: any run
	Transition *Transition // EventTransition
	End        *Run        // EventEnd: the run's latest attempt has ended, and the run as it stands then
}

// Events yields what was recorded of a run after sequence number after (0: from the
// beginning), in order, each transition exactly once, until its latest attempt has ended.
// When the connection breaks, or the server could not keep up, what is missing is read
// again. An error is the last that is yielded: the server could not be reached for
// Config.RetryFor, or ctx ended.
func (c *Client) Events(ctx context.Context, id RunID, after int64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		f := &following{client: c, run: id, after: after, yield: yield}
		for {
			more, err := f.stream(ctx)
			if err != nil {
				yield(Event{}, err)
			}
			if err != nil || !more {
				return
			}
		}
	}
}

// AllEvents yields what is recorded of any run from now on, until ctx ends or the server
// can't be reached for Config.RetryFor, which is the error that is yielded last. An
// EventGap says that something may be missing: read again what is shown.
func (c *Client) AllEvents(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for again := false; ; again = true {
			if again && !yield(Event{Kind: EventGap}, nil) {
				return
			}
			var left bool
			err := c.listen(ctx, []string{"events"}, "", func(m message) bool {
				e, known, err := m.event()
				left = known && !yield(e, err)
				return !left && err == nil
			})
			switch {
			case left:
				return
			case err != nil:
				yield(Event{}, err)
				return
			}
		}
	}
}

var errNothingMore = errors.New("the run had ended")

// following is one run that is followed.
type following struct {
	client *Client
	run    RunID
	after  int64 // the last sequence number that was yielded
	yield  func(Event, error) bool
}

// stream yields one connection's events. more: it broke off before the end.
func (f *following) stream(ctx context.Context) (more bool, err error) {
	more = true
	path := []string{"runs", f.run.String(), "events"}
	broken := f.client.listen(ctx, path, strconv.FormatInt(f.after, 10), func(m message) bool {
		var e Event
		var known bool
		if e, known, err = m.event(); err == nil && known {
			more, err = f.take(ctx, e)
		}
		return more && err == nil
	})
	switch {
	case err != nil || !more:
		return more, err
	case errors.Is(broken, errNothingMore): // it had ended before
		return false, f.last(ctx)
	}
	return more, broken
}

// last yields the end of a run that has ended.
func (f *following) last(ctx context.Context) error {
	r, err := f.client.Run(ctx, f.run)
	if err == nil {
		f.yield(Event{Kind: EventEnd, Run: f.run, End: &r}, nil)
	}
	return err
}

// take yields an event with all that is missing before it.
func (f *following) take(ctx context.Context, e Event) (more bool, err error) {
	switch {
	case e.Kind == EventEnd:
		if more, err = f.fill(ctx, 0); err != nil || !more {
			return more, err
		}
		f.yield(e, nil)
		return false, nil
	case e.Kind == EventGap:
		return f.fill(ctx, 0)
	case e.Transition == nil:
		return true, nil
	case e.Transition.Seq > f.after+1:
		if more, err = f.fill(ctx, e.Transition.Seq); err != nil || !more {
			return more, err
		}
	}
	return f.one(e.Transition), nil
}

// one yields a transition, unless it has been.
func (f *following) one(t *Transition) (more bool) {
	if t.Seq <= f.after {
		return true
	}
	f.after = t.Seq
	return f.yield(Event{Kind: EventTransition, Run: f.run, Transition: t}, nil)
}

// fill yields what was recorded and has not been yielded, before a sequence number; 0: all.
func (f *following) fill(ctx context.Context, before int64) (more bool, err error) {
	for {
		page, err := f.client.Transitions(ctx, f.run, f.after)
		if err != nil {
			return false, err
		}
		for i := range page.Transitions {
			t := &page.Transitions[i]
			if before > 0 && t.Seq >= before {
				return true, nil
			}
			if !f.one(t) {
				return false, nil
			}
		}
		if page.Next == nil || len(page.Transitions) == 0 {
			return true, nil
		}
	}
}

// listen has each message of an event stream taken, until take returns false or the stream
// ends, which is no error: whoever wants more connects again. id is that of the last
// message that was seen before.
func (c *Client) listen(ctx context.Context, path []string, id string, take func(message) bool) error {
	live, stop := context.WithCancel(ctx)
	defer stop()
	header := http.Header{"Accept": {"text/event-stream"}}
	if id != "" {
		header.Set("Last-Event-ID", id)
	}
	resp, err := c.answer(live, call{method: http.MethodGet, path: path, query: url.Values{}, header: header, repeats: always})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNoContent {
		return errNothingMore
	}
	in := newMessages(resp.Body)
	wait := time.Second // a server that hangs up at once must not be asked without end
	alive := watch(silence, stop)
	defer alive.Stop()
	for {
		m, err := in.next(func() { alive.Reset(silence) })
		switch {
		case ctx.Err() != nil:
			return asError(fault.Wrap(context.Cause(ctx), fault.Cancelled, "following was given up"))
		case errors.Is(err, errTooLong):
			return asError(fault.New(fault.Unsupported, "the server sent an event that is too long"))
		case err != nil:
			if c.pause(ctx, wait) != nil {
				return c.unreached(ctx, err)
			}
			return nil
		case !take(m):
			return nil
		}
		wait = firstPause
	}
}

// event reads a message. Kinds that this program does not know are left out.
func (m message) event() (e Event, known bool, err error) {
	e.Kind = m.kind
	switch m.kind {
	case EventTransition:
		e.Transition = new(Transition)
		if err = json.Unmarshal(m.data, e.Transition); err == nil {
			e.Run = e.Transition.Run
		}
	case EventEnd:
		var end wire.End
		if err = json.Unmarshal(m.data, &end); err == nil {
			e.End, e.Run = &end.View, end.Run
		}
	case EventGap:
		var gap wire.Gap
		if err = json.Unmarshal(m.data, &gap); err == nil {
			e.Run = gap.Run
		}
	default:
		return e, false, nil
	}
	if err != nil {
		err = asError(&fault.Error{Code: fault.Unsupported, Msg: "an event of the server can't be understood", Err: err})
	}
	return e, true, err
}
