// Command serve measures the service: how many runs it takes and executes in a second, how
// long whoever asks or watches waits, what ten thousand active runs and those who hold
// connections open cost, and what it costs to do nothing. It measures; it judges nothing.
//
//	go run ./bench/serve [-rounds N] [-only NAME] [-runs N] [-active N] [-program FILE]
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

func main() {
	if err := bench(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settings are what is measured.
type settings struct {
	program        string // a copy of the program, which no other process is
	profiles       string // the directory for profiles of the service; empty: there are none
	runs, active   int
	clients, slots int
	frozen, slow   int
	schedules      int
	idle           time.Duration
	table          *table
}

func bench() (err error) {
	s := settings{table: newTable()}
	rounds := flag.Int("rounds", 3, "measurements, of which the medians are shown")
	only := flag.String("only", "", "measure only what has this in its name: busy, frozen, slow, watched, schedules, full")
	program := flag.String("program", "bin/executioner", "the program to measure")
	flag.IntVar(&s.runs, "runs", 1000, "runs of one job each")
	flag.IntVar(&s.active, "active", 10_000, "runs that are active at once")
	flag.IntVar(&s.clients, "clients", 16, "that submit at the same time")
	flag.IntVar(&s.slots, "slots", 2*runtime.NumCPU(), "jobs that run at once")
	flag.IntVar(&s.frozen, "frozen", 1000, "readers of events that have stopped to read")
	flag.IntVar(&s.slow, "slow", 10_000, "connections that send nothing but the beginning of a request")
	flag.IntVar(&s.schedules, "schedules", 10_000, "schedules, a multiple of 100")
	flag.DurationVar(&s.idle, "idle", 10*time.Second, "how long to look at a service that has nothing to do")
	flag.StringVar(&s.profiles, "profiles", "", "the directory in which to keep profiles of the service; they cost it a little")
	flag.Parse()
	dir, err := os.MkdirTemp("", "executioner-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s.program = filepath.Join(dir, "executioner")
	if err := copyProgram(*program, s.program); err != nil {
		return err
	}
	fmt.Printf("%d CPUs, %d clients, %d slots, medians of %d rounds, load %s at the beginning\n\n", runtime.NumCPU(), s.clients, s.slots, *rounds, load())
	for i := range *rounds {
		if err := s.round(filepath.Join(dir, fmt.Sprint(i)), *only); err != nil {
			return err
		}
	}
	s.table.print(os.Stdout)
	fmt.Printf("\nload %s at the end\n", load())
	return nil
}

// round measures everything once, each part with a service and a database of its own.
func (s *settings) round(dir, only string) error {
	for _, part := range []struct {
		name    string
		slots   int
		measure func(*server) error
	}{
		{"busy", s.slots, s.busy},
		{"frozen", s.slots, s.frozenReaders},
		{"slow", s.slots, s.slowConnections},
		{"watched", s.slots, s.watched},
		{"schedules", s.slots, s.scheduled},
		{"full", s.slots, s.full},
	} {
		if !strings.Contains(part.name, only) {
			continue
		}
		place := filepath.Join(dir, part.name)
		if err := os.MkdirAll(place, 0o700); err != nil {
			return err
		}
		srv, err := s.start(place, part.slots)
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		err = part.measure(srv)
		srv.kill()
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// copyProgram copies a program, so that what runs of it is told from what else does.
func copyProgram(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("%w: make build makes it", err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return cmp.Or(err, out.Close())
}

// load returns how busy the machine is.
func load() string {
	b, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(b), " ")
	return first
}
