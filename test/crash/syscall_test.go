//go:build linux

package crash

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/run"
)

// The calls that are made to fail, and how.
var (
	calls  = []string{"write", "pwrite64", "fsync", "fdatasync", "openat", "clone", "clone3", "pipe2", "rename", "renameat", "renameat2", "ftruncate"}
	errnos = []string{"ENOSPC", "EIO", "EMFILE", "EAGAIN"}
)

// An injection makes the n-th call of each thread fail, in the engine, its keeper and
// the jobs.
type injection struct {
	call, errno string
	n           int
}

func (i injection) String() string {
	return fmt.Sprintf("%s:error=%s:when=%d", i.call, i.errno, i.n)
}

// toFiles says whether only what is done to files may be answered so. A write to a socket, a
// pipe or an event counter gets EAGAIN only when the system will tell later that it can go
// on; Go's runtime relies on that to wake itself up, and would wait for ever.
func (i injection) toFiles() bool { return i.call == "write" && i.errno == "EAGAIN" }

// counted is the name under which countCalls has the calls that may fail.
func (i injection) counted() string {
	if i.toFiles() {
		return fileWrite
	}
	return i.call
}

// where are the options by which strace looks only at the calls that may fail.
func (i injection) where(p *place, f *flow) (options []string) {
	if !i.toFiles() {
		return nil
	}
	paths := []string{p.path("ledger"), joblog.AppPath(p.path("logs"), "crash"), joblog.MainPath(p.path("logs"), "crash", theRun)}
	for _, j := range f.Jobs {
		paths = append(paths, joblog.JobPath(p.path("logs"), "crash", j.ID, theRun))
	}
	for _, path := range paths {
		options = append(options, "-P", path)
	}
	return options
}

// injectedFlow is 20 jobs that use nothing but their shell, and write to the ledger again
// when that fails once.
func injectedFlow() flow {
	f := flow{Workers: 3, Goes: true, Patient: true}
	for i := range 20 {
		j := job{ID: run.JobID(fmt.Sprintf("j%02d", i)), Codes: []int{0}, Talks: i%4 == 0}
		if i >= 3 {
			j.Deps = []int{i - 3}
		}
		if i%5 == 1 {
			j.Codes, j.Retries = []int{4, 0}, 1
		}
		if i%5 == 2 {
			j.Checked = []bool{true}
		}
		f.Jobs = append(f.Jobs, j)
	}
	return f
}

// TestSystemCalls lets one system call after the other fail once; in the short form of
// each kind of call one for each error.
func TestSystemCalls(t *testing.T) {
	if out, err := exec.Command("strace", "-f", "-qq", "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		t.Fatalf("strace does not work, see scripts/setup: %v %s", err, out)
	}
	began := time.Now()
	all := injections(t)
	queue := make(chan injection)
	var wait sync.WaitGroup
	var slow longest
	for range *players {
		wait.Go(func() {
			for i := range queue {
				p, err := i.play()
				if err != nil {
					t.Errorf("%s: %v", i, err)
					continue
				}
				slow.note(p.most, i.String())
				if len(p.wrongs) > 0 {
					t.Errorf("%s: %s", i, p.report(fmt.Sprintf("'TestSystemCalls$' -crash.only=%s", i)))
				}
			}
		})
	}
	for _, i := range all {
		queue <- i
	}
	close(queue)
	wait.Wait()
	t.Logf("seed %d: %d calls failed in %v; %v", *seed, len(all), time.Since(began).Round(time.Second), &slow)
}

// injections lists what to play: every call that a thread makes, with every error, or of
// each kind of call one for each error.
func injections(t *testing.T) (all []injection) {
	t.Helper()
	counts, err := countCalls()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("calls of one thread: %v", counts)
	r := rand.New(rand.NewPCG(*seed, 3))
	for _, call := range calls {
		for _, e := range errnos {
			there := counts[injection{call, e, 0}.counted()]
			one := r.IntN(max(1, there))
			for n := range there {
				i := injection{call, e, n + 1}
				if *long || *only == i.String() || *only == "" && n == one {
					all = append(all, i)
				}
			}
		}
	}
	return slices.DeleteFunc(all, func(i injection) bool { return *only != "" && *only != i.String() })
}

