// Package validator asks programs whether a workflow may be run.
package validator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Limits of what a validator prints.
const (
	MaxAnswer   = 1 << 20 // bytes of its standard output
	maxSaid     = 4 << 10 // bytes of its standard error, for a message
	maxProblems = 1000
	maxText     = 1000 // bytes of a message or hint
)

// Problem is something that a validator has against a workflow.
type Problem struct {
	Job     run.JobID // empty: the workflow itself
	Message string    // one line
	Hint    string
	Warning bool
}

// Host is where validators run.
type Host struct {
	Dir     string   // the working directory
	Environ []string // NAME=value
}

// shell is what commands are given to.
const shell = "/bin/sh"

// Run asks one validator about a workflow, which is given as JSON. One that can't be
// asked, takes too long, or answers what can't be read has that as its problem.
// It ends early when ctx ends. It is safe for concurrent use.
func Run(ctx context.Context, v *workflow.Validator, w []byte, host Host) []Problem {
	ctx, cancel := context.WithTimeout(ctx, v.Timeout)
	defer cancel()
	cmd := command(ctx, v)
	var out, said limited
	out.room, said.room = MaxAnswer, maxSaid
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(w), &out, &said
	cmd.Dir, cmd.Env = host.Dir, host.Environ
	err := cmd.Run()
	if errors.Is(err, syscall.EPIPE) { // it answered without having read all
		err = nil
	}
	var ended *exec.ExitError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return one("it took longer than %s and was stopped", v.Timeout)
	case err != nil && !errors.As(err, &ended):
		return one("it can't be run: %v", err)
	case out.lost:
		return one("its answer is longer than %d bytes", MaxAnswer)
	}
	problems, bad := read(out.kept)
	switch {
	case bad != nil:
		return one("its answer can't be read: %v", bad)
	case ended != nil && !slices.ContainsFunc(problems, func(p Problem) bool { return !p.Warning }):
		return append(problems, one("%s", withLastLine(ended.ProcessState.String(), said.kept))...)
	}
	return problems
}

func command(ctx context.Context, v *workflow.Validator) *exec.Cmd {
	args := v.Args
	if len(args) == 0 {
		args = []string{shell, "-c", v.Command}
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	return cmd
}

// answer is one problem as a validator prints it.
type answer struct {
	Job     string `json:"job"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
	Level   string `json:"level"`
}

// read reads a list of problems, or nothing.
func read(text []byte) ([]Problem, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	var list []answer
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("a list of objects with message is wanted: %w", err)
	}
	var all []Problem
	for i, a := range list {
		switch {
		case i == maxProblems:
			return append(all, Problem{Message: fmt.Sprintf("and %d more", len(list)-i), Warning: true}), nil
		case strings.TrimSpace(a.Message) == "":
			return nil, fmt.Errorf("problem %d has no message", i+1)
		case a.Level != "" && a.Level != "error" && a.Level != "warn":
			return nil, fmt.Errorf("problem %d has the level %q, which is neither error nor warn", i+1, a.Level)
		}
		all = append(all, Problem{Job: run.JobID(a.Job), Message: oneLine(a.Message), Hint: oneLine(a.Hint), Warning: a.Level == "warn"})
	}
	return all, nil
}

func one(format string, args ...any) []Problem {
	return []Problem{{Message: oneLine(fmt.Sprintf(format, args...))}}
}

// oneLine makes text of a program fit for a line of a terminal.
func oneLine(text string) string {
	text = strings.ToValidUTF8(text[:min(len(text), maxText)], "?")
	return strings.Join(strings.Fields(string(joblog.Sanitize([]byte(text)))), " ")
}

// withLastLine adds the last line of an output, which mostly says what is wrong.
func withLastLine(text string, output []byte) string {
	output = bytes.TrimSpace(output)
	output = output[bytes.LastIndexByte(output, '\n')+1:]
	if len(output) == 0 {
		return "it ended with " + text
	}
	return "it ended with " + text + ": " + string(output)
}

// limited keeps the beginning of what is written to it.
type limited struct {
	kept []byte
	room int
	lost bool
}

// Write implements io.Writer. It takes everything, so that the program goes on.
func (l *limited) Write(p []byte) (int, error) {
	kept := p[:min(len(p), l.room)]
	l.room -= len(kept)
	l.lost = l.lost || len(kept) < len(p)
	l.kept = append(l.kept, kept...)
	return len(p), nil
}
