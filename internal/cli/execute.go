package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
)

// reporter shows a run while it goes on.
type reporter interface {
	// begin is called before the first transition.
	begin(a runs.Attempt)
	// add is told of each transition, in order.
	add(t *run.Transition)
	// flush is called when nothing more has come in for now.
	flush()
	// end is called after the last transition.
	end()
	// note tells something beside the transitions, from any goroutine.
	note(text string)
}

// execute runs what start begins, shows it, tells whoever is to be told, and returns
// how it ended as a status.
func (c *command) execute(cmd *cobra.Command, v view, start func(ctx context.Context, s Runs) (execution, error)) error {
	if err := c.notThere(v); err != nil {
		return err
	}
	trouble := &troubles{err: c.Err}
	b, err := c.open(cmd, trouble.tell)
	if err != nil {
		return err
	}
	err = c.executeOn(cmd.Context(), b.Runs, v, start)
	c.tidy(cmd.Context(), b.Store, v)
	return errors.Join(err, b.Close())
}

func (c *command) executeOn(ctx context.Context, s Runs, v view, start func(ctx context.Context, s Runs) (execution, error)) error {
	signals, release := c.Signals() // before anything runs that a signal would orphan
	defer release()
	e, err := start(ctx, s)
	if err != nil {
		return err
	}
	shown := c.reporter(ctx, s, v, e.About().Workflow.Application)
	shown.begin(e.About())
	stop := c.obey(e, signals, shown.note)
	defer stop()
	c.show(ctx, e, shown)
	sum, err := e.Wait(ctx)
	if err != nil {
		return err
	}
	return c.conclude(ctx, s, e, v, sum)
}

// show passes the run's transitions to its main log and to whoever watches.
func (c *command) show(ctx context.Context, e execution, shown reporter) {
	log, err := e.Log()
	if err != nil {
		fmt.Fprintf(c.Err, "warning: the run's log can't be written: %v\n", err)
	}
	takenUp, veiled := e.About().TakenUp, c.veil(e.About())
	flush := func() {
		shown.flush()
		if log != nil {
			log.Flush()
		}
	}
	for t, err := range e.Follow(ctx, flush) {
		if err != nil {
			break
		}
		shown.add(veiled(&t))
		switch {
		case log == nil:
		case takenUp != nil && t.Seq < takenUp.Seq:
			log.Know(&t)
		default:
			log.Add(&t)
		}
	}
	flush()
	shown.end()
	if log != nil {
		if err := log.Close(); err != nil {
			fmt.Fprintf(c.Err, "warning: the run's log is incomplete: %v\n", err)
		}
	}
}

// obey turns signals into requests: the first stops the run's jobs with grace, the
// second kills them.
func (c *command) obey(e execution, signals <-chan os.Signal, tell func(string)) (stop func()) {
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for n := 0; ; n++ {
			var sig os.Signal
			select {
			case <-done:
				return
			case sig = <-signals:
			}
			if n == 0 {
				tell(fmt.Sprintf("executioner: %s: %s", sig, e.Stop(sig.String())))
				continue
			}
			tell(fmt.Sprintf("executioner: %s: %s", sig, e.Kill(sig.String())))
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// conclude shows how the run ended, sends mail, and returns the exit status.
func (c *command) conclude(ctx context.Context, s Runs, e execution, v view, sum run.Summary) error {
	r, err := s.Find(ctx, e.About().Run.String(), "")
	if err != nil {
		return err
	}
	d, err := s.Show(ctx, r)
	if err != nil {
		return err
	}
	if err := c.maskView(ctx, s, &d); err != nil {
		return err
	}
	if v.json {
		c.printJSON(c.Out, endEvent{Event: "end", View: d.View})
	} else {
		c.summarise(c.Out, d)
	}
	if _, ours := e.(*executing); ours { // else the server tells whoever is to be told
		c.mail(ctx, d, e.About())
	}
	return exitStatus(sum.State)
}

// exitStatus is the one place where a run's state becomes an exit code.
func exitStatus(s run.State) error {
	switch s {
	case run.Success:
		return nil
	case run.Cancelled:
		return status(130)
	default:
		return status(fault.ExitJobFailed)
	}
}
