package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// How long the runs go on whose start is measured, and how long each of their jobs takes.
const (
	fullFor  = 10 * time.Second
	jobTakes = "0.1"
)

// full measures a service all whose slots are taken while all other runs wait for one, and
// how long a slot is empty when a job has ended.
func (s *settings) full(srv *server) error {
	if s.active == 0 {
		return nil
	}
	before := srv.memory()
	gate := filepath.Join(srv.dir, "go")
	if _, err := s.submit(srv, s.slots, "until test -e '"+gate+"'; do sleep 1; done"); err != nil {
		return err
	}
	began := time.Now()
	command := fmt.Sprintf("date +%%s%%N >>'%[1]s/starts'; sleep %[2]s; date +%%s%%N >>'%[1]s/ends'", srv.dir, jobTakes)
	took, err := s.submit(srv, s.active-s.slots, command)
	if err != nil {
		return err
	}
	n := fmt.Sprintf("%d active runs: ", s.active)
	s.table.add(n+"submissions/s", float64(s.active)/time.Since(began).Seconds())
	s.table.latency(n+"submit", took)
	<-time.After(5 * time.Second)
	s.table.add(n+"memory, MiB", srv.memory())
	s.table.add(n+"memory before them, MiB", before)
	s.table.add(n+"files open", float64(srv.files()))
	if err := s.heap(srv, "full"); err != nil {
		return err
	}
	profiled := s.profile(srv, "full", s.idle)
	s.table.add(n+"CPU while they wait, %", srv.quiet(s.idle))
	if err := profiled(); err != nil {
		return err
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		return err
	}
	<-time.After(fullFor)
	srv.kill()
	delays, err := s.delays(srv.dir)
	if err != nil {
		return err
	}
	s.table.latency(n+"from the end of a job to the start of the next", delays)
	return nil
}

// delays returns how long slots were empty: each job but the first ones takes the slot of
// the one that ended first of those whose slots nobody has taken.
func (s *settings) delays(dir string) (all []time.Duration, err error) {
	starts, err := times(filepath.Join(dir, "starts"))
	if err != nil {
		return nil, err
	}
	ends, err := times(filepath.Join(dir, "ends"))
	if err != nil {
		return nil, err
	}
	for i, end := range ends {
		if i+s.slots < len(starts) {
			all = append(all, time.Duration(starts[i+s.slots]-end))
		}
	}
	return all, nil
}

// times reads times in nanoseconds, one in each line, and sorts them.
func times(file string) (all []int64, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		n, err := strconv.ParseInt(lines.Text(), 10, 64)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	slices.Sort(all)
	return all, nil
}
