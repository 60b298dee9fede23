package history

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/executionerhq/executioner/internal/run"
)

// The statuses of the old program.
const (
	success         = "SUCCESS"
	failed          = "FAILED"
	erroneous       = "ERROR"
	timeout         = "TIMEOUT"
	skipped         = "SKIPPED"
	running         = "RUNNING"
	precheckFailed  = "PRECHECK_FAILED"
	postcheckFailed = "POSTCHECK_FAILED"
)

// status returns the word for what a row says, and whether there is such a word.
func status(text string) (string, bool) {
	word := strings.ToUpper(strings.TrimSpace(text))
	switch word {
	case success, failed, erroneous, timeout, skipped, running, precheckFailed, postcheckFailed:
		return word, true
	default:
		return word, false
	}
}

// stateOf is what the status of a job that was started is here. What was still running when the old program was left
// is lost: nobody can know how it ended.
func stateOf(status string) run.State {
	switch status {
	case success:
		return run.Success
	case timeout:
		return run.Timeout
	default:
		return run.Failed
	}
}

// outcome says how a try ended that got a status. code is nil when no exit code was recorded.
func outcome(status, command string, code *int64) run.Outcome {
	o := run.Outcome{State: stateOf(status), ExitCode: run.NoExitCode, Reason: NotRecorded}
	if code != nil && *code >= 0 && *code <= maxExitCode {
		o.ExitCode = int(*code)
	}
	switch status {
	case success:
		o.Reason = run.Exited
		if code == nil {
			o.ExitCode = 0 // nothing else was a success
		}
		if strings.TrimSpace(command) == "" {
			o.Reason = run.EmptyCommand
		}
	case timeout:
		o.Reason = run.TimedOut
	case erroneous:
		o.Reason = run.StartFailed
	case precheckFailed:
		o.Reason = run.PrecheckFailed
	case postcheckFailed:
		o.Reason = run.PostcheckFailed
	case running:
		o.Reason = run.Lost
	case failed:
		failure(&o, code)
	}
	return o
}

// maxExitCode is the largest that any system has.
const maxExitCode = 1<<32 - 1

// failure adds what the exit code tells. That of a command which a signal ended is the
// signal's number, negative.
func failure(o *run.Outcome, code *int64) {
	switch {
	case code == nil:
	case *code > 0 && *code <= maxExitCode:
		o.Reason = run.Exited
	case *code < 0 && *code >= -64:
		o.Reason, o.Signal = run.Signal, int(-*code)
	}
}

var exitCode = regexp.MustCompile(`(?i)\b(?:exit|return) ?(?:code|status):? (-?\d{1,10})\b`)

// codeIn returns the exit code that an error message names, or nil.
func codeIn(message string) *int64 {
	m := exitCode.FindStringSubmatch(message)
	if m == nil {
		return nil
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

// line makes one line of text of what the old program wrote, no longer than a sentence.
func line(text string) string { return shorten(strings.Join(strings.Fields(text), " "), 500) }

// shorten cuts text to n characters.
func shorten(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return text
}
