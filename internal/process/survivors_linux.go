package process

import (
	"bytes"
	"context"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Survivors returns the processes whose environment holds that very cookie.
// This program and its ancestors are left out: it may run as a job itself.
func Survivors(cookie string) ([]Survivor, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	kin := ancestors(all)
	var found []Survivor
	for _, e := range all {
		if kin[e.pid] || !e.alive() {
			continue
		}
		if own, ok := readCookie(e.pid); ok && own == cookie {
			found = append(found, survivor(e, own))
		}
	}
	return found, nil
}

// KillSurvivors ends what Survivors finds and all their descendants: SIGTERM, the grace,
// then SIGKILL until nothing is left. left is what could not be ended, also when ctx was
// cancelled before. Processes that appear meanwhile are ended too.
func KillSurvivors(ctx context.Context, cookie string, grace time.Duration) (killed, left []Survivor, err error) {
	hunt := hunt{cookie: cookie, seen: make(map[ident]Survivor)}
	defer func() { killed = hunt.killed(left) }()
	if left, err = hunt.sure(unix.SIGTERM, unix.SIGCONT); err != nil || len(left) == 0 {
		return nil, left, err
	}
	if left, err = hunt.wait(ctx, grace); err != nil || len(left) == 0 {
		return nil, left, err
	}
	left, err = hunt.wait(ctx, sweepPatience, unix.SIGKILL)
	return nil, left, err
}

// hunt remembers who was found: a member stays one when its parent is gone.
type hunt struct {
	cookie string
	seen   map[ident]Survivor
}

// wait repeats rounds until nothing is left or time is over.
func (h *hunt) wait(ctx context.Context, patience time.Duration, signals ...unix.Signal) ([]Survivor, error) {
	began := time.Now()
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		left, err := h.sure(signals...)
		if err != nil || len(left) == 0 || time.Since(began) > patience {
			return left, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return left, ctx.Err()
		}
	}
}

// sure is round, and a second one if that finds nothing: who forks and ends while
// somebody looks can hide its child.
func (h *hunt) sure(signals ...unix.Signal) ([]Survivor, error) {
	left, err := h.round(signals...)
	if err != nil || len(left) > 0 {
		return left, err
	}
	return h.round(signals...)
}

// round finds who lives and sends the signals.
func (h *hunt) round(signals ...unix.Signal) ([]Survivor, error) {
	found, err := Survivors(h.cookie)
	if err != nil {
		return nil, err
	}
	for _, s := range found {
		h.seen[ident{s.PID, s.StartTime}] = s
	}
	all, err := processes()
	if err != nil {
		return nil, err
	}
	var left []Survivor
	for _, e := range h.withDescendants(all) {
		left = append(left, h.seen[e.ident])
		_ = send(e.ident, signals...)
	}
	return left, nil
}

// withDescendants returns the living among those seen and, newly seen, their descendants.
func (h *hunt) withDescendants(all []entry) []entry {
	members := make(map[int]entry)
	for again := true; again; {
		again = false
		for _, e := range all {
			if _, done := members[e.pid]; done {
				continue
			}
			parent, child := members[e.ppid]
			if _, seen := h.seen[e.ident]; !seen && (!child || parent.start > e.start) {
				continue
			} else if !seen {
				h.seen[e.ident] = survivor(e, "")
			}
			members[e.pid], again = e, true
		}
	}
	var alive []entry
	for _, e := range all {
		if m, ok := members[e.pid]; ok && m.alive() {
			alive = append(alive, m)
		}
	}
	return alive
}

func (h *hunt) killed(left []Survivor) []Survivor {
	remain := make(map[ident]bool, len(left))
	for _, s := range left {
		remain[ident{s.PID, s.StartTime}] = true
	}
	var killed []Survivor
	for id, s := range h.seen {
		if !remain[id] {
			killed = append(killed, s)
		}
	}
	return killed
}

// ancestors returns this program and all processes above it.
func ancestors(all []entry) map[int]bool {
	parents := make(map[int]int, len(all))
	for _, e := range all {
		parents[e.pid] = e.ppid
	}
	kin := make(map[int]bool)
	for pid := os.Getpid(); pid > 0 && !kin[pid]; pid = parents[pid] {
		kin[pid] = true
	}
	return kin
}

func survivor(e entry, cookie string) Survivor {
	line, _ := slurp(procPath(e.pid, "cmdline"))
	line = bytes.ReplaceAll(bytes.TrimRight(line, "\x00"), []byte{0}, []byte{' '})
	return Survivor{PID: e.pid, StartTime: e.start, Cookie: cookie, Command: strings.ToValidUTF8(string(line), "\uFFFD")}
}
