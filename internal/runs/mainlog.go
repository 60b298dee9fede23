package runs

import (
	"bufio"
	"errors"

	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/run"
)

// MainLog writes a run's main log and the application's rotating log. Not safe for
// concurrent use.
type MainLog struct {
	teller *Teller
	id     run.ID
	main   *joblog.Writer
	app    *bufio.Writer // in front of file
	file   *joblog.Rotating
}

// OpenMainLog opens both files for an attempt.
func OpenMainLog(a Attempt) (*MainLog, error) {
	wf := a.Workflow
	main, err := joblog.Open(joblog.MainPath(wf.LogDir, wf.Application, a.Run), 0, nil) // the lines hold no secrets
	if err != nil {
		return nil, err
	}
	app, err := joblog.OpenRotating(joblog.AppPath(wf.LogDir, wf.Application), 0, 0)
	if err != nil {
		_, closeErr := main.Close()
		return nil, errors.Join(err, closeErr)
	}
	return &MainLog{teller: NewTeller(wf), id: a.Run, main: main, app: bufio.NewWriter(app), file: app}, nil
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
	line := joblog.Line(t.At.Local(), level, who+": "+text)
	_, _ = l.main.Write([]byte(line))
	_, _ = l.app.WriteString(line)
}

// Know takes notice of a transition whose line another program wrote.
func (l *MainLog) Know(t *run.Transition) { l.teller.Tell(t) }

// Flush writes what has been added.
func (l *MainLog) Flush() {
	l.main.Flush()
	_ = l.app.Flush()
}

// Close flushes and closes both files. The error is the first one of any write.
func (l *MainLog) Close() error {
	_, err := l.main.Close()
	return errors.Join(err, l.app.Flush(), l.file.Close())
}
