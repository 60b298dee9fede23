package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/executionerhq/executioner/internal/app"
	"github.com/executionerhq/executioner/internal/cli"
	"github.com/executionerhq/executioner/internal/keeper"
)

// TestMain makes the program a command of the scripts, wired as cmd/executioner does.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"executioner": program})
}

func program() {
	if len(os.Args) > 1 && os.Args[1] == keeper.Command {
		os.Exit(keeper.Main(os.Args[2:], "1.2.3"))
	}
	os.Exit(cli.Run(context.Background(), cli.Program{
		Args: os.Args[1:], In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Environ: os.Environ(),
		Signals: func() (<-chan os.Signal, func()) {
			ch := make(chan os.Signal, 4)
			signal.Notify(ch, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
			return ch, func() { signal.Stop(ch) }
		},
		Terminal: func() int { // a script has no terminal, but may ask for one of that width
			width, _ := strconv.Atoi(os.Getenv("TEST_TERMINAL"))
			return width
		},
		Open: func(ctx context.Context, s cli.Settings) (cli.Backend, error) {
			a, err := app.Open(ctx, app.Settings{
				Database: s.Database, StateDir: s.StateDir, Durability: s.Durability, Environ: s.Environ, Trouble: s.Trouble, Notice: s.Notice, Service: s.Service, Gate: s.Gate,
				Program: "/proc/self/exe", Name: os.Args[0],
			})
			if err != nil {
				return cli.Backend{}, err
			}
			return cli.Backend{Runs: a.Runs, Store: a.Store(), Hub: a.Hub, Close: a.Close}, nil
		},
		Databases: app.Databases{}, WithPassword: app.WithPassword, Conditions: app.Conditions,
		Build: cli.Build{Version: "1.2.3", Revision: "0123456789abcdef", Time: "2026-01-31T12:00:00Z", Go: "go1.26", Platform: "linux/amd64"},
	}))
}

// TestScripts runs testdata/script/*.txtar. Workflow files there say working_dir "~".
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("EXECUTIONER_DATABASE", filepath.Join(e.WorkDir, "history.db"))
			e.Setenv("USER", "tester")
			e.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"json":   jsonCommand,
			"keys":   keysCommand,
			"await":  awaitCommand,
			"expand": expandCommand,
		},
		Condition: func(name string) (bool, error) {
			if name == "root" { // whom permissions don't stop
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// jsonCommand compares one value of the last JSON output:
//
//	json stdout runs.0.state '"FAILED"'
func jsonCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: json FILE PATH VALUE")
	}
	value, ok := lookup(ts, args[0], args[1])
	got := "missing"
	if ok {
		b, err := json.Marshal(value)
		ts.Check(err)
		got = string(b)
	}
	if (got == args[2]) == neg {
		ts.Fatalf("%s is %s, want %s (negated: %v)", args[1], got, args[2], neg)
	}
}

// keysCommand compares the names of an object's members:
//
//	keys stdout runs.0 application attempt run …
func keysCommand(ts *testscript.TestScript, _ bool, args []string) {
	value, ok := lookup(ts, args[0], args[1])
	object, isObject := value.(map[string]any)
	if !ok || !isObject {
		ts.Fatalf("%s is no object", args[1])
	}
	for _, name := range args[2:] {
		if _, ok := object[name]; !ok {
			ts.Fatalf("%s has no member %s", args[1], name)
		}
	}
	if len(object) != len(args)-2 {
		ts.Fatalf("%s has %d members, want %d: %v", args[1], len(object), len(args)-2, object)
	}
}

// lookup returns the value at a dotted path; "." is the whole.
func lookup(ts *testscript.TestScript, file, path string) (any, bool) {
	var value any
	if err := json.Unmarshal([]byte(ts.ReadFile(file)), &value); err != nil {
		ts.Fatalf("%s is not JSON: %v\n%s", file, err, ts.ReadFile(file))
	}
	if path == "." {
		return value, true
	}
	for step := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			inner, ok := v[step]
			if !ok {
				return nil, false
			}
			value = inner
		case []any:
			if step == "len" {
				return len(v), true
			}
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(v) {
				return nil, false
			}
			value = v[i]
		default:
			return nil, false
		}
	}
	return value, true
}

// awaitCommand waits until a file is there and has the text, if one is given:
//
//	await started
//	await out 'second line'
func awaitCommand(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		b, err := os.ReadFile(path)
		if err == nil && (len(args) == 1 || strings.Contains(string(b), args[1])) {
			return
		}
	}
	ts.Fatalf("%v did not come", args)
}

// expandCommand replaces $WORK in files.
func expandCommand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := strings.ReplaceAll(ts.ReadFile(name), "$WORK", ts.Getenv("WORK"))
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o644))
	}
}
