package process

import (
	"sync"
	"sync/atomic"
	"time"
)

// watcher is the one goroutine that looks after what lives longer than a moment: it
// notices programs that end before their output does, samples memory, and reaps orphans that ended while their try, or another, goes on.
// It sleeps as long as nothing runs.
type watcher struct {
	drowsy atomic.Bool // no tick is near: a start must wake it
	wake   chan struct{}
	quit   chan struct{}
	gone   sync.WaitGroup
}

const (
	watchYoung = 50 * time.Millisecond // tick while a process is young
	watchOld   = time.Second
)

func (w *watcher) start(h *Host) {
	w.wake = make(chan struct{}, 1)
	w.quit = make(chan struct{})
	w.gone.Go(func() { w.loop(h) })
}

func (w *watcher) stop() {
	close(w.quit)
	w.gone.Wait()
}

// nudge makes a drowsy watcher look at a process that was just started.
func (w *watcher) nudge() {
	if !w.drowsy.Load() || !w.drowsy.CompareAndSwap(true, false) {
		return
	}
	select {
	case w.wake <- struct{}{}:
	default: // it is about to look anyway
	}
}

func (w *watcher) loop(h *Host) {
	var reaped time.Time
	orphans := false
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-w.quit:
			return
		case <-w.wake:
		case <-timer.C:
		}
		w.drowsy.Store(true) // before looking: who starts after that wakes us
		now := time.Now()
		young, busy := h.sampleDue(now)
		if !busy || now.Sub(reaped) >= watchOld {
			orphans, reaped = h.reapOrphans(), now
		}
		switch {
		case young:
			w.drowsy.CompareAndSwap(true, false)
			timer.Reset(watchYoung)
		case busy || orphans:
			timer.Reset(watchOld)
		default:
			timer.Stop()
		}
	}
}

// sampleDue samples the processes whose time has come. It reports whether there is a
// young one, and whether there is any.
func (h *Host) sampleDue(now time.Time) (young, busy bool) {
	for _, p := range h.running() {
		busy = true
		if !p.peak.due.After(now) {
			p.mu.Lock()
			p.watch()
			p.mu.Unlock()
			p.sample()
			p.peak.again(now)
		}
		young = young || p.peak.due.Sub(now) < watchOld
	}
	return young, busy
}
