package process

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// oomCounter tells how often the kernel killed for lack of memory. Reading it for each
// start would cost more than the rest of the bookkeeping, so that starts share a reading
// for up to a second.
type oomCounter struct {
	path string // what read reads
	read func() uint64

	mu    sync.Mutex // guards the two below, which concurrent starts refresh
	value uint64
	at    time.Time
}

const oomFresh = time.Second

// init picks the most precise counter there is: our own control group's, which is not
// moved by what happens in other containers, else the host's.
func (c *oomCounter) init() {
	groups, _ := os.ReadFile("/proc/self/cgroup")
	for _, path := range oomFiles(groups) {
		if _, ok := readOOM(path); ok {
			c.path = path
			c.read = func() uint64 { n, _ := readOOM(path); return n }
			return
		}
	}
	c.read = func() uint64 { return 0 }
}

// oomFiles returns where to look, best first, given the content of /proc/self/cgroup.
func oomFiles(groups []byte) []string {
	var files []string
	for line := range bytes.Lines(groups) {
		part := bytes.SplitN(bytes.TrimSpace(line), []byte(":"), 3)
		if len(part) != 3 {
			continue
		}
		path := string(part[2])
		switch {
		case len(part[1]) == 0: // v2; the root has no counter
			files = append(files, filepath.Join("/sys/fs/cgroup", path, "memory.events"))
		case bytes.Contains(append(append([]byte(","), part[1]...), ','), []byte(",memory,")) && path != "/":
			files = append(files, filepath.Join("/sys/fs/cgroup/memory", path, "memory.oom_control"))
		}
	}
	return append(files, "/proc/vmstat")
}

func readOOM(path string) (uint64, bool) {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	return field(content, "oom_kill ", 10)
}

// oomBefore returns the counter as it was at most a second ago.
func (h *Host) oomBefore() uint64 {
	c := &h.memory
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.at) > oomFresh {
		c.value, c.at = c.read(), now
	}
	return c.value
}

// oomSince reports whether the counter has grown since before was read.
func (h *Host) oomSince(before uint64) bool { return h.memory.read() > before }
