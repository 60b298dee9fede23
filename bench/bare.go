package main

import (
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// bare is the limit: a loop that starts `/bin/sh -c :` n times with a pipe and waits,
// and does nothing else.
func bare(n, workers int) error {
	todo := make(chan struct{})
	var wg sync.WaitGroup
	var once sync.Once
	var failed error
	for range workers {
		wg.Go(func() {
			for range todo {
				if err := noop(); err != nil {
					once.Do(func() { failed = err })
				}
			}
		})
	}
	for range n {
		todo <- struct{}{}
	}
	close(todo)
	wg.Wait()
	return failed
}

func noop() error {
	cmd := exec.Command("/bin/sh", "-c", ":")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, out); err != nil {
		return err
	}
	return cmd.Wait()
}

// bareHere measures the loop in this process.
func bareHere(n, workers int) (sample, error) {
	before := cpuTime()
	begin := time.Now()
	err := bare(n, workers)
	return sample{wall: time.Since(begin), cpu: cpuTime() - before}, err
}

// cpuTime is what this process and its children have used so far.
func cpuTime() time.Duration {
	var total time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			panic(os.NewSyscallError("getrusage", err))
		}
		total += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return total
}
