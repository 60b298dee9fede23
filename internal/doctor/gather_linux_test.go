package doctor

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/app"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/keeper"
	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
)

// TestGatherLeavesNothing looks at this host, before there is a history and after, and
// leaves everything as it was.
func TestGatherLeavesNothing(t *testing.T) {
	cfg := config(t)
	dir := filepath.Dir(cfg.Database)
	cfg.Logs = []string{filepath.Join(dir, "logs", "deep"), dir, "/proc/self"}
	f := Gather(t.Context(), cfg)
	if len(names(t, dir)) > 0 {
		t.Errorf("left: %v", names(t, dir))
	}
	if f.Database.Exists || f.Database.Err != "" || f.Database.Address != cfg.Database || len(f.Left) > 0 || f.Left == nil {
		t.Errorf("%+v, %v", f.Database, f.Left)
	}
	if k := f.Keeper; k.Err != "" || k.Dir != dir || k.Started <= 0 || k.Job <= 0 {
		t.Errorf("%+v", k)
	}
	checkDisks(t, f.Disks, dir)
	checkHost(t, f)

	history(t, cfg.Database)
	before := names(t, dir)
	cfg.Runs = false
	f = Gather(t.Context(), cfg)
	if d := cmp.Diff(before, names(t, dir)); d != "" {
		t.Error(d)
	}
	if f.Left != nil {
		t.Errorf("%v", f.Left)
	}
	db := f.Database
	if db.Opened <= 0 || db.Version == 0 {
		t.Errorf("%+v", db)
	}
	db.Opened = 0
	if want := (DatabaseFacts{Address: cfg.Database, File: cfg.Database, Exists: true, Version: db.Version, Ours: db.Version}); db != want {
		t.Errorf("%+v", db)
	}
	if c := Decide(f); Worst(c[len(c)-2:]) != OK {
		t.Errorf("%v", lines(c))
	}
}

func checkDisks(t *testing.T, disks []Disk, dir string) {
	t.Helper()
	if len(disks) != 2 {
		t.Fatalf("%+v", disks)
	}
	d, proc := disks[0], disks[1]
	if d.Path != dir || !slices.Equal(d.Uses, []string{"history", "journal", "logs"}) || d.Err+d.Write+d.SyncErr != "" || d.Type == "" ||
		d.Free == 0 || d.Size < d.Free || len(d.Syncs) == 0 || len(d.Options) == 0 {
		t.Errorf("%+v", d)
	}
	if !slices.Equal(proc.Uses, []string{"logs"}) || proc.Type != "proc" || proc.Write == "" || proc.Syncs != nil {
		t.Errorf("%+v", proc)
	}
}

// checkHost compares with what is known of any host on which the tests run.
func checkHost(t *testing.T, f *Facts) {
	t.Helper()
	p, l := f.Processes, f.Limits
	if p.Kernel == "" || !p.Proc || p.Reaper != "" || p.ExitStatus != process.ExitStatusOffered() {
		t.Errorf("%+v", p)
	}
	if l.FilesInUse == 0 || l.TasksInUse == 0 || l.PIDs == 0 || l.PIDsInUse < l.TasksInUse || l.Root != (os.Geteuid() == 0) {
		t.Errorf("%+v", l)
	}
	if c := f.Clock; c.Now.Year() < 2024 || c.Zone == "" || c.Jump.Abs() > time.Hour {
		t.Errorf("%+v", c)
	}
}

// TestGatherHurries has nothing started for somebody who has gone.
func TestGatherHurries(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if f := Gather(ctx, config(t)); f.Keeper != nil || f.Database.Address != "" || len(f.Disks) != 1 {
		t.Errorf("%+v", f)
	}
}

