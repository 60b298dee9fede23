// Package check is the named checks before and after a job's command.
package check

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/nearest"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Input is what a check may know and do.
type Input struct {
	Dir     string    // the job's working directory; relative paths are in it
	Log     string    // the job's log file
	LogFrom int64     // where in it the output of this try begins
	LogTo   int64     // where it ends; 0 or less: at the end of the file
	Now     time.Time // what file_fresh compares with

	// Env expands ${NAME} in a parameter. Nil leaves it.
	Env func(text string) string
	// Exec runs a command in the job's environment and returns how it ended, with the
	// beginning of what it wrote. An error means that it could not run to its end.
	Exec func(ctx context.Context, command string, timeout time.Duration) (exit int, output []byte, err error)
	// Custom makes the checks that the workflow defines; nil where it has none.
	Custom *Custom
}

// Result is what a check found. A check that could not be made is not OK.
type Result struct {
	OK     bool
	Detail string // what is wrong, for a person, one line; empty when OK
}

// kind is how a check is made. Its string is empty when the check is passed.
type kind struct {
	doc  Doc
	make func(context.Context, params, Input) string
}

// kinds returns the checks that there are, in the order in which they are documented.
func kinds() []kind {
	return []kind{fileExists(), noORA(), noORAOrSP2(), command(), fileFresh(), fileSize(), logMatches(), logLacks()}
}

// Names returns the names of all checks.
func Names() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.doc.Name)
	}
	return names
}

// Run makes one check. It reads files in constant memory, whatever is in them. It
// ends early, and is not OK, when ctx ends.
func Run(ctx context.Context, c workflow.Check, in Input) Result {
	for _, k := range kinds() {
		if k.doc.Name == c.Name {
			detail := k.make(ctx, params{values: c.Params, expand: in.Env}, in)
			return Result{OK: detail == "", Detail: oneLine(detail)}
		}
	}
	if in.Custom != nil {
		if custom := in.Custom.Find(c.Name); custom != nil {
			detail := in.Custom.ask(ctx, custom, c.Params, in)
			return Result{OK: detail == "", Detail: oneLine(detail)}
		}
	}
	detail := fmt.Sprintf("there is no check %q", c.Name)
	if meant := nearest.Of(c.Name, Names()); meant != "" {
		detail += fmt.Sprintf("; did you mean %q?", meant)
	}
	return Result{Detail: oneLine(detail)}
}

// resolve returns the place of a file that a parameter names.
func (in Input) resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(in.Dir, path)
}

// maxText is the length to which text from files is cut in a message.
const maxText = 200

// oneLine makes text from anywhere fit for a line of a log or terminal.
func oneLine(text string) string {
	text = string(joblog.Sanitize([]byte(strings.ToValidUTF8(text, "?"))))
	return strings.Join(strings.Fields(text), " ")
}
