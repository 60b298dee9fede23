//go:build linux

package crash

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	// The program is built by another go command. These make a cached result of the tests
	// go stale when the program changes.
	_ "github.com/executionerhq/executioner/internal/app"
	_ "github.com/executionerhq/executioner/internal/cli"
)

// patience is how long a test waits for what others do before it gives up.
const patience = 60 * time.Second

// idleness is how long a program and all that it started may do nothing before it hangs: no
// workflow here waits for so long. On a loaded machine they may need longer than that, up to
// patience. What the longest took is in the last line of each test.
const idleness = 10 * time.Second

// tidiness is how long a run that has ended may take to clean up.
const tidiness = 30 * time.Second

// What is asked for. Without any of it the short form is run.
var (
	cases   = flag.Int("crash.n", 40, "how many random `cases` to play")
	seed    = flag.Uint64("crash.seed", 1, "`seed` of the first of them; the others follow it")
	limit   = flag.Duration("crash.limit", 40*time.Second, "begin no random case after that `time`; 0: no limit")
	players = flag.Int("crash.players", 4, "how many `cases` to play at once")
	verbose = flag.Bool("crash.v", false, "tell the story of each random case")
	only    = flag.String("crash.only", "", "of the steps or system calls this `one` only")
	long    = flag.Bool("crash.long", false, "every step with every action, and every system call, one after the other")
)

// keeperThere says whether the program has a keeper that outlives the engine. Without
// one, what runs when the engine is killed is lost.
var keeperThere bool

const mainPackage = "github.com/executionerhq/executioner/cmd/executioner"

// program and newer are the paths of the binary, in two versions, which TestMain builds.
// Nobody changes them after that.
var program, newer string

func TestMain(m *testing.M) { os.Exit(build(m)) }

func build(m *testing.M) int {
	flag.Parse()
	if os.Getenv(insideVariable) != "" {
		if code, over := prepare(); over {
			return code
		}
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "crash-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program, newer = filepath.Join(dir, "executioner"), filepath.Join(dir, "newer")
	for _, path := range []string{program, newer} {
		c := exec.Command("go", "build", "-tags", "failpoints", "-ldflags", "-X main.version="+filepath.Base(path), "-o", path, mainPackage)
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := c.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
	}
	deps, _ := exec.Command("go", "list", "-deps", mainPackage).Output()
	keeperThere = strings.Contains(string(deps), "internal/keeper\n")
	return m.Run()
}
