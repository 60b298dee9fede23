package e2e

import (
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestKilledProgram: a crash left runs RUNNING for ever, and processes of theirs.
func TestKilledProgram(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	file := p.flow("slow", nil, job{"id": "first", "command": ledger}, job{"id": "slow", "command": slow}, job{"id": "then", "command": ledger})
	r := p.start("run", file)
	p.await("started")
	r.signal(syscall.SIGKILL)
	r.wait().ends(t, 128+9)

	list := p.run("runs", "list").ends(t, 0).out
	equal(t, "listed", strings.Join(strings.Fields(strings.Split(list, "\n")[1])[:4], " "), "1 #1 slow FAILED")
	v := p.show("1")
	equal(t, "run", v.State+" "+v.Reason, "FAILED engine_lost")
	equal(t, "job", v.Jobs[1].State+" "+v.Jobs[1].Reason, "FAILED lost")

	orphans := p.processes()
	if len(orphans) == 0 {
		t.Fatal("the job did not outlive the program")
	}
	refused := p.run("resume", "1").ends(t, 5)
	contains(t, "stderr", refused.err, "of run 1 are still running (pid ", "executioner cancel 1")
	equal(t, "attempt after a refused resume", p.show("1").Attempt, 1)

	p.run("cancel", "1").ends(t, 0)
	p.nobody()
	p.write("go", "")
	p.run("resume", "1").ends(t, 0)
	p.started("first 1.1", "slow 1.1", "slow 2.1", "then 2.1")
}

// TestKilledProgramWhoseJobEnds needs no cancel.
func TestKilledProgramWhoseJobEnds(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	r := p.start("run", p.flow("slow", nil, job{"id": "slow", "command": slow}))
	p.await("started")
	r.signal(syscall.SIGKILL)
	r.wait()
	p.write("go", "")
	p.eventually("the job ends", func() bool { return len(p.processes()) == 0 })
	p.run("resume").ends(t, 0)
	p.started("slow 1.1", "slow 2.1")
}

// TestTwoResumes has programs go on with one run at the same moment: one wins.
func TestTwoResumes(t *testing.T) {
	t.Parallel()
	const programs = 3
	p := newPlace(t)
	gate := `; while ! test -e go$EXECUTIONER_ATTEMPT; do sleep 0.02; done; test $EXECUTIONER_ATTEMPT = 5`
	file := p.flow("race", map[string]any{"parallel": true, "max_workers": 3},
		job{"id": "a", "command": ledger + gate}, job{"id": "b", "command": ledger + gate}, job{"id": "c", "command": ledger + gate})
	p.write("go1", "")
	p.run("run", file, "-q", "--continue-on-error").ends(t, 1)
	for attempt := 2; attempt <= 5; attempt++ {
		var all []*running
		for range programs {
			all = append(all, p.start("resume", "1", "-q"))
		}
		ended := func() []*running {
			return slices.DeleteFunc(slices.Clone(all), func(r *running) bool {
				select {
				case <-r.ended:
					return false
				default:
					return true
				}
			})
		}
		p.eventually("all but one give up", func() bool { return len(ended()) == programs-1 })
		for _, loser := range ended() {
			contains(t, "stderr", loser.wait().ends(t, 5).err, "run 1 is going on")
		}
		p.write("go"+strconv.Itoa(attempt), "")
		want := 1
		if attempt == 5 {
			want = 0
		}
		for _, r := range all {
			if r.wait().code != 5 {
				r.wait().ends(t, want)
			}
		}
	}
	starts := p.starts()
	slices.Sort(starts)
	var want []string
	for _, id := range []string{"a", "b", "c"} {
		for attempt := range 5 {
			want = append(want, id+" "+strconv.Itoa(attempt+1)+".1")
		}
	}
	equal(t, "starts", strings.Join(starts, ", "), strings.Join(want, ", "))
}

// TestTwoRunsOnANewDatabase have to agree who creates it.
func TestTwoRunsOnANewDatabase(t *testing.T) {
	t.Parallel()
	for range 4 {
		p := newPlace(t)
		file := p.flow("new", nil, job{"id": "a", "command": `echo "$EXECUTIONER_RUN" >>ledger`})
		var all []*running
		for range 3 {
			all = append(all, p.start("run", file, "-q"))
		}
		for _, r := range all {
			equal(t, "stderr", r.wait().ends(t, 0).err, "")
		}
		starts := p.starts()
		slices.Sort(starts)
		equal(t, "runs", strings.Join(starts, " "), "1 2 3")
	}
}
