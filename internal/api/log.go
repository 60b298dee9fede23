package api

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/event"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
)

// maxTail is how much of a log's end is held in memory for tail, in bytes.
const maxTail = 8 << 20

// logQuery says what of a log is wanted.
type logQuery struct {
	tail   int // lines; -1: from the offset on
	follow bool
	offset int64
}

func readLogQuery(r *http.Request) (q logQuery, err error) {
	if err := onlyQuery(r, "tail", "follow", "offset"); err != nil {
		return q, err
	}
	q.tail = -1
	v := r.URL.Query()
	if t := v.Get("tail"); t != "" {
		if q.tail, err = strconv.Atoi(t); err != nil || q.tail < 0 {
			return q, fault.New(fault.Usage, "tail is not a number of lines").WithHint("for example: tail=50")
		}
	}
	if t := v.Get("follow"); t != "" {
		if q.follow, err = strconv.ParseBool(t); err != nil {
			return q, fault.New(fault.Usage, "follow is neither true nor false")
		}
	}
	if t := v.Get("offset"); t != "" {
		if q.offset, err = strconv.ParseInt(t, 10, 64); err != nil || q.offset < 0 || q.tail >= 0 {
			return q, fault.New(fault.Usage, "offset is not a number of bytes").WithHint("give offset or tail")
		}
	}
	return q, nil
}

// runLog shows the log of a run, which tells what happened when.
func (s *server) runLog(w http.ResponseWriter, r *http.Request) {
	s.log(w, r, func(d *runs.Details) (string, error) { return d.View.Log, nil })
}

// jobLog shows what a job wrote.
func (s *server) jobLog(w http.ResponseWriter, r *http.Request) {
	s.log(w, r, func(d *runs.Details) (string, error) {
		i, err := runs.JobIn(d.Workflow, run.JobID(r.PathValue("job")))
		if err != nil {
			return "", err
		}
		return d.View.Jobs[i].Log, nil
	})
}

func (s *server) log(w http.ResponseWriter, r *http.Request, pathOf func(*runs.Details) (string, error)) {
	q, err := readLogQuery(r)
	if err == nil {
		err = s.sendLog(w, r, q, pathOf)
	}
	if err != nil {
		callOf(r.Context()).failed = err
		s.fail(w, r, err)
	}
}

