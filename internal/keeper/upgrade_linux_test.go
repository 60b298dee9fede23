package keeper

import (
	"os"
	"strings"
	"testing"
)

// newer is how an engine of another version reaches the keeper.
func (w *world) newer(epoch int64, program string) (cfg Config, told *[]string) {
	w.Helper()
	cfg, told = w.config(epoch), new([]string)
	cfg.Build = "newer"
	if program != "" {
		cfg.Program = program
	}
	cfg.Notice = func(s string) { *told = append(*told, s) }
	return cfg, told
}

// TestUpgrade: the process stays, and so do its jobs.
func TestUpgrade(t *testing.T) {
	w := newWorld(t)
	c := w.open(1)
	pid := keeperOf(c)
	s := w.script("a", "echo before\n"+untilGo+"echo after; exit 3")
	begin(c, s)
	w.eventually("its output is logged", func() bool { return exists(w.path("a.log")) && w.read("a.log") != "" })
	c.vanish()
	cfg, told := w.newer(2, "")
	c, err := Open(cfg)
	w.must(err)
	same(t, "fate", c.Fate("a"), Running)
	same(t, "told", len(*told), 0)
	ended := begin(c, s)
	w.write("go", "")
	same(t, "exit code", w.end(ended).Outcome.ExitCode, 3)
	same(t, "log", w.log("a"), "before\nT WARNING - the program that looked after this job is gone; its successor goes on\nafter\nT ERROR - FAILED, exit code 3 after N s\n")
	same(t, "keeper", isRunning(pid) && c.child == nil, true)
	w.must(c.Close(true))
	w.gone()
	w.once("a")
}

// TestUpgradeOfUnclaimed: what the engine between two upgrades did not come to ask for is
// left to the next program, too. Its pipe was closed, and SIGPIPE ended it.
func TestUpgradeOfUnclaimed(t *testing.T) {
	w := newWorld(t)
	c := w.open(1)
	s := w.script("a", "while ! test -e go; do echo line; done; exit 3")
	begin(c, s)
	w.await("starts")
	c.vanish()
	for epoch, build := range []string{2: "newer", 3: "newest"} {
		if build == "" {
			continue
		}
		cfg, _ := w.newer(int64(epoch), "")
		cfg.Build = build
		var err error
		c, err = Open(cfg)
		w.must(err)
		if epoch == 2 {
			c.vanish()
		}
	}
	ended := begin(c, s)
	w.write("go", "")
	same(t, "exit code", w.end(ended).Outcome.ExitCode, 3)
	w.must(c.Close(true))
	w.gone()
	w.once("a")
}

// TestUpgradeThatCantBe: the keeper ended, and its jobs were lost.
func TestUpgradeThatCantBe(t *testing.T) {
	for name, why := range map[string]string{
		"missing": "no such file or directory", "closed": "permission denied", "directory": "is no program",
		"text": "", // is found out too late to refuse; it goes on as what it was
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.write("closed", "")
			w.write("text", "text")
			w.must(os.Chmod(w.path("text"), 0o700))
			w.must(os.Mkdir(w.path("directory"), 0o700))
			c := w.open(1)
			pid := keeperOf(c)
			s := w.script("a", untilGo+"exit 3")
			begin(c, s)
			w.await("starts")
			c.vanish()
			cfg, told := w.newer(2, w.path(name))
			c, err := Open(cfg)
			w.must(err)
			same(t, "fate", c.Fate("a"), Running)
			same(t, "its fate that never was", c.Fate("b"), Unstarted)
			got := strings.Join(*told, "\n")
			if why != "" && (!strings.HasPrefix(got, "the keeper goes on as version test: "+w.path(name)) || !strings.HasSuffix(got, why)) || why == "" && got != "" {
				t.Errorf("told %q", got)
			}
			ended := begin(c, s)
			w.write("go", "")
			w.ends(ended, exited(3, 0))
			same(t, "keeper", isRunning(pid) && c.child == nil, true)
			w.must(c.Close(true))
			w.gone()
			w.once("a")
		})
	}
}

// TestNoUpgradeWithWhatIsOwed: only this program knows it.
func TestNoUpgradeWithWhatIsOwed(t *testing.T) {
	w := newWorld(t)
	c := w.open(1)
	ended := begin(c, w.script("a", untilGo+"exit 3"))
	w.await("starts")
	lift := w.limitFiles(keeperOf(c))
	w.write("go", "")
	w.end(ended)
	c.vanish()
	cfg, told := w.newer(1, "")
	c, err := Open(cfg)
	w.must(err)
	same(t, "told", strings.Join(*told, "\n"), "the keeper goes on as version test: not everything is in the journal")
	w.ends(begin(c, w.script("a", "exit 99")), exited(3, 0))
	lift()
	w.must(c.Close(true))
	w.gone()
}

// TestUnclaimedKeepTheKeeper: what an upgrade left must be asked for by an engine; when
// one left before, the keeper went home.
func TestUnclaimedKeepTheKeeper(t *testing.T) {
	w := newWorld(t)
	c := w.open(1)
	s := w.script("a", untilGo+"exit 3")
	begin(c, s)
	begin(c, w.script("b", untilGo))
	w.eventually("both run", func() bool { return exists(w.path("starts")) && len(w.starts()) == 2 })
	w.die(c)
	next := newTestCustodian(w)
	next.settleWhenAdopted()
	same(t, "idle", next.idle(), false)
	next.Forget("b")
	same(t, "idle with another one", next.idle(), false)
	ended := begin(next, s)
	w.write("go", "")
	w.ends(ended, exited(3, 0))
	same(t, "idle", next.idle(), true)
	w.host.Settle()
	w.childless()
}
