// Command executioner runs workflows: files of jobs with dependencies, retries,
// timeouts and checks. See the README.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	_ "time/tzdata" // so that schedules have their zones on hosts that know none

	"golang.org/x/term"

	"github.com/executionerhq/executioner/internal/app"
	"github.com/executionerhq/executioner/internal/cli"
	"github.com/executionerhq/executioner/internal/keeper"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == keeper.Command { // first of all: it must stay small
		os.Exit(keeper.Main(os.Args[2:], identity(build())))
	}
	caught := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // else nohup asks for the run to outlive the terminal
		caught = append(caught, syscall.SIGHUP)
	}
	os.Exit(cli.Run(context.Background(), cli.Program{
		Args: os.Args[1:], In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Environ: os.Environ(), Signals: catcher(caught), Terminal: width,
		Open: open, Databases: app.Databases{}, WithPassword: app.WithPassword, Conditions: app.Conditions, Build: build(),
	}))
}

func open(ctx context.Context, s cli.Settings) (cli.Backend, error) {
	a, err := app.Open(ctx, app.Settings{
		Database: s.Database, StateDir: s.StateDir, Durability: s.Durability, Environ: s.Environ, Trouble: s.Trouble, Notice: s.Notice, Service: s.Service, Gate: s.Gate,
		Journal: s.Journal, Observe: s.Observe,
		Program: self(), Name: os.Args[0], Build: identity(build()),
	})
	if err != nil {
		return cli.Backend{}, err
	}
	return cli.Backend{Runs: a.Runs, Store: a.Store(), Hub: a.Hub, Close: a.Close}, nil
}

// identity tells one build from another.
func identity(b cli.Build) string { return b.Version + " " + b.Revision }

// self names this program's file, whatever has become of the path by which it was started.
func self() string {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe"
	}
	return ""
}

// catcher returns a function that begins to catch what a person or a service manager
// sends to end the program.
func catcher(caught []os.Signal) func() (<-chan os.Signal, func()) {
	return func() (<-chan os.Signal, func()) {
		ch := make(chan os.Signal, 4)
		signal.Notify(ch, caught...)
		// Whoever reads the output may go away, and the run goes on. Caught and not
		// ignored: jobs would inherit that.
		pipe := make(chan os.Signal, 1)
		signal.Notify(pipe, syscall.SIGPIPE)
		return ch, func() { signal.Stop(ch); signal.Stop(pipe) }
	}
}

// width returns how wide the terminal is, or 0 when the standard output is none.
func width() int {
	w, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		return 0
	}
	return w
}
