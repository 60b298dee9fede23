package runs

import (
	"bufio"
	"cmp"
	"errors"

	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/run"
)

// MainLog writes a run's main log and the application's rotating log. Not safe for
// concurrent use.
type MainLog struct {
	teller *Teller
	id     run.ID
	paths  [2]string      // of the run's log, and of the application's
	main   *joblog.Writer // nil while it rests
	app    *bufio.Writer  // in front of file
	file   *joblog.Rotating
	err    error // the first one of a rest

	attempt Attempt
	masker  *mask.Masker // of the attempt's secrets, once sought
	sought  bool
}

// OpenMainLog opens both files for an attempt.
func OpenMainLog(a Attempt) (*MainLog, error) {
	wf := a.Workflow
	l := &MainLog{teller: NewTeller(wf), id: a.Run, attempt: a}
	l.paths = [2]string{joblog.MainPath(wf.LogDir, wf.Application, a.Run), joblog.AppPath(wf.LogDir, wf.Application)}
	older := joblog.SetAside(l.paths[0], a.Submitted)
	if err := l.open(); err != nil {
		return nil, err
	}
	if older != nil {
		l.main.Note(joblog.Warning, joblog.Mixed+older.Error())
	}
	return l, nil
}

func (l *MainLog) open() error {
	main, err := joblog.Open(l.paths[0], 0, nil) // Add hides secrets
	if err != nil {
		return err
	}
	file, err := joblog.OpenRotating(l.paths[1], 0, 0)
	if err != nil {
		_, closeErr := main.Close()
		return errors.Join(err, closeErr)
	}
	l.main, l.app, l.file = main, bufio.NewWriter(file), file
	return nil
}

// Rest writes what has been added and closes the files until there is more: a service has
// more runs than it may have files.
func (l *MainLog) Rest() {
	if l.main == nil {
		return
	}
	_, err := l.main.Close()
	l.err = cmp.Or(l.err, errors.Join(err, l.app.Flush(), l.file.Close()))
	l.main, l.app, l.file = nil, nil, nil
}

// Add writes the line of a transition, if there is one. Flush makes it visible.
func (l *MainLog) Add(t *run.Transition) {
	level, text := l.teller.Tell(t)
	if text == "" || !l.awake() {
		return
	}
	if t.Detail != "" { // the rest is ours
		text = l.hidden(text)
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

// hidden hides the attempt's secrets, which are not looked for before something could have them.
func (l *MainLog) hidden(text string) string {
	if !l.sought {
		l.masker, l.sought = mask.New(Secrets(l.attempt.Workflow, nil, l.attempt.Options.Env)), true
	}
	return l.masker.String(text)
}

// Know takes notice of a transition whose line another program wrote.
func (l *MainLog) Know(t *run.Transition) { l.teller.Tell(t) }

// awake opens the files again after a rest. It is false when they can't be.
func (l *MainLog) awake() bool {
	if l.main != nil {
		return true
	}
	err := l.open()
	l.err = cmp.Or(l.err, err)
	return err == nil
}

// Flush writes what has been added.
func (l *MainLog) Flush() {
	if l.main != nil {
		l.main.Flush()
		_ = l.app.Flush()
	}
}

// Close flushes and closes both files. The error is the first one of any write.
func (l *MainLog) Close() error {
	l.Rest()
	return l.err
}
