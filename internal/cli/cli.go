// Package cli is the command line: one file per command. Commands parse, call a use
// case, and print; they decide nothing about runs.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/event"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/history"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Program is what the command line works with. main fills it from the process; tests
// fill it from what they want to see.
type Program struct {
	Args    []string // without the program's name
	In      io.Reader
	Out     io.Writer
	Err     io.Writer
	Environ []string
	// Signals begins to catch interrupts and termination requests, until stop is called.
	// Before that they end the program as they always do.
	Signals func() (signals <-chan os.Signal, stop func())
	// Terminal returns the width of the terminal that Out is, or 0 when it is none.
	Terminal func() int
	// Open composes the use cases on a database.
	Open func(ctx context.Context, s Settings) (Backend, error)
	// Databases opens histories as a whole, see the db commands.
	Databases history.Databases
	// WithPassword puts a password into the address of a database.
	WithPassword func(address, password string) (string, error)
	// Conditions evaluates the conditions of an attempt that is only simulated, see
	// plan.Options.When. environ is what jobs would inherit.
	Conditions func(environ []string, a runs.Attempt) func(job int, f plan.Facts) (bool, error)
	// Build names the program's version.
	Build Build
}

// Settings are what a command needs of the composition.
type Settings struct {
	Database   string
	StateDir   string
	Durability string
	Environ    []string
	Trouble    func(error)
	Notice     func(string)                     // is told what a person should know while a run goes on; from any goroutine
	Service    bool                             // for many runs at once, see serve
	Gate       func(a runs.Attempt) engine.Gate // says when their tasks may start; nil: nobody does
	// Journal returns what records instead of the one given; nil: the one given does.
	Journal func(engine.Journal) engine.Journal
	Observe func(a runs.Attempt) runs.Observer // is told what becomes of attempts; nil: nobody is
}

// Backend is a composed program.
type Backend struct {
	Runs  *runs.Service
	Store store.Store // what the runs are kept in; nil where it is nobody's business
	Hub   *event.Hub  // is told of what the runs record; nil where nobody asks
	Close func() error
}

// Build says which program this is.
type Build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// status is how a command that worked ends the program when that is not 0: a run
// that failed is an outcome, not a fault, and has been told already.
type status int

func (s status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// Run carries out one command line and returns the exit code.
func Run(ctx context.Context, p Program) int {
	c := &command{Program: p}
	root := c.root()
	root.SetArgs(p.Args)
	root.SetIn(p.In)
	root.SetOut(p.Out)
	root.SetErr(p.Err)
	err := root.ExecuteContext(ctx)
	code := c.report(err)
	if c.old && code > fault.ExitJobFailed {
		return fault.ExitJobFailed // the old command line knew no other
	}
	return code
}

// command carries what the flags of all commands set.
type command struct {
	Program
	database   string
	server     string                // --server
	composed   *workflow.Composition // the workflow file that was read last, to be sent to a server
	serves     bool                  // it is the service itself, for which the variable of clients means nothing
	named      string                // the registered workflow that a run is to go on with, for a server
	served     Runs                  // those of the server that is in use; nil: a database is opened here
	durability string                // of the command line
	json       bool
	params     []string         // --param, as given
	kept       []workflow.Given // what a run that is resumed began with
	later      bool             // the file is only looked at: required parameters may be missing
	loose      bool             // of several files one has the parameters that are given: the others need not
	old        bool             // an old root flag is in use
}

// report prints an error and returns the exit code for it.
func (c *command) report(err error) int {
	var s status
	switch {
	case err == nil:
		return fault.ExitOK
	case errors.As(err, &s):
		return int(s)
	}
	err = c.inCommands(err)
	if c.json {
		c.printJSON(c.Err, faultJSON(err))
		return fault.ExitCode(err)
	}
	fmt.Fprintf(c.Err, "executioner: %s\n", message(err))
	if hint := fault.HintOf(err); hint != "" {
		fmt.Fprintf(c.Err, "  → %s\n", clean(hint))
	}
	return fault.ExitCode(err)
}

// message is an error as it is shown. What it quotes of files can't steer the terminal.
func message(err error) string { return clean(err.Error()) }

type faultView struct {
	Code    fault.Code `json:"code"`
	Message string     `json:"message"`
	Hint    string     `json:"hint,omitempty"`
	// Problems are those of an invalid workflow file.
	Problems workflow.Problems `json:"problems,omitempty"`
}

func faultJSON(err error) any {
	var problems workflow.Problems
	errors.As(err, &problems)
	return struct {
		Error faultView `json:"error"`
	}{faultView{fault.CodeOf(err), message(err), fault.HintOf(err), problems}}
}

// settings are those of a program that works on a database.
func (c *command) settings(address string, trouble func(error)) Settings {
	state, _ := c.stateDir() // without one, only a database that is no file needs it, and says so
	return Settings{
		Database: address, StateDir: state, Durability: cmp.Or(c.durability, c.getenv(durabilityVariable)), Environ: c.jobEnviron(),
		Trouble: trouble, Notice: c.notice,
	}
}

// notice tells what a person should know while a run goes on.
func (c *command) notice(text string) { fmt.Fprintf(c.Err, "executioner: %s\n", text) }

// open composes the use cases and ends the runs whose program is gone.
func (c *command) open(cmd *cobra.Command, trouble func(error)) (work, error) {
	if c.remotely() {
		r, err := c.connect()
		if err != nil {
			return work{}, err
		}
		c.served = r
		return work{Runs: r, Close: func() error { r.server.Close(); return nil }}, nil
	}
	path, err := c.databasePath()
	if err != nil {
		return work{}, err
	}
	b, err := c.Open(cmd.Context(), c.settings(path, trouble))
	if err != nil {
		return work{}, err
	}
	if err := b.Runs.Reconcile(cmd.Context()); err != nil {
		// A run that can't be ended is no reason not to work with the others.
		c.warn(workflow.Problems{{Msg: "a run whose program is gone can't be ended: " + message(err), Hint: fault.HintOf(err), Warning: true}})
	}
	return working(b), nil
}

// using opens the backend for the time of one use.
func (c *command) using(cmd *cobra.Command, use func(ctx context.Context, s Runs) error) error {
	if err := c.historyExists(); err != nil {
		return err
	}
	b, err := c.open(cmd, nil)
	if err != nil {
		return err
	}
	return errors.Join(use(cmd.Context(), b.Runs), b.Close())
}
