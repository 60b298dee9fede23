package engine_test

import (
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/engine/enginetest"
)

// A loop that was left in the middle of a record said that nothing ran: its run was given
// back while the record had a job as running, which other hosts took for lost.
func TestRunningOfALoopThatWasLeft(t *testing.T) {
	for name, c := range map[string]struct {
		full time.Duration // from when on nothing is recorded
		want int
	}{
		"all is recorded":              {time.Hour, 1},
		"the last end is not recorded": {time.Second, 2},
		"a start may not be recorded":  {0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, []string{"a", "b"}, func(f *fixture) {
				f.ends["a"] = enginetest.End{After: 1500 * time.Millisecond, Outcome: ok}
				f.ends["b"] = enginetest.End{After: time.Minute, Outcome: ok}
				f.fullFrom(c.full, time.Hour)
				f.start()
				time.Sleep(2 * time.Second)
				f.loop.Leave()
				if got := f.loop.Running(); got != c.want {
					t.Errorf("%d tasks run, want %d", got, c.want)
				}
				if _, err := f.loop.Wait(); err == nil {
					t.Error("it ended")
				}
				f.runner.Crash()
			})
		})
	}
}