// sendLog answers with a log. An error means that nothing was sent.
func (s *server) sendLog(w http.ResponseWriter, r *http.Request, q logQuery, pathOf func(*runs.Details) (string, error)) error {
	c := callOf(r.Context())
	d, err := s.Runs.Show(r.Context(), c.run)
	if err != nil {
		return err
	}
	path, err := pathOf(&d)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="run-`+c.run.ID.String()+`.log"`)
	if joblog.Older(path, c.run.SubmittedAt) { // another history's
		if !q.follow {
			return noLog(fs.ErrNotExist)
		}
		q.tail = 0
	}
	if q.follow && r.Method != http.MethodHead {
		return s.followLog(w, r, path, q)
	}
	return sendLogFile(w, r, path, q, s.Limits.WriteTime)
}

// noLog says that a log is not there.
func noLog(err error) error {
	if !errors.Is(err, fs.ErrNotExist) && fault.CodeOf(err) != fault.NotFound {
		return fault.Wrap(err, fault.Unavailable, "the log can't be read")
	}
	return fault.New(fault.NotFound, "the log is not there: what it is of has not run, or the log was tidied away").
		WithHint("what was recorded is still there: explain")
}

// sendLogFile sends a log as it is now, or the part that the header Range asks for.
func sendLogFile(w http.ResponseWriter, r *http.Request, path string, q logQuery, slow time.Duration) error {
	f, err := os.Open(path)
	if err != nil {
		return noLog(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return noLog(fs.ErrNotExist)
	}
	out := newPatient(w, slow)
	if q.tail >= 0 {
		end, _, err := tailOf(path, q.tail)
		if err != nil {
			return noLog(err)
		}
		_, _ = out.Write(end)
		return nil
	}
	from := min(q.offset, info.Size())
	http.ServeContent(&patientWriter{w, out}, r, "", info.ModTime(), io.NewSectionReader(f, from, info.Size()-from))
	return nil
}

// followLog sends a log and what is appended to it until the run has ended.
func (s *server) followLog(w http.ResponseWriter, r *http.Request, path string, q logQuery) error {
	ctx, end, err := s.open(r.Context())
	if err != nil {
		return err
	}
	defer end()
	r = r.WithContext(ctx)
	out := newPatient(w, s.Limits.WriteTime)
	if q.tail >= 0 {
		text, at, err := tailOf(path, q.tail)
		if err != nil && fault.CodeOf(err) != fault.NotFound {
			return noLog(err)
		}
		if _, err := out.Write(text); err != nil {
			return nil //nolint:nilerr // whoever asked has gone
		}
		q.offset = at
	}
	_ = out.flush() // so that it is known that it has begun
	ender := s.newEnder(r)
	defer ender.sub.Close()
	_ = joblog.Follow(r.Context(), path, q.offset, out, ender.over) // nobody is left to tell
	return nil
}

// tailOf returns the last lines of a file and the place behind them. A job may write
// meanwhile; then it looks again, so that following on neither repeats nor loses text.
func tailOf(path string, lines int) (end []byte, at int64, err error) {
	if lines == 0 {
		info, err := os.Stat(path)
		if err != nil {
			return nil, 0, fault.Wrap(err, fault.NotFound, "the log is not there")
		}
		return nil, info.Size(), nil
	}
	for range 100 {
		before, _ := os.Stat(path)
		if end, err = joblog.Tail(path, lines, maxTail); err != nil {
			return nil, 0, err
		}
		after, err := os.Stat(path)
		if err != nil {
			return end, 0, nil //nolint:nilerr // it was replaced: the new one begins at 0
		}
		at = after.Size()
		if before != nil && before.Size() == at {
			break
		}
	}
	return end, at, nil
}

// patient writes to a reader that may be slow, but not for ever.
type patient struct {
	w       http.ResponseWriter
	control *http.ResponseController
	slow    time.Duration
}

func newPatient(w http.ResponseWriter, slow time.Duration) *patient {
	return &patient{w, http.NewResponseController(w), slow}
}

// Write sends a part at once.
func (p *patient) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(p.slow))
	n, err := p.w.Write(b)
	if err == nil {
		err = p.flush()
	}
	return n, err
}

func (p *patient) flush() error { return p.control.Flush() }

// patientWriter is an answer each part of which has a deadline.
type patientWriter struct {
	http.ResponseWriter
	out *patient
}

// Write sends a part.
func (p *patientWriter) Write(b []byte) (int, error) {
	_ = p.out.control.SetWriteDeadline(time.Now().Add(p.out.slow))
	return p.ResponseWriter.Write(b)
}

// ender finds out when a run has ended, without asking the store all the time. It belongs
// to one goroutine.
type ender struct {
	s      *server
	r      *http.Request
	id     run.ID
	sub    *event.Subscription
	looked time.Time // at the store
	asked  time.Time // whether the reader may still read
	done   bool
}

func (s *server) newEnder(r *http.Request) *ender {
	id := callOf(r.Context()).run.ID
	return &ender{s: s, r: r, id: id, sub: s.Hub.Subscribe(id, 64), asked: time.Now()}
}

// over reports whether there is nothing to wait for any more.
func (e *ender) over() bool {
	if e.done {
		return true
	}
	now := time.Now()
	if now.Sub(e.asked) >= e.s.Limits.Heartbeat {
		e.asked = now
		if !e.s.still(e.r, access.LogRead) {
			e.done = true
			return true
		}
	}
	told := false
	for !e.sub.Empty() {
		b, err := e.sub.Next(context.Background()) // does not wait
		if err != nil {
			break
		}
		for i := range b.Transitions {
			t := &b.Transitions[i]
			told = told || t.Job == "" && t.To.Ended()
		}
	}
	if told || now.Sub(e.looked) >= e.s.Limits.Poll {
		e.looked = now
		found, err := e.s.History.Run(e.r.Context(), e.id)
		e.done = err != nil || found.Attempt.State.Ended()
	}
	return e.done
}
