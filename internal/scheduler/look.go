package scheduler

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/trigger"
	"github.com/executionerhq/executioner/internal/workflow"
)

const (
	// mostFiles is how many files a trigger looks after at the same time.
	mostFiles = 10_000
	// rememberEvery is how often it is recorded that a file is still there: what became of it
	// is kept as long.
	rememberEvery = time.Hour
)

// watch looks after the files of one trigger. Its goroutine owns it, of which there is one at
// a time.
type watch struct {
	seen  map[string]trigger.Sight
	known map[string]time.Time // keys of what is recorded, and when it was recorded last that they are there
	full  bool                 // the log was told that there are too many
	blind bool                 // the log was told that the directory can't be read
}

// lookAll begins to look after the files of the triggers for which it is time, and returns
// when to do so again, by the steady clock; negative: there are none. It waits for no
// directory: one on a server that is gone may take for ever.
func (s *Scheduler) lookAll(tick time.Duration) (next time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next = -1
	for _, e := range s.entries {
		if e.trigger == nil || e.trigger.Kind != workflow.FilesTrigger {
			continue
		}
		if tick >= e.lookAt && !e.looking {
			e.looking, e.lookAt = true, tick+cmp.Or(e.trigger.Every, workflow.DefaultLook)
			go s.lookOnce(e)
		}
		if e.lookAt > tick && (next < 0 || e.lookAt < next) {
			next = e.lookAt
		}
	}
	return next
}

// lookOnce looks at a directory, and then records what is complete.
func (s *Scheduler) lookOnce(e *entry) {
	found, err := ListFiles(e.trigger)
	s.mu.Lock()
	defer s.mu.Unlock()
	e.looking = false
	if s.ctx.Err() != nil || s.entries[e.id] != e {
		return
	}
	e.looking = true
	s.going.Go(func() {
		s.take(s.ctx, e, found, err)
		s.mu.Lock()
		defer s.mu.Unlock()
		e.looking = false
	})
}

// ListFiles returns the files that a trigger waits for. A link counts as what it leads to.
func ListFiles(t *workflow.Trigger) (found []trigger.File, err error) {
	dir, pattern := filepath.Split(t.Pattern)
	names, err := readNames(dir)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "the directory %s can't be read", dir)
	}
	marked := map[string]bool{}
	for _, name := range names {
		marked[name] = true
	}
	for _, name := range names {
		is, err := filepath.Match(pattern, name)
		if err != nil || !is || strings.HasPrefix(name, ".") != strings.HasPrefix(pattern, ".") || t.Done != "" && strings.HasSuffix(name, t.Done) {
			continue
		}
		path := dir + name
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			continue // it has just gone, or is none
		}
		found = append(found, trigger.File{Path: path, Size: info.Size(), Modified: info.ModTime(), Done: t.Done != "" && marked[name+t.Done]})
		if len(found) > mostFiles {
			break
		}
	}
	return found, nil
}

func readNames(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

// take records the files that are complete, the earliest first.
func (s *Scheduler) take(ctx context.Context, e *entry, found []trigger.File, err error) {
	w := &e.watch
	if err != nil {
		if !w.blind {
			s.cfg.Log.Error("a trigger can't look after its files", "trigger", e.id, "error", err)
		}
		w.blind = true
		return
	}
	w.blind = false
	if len(found) > mostFiles {
		if !w.full {
			s.cfg.Log.Error("a trigger has too many files to look after; some of them wait until others are gone", "trigger", e.id, "most", mostFiles)
		}
		found = found[:mostFiles]
	}
	w.full = len(found) == mostFiles
	slices.SortFunc(found, func(a, b trigger.File) int {
		return cmp.Or(a.Modified.Compare(b.Modified), strings.Compare(a.Path, b.Path))
	})
	var complete []trigger.File
	w.seen, complete = trigger.Settled(e.trigger, w.seen, found, s.cfg.Steady())
	known := make(map[string]time.Time, len(complete))
	for i := range complete {
		key := digestOf(e.id, complete[i].Key())
		last, is := w.known[key]
		if is && s.cfg.Now().Sub(last).Abs() < rememberEvery {
			known[key] = last
			continue
		}
		if at, ok := s.file(ctx, e, &complete[i], key); ok {
			known[key] = at
		}
		if ctx.Err() != nil {
			return
		}
	}
	w.known = known
}

// file records a file that is complete, or that it is still there. It returns when that was
// done, and false when there was no room for it.
func (s *Scheduler) file(ctx context.Context, e *entry, f *trigger.File, key string) (time.Time, bool) {
	a := &arrival{key: key, what: f.Path, again: true}
	if !trigger.Usable(f.Path) {
		a.wrong = fault.New(fault.Usage, "its name is no text in one line")
	} else if e.trigger.Param != "" {
		a.values = []workflow.Var{{Name: e.trigger.Param, Value: f.Path}}
		a.wrong = Usable(e.params, e.trigger, a.values, s.cfg.Now())
	}
	row, existing, err := s.arrive(ctx, e, a)
	if !existing && (err != nil || !row.Time.IsZero()) {
		s.counts.note(&row, false, err)
	}
	now := s.cfg.Now()
	if err == nil && existing {
		at := row.DecidedAt
		if row.Until.After(at) {
			at = row.Until
		}
		if now.Sub(at) < rememberEvery {
			return at, true
		}
		row.Until = now
		_, err = s.cfg.Store.MoveFiring(ctx, row.State, row)
	}
	if err != nil {
		s.trouble("a file that arrived can't be recorded for now", e.id, err)
		return now, false
	}
	return now, !row.Time.IsZero()
}

// kind returns what a schedule is kept as.
func (e *entry) kind() string {
	switch {
	case e.trigger == nil:
		return store.Timed
	case e.trigger.Kind == workflow.FilesTrigger:
		return store.Files
	}
	return store.Webhook
}