func TestKeeperThatCantBeStarted(t *testing.T) {
	cfg := config(t)
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	tests := []struct {
		name, program, dir, want string
	}{
		{"no program", "/nowhere/executioner", cfg.Keeper, "it can't be started: fork/exec /nowhere/executioner: no such file or directory"},
		{"another program", "/bin/false", cfg.Keeper, "it can't be started: "},
		{"no directory", cfg.Program, filepath.Join(file, "keeper"), "its directory can't be made: not a directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg.Program, cfg.Keeper = tt.program, tt.dir
			f := tryKeeper(t.Context(), cfg)
			if !strings.Contains(f.Err, tt.want) || strings.Contains(f.Err, temporary) {
				t.Errorf("%+v", f)
			}
			if left := names(t, filepath.Dir(cfg.Database)); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
	if f := tryKeeper(t.Context(), Config{}); f != nil {
		t.Errorf("%+v", f)
	}
}

// TestSaid has a program in the keeper's place that complains.
func TestSaid(t *testing.T) {
	cfg := config(t)
	cfg.Program = filepath.Join(t.TempDir(), "complains")
	must(t, os.WriteFile(cfg.Program, []byte("#!/bin/sh\necho first; echo no room in hell >&2; echo none >&2\n"), 0o700))
	if f := tryKeeper(t.Context(), cfg); f.Err != "none" {
		t.Errorf("%+v", f)
	}
}

// silent is a keeper that tells no end, or a bad one.
type silent struct {
	keeper.Keeper
	result *keeper.Result
	killed bool
}

func (s *silent) Start(_ keeper.Spec, done func(keeper.Result)) {
	if s.result != nil {
		done(*s.result)
	}
}

func (s *silent) Forget(string) {}

func (s *silent) Kill(string) { s.killed = true }

func TestFirstJob(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := &KeeperFacts{}
	if err := f.job(ctx, &silent{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	failed := &keeper.Result{Outcome: run.Outcome{State: run.Failed, Reason: run.StartFailed, Detail: "no shell"}}
	if err := f.job(t.Context(), &silent{result: failed}); err == nil || err.Error() != "its first command ended as FAILED, start_failed; no shell" {
		t.Error(err)
	}
}

// TestRemains has a directory for each fate.
func TestRemains(t *testing.T) {
	st := memstore.New()
	host, boot, pid, start := process.SelfIdentity()
	me := store.Owner{Host: host, BootID: boot, PID: pid, StartTime: start}
	gone, elsewhere := me, me
	gone.StartTime++
	elsewhere.Host += "-not"
	create := func(owner store.Owner) store.Lease {
		l, err := st.CreateRun(t.Context(), store.NewRun{Hash: "h", Workflow: []byte("{}")}, owner, time.Hour)
		must(t, err)
		return l
	}
	end := func(l store.Lease) {
		_, err := st.Append(t.Context(), l, []run.Transition{{Attempt: 1, From: run.Pending, To: run.Cancelled, Reason: run.RunCancelled}})
		must(t, err, st.Release(t.Context(), l))
	}
	create(me)
	create(gone)
	create(elsewhere)
	end(create(me))
	kept := create(me)
	end(kept)
	dir := t.TempDir()
	for _, name := range []string{"run-1", "run-2", "run-3", "run-4", "run-10", "run-x", "other"} {
		must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
	}
	must(t, os.WriteFile(filepath.Join(dir, "run-6"), nil, 0o600))
	custodian(t, filepath.Join(dir, "run-5"))
	at := func(id run.ID, f Fate) Remains { return Remains{id, filepath.Join(dir, "run-"+id.String()), f} }
	want := []Remains{at(1, Going), at(2, Interrupted), at(3, Going), at(4, Stale), at(5, Orphaned), at(10, Stale)}
	if d := cmp.Diff(want, remains(t.Context(), dir, st)); d != "" {
		t.Error(d)
	}
	must(t, st.Close())
	for i := range want {
		want[i].Fate = Unknown
	}
	if d := cmp.Diff(want, remains(t.Context(), dir, st)); d != "" {
		t.Error("closed:", d)
	}
	if d := cmp.Diff(want, remains(t.Context(), dir, nil)); d != "" {
		t.Error("none:", d)
	}
}

// custodian has a keeper in a directory until the end of the test.
func custodian(t *testing.T, dir string) {
	t.Helper()
	host, err := process.NewHost()
	must(t, err)
	k, err := keeper.Alone(keeper.Config{Dir: dir, Epoch: 1, Host: host})
	must(t, err)
	t.Cleanup(func() { must(t, k.Close(true), host.Close()) })
}

// TestOtherVersionsAreLeftAlone has histories that opening would change, or fail to open.
func TestOtherVersionsAreLeftAlone(t *testing.T) {
	for _, version := range []byte{1, 200} {
		cfg := config(t)
		history(t, cfg.Database)
		data, err := os.ReadFile(cfg.Database)
		must(t, err)
		data[63] = version
		must(t, os.WriteFile(cfg.Database, data, 0o600))
		f, st := openDatabase(t.Context(), cfg)
		if st != nil || f.Version != int64(version) || f.Ours < 2 || f.Err != "" || f.Foreign {
			t.Errorf("%+v", f)
		}
		after, err := os.ReadFile(cfg.Database)
		must(t, err)
		if string(after) != string(data) {
			t.Error("the history was changed")
		}
	}
}

func TestOddDatabases(t *testing.T) {
	tests := []struct {
		name    string
		content string
		want    DatabaseFacts
	}{
		{"empty", "", DatabaseFacts{}},
		{"short", "SQLite", DatabaseFacts{Exists: true, Foreign: true}},
		{"text", strings.Repeat("no database ", 20), DatabaseFacts{Exists: true, Foreign: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config(t)
			must(t, os.WriteFile(cfg.Database, []byte(tt.content), 0o600))
			f, st := openDatabase(t.Context(), cfg)
			tt.want.Address, tt.want.File = cfg.Database, cfg.Database
			if st != nil || f != tt.want {
				t.Errorf("%+v", f)
			}
		})
	}
	cfg := config(t)
	cfg.Database = filepath.Dir(cfg.Database)
	if f, st := openDatabase(t.Context(), cfg); st != nil || f.Err != "is a directory" {
		t.Errorf("%+v", f)
	}
}

// TestDamagedDatabase can be read as far as the version, and not opened.
func TestDamagedDatabase(t *testing.T) {
	cfg := config(t)
	history(t, cfg.Database)
	data, err := os.ReadFile(cfg.Database)
	must(t, err)
	copy(data[100:], strings.Repeat("damage", 600))
	must(t, os.WriteFile(cfg.Database, data, 0o600))
	if f, st := openDatabase(t.Context(), cfg); st != nil || f.Err == "" || f.Version == 0 {
		t.Errorf("%+v", f)
	}
}

// server is a database that is no file.
type server struct {
	app.Databases
	err error
}

func (s server) File(string) string { return "" }

func (s server) Open(context.Context, string) (store.Store, error) {
	if s.err != nil {
		return nil, s.err
	}
	return memstore.New(), nil
}

func TestServer(t *testing.T) {
	cfg := config(t)
	cfg.Databases = server{}
	f, st := openDatabase(t.Context(), cfg)
	if st == nil || !f.Exists || f.File != "" || f.Opened <= 0 {
		t.Errorf("%+v", f)
	}
	if d := disks(cfg); len(d) != 1 || !slices.Equal(d[0].Uses, []string{"journal"}) || len(d[0].Syncs) == 0 {
		t.Errorf("%+v", d)
	}
	cfg.Databases = server{err: fault.New(fault.Unavailable, "it is away").WithHint("wait")}
	if f, st := openDatabase(t.Context(), cfg); st != nil || f.Err != "it is away" || f.Hint != "wait" {
		t.Errorf("%+v", f)
	}
}

// TestVersionInTheLog reads what was committed and is not in the file itself yet.
func TestVersionInTheLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	exec := func(statements ...string) {
		t.Helper()
		for _, s := range statements {
			_, err := db.Exec(s)
			must(t, err)
		}
	}
	is := func(want int64) {
		t.Helper()
		if known, version, err := header(path); !known || version != want || err != nil {
			t.Errorf("%v, %d, %v, want %d", known, version, err, want)
		}
	}
	exec("PRAGMA journal_mode = WAL", "PRAGMA user_version = 3")
	is(3)
	exec("PRAGMA user_version = 4", "CREATE TABLE a (x)")
	is(4)
	exec("PRAGMA wal_checkpoint(RESTART)", "INSERT INTO a VALUES (1)") // frames of before follow
	is(4)
	exec("PRAGMA user_version = 5")
	is(5)
	exec("PRAGMA wal_checkpoint(TRUNCATE)")
	is(5)
}

// TestWriter has another program keep others from writing.
func TestWriter(t *testing.T) {
	cfg := config(t)
	history(t, cfg.Database)
	if pid := writer(cfg.Database); pid != 0 {
		t.Errorf("%d writes", pid)
	}
	if pid := writer(filepath.Join(t.TempDir(), "nothing")); pid != 0 {
		t.Errorf("%d writes to nothing", pid)
	}
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), lockVariable+"="+cfg.Database)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	must(t, err)
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "locked\n" {
		t.Fatal(line, err)
	}
	if pid := writer(cfg.Database); pid != c.Process.Pid {
		t.Errorf("%d writes, not %d", pid, c.Process.Pid)
	}
	must(t, in.Close(), c.Wait())
	if pid := writer(cfg.Database); pid != 0 {
		t.Errorf("%d still writes", pid)
	}
}

func TestMeasureFails(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	must(t, err)
	defer full.Close()
	if all, err := measure(full); len(all) > 0 || reason(err) != "no space left on device" {
		t.Errorf("%v, %v", all, err)
	}
	_, w, err := os.Pipe()
	must(t, err)
	defer w.Close()
	if allocates(w) {
		t.Error("a pipe keeps no space")
	}
	if got := reason(errors.New("odd")); got != "odd" {
		t.Error(got)
	}
}
