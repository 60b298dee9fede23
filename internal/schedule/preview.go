package schedule

import "time"

// MaxPreview is how many rows a preview has at most.
const MaxPreview = 10_000

// Row is a line of a preview: an expected time, or excluded ones that follow each other.
type Row struct {
	Expected
	Count int       // of expected times, above 1 only for excluded ones; they are not counted beyond MaxPreview
	Until time.Time // the last of those that were counted; Time for one
}

// Preview returns what is expected from one moment to before another, excluded times among
// it. It ends after n times that are not excluded; a zero moment is no end. Excluded times of
// the same calendar that follow each other are one row.
func Preview(s *Spec, from, to time.Time, n int) []Row {
	n = min(n, MaxPreview)
	after := from.Add(-time.Nanosecond)
	until := time.Time{}
	if !to.IsZero() {
		until = to.Add(-time.Nanosecond)
	}
	var rows []Row
	for fired := 0; fired < n && len(rows) < MaxPreview; {
		next, ok := s.Next(after)
		if ok && !until.IsZero() && next.Time.After(until) {
			ok = false
		}
		last := until
		if ok {
			last = next.Time.Add(-time.Second)
		}
		rows = append(rows, s.excluded(after, last)...)
		if !ok {
			break
		}
		rows = append(rows, Row{next, 1, next.Time})
		fired++
		after = next.Time
	}
	return rows
}

// excluded returns the rows of the times after one moment and not after another, none of
// which fires. Without an end only the first calendar's are of interest.
func (s *Spec) excluded(after, until time.Time) []Row {
	var rows []Row
	if len(s.Exclude) == 0 {
		return nil
	}
	counted := 0
	for e := range s.Between(after, until) {
		if counted++; counted > MaxPreview {
			break
		}
		if last := len(rows) - 1; last >= 0 && rows[last].Excluded == e.Excluded && e.DST == Steady {
			rows[last].Count++
			rows[last].Until = e.Time
			continue
		}
		rows = append(rows, Row{e, 1, e.Time})
	}
	return rows
}
