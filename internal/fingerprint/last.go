package fingerprint

import (
	"fmt"

	"github.com/executionerhq/executioner/internal/run"
)

// Last is what is known of the last start of a job. The zero Last is that of a job which
// was never started.
type Last struct {
	Task     run.TaskID // the try that began last
	Done     bool       // it succeeded, and Document is what it found and made
	Document Document
}

// Again says why a job has to run whatever its files are, as seen by a task that is about
// to decide; empty where they decide.
func (l Last) Again(task run.TaskID) string {
	switch {
	case l.Task == run.TaskID{}:
		return "first time"
	case !l.Done && l.Task.Run == task.Run:
		return "the try before did not succeed"
	case !l.Done:
		return fmt.Sprintf("it did not succeed in run %d", l.Task.Run)
	case l.Document.Problem != "":
		return fmt.Sprintf("%s (in run %d)", l.Document.Problem, l.Task.Run)
	}
	return ""
}
