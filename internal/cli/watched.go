package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
)

// watchPatience is how long a server that can't be reached is tried again by somebody who
// watches a run of it: long enough for an upgrade, and not for ever.
const watchPatience = 15 * time.Minute

// cancelTime is how long a server may take to hear that a run is to end.
const cancelTime = 30 * time.Second

var _ execution = (*watched)(nil)

// watched is an attempt that goes on with a server.
type watched struct {
	server *client.Client
	about  runs.Attempt
	after  int64 // the sequence number before the attempt's first

	notice func(string)       // tells what a person should know
	left   context.CancelFunc // ends Follow before the run's end
	ctx    context.Context
	end    *runs.View // how it ended; Follow sets it
	err    error      // why Follow could not go on to the end
}

func (r *remote) watch(a runs.Attempt, after int64) *watched {
	w := &watched{server: r.server, about: a, after: after, notice: r.c.notice}
	w.ctx, w.left = context.WithCancel(context.Background())
	return w
}

func (w *watched) About() runs.Attempt { return w.about }

// Log returns nothing: the server writes it.
func (w *watched) Log() (*runs.MainLog, error) { return nil, nil } //nolint:nilnil // see execution

// Follow tells the events of the server. A server that can't be reached for a while is
// tried again until it can, or nobody watches any more: the run goes on without.
func (w *watched) Follow(ctx context.Context, idle func()) iter.Seq2[run.Transition, error] {
	return func(yield func(run.Transition, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(w.ctx, stop)()
		events := make(chan client.Event, 64)
		go func() {
			defer close(events)
			w.err = w.pass(ctx, events)
		}()
		for {
			if len(events) == 0 {
				idle()
			}
			e, more := <-events
			switch {
			case !more:
				return // Wait says why
			case e.Kind == client.EventEnd:
				w.end = e.End
				return
			case e.Kind == client.EventTransition && e.Transition.Attempt == w.about.Number:
				if !yield(e.Transition.Recorded(), nil) {
					return
				}
			}
		}
	}
}

// pass passes events on until the run's end, over times in which the server can't be reached.
func (w *watched) pass(ctx context.Context, events chan<- client.Event) error {
	seen := time.Now()
	lost := false
	for {
		err := w.hear(ctx, func(e client.Event) error {
			if seen = time.Now(); lost {
				lost = false
				w.notice("the server can be reached again")
			}
			select {
			case events <- e:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		if err == nil || fault.CodeOf(err) != fault.Unavailable || time.Since(seen) > watchPatience {
			return err
		}
		if !lost {
			lost = true
			w.notice("the run goes on, and its server is tried again: " + message(err))
		}
	}
}

// hear has each event taken, and remembers how far it got.
func (w *watched) hear(ctx context.Context, take func(client.Event) error) error {
	for e, err := range w.server.Events(ctx, w.about.Run, w.after) {
		if err != nil {
			return err
		}
		if e.Transition != nil {
			w.after = e.Transition.Seq
		}
		if err := take(e); err != nil {
			return err
		}
	}
	return nil
}

// Stop asks the server to end the run.
func (w *watched) Stop(string) string {
	ctx, cancel := context.WithTimeout(w.ctx, cancelTime)
	defer cancel()
	if _, err := w.server.Cancel(ctx, w.about.Run, client.Cancellation{}); err != nil {
		return fmt.Sprintf("the server could not be asked to stop the run: %s; once more stops watching it", message(err))
	}
	return "the server stops the running jobs; once more stops watching them"
}

// Kill stops watching. The server ends the run with grace all the same, if it was asked to.
func (w *watched) Kill(string) string {
	w.left()
	return "not watching any more"
}

// Wait returns how it ended.
func (w *watched) Wait(context.Context) (run.Summary, error) {
	defer w.left()
	switch {
	case w.end != nil:
		return run.Summary{State: w.end.State, Reason: w.end.Reason, Counts: w.end.Counts}, nil
	case w.ctx.Err() != nil || errors.Is(w.err, context.Canceled):
		return run.Summary{}, fault.New(fault.Cancelled, "run %d is not watched any more; it goes on, or ends, with the server", w.about.Run).
			WithHint("watch it again with: executioner logs -f %d, see how it ended with: executioner runs show %d", w.about.Run, w.about.Run)
	}
	lost := fault.New(fault.CodeOf(w.err), "run %d can't be watched any more: %s", w.about.Run, message(w.err))
	return run.Summary{}, lost.WithHint("it goes on with the server; see how it ended with: executioner runs show %d", w.about.Run)
}
