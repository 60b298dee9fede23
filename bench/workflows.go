package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

type job struct {
	ID           string   `json:"id"`
	Command      string   `json:"command"`
	Dependencies []string `json:"dependencies,omitempty"`
}

// independent are n no-ops that need nothing.
func independent(n int) []job {
	jobs := make([]job, n)
	for i := range jobs {
		jobs[i] = job{ID: fmt.Sprintf("j%d", i), Command: ":"}
	}
	return jobs
}

// chain are n no-ops that need each other.
func chain(n int) []job {
	jobs := independent(n)
	for i := 1; i < n; i++ {
		jobs[i].Dependencies = []string{jobs[i-1].ID}
	}
	return jobs
}

// layers are depth layers of width no-ops, each of which needs three of the layer before.
func layers(depth, width int) []job {
	jobs := independent(depth * width)
	for i := width; i < len(jobs); i++ {
		first := i - i%width - width
		for k := range 3 {
			jobs[i].Dependencies = append(jobs[i].Dependencies, jobs[first+(i+k)%width].ID)
		}
	}
	return jobs
}

// write puts a workflow into a directory of its own and returns its file. Each round
// has its own: a file system that has just deleted many files is slow to make new ones.
func (s *suite) write(jobs []job, workers int) (dir, file string, err error) {
	s.serial++
	dir = filepath.Join(s.dir, fmt.Sprint(s.serial))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", "", err
	}
	data, err := json.Marshal(map[string]any{
		"application_name": "bench", "working_dir": dir, "parallel": workers > 1, "max_workers": workers, "jobs": jobs,
	})
	if err != nil {
		return "", "", err
	}
	file = filepath.Join(dir, "workflow.json")
	return dir, file, os.WriteFile(file, data, 0o644)
}

// makefile is the same work for make. ":" alone would be run by make itself, without a shell.
func makefile(dir string, jobs []job) error {
	var b strings.Builder
	b.WriteString("SHELL := /bin/sh\nall:")
	for _, j := range jobs {
		b.WriteString(" " + j.ID)
	}
	b.WriteString("\n")
	for _, j := range jobs {
		fmt.Fprintf(&b, "%s: %s\n\t@:;:\n", j.ID, strings.Join(j.Dependencies, " "))
	}
	return os.WriteFile(filepath.Join(dir, "Makefile"), []byte(b.String()), 0o644)
}

// ninjafile is the same work for ninja.
func ninjafile(dir string, jobs []job) error {
	var b strings.Builder
	b.WriteString("rule noop\n  command = :;:\n")
	for _, j := range jobs {
		fmt.Fprintf(&b, "build %s: noop %s\n", j.ID, strings.Join(j.Dependencies, " "))
	}
	return os.WriteFile(filepath.Join(dir, "build.ninja"), []byte(b.String()), 0o644)
}
