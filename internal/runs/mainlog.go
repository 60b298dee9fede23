package runs

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/run"
)

// Size and number of the rotating log of an application, as the Python program kept it.
const (
	appLogBytes = 10 << 20
	appLogKeep  = 5
)

// MainLog writes a run's main log and the application's rotating log. Not safe for
// concurrent use.
type MainLog struct {
	teller *Teller
	id     run.ID
	out    *bufio.Writer
	files  []io.Closer
}

// OpenMainLog opens both files for an attempt.
func OpenMainLog(a Attempt) (*MainLog, error) {
	wf := a.Workflow
	path := joblog.MainPath(wf.LogDir, wf.Application, a.Run)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	main, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return nil, err
	}
	app, err := joblog.OpenRotating(joblog.AppPath(wf.LogDir, wf.Application), appLogBytes, appLogKeep)
	if err != nil {
		return nil, errors.Join(err, main.Close())
	}
	return &MainLog{
		teller: NewTeller(wf), id: a.Run, files: []io.Closer{main, app},
		out: bufio.NewWriter(io.MultiWriter(main, app)),
	}, nil
}

// Add writes the line of a transition, if there is one. Flush makes it visible.
func (l *MainLog) Add(t *run.Transition) {
	level, text := l.teller.Tell(t)
	if text == "" {
		return
	}
	who := "run " + l.id.String()
	if t.Job != "" {
		who += ", job " + string(t.Job)
	}
	// A log that can't be written must not end the run; Close reports it.
	_, _ = l.out.WriteString(joblog.Line(t.At.Local(), level, who+": "+text))
}

// Flush writes what has been added.
func (l *MainLog) Flush() { _ = l.out.Flush() }

// Close flushes and closes both files. The error is the first one of any write.
func (l *MainLog) Close() error {
	err := l.out.Flush()
	for _, f := range l.files {
		err = errors.Join(err, f.Close())
	}
	return err
}
