package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// sample is what one execution of a command cost.
type sample struct {
	wall, cpu time.Duration
	rss       int64 // peak, bytes; at least that of this program, which it starts from
}

// measure runs a command to its end.
func measure(dir string, env []string, argv ...string) (sample, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out := &lastLine{}
	cmd.Stderr = out
	begin := time.Now()
	err := cmd.Run()
	s := sample{wall: time.Since(begin)}
	if err != nil {
		return s, fmt.Errorf("%v: %w: %s", argv, err, out.text)
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	s.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	s.rss = usage.Maxrss << 10
	return s, nil
}

type lastLine struct{ text string }

func (l *lastLine) Write(p []byte) (int, error) {
	l.text = string(p)
	return len(p), nil
}

// median returns the median of each figure by itself.
func median(all []sample) sample {
	pick := func(figure func(s sample) int64) int64 {
		values := make([]int64, len(all))
		for i, s := range all {
			values[i] = figure(s)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return sample{
		wall: time.Duration(pick(func(s sample) int64 { return int64(s.wall) })),
		cpu:  time.Duration(pick(func(s sample) int64 { return int64(s.cpu) })),
		rss:  pick(func(s sample) int64 { return s.rss }),
	}
}

// ratio returns the median of a's wall time over b's, pair by pair: what was measured
// in the same round saw the same neighbours.
func ratio(a, b []sample) float64 {
	values := make([]float64, len(a))
	for i := range a {
		values[i] = float64(a[i].wall) / float64(b[i].wall)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
