package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// suite is what is measured, and with what.
type suite struct {
	program string
	dir     string
	rounds  int
	only    string
	serial  int
}

func (s *suite) wants(name string) bool { return strings.Contains(name, s.only) }

// run measures everything and prints a table for each kind.
func (s *suite) run() error {
	for _, part := range []func() error{s.throughput, s.flatness, s.latency, s.output, s.list} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// rival is another way to do the same work.
type rival struct {
	name string
	run  func(dir string, jobs []job, workers int) (sample, error)
}

func (s *suite) rivals() []rival {
	all := []rival{
		{"bare loop", func(_ string, jobs []job, workers int) (sample, error) { return bareHere(len(jobs), workers) }},
		{"make -j", func(dir string, jobs []job, workers int) (sample, error) {
			if err := makefile(dir, jobs); err != nil {
				return sample{}, err
			}
			return measure(dir, nil, "make", "-s", fmt.Sprintf("-j%d", workers), "all")
		}},
		{"xargs -P", func(dir string, jobs []job, workers int) (sample, error) {
			return measure(dir, nil, "sh", "-c", fmt.Sprintf("seq %d | xargs -P %d -n 1 sh -c :", len(jobs), workers))
		}},
	}
	if _, err := exec.LookPath("ninja"); err == nil {
		all = append(all, rival{"ninja", func(dir string, jobs []job, workers int) (sample, error) {
			if err := ninjafile(dir, jobs); err != nil {
				return sample{}, err
			}
			return measure(dir, nil, "ninja", "--quiet", fmt.Sprintf("-j%d", workers))
		}})
	}
	return all
}

// ours runs a workflow with a database of its own.
func (s *suite) ours(dir, file string) (sample, error) {
	return measure(dir, nil, s.program, "run", file, "--quiet", "--database", filepath.Join(dir, "history.db"))
}

type shape struct {
	name    string
	jobs    []job
	workers int
}

func (s *suite) throughput() error {
	var shapes []shape
	for _, n := range []int{1, 100, 1000, 10000} {
		for _, w := range []int{2, 8} {
			shapes = append(shapes, shape{fmt.Sprintf("%d independent, %d workers", n, w), independent(n), w})
		}
	}
	shapes = append(shapes,
		shape{"chain of 1000", chain(1000), 1},
		shape{"10 layers × 100, 3 dependencies each, 8 workers", layers(10, 100), 8})
	fmt.Println("| no-op jobs | jobs/s | bare loop's rate | of the bare loop | CPU/job | bare CPU/job | peak memory | × make -j | × xargs -P | × ninja |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, sh := range shapes {
		if s.wants(sh.name) {
			if err := s.compare(sh); err != nil {
				return err
			}
		}
	}
	fmt.Println()
	return nil
}

// compare prints one row: the program against everybody else, round by round.
func (s *suite) compare(sh shape) error {
	var mine []sample
	rivals := s.rivals()
	theirs := make([][]sample, len(rivals))
	for range s.rounds {
		dir, file, err := s.write(sh.jobs, sh.workers)
		if err != nil {
			return err
		}
		got, err := s.ours(dir, file)
		if err != nil {
			return err
		}
		mine = append(mine, got)
		for i, r := range rivals {
			got, err := r.run(dir, sh.jobs, sh.workers)
			if err != nil {
				return err
			}
			theirs[i] = append(theirs[i], got)
		}
	}
	n := float64(len(sh.jobs))
	m, b := median(mine), median(theirs[0])
	fmt.Printf("| %s | %.0f | %.0f | %.2f | %.0f µs | %.0f µs | %.1f MiB |", sh.name,
		n/m.wall.Seconds(), n/b.wall.Seconds(), 1/ratio(mine, theirs[0]),
		m.cpu.Seconds()/n*1e6, b.cpu.Seconds()/n*1e6, float64(m.rss)/(1<<20))
	for i := 1; i < 4; i++ {
		if i < len(rivals) {
			fmt.Printf(" %.2f |", 1/ratio(mine, theirs[i]))
		} else {
			fmt.Print(" not installed |")
		}
	}
	fmt.Println()
	return nil
}

// flatness shows what a job costs in small and in large workflows.
func (s *suite) flatness() error {
	if !s.wants("flatness") {
		return nil
	}
	fmt.Println("| flatness: no-op jobs, 2 workers | wall/job | CPU/job | peak memory | memory/job above 40 MiB |")
	fmt.Println("| --- | --- | --- | --- | --- |")
	for _, n := range []int{100, 1000, 10000, 100000} {
		var all []sample
		for range max(1, s.rounds*10000/max(n, 10000)) {
			dir, file, err := s.write(independent(n), 2)
			if err != nil {
				return err
			}
			got, err := s.ours(dir, file)
			if err != nil {
				return err
			}
			all = append(all, got)
		}
		m := median(all)
		fmt.Printf("| %d | %.0f µs | %.0f µs | %.1f MiB | %.2f KiB |\n", n, m.wall.Seconds()/float64(n)*1e6,
			m.cpu.Seconds()/float64(n)*1e6, float64(m.rss)/(1<<20), max(0, float64(m.rss-40<<20))/1024/float64(n))
	}
	fmt.Println()
	return nil
}

// latency shows what a person waits for.
func (s *suite) latency() error {
	if !s.wants("latency") {
		return nil
	}
	fmt.Println("| latency | wall | CPU | peak memory |")
	fmt.Println("| --- | --- | --- | --- |")
	dir, file, err := s.write(independent(1), 1)
	if err != nil {
		return err
	}
	database := filepath.Join(dir, "history.db")
	rows := []struct {
		name   string
		before func()
		argv   []string
	}{
		{"version", func() {}, []string{"version"}},
		{"one job, new database", func() {
			for _, suffix := range []string{"", "-wal", "-shm"} {
				_ = os.Remove(database + suffix)
			}
		}, []string{"run", file, "--quiet", "--database", database}},
		{"one job, old database", func() {}, []string{"run", file, "--quiet", "--database", database}},
	}
	for _, r := range rows {
		var all []sample
		for range 10 * s.rounds {
			r.before()
			got, err := measure(dir, nil, append([]string{s.program}, r.argv...)...)
			if err != nil {
				return err
			}
			all = append(all, got)
		}
		m := median(all)
		fmt.Printf("| %s | %.1f ms | %.1f ms | %.1f MiB |\n", r.name, m.wall.Seconds()*1e3, m.cpu.Seconds()*1e3, float64(m.rss)/(1<<20))
	}
	fmt.Println()
	return nil
}
