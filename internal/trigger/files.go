package trigger

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/executionerhq/executioner/internal/workflow"
)

// File is a file as a look at its directory finds it.
type File struct {
	Path     string
	Size     int64
	Modified time.Time
	Done     bool // its marker is there
}

// Key is what a file is told apart by from others, and from what it was or becomes.
func (f *File) Key() string {
	return digest("file", f.Path, strconv.FormatInt(f.Size, 10), strconv.FormatInt(f.Modified.UnixNano(), 10))
}

// Sight is a file that was seen, and since when it has been as it is.
type Sight struct {
	File
	Since time.Duration // by a clock that nobody sets
}

// same reports whether a file is as it was.
func (s *Sight) same(f *File) bool { return s.Size == f.Size && s.Modified.Equal(f.Modified) }

// Settled says which of the files that a look found are complete: those with a marker, where
// the trigger asks for one, else those that have not changed for its time. seen are the files
// of the look before, by path; those to keep for the next one are returned.
func Settled(t *workflow.Trigger, seen map[string]Sight, found []File, now time.Duration) (next map[string]Sight, complete []File) {
	settle := t.Settle
	if settle == 0 {
		settle = workflow.DefaultSettle
	}
	next = make(map[string]Sight, len(found))
	for _, f := range found {
		s, known := seen[f.Path]
		if !known || !s.same(&f) {
			s = Sight{f, now}
		}
		next[f.Path] = s
		if t.Done != "" && f.Done || t.Done == "" && now-s.Since >= settle {
			complete = append(complete, f)
		}
	}
	return next, complete
}

// Usable reports whether a path can be the value of a parameter and be recorded: it is a
// text in one line.
func Usable(path string) bool {
	for _, r := range path {
		if r < ' ' || r == 0x7f {
			return false
		}
	}
	return utf8.ValidString(path)
}
