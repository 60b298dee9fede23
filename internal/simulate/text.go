package simulate

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/executionerhq/executioner/internal/run"
)

const (
	textWidth = 80  // columns of the chart
	maxLabel  = 24  // columns of a job's id
	maxRows   = 200 // jobs that a chart as text shows
)

// What the columns of a chart as text show.
const (
	ran    = '█' // a try that succeeded
	failed = '▒' // one that did not
	waited = '·' // between two tries
)

// Text draws when each job ran, 80 columns wide, one line for each job that started, in
// the order of their starts.
func (t *Timeline) Text() string {
	jobs := t.Started()
	if len(jobs) == 0 {
		return "no job ran\n"
	}
	more := len(jobs) - min(len(jobs), maxRows)
	jobs = jobs[:len(jobs)-more]
	label, last := 0, 0
	for _, i := range jobs {
		label = max(label, min(utf8.RuneCountInString(t.id(i)), maxLabel))
	}
	took := t.Lengths()
	for _, i := range jobs {
		last = max(last, len(Short(took[i])))
	}
	width := textWidth - label - last - 4
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", label+2) + axis(t.Took, width) + "\n")
	rows := t.rows(width)
	for _, i := range jobs {
		fmt.Fprintf(&b, "%s  %s  %*s\n", pad(cut(t.id(i), maxLabel), label), string(rows[i]), last, Short(took[i]))
	}
	if more > 0 {
		fmt.Fprintf(&b, "and %d more\n", more)
	}
	return b.String()
}

func (t *Timeline) id(i int) string { return plain(string(t.Workflow.Jobs[i].ID)) }

// rows returns the bars of all jobs that started.
func (t *Timeline) rows(width int) map[int][]rune {
	rows := make(map[int][]rune)
	column := func(at time.Duration) int {
		if t.Took == 0 {
			return 0
		}
		return min(int(at.Seconds()/t.Took.Seconds()*float64(width)), width-1)
	}
	until := make(map[int]int) // column behind the last try
	for n := range t.Tries {
		try := &t.Tries[n]
		row, again := rows[try.Job]
		if !again {
			row = []rune(strings.Repeat(" ", width))
			rows[try.Job] = row
		}
		from, to := column(try.Start), column(try.End)
		if try.End < t.Took && to > from {
			to-- // the next one begins there
		}
		for at := until[try.Job]; again && at < from; at++ {
			row[at] = waited
		}
		mark := ran
		if try.State != run.Success {
			mark = failed
		}
		for at := from; at <= to; at++ {
			row[at] = mark
		}
		until[try.Job] = to + 1
	}
	return rows
}

// axis names the beginning, the middle and the end of the time.
func axis(took time.Duration, width int) string {
	middle, end := Short(took/2), Short(took)
	line := []rune(pad("0s", width))
	if at := width/2 - len(middle)/2; at > 3 && at+len(middle)+1 < width-len(end) {
		copy(line[at:], []rune(middle))
	}
	copy(line[max(width-len(end), 0):], []rune(end))
	return string(line)
}

// Short writes a time exactly to the millisecond, without units that are zero at its end: 5m10s, 1h, 0.25s.
func Short(d time.Duration) string {
	d = d.Round(time.Millisecond)
	if d < time.Minute {
		return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s"
	}
	text := ""
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if n := d / unit.of; n > 0 {
			text += strconv.FormatInt(int64(n), 10) + unit.name
			d -= n * unit.of
		}
	}
	if d > 0 {
		text += strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s"
	}
	return text
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-utf8.RuneCountInString(text), 0))
}

// cut returns at most n characters of text.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}
