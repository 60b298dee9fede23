package e2e

import (
	"regexp"
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
	equal(t, "listed", strings.Join(strings.Fields(strings.Split(list, "\n")[1])[:5], " "), "1 #1 slow RUNNING (interrupted)")
	if len(p.processes()) == 0 {
		t.Fatal("the job did not outlive the program")
	}
	p.write("go", "")
	p.run("resume", "1").ends(t, 0)
	p.started("first 1.1", "slow 1.1", "then 1.1")
	p.nobody()
}

// TestKilledProgramThatIsCancelled ends what went on without it.
func TestKilledProgramThatIsCancelled(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	r := p.start("run", p.flow("slow", nil, job{"id": "slow", "command": slow}, job{"id": "then", "command": ledger}))
	p.await("started")
	r.signal(syscall.SIGKILL)
	r.wait()
	p.run("cancel", "1").ends(t, 0)
	p.nobody()
	equal(t, "run", p.show("1").State, "CANCELLED")
	p.write("go", "")
	p.run("resume", "1").ends(t, 0)
	p.started("slow 1.1", "slow 2.1", "then 2.1")
}

// TestKilledProgramWhoseJobEnds: the keeper has kept its exit code.
func TestKilledProgramWhoseJobEnds(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	r := p.start("run", p.flow("slow", nil, job{"id": "slow", "command": slow + "; exit 7"}))
	p.await("started")
	r.signal(syscall.SIGKILL)
	r.wait()
	p.write("go", "")
	p.eventually("the job ends", func() bool { return len(p.processes()) == 0 })
	p.run("resume").ends(t, 1)
	p.started("slow 1.1")
	equal(t, "exit code", *p.show("1").Jobs[0].ExitCode, 7)
}

// TestKilledKeeper: the program goes on as custodian of the jobs.
func TestKilledKeeper(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	r := p.start("run", p.flow("slow", nil, job{"id": "slow", "command": slow + "; echo after; exit 7"}))
	p.await("started")
	p.killKeeper()
	contains(t, "stderr", r.awaitErr("the keeper is gone"), "the keeper is gone; its jobs go on under this program")
	p.write("go", "")
	r.wait().ends(t, 1)
	equal(t, "exit code", *p.show("1").Jobs[0].ExitCode, 7)
	contains(t, "log", p.run("logs", "1", "slow").ends(t, 0).out, "\nafter\n")
	p.nobody()
}

// TestKilledProgramAndKeeper: the job is found again by who it is, and on Linux 6.15 and
// newer even its exit code; else nobody can know it.
func TestKilledProgramAndKeeper(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	r := p.start("run", p.flow("slow", nil, job{"id": "slow", "command": slow + "; exit 7"}))
	p.await("started")
	r.signal(syscall.SIGSTOP) // so that it does not take over
	p.killKeeper()
	r.signal(syscall.SIGKILL)
	r.wait()
	again := p.start("resume", "1")
	again.awaitOut("carried on")
	p.write("go", "")
	again.wait().ends(t, 1)
	p.started("slow 1.1")
	j := p.show("1").Jobs[0]
	if j.Reason != "exit_code" && j.Reason != "lost" || j.Reason == "exit_code" && *j.ExitCode != 7 {
		t.Errorf("it ended as %+v", j)
	}
	p.nobody()
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

// newHistory is what a run says that found no history where it was told to look.
var newHistory = regexp.MustCompile(`(?m)^executioner: a new history was made in .*\n`)

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
			lines := r.wait().ends(t, 0).err
			equal(t, "stderr", newHistory.ReplaceAllString(lines, ""), "")
		}
		starts := p.starts()
		slices.Sort(starts)
		equal(t, "runs", strings.Join(starts, " "), "1 2 3")
	}
}
