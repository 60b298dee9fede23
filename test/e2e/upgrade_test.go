package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// More of them: go test ./test/e2e -run Upgrades -upgrades 100 -upgraded-jobs 200
var (
	upgrades     = flag.Int("upgrades", 4, "how often the program is replaced while jobs run; each fifth time or less it has another version, and the keeper with it")
	upgradedJobs = flag.Int("upgraded-jobs", 20, "how many jobs run meanwhile")
)

// TestUpgrades replaces the program again and again by one of another version, and with it
// the keeper, which stays the process that it is. The jobs do not notice.
func TestUpgrades(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	// Memory is collected all the time: pipes that are left to the next program were closed
	// when nothing referred to them any more. And programs follow each other at once: pipes of
	// processes that the one before had not been asked about yet were not left at all.
	p.env = append(p.env, "GOGC=1")
	var jobs []job
	for i := range *upgradedJobs {
		jobs = append(jobs, job{
			"id":      fmt.Sprintf("j%03d", i),
			"command": ledger + `; n=0; while ! test -e go; do n=$((n+1)); echo line $n; sleep 0.2; done; echo last $n; exit ` + fmt.Sprint(i%5),
		})
	}
	file := p.flow("upgraded", map[string]any{"parallel": true, "max_workers": len(jobs), "continue_on_error": true}, jobs...)
	r := p.start("run", file, "-q")
	p.eventually("all run", func() bool { return p.exists("ledger") && len(p.starts()) == len(jobs) })
	keeper := p.keepers()
	every := max(1, *upgrades/20)
	for n := range *upgrades {
		r.signal(syscall.SIGKILL)
		r.wait()
		version := program
		if n/every%2 == 0 {
			version = newer
		}
		r = p.launch(exec.Command(version, "resume", "1"))
		r.awaitOut("carried on")
		if now := p.keepers(); !slices.Equal(now, keeper) {
			t.Fatalf("upgrade %d: the keeper is %v and was %v", n, now, keeper)
		}
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", keeper[0])); err != nil || exe != version {
			t.Fatalf("upgrade %d: the keeper's program is %s, not %s (%v)", n, exe, version, err)
		}
	}
	p.write("go", "")
	r.wait().ends(t, 1)
	if starts := p.starts(); len(starts) != len(jobs) {
		t.Errorf("%d starts of %d jobs", len(starts), len(jobs))
	}
	v := p.show("1")
	for i, j := range v.Jobs {
		if j.ExitCode == nil || *j.ExitCode != i%5 {
			t.Errorf("%s ended as %+v", j.ID, j)
		}
		p.wholeLog(j.ID)
	}
	p.nobody()
	equal(t, "a keeper's directory", p.exists("history.db-keeper"), false)
}

// wholeLog fails the test unless a job's log has each of its lines once and in order.
func (p *place) wholeLog(id string) {
	p.t.Helper()
	n := 0
	for line := range strings.Lines(p.read("logs/executioner.upgraded.job-" + id + ".run-1.log")) {
		if !strings.HasPrefix(line, "line ") {
			if strings.HasPrefix(line, "last ") {
				equal(p.t, id+": the last line", line, fmt.Sprintf("last %d\n", n))
				n = -1
			}
			continue
		}
		n++
		if want := fmt.Sprintf("line %d\n", n); line != want {
			p.t.Errorf("%s: %q follows, not %q", id, line, want)
			return
		}
	}
	equal(p.t, id+": lines after the last", n, -1)
}
