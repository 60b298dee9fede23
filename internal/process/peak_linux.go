package process

import (
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// peak is the largest resident set that was seen of a process and its descendants.
//
// The kernel's own number (ru_maxrss) can't be taken as it is: a child starts with the
// peak of the program that forked it, so that every small job would seem to be as large
// as this engine. It is right when it is clearly above our own peak. Below that, VmHWM
// of /proc/PID/status is exact but gone when the process is, so it is sampled: at 50 ms,
// then ever more rarely, since it is a high-water mark. A small job that was never
// sampled has no number, which is better than a wrong one.
type peak struct {
	seen  atomic.Int64 // bytes
	due   time.Time    // next sample; after the start only the watcher's
	after time.Duration
}

const (
	firstSample = 50 * time.Millisecond
	lastSample  = 30 * time.Second
	sampleTree  = 32 // processes looked at per sample
)

func (k *peak) value() int64 { return k.seen.Load() }

// again sets when the next sample is due: 0.2 s, 0.8 s … after the one before.
func (k *peak) again(now time.Time) {
	k.after = min(max(4*k.after, 4*firstSample), lastSample)
	k.due = now.Add(k.after)
}

// sample notes the peaks of the program and of those descendants that its main threads have.
func (p *Process) sample() {
	todo := []int{p.pid}
	for seen := 0; len(todo) > 0 && seen < sampleTree; seen++ {
		pid := todo[0]
		todo = todo[1:]
		bytes := highWater(pid)
		if pid == p.pid && (!p.unreaped() || p.isForeign() && !p.isItself()) {
			return // the number may be that of a stranger
		}
		p.peak.seen.Store(max(p.peak.seen.Load(), bytes))
		if list, err := slurp(procPath(pid, "task/"+strconv.Itoa(pid)+"/children")); err == nil {
			todo = append(todo, pids(list)...)
		}
	}
}

// isItself reports whether the pid is still that of the adopted process.
func (p *Process) isItself() bool {
	e, ok := readStat(p.pid)
	return ok && e.start == p.birthday()
}

func (p *Process) unreaped() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.reaped
}

// highWater returns the peak resident set of a process in bytes, 0 when it can't be known.
func highWater(pid int) int64 {
	var buf [2048]byte
	n, err := readFile(procPath(pid, "status"), buf[:])
	if err != nil {
		return 0
	}
	kib, _ := field(buf[:n], "VmHWM:", 10)
	return int64(kib) << 10
}

// ownPeak is our own peak, which only grows, as of when it was last looked at.
type ownPeak struct{ seen atomic.Int64 }

// trueMaxRSS returns what is certain of a process's peak, 0 when nothing is.
func (h *Host) trueMaxRSS(kernel, sampled int64) int64 {
	if kernel <= above(h.ownPeak.seen.Load()) {
		return sampled
	}
	own := highWater(os.Getpid())
	h.ownPeak.seen.Store(own)
	if kernel <= above(own) {
		return sampled
	}
	return max(kernel, sampled)
}

// above leaves room for the kernel's counting, which is not exact to the page.
func above(own int64) int64 { return own + own/8 + 1<<20 }
