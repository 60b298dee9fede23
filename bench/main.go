// Command bench measures the program against the limit of the machine (a bare Go
// loop that starts the same commands) and against make, xargs and ninja, in the same
// run, and prints the table of bench/README.md. It measures; it judges nothing.
//
//	go run ./bench [-rounds N] [-only NAME] [-program FILE]
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

func main() {
	if err := bench(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench() error {
	rounds := flag.Int("rounds", 3, "measurements of each, of which the median is shown")
	only := flag.String("only", "", "measure only what has this in its name")
	program := flag.String("program", "bin/executioner", "the program to measure")
	flag.Parse()
	path, err := filepath.Abs(*program)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%w: make build makes it", err)
	}
	dir, err := os.MkdirTemp("", "executioner-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &suite{program: path, dir: dir, rounds: *rounds, only: *only}
	fmt.Printf("%s, %d CPUs, median of %d rounds, rivals measured in turn with the program.\n\n", kernel(), runtime.NumCPU(), *rounds)
	return b.run()
}

func kernel() string {
	out, err := exec.Command("uname", "-sr").Output()
	if err != nil {
		return runtime.GOOS
	}
	return strings.TrimSpace(string(out))
}
