package cli

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
)

// Bounds of the live display.
const (
	liveEvery = 200 * time.Millisecond // between redraws
	liveJobs  = 8                      // running jobs that are listed
)

// live is lines with a block below them that is redrawn: how far the run is, how long
// it takes, and what is running.
type live struct {
	*lines
	mu      sync.Mutex // guards all below and lines: the ticker draws too
	counts  run.Counts
	began   time.Time
	running map[run.JobID]time.Time
	drawn   int // lines of the block that are on the screen
	expect  time.Duration
	stop    chan struct{}
	stopped chan struct{}
}

func (l *live) begin(a runs.Attempt) {
	l.lines.begin(a)
	l.began = time.Now()
	l.running = make(map[run.JobID]time.Time)
	l.counts.Total = len(a.Workflow.Jobs)
	l.stop, l.stopped = make(chan struct{}), make(chan struct{})
	go l.tick()
}

// tick redraws the block while nothing changes but the time.
func (l *live) tick() {
	defer close(l.stopped)
	t := time.NewTicker(liveEvery)
	defer t.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-t.C:
		}
		l.mu.Lock()
		l.erase()
		l.draw()
		l.mu.Unlock()
	}
}

func (l *live) add(t *run.Transition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &l.counts
	c.Apply(t)
	c.Total = max(c.Total, c.Running+c.Succeeded+c.Failed+c.Skipped+c.Cancelled) // jobs may come at run time
	if t.Job != "" && !t.Mark() {
		if t.To == run.Running {
			l.running[t.Job] = t.At
		} else {
			delete(l.running, t.Job)
		}
	}
	l.erase()
	l.lines.add(t)
}

func (l *live) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.erase()
	l.draw()
}

func (l *live) end() {
	close(l.stop)
	<-l.stopped
	l.mu.Lock()
	defer l.mu.Unlock()
	l.erase()
	l.lines.end()
}

// note writes in place of the block, which is drawn again below it.
func (l *live) note(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.erase()
	_ = l.out.Flush()
	fmt.Fprintf(l.c.Err, "\r\x1b[2K%s\n", text) // what the terminal showed of the key, too
}

// erase removes the block, so that lines can be written in its place.
func (l *live) erase() {
	for ; l.drawn > 0; l.drawn-- {
		_, _ = l.out.WriteString("\x1b[1A\x1b[2K")
	}
}

func (l *live) draw() {
	width := l.c.Terminal()
	for _, line := range l.block(time.Now()) {
		_, _ = l.out.WriteString(clip(line, width) + "\n")
		l.drawn++
	}
	_ = l.out.Flush()
}

// block returns the lines of the display at a moment.
func (l *live) block(now time.Time) []string {
	c := &l.counts
	elapsed := now.Sub(l.began)
	head := fmt.Sprintf("%d/%d done, %d running, %d failed   %s", c.Succeeded+c.Skipped, c.Total, c.Running, c.Failed, runs.Short(elapsed))
	if l.expect > 0 {
		head += ", about " + runs.Short(max(0, l.expect-elapsed)) + " left"
	}
	block := []string{head}
	for _, id := range l.longest() {
		if len(block) > liveJobs {
			block = append(block, fmt.Sprintf("  … and %d more", len(l.running)-liveJobs))
			break
		}
		block = append(block, fmt.Sprintf("  %-*s  %s", l.width, clean(string(id)), runs.Short(now.Sub(l.running[id]))))
	}
	return block
}

// longest returns the running jobs, the longest running first.
func (l *live) longest() []run.JobID {
	ids := make([]run.JobID, 0, len(l.running))
	for id := range l.running {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b run.JobID) int {
		if c := l.running[a].Compare(l.running[b]); c != 0 {
			return c
		}
		return strings.Compare(string(a), string(b))
	})
	return ids
}

// clip cuts a line so that it stays one line: a wrapped one could not be erased.
func clip(s string, width int) string {
	r := []rune(s)
	if width <= 1 || len(r) < width {
		return s
	}
	return string(r[:width-1])
}