// countCalls returns how often a thread makes each call, at most, when nothing fails.
func countCalls() (map[string]int, error) {
	p, err := newPlace()
	if err != nil {
		return nil, err
	}
	defer p.remove()
	f := injectedFlow()
	if err := os.WriteFile(p.path("flow.json"), f.file(p.dir), 0o600); err != nil {
		return nil, err
	}
	trace := filepath.Join(p.out, "trace")
	e, err := p.begin(nil, "strace", "-ff", "-qq", "-y", "-o", trace, "-e", "signal=none", "-e", "trace="+strings.Join(calls, ","), program, "run", "flow.json", "-q")
	if err != nil {
		return nil, err
	}
	if err := e.end(p); err != nil || e.code() != 0 {
		return nil, fmt.Errorf("traced, it ends with %d: %w %s", e.code(), err, e.said())
	}
	threads, err := filepath.Glob(trace + ".*")
	counts := make(map[string]int)
	for _, thread := range threads {
		b, err := os.ReadFile(thread)
		if err != nil {
			return nil, err
		}
		own := make(map[string]int)
		for _, m := range callName.FindAllStringSubmatch(string(b), -1) {
			own[m[1]]++
			if m[1] == "write" && strings.HasPrefix(m[2], p.dir) {
				own[fileWrite]++
			}
		}
		for call, n := range own {
			counts[call] = max(counts[call], n)
		}
	}
	return counts, err
}

// callName matches a call, and the file that is its first argument.
var callName = regexp.MustCompile(`(?m)^([a-z0-9]+)\((?:\d+<([^>]*)>)?`)

// fileWrite counts the writes to files of the place.
const fileWrite = "write to a file"

// play runs the workflow with the call failing, and resumes it without.
func (i injection) play() (*play, error) {
	pl, err := newPlace()
	if err != nil {
		return nil, err
	}
	defer pl.remove()
	p := &play{place: pl, scenario: scenario{flow: injectedFlow()}, hurt: true, injured: true, orphans: true, exposed: make(map[run.TaskID]bool)}
	if err := os.WriteFile(p.path("flow.json"), p.flow.file(p.dir), 0o600); err != nil {
		return nil, err
	}
	strace := append([]string{"strace", "-f", "--seccomp-bpf", "-qq", "-o", os.DevNull, "-e", "inject=" + i.String()}, i.where(pl, &p.flow)...)
	e, err := p.begin(nil, append(strace, program, "run", "flow.json", "-q")...)
	if err != nil {
		return nil, err
	}
	if err := e.end(p.place); err != nil {
		p.wrong("%v", err)
		return p, nil
	}
	p.tell("%s: exit code %d after %v %s", i, e.code(), time.Since(e.began).Round(time.Millisecond), strings.TrimSpace(fmt.Sprintf("%.600s", e.said())))
	if !documented(e.code(), e.said()) {
		p.wrong("ended with %d: %s", e.code(), e.said())
	}
	ts, _, err := p.history()
	if err != nil {
		return nil, err
	}
	p.exposed = open(ts) // the keeper may not have lived
	if err := p.rounds(); err != nil {
		return nil, err
	}
	return p, p.close()
}

// documented says whether a program that a system call failed ended as it may: with a
// code of its documentation, or where Go's runtime itself could not go on.
func documented(code int, said string) bool {
	if code == 2 && strings.Contains(said, "goroutine ") {
		return strings.Contains(said, "fatal error: ") || strings.Contains(said, "runtime: ")
	}
	return slices.Contains([]int{0, 1, 2, 3, 4, 5, 6, 70, 130}, code)
}
