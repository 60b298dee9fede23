//go:build linux

package crash

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestKills plays random scenarios.
func TestKills(t *testing.T) {
	steps, err := findSteps()
	if err != nil {
		t.Fatal(err)
	}
	seeds := make(chan uint64)
	var wait sync.WaitGroup
	var played, lost, failed atomic.Int64
	var slow longest
	for range *players {
		wait.Go(func() {
			for s := range seeds {
				p, err := perform(newScenario(s, steps))
				if err != nil {
					t.Errorf("seed %d: %v", s, err)
					continue
				}
				played.Add(1)
				slow.note(p.most, p.again())
				if len(p.exposed) > 0 {
					lost.Add(1)
				}
				if *verbose {
					t.Log(p.report(p.again()))
				}
				if len(p.wrongs) > 0 {
					failed.Add(1)
					t.Error(p.report(p.again()))
				}
			}
		})
	}
	began := time.Now()
	for s := range plan(t, began, func() bool { return failed.Load() >= enough }) {
		seeds <- s
	}
	close(seeds)
	wait.Wait()
	t.Logf("%d scenarios in %v; in %d of them a result could get lost; %v", played.Load(), time.Since(began).Round(time.Second), lost.Load(), &slow)
}

// enough failures are enough to look at.
const enough = 8

// plan yields the seeds to play: those that have failed once, then the ones asked for.
func plan(t *testing.T, began time.Time, fed func() bool) func(func(uint64) bool) {
	b, err := os.ReadFile("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []uint64
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 0 && f[0] != "#" && *cases > 1 {
			s, err := strconv.ParseUint(f[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
	}
	return func(yield func(uint64) bool) {
		for _, s := range all {
			if !yield(s) {
				return
			}
		}
		for i := range *cases {
			if *limit > 0 && time.Since(began) > *limit || fed() || !yield(*seed+uint64(i)) {
				return
			}
		}
	}
}

// report is what a failed play prints. again are the arguments that play it again.
func (p *play) report(again string) string {
	return fmt.Sprintf("play it again with: go test ./test/crash -run %s\n  %s\n%d jobs, %d workers\n  %s",
		again, strings.Join(p.wrongs, "\n  "), len(p.flow.Jobs), p.flow.Workers, strings.Join(p.story, "\n  "))
}

// again are the arguments that play a scenario again.
func (s scenario) again() string {
	return fmt.Sprintf("'TestKills$' -crash.n=1 -crash.seed=%d", s.seed)
}
