package e2e

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestEndedUnwatched: a job that ends while its program is gone ended then, not when it is
// taken up.
func TestEndedUnwatched(t *testing.T) {
	t.Parallel()
	for name, kill := range map[string]bool{"the keeper goes on": false, "the keeper is killed, too": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			file := p.flow("apart", map[string]any{"parallel": true, "max_workers": 2},
				job{"id": "first", "command": "touch one; while ! test -e go; do sleep 0.02; done"},
				job{"id": "other", "command": "touch two; while ! test -e end; do sleep 0.02; done"})
			r := p.start("run", file)
			p.await("one")
			p.await("two")
			r.signal(syscall.SIGKILL)
			r.wait()
			p.write("go", "")
			p.eventually("its end is in the journal", func() bool { return strings.Contains(p.journal(), `"outcome"`) })
			if kill {
				p.killKeeper()
			}
			resumed := time.Now()
			r = p.start("resume")
			r.awaitOut("first  succeeded after ")
			p.write("end", "")
			r.wait().ends(t, 0)
			p.endedBetween(resumed, resumed) // the journal has the outcome a little before it has the end
		})
	}
}

// journal returns what the keeper of run 1 wrote down.
func (p *place) journal() string {
	p.t.Helper()
	names, err := filepath.Glob(p.path("history.db-keeper/run-1/journal.*"))
	if err != nil || len(names) != 1 {
		p.t.Fatalf("journals: %v, %v", names, err)
	}
	return p.read(strings.TrimPrefix(names[0], p.dir+"/"))
}

// endedBetween checks that the first job is shown and counted as one that ended at latest
// then, and that this was recorded after the run was resumed.
func (p *place) endedBetween(latest, resumed time.Time) {
	t := p.t
	t.Helper()
	type times struct {
		Start time.Time `json:"started_at"`
		End   time.Time `json:"ended_at"`
		Took  float64   `json:"duration_seconds"`
	}
	var shown struct {
		times
		Jobs []times
	}
	p.decode(p.run("runs", "show", "1", "--json").ends(t, 0).out, &shown)
	j := shown.Jobs[0]
	if !j.End.After(j.Start) || j.End.After(latest) || j.Took != j.End.Sub(j.Start).Seconds() {
		t.Errorf("the first job took %v s, from %v to %v, not after %v", j.Took, j.Start, j.End, latest)
	}
	if shown.End.Before(resumed) {
		t.Errorf("the run ended at %v, before it was resumed at %v", shown.End, resumed)
	}
	var told struct {
		Decisions []struct {
			At           time.Time
			To, Sentence string
		}
	}
	p.decode(p.run("explain", "1", "first", "--json").ends(t, 0).out, &told)
	last := told.Decisions[len(told.Decisions)-1]
	if last.To != "SUCCESS" || last.At.Before(resumed) {
		t.Errorf("recorded last: %+v, resumed at %v", last, resumed)
	}
	contains(t, "explain", last.Sentence, "when no program watched")
	var counted struct {
		Jobs []struct {
			Job  string
			Took struct{ Max float64 } `json:"duration_seconds"`
		}
	}
	p.decode(p.run("stats", "--json").ends(t, 0).out, &counted)
	equal(t, "counted", counted.Jobs[0].Job, "first")
	equal(t, "how long it took, as counted", counted.Jobs[0].Took.Max, j.Took)
	p.nobody()
}
