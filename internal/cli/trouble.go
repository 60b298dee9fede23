package cli

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// sayAgain is how often a trouble that lasts is told.
const sayAgain = 30 * time.Second

// troubles tells that results can't be recorded for now, once, and again now and
// then, and when it is over.
type troubles struct {
	err  io.Writer
	mu   sync.Mutex // guards last: several runs may be in trouble at once
	last time.Time
}

func (t *troubles) tell(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.last = time.Time{}
		fmt.Fprintln(t.err, "executioner: results are being recorded again")
		return
	}
	if time.Since(t.last) < sayAgain {
		return
	}
	t.last = time.Now()
	fmt.Fprintf(t.err, "executioner: results can't be recorded for now, nothing new is started: %v\n"+
		"  → running jobs go on and nothing is lost; this is tried again until it works\n", err)
}
