package doctor

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/cgroup"
	"github.com/executionerhq/executioner/internal/run"
)

// fine returns the facts of a host on which nothing is wrong.
func fine() *Facts {
	return &Facts{
		System: "linux",
		Processes: &ProcessFacts{
			Kernel: "6.18.4", Proc: true, MarkLimit: math.MaxUint64, PIDFD: true, ExitStatus: true, Children: true,
			Groups: cgroup.Support{Dir: "/sys/fs/cgroup/x", Leaves: true, Kill: true, Memory: true, PIDs: true},
		},
		Keeper: &KeeperFacts{Dir: "/var", Started: 2 * time.Millisecond, Job: 900 * time.Microsecond},
		Disks: []Disk{{
			Uses: []string{"history", "journal"}, Path: "/var", Type: "ext4", Options: []string{"rw"}, Free: 2 << 30, Size: 8 << 30,
			FreeNodes: 20000, MaxNode: 30000, Allocate: true, Syncs: []time.Duration{3e6, 1e6, 2e6},
		}},
		Left: []Remains{},
		Limits: &LimitFacts{
			Files: 1024, FilesInUse: 9, Tasks: 1000, TasksInUse: 10, GroupTasks: 2000, GroupTasksInUse: 20,
			Memory: 1 << 30, MemoryInUse: 1 << 20, PIDs: 32768, PIDsInUse: 30,
		},
		Clock:    &ClockFacts{Now: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC), Known: true, Synced: true, Zone: "Europe/Vienna"},
		Database: DatabaseFacts{Address: "/var/h.db", File: "/var/h.db", Exists: true, Version: 3, Ours: 3, Opened: time.Millisecond},
	}
}

const limitsHelp = " -> run in a group of your own: systemd-run --user --scope -p Delegate=yes, or in a service Delegate=yes with DelegateSubgroup=executioner-engine"

// lines writes checks so that they can be compared at a glance.
func lines(checks []Check) []string {
	var all []string
	for _, c := range checks {
		line := string(c.Verdict) + " " + c.Group + "/" + c.Name + ": " + c.Text
		if c.ToDo != "" {
			line += " -> " + c.ToDo
		}
		all = append(all, line)
	}
	return all
}

func TestAllIsFine(t *testing.T) {
	checks := Decide(fine())
	want := []string{
		"ok processes/kernel: Linux 6.18.4",
		"ok processes/proc: /proc shows all processes",
		"ok processes/subreaper: processes that detach themselves become children of the keeper, and of the program when the keeper dies",
		"ok processes/marks: each job has a mark that all its descendants inherit (RLIMIT_LOCKS)",
		"ok processes/pidfd: processes are held by pidfd, so that a number that is used again is never signalled",
		"ok processes/exit status: how a process ended is told to whoever watches it: jobs that go on when program and keeper died together still have a result",
		"ok processes/children: what a job has left behind is found in the list of children, without a walk through /proc",
		"ok processes/control groups: each job gets one of its own in /sys/fs/cgroup/x",
		"ok processes/job limits: memory_limit and max_processes are enforced",
		"ok processes/pid namespace: that of the host: jobs and their keeper go on when this program ends",
		"ok keeper/round trip: a keeper was started in 2.0 ms and ran a command in 900 µs",
		"ok keeper/runs: no run has left anything behind",
		"ok disk/history file system: ext4, for history, journal",
		"ok disk/history space: 2.0 GiB of 8.0 GiB free, room for 20000 files",
		"ok disk/history sync: a write and its sync take 2.0 ms (median of 3)",
		"ok disk/history durability: what was synced survives a power cut, if the disk keeps its word; durability full means something here",
		"ok disk/history reserve: space for the ends of running jobs is kept in advance (fallocate)",
		"ok limits/open files: 1024 at most, 9 in use here: enough for some 334 jobs at once",
		"ok limits/processes: 10 of 1000 processes and threads of this user in use",
		"ok limits/group processes: 20 of 2000 processes and threads in this control group in use",
		"ok limits/memory: 1.0 GiB at most for all that is in this control group, 1.0 MiB in use (caches included); what goes beyond is killed",
		"ok limits/pids: 30 of 32768 processes and threads that can be seen here in use",
		"ok limits/clock: synchronised",
		"ok limits/time zone: Europe/Vienna",
		"ok database/history: /var/h.db, opened in 1.0 ms, schema version 3",
		"ok database/lock: nobody keeps others from writing",
	}
	if d := cmp.Diff(want, lines(checks)); d != "" {
		t.Error(d)
	}
	if Worst(checks) != OK || Worst(nil) != OK {
		t.Error(Worst(checks))
	}
}

// TestEachFact changes one fact at a time: what is said of it changes, and nothing else.
func TestEachFact(t *testing.T) {
	tests := []struct {
		name   string
		change func(f *Facts)
		want   []string // the checks that differ
	}{
		{
			"no proc", func(f *Facts) { f.Processes.Proc = false },
			[]string{"bad processes/proc: /proc is not mounted: no job can be started -> mount -t proc proc /proc"},
		},
		{
			"hidepid", func(f *Facts) { f.Processes.Hidden = true },
			[]string{"limited processes/proc: processes of other users are hidden (hidepid): what a job starts through sudo is not found when it is stopped -> mount -o remount,hidepid=0 /proc, or let such jobs wait for what they start"},
		},
		{
			"no subreaper", func(f *Facts) { f.Processes.Reaper = "operation not permitted" },
			[]string{"bad processes/subreaper: this program can't become the parent of orphans (operation not permitted): no job can be started -> allow prctl(PR_SET_CHILD_SUBREAPER) in the seccomp filter"},
		},
		{
			"no marks", func(f *Facts) { f.Processes.MarkLimit = 64 },
			[]string{"limited processes/marks: the hard limit RLIMIT_LOCKS is not infinite: a process that detaches itself, starts a session and clears its environment may not be told from others -> remove the limit: LimitLOCKS=infinity in the service, or \"* hard locks unlimited\" in limits.conf"},
		},
		{
			"no pidfd", func(f *Facts) { f.Processes.PIDFD = false },
			[]string{"limited processes/pidfd: there are no pidfds (Linux before 5.3, or forbidden): a running job takes a thread, and one that is taken over is known by pid and start time -> use a newer kernel, or allow pidfd_open in the seccomp filter"},
		},
		{
			"no exit status", func(f *Facts) { f.Processes.ExitStatus = false },
			[]string{"limited processes/exit status: only its parent is told how a process ended: jobs that go on when program and keeper died together end as lost -> use Linux 6.15 or newer; mark jobs that may be repeated as idempotent"},
		},
		{
			"no children", func(f *Facts) { f.Processes.Children = false },
			[]string{"limited processes/children: the kernel has no list of children (CONFIG_PROC_CHILDREN): all of /proc is read instead after each job -> use a kernel with CONFIG_PROC_CHILDREN; on a host with few processes it makes little difference"},
		},
		{
			"no leaves", func(f *Facts) { f.Processes.Groups = cgroup.Support{NoLeaves: "version 1 only"} },
			[]string{
				"ok processes/control groups: a job can't have a control group of its own (version 1 only); its processes are found by mark, cookie, session and parent instead",
				"limited processes/job limits: memory_limit and max_processes can't be enforced (a job can't have a control group of its own)" + limitsHelp,
			},
		},
		{
			"no cgroup.kill", func(f *Facts) { f.Processes.Groups.Kill = false },
			[]string{"ok processes/control groups: each job gets one of its own in /sys/fs/cgroup/x, which can't be killed at once (Linux before 5.14)"},
		},
		{
			"no controllers", func(f *Facts) {
				g := &f.Processes.Groups
				g.NoLimits, g.Memory, g.PIDs = "not enabled", false, false
			},
			[]string{"limited processes/job limits: memory_limit and max_processes can't be enforced (not enabled)" + limitsHelp},
		},
		{
			"no controller memory", func(f *Facts) { f.Processes.Groups.NoLimits, f.Processes.Groups.Memory = "not there", false },
			[]string{"limited processes/job limits: max_processes is enforced, memory_limit is not (not there)" + limitsHelp},
		},
		{
			"no controller pids", func(f *Facts) { f.Processes.Groups.NoLimits, f.Processes.Groups.PIDs = "not there", false },
			[]string{"limited processes/job limits: memory_limit is enforced, max_processes is not (not there)" + limitsHelp},
		},
		{
			"container", func(f *Facts) { f.Processes.Contained = true },
			[]string{"limited processes/pid namespace: this program is in a container: when its first process ends, all jobs and their keeper end with it -> let the container's first process be one that stays, such as an init (docker run --init, and the run by docker exec)"},
		},

		{
			"no keeper", func(f *Facts) { f.Keeper.Err = "bind: operation not permitted" },
			[]string{"bad keeper/round trip: a keeper can't run jobs: bind: operation not permitted -> keep the history where sockets and files can be made, and where this program may be executed"},
		},
		{
			"no keeper, with a hint", func(f *Facts) { f.Keeper.Err, f.Keeper.Hint = "x", "do y" },
			[]string{"bad keeper/round trip: a keeper can't run jobs: x -> do y"},
		},
		{
			"a run goes on", func(f *Facts) { f.Left = []Remains{{5, "/k/run-5", Going}} },
			[]string{"ok keeper/runs: run 5 going on"},
		},
		{
			"interrupted", func(f *Facts) { f.Left = []Remains{{5, "/k/run-5", Interrupted}, {6, "/k/run-6", Going}} },
			[]string{"limited keeper/runs: run 5 interrupted; run 6 going on -> executioner resume 5 carries a run on"},
		},
		{
			"orphaned", func(f *Facts) { f.Left = []Remains{{5, "/k/run-5", Orphaned}} },
			[]string{"limited keeper/runs: run 5 ended, but processes still looked after -> executioner cancel 5 ends what is left of a run"},
		},
		{
			"unknown", func(f *Facts) { f.Left = []Remains{{5, "/k/run-5", Unknown}} },
			[]string{"limited keeper/runs: run 5 not found out about -> see what is said about the database, then look for run 5 again"},
		},
		{
			"stale", func(f *Facts) { f.Left = []Remains{{5, "/k/run-5", Stale}, {8, "/k/run-8", Stale}} },
			[]string{"ok keeper/runs: runs 5, 8 ended, with a directory left that the next run removes"},
		},
		{"many", func(f *Facts) {
			for i := range 7 {
				f.Left = append(f.Left, Remains{run.ID(i + 1), "/k/run-" + run.ID(i+1).String(), Stale})
			}
		}, []string{"ok keeper/runs: runs 1, 2, 3, 4, 5, 2 more ended, with a directory left that the next run removes"}},

		{
			"no directory", func(f *Facts) { f.Disks[0] = Disk{Uses: []string{"logs"}, Path: "/x", Err: "it is no directory"} },
			[]string{"bad disk/logs file system: nothing is known about it: it is no directory -> make the directory, or name another one"},
		},
		{
			"read-only", func(f *Facts) { f.Disks[0].Write = "read-only file system" },
			[]string{"bad disk/history file system: ext4, for history, journal: nothing can be written (read-only file system) -> make it writable, or use another directory"},
		},
		{
			"nfs", func(f *Facts) { f.Disks[0].Type = "nfs4" },
			[]string{"bad disk/history file system: nfs4, for history, journal: on a network file system a history can be damaged -> keep the history on a disk of this host; if only this host ever uses it: EXECUTIONER_ALLOW_NETWORK_FS=1"},
		},
		{
			"nfs, allowed", func(f *Facts) { f.Disks[0].Type, f.Disks[0].Network = "nfs4", true },
			[]string{"limited disk/history file system: nfs4, for history, journal: a network file system, which was allowed: two hosts that write can damage the history -> see to it that no other host opens the history"},
		},
		{
			"logs on nfs", func(f *Facts) { f.Disks[0].Type, f.Disks[0].Uses = "nfs4", []string{"logs"} },
			[]string{
				"limited disk/logs file system: nfs4, for logs: a network file system: while it is away, jobs that write wait -> keep logs on a disk of this host",
				"ok disk/logs space: 2.0 GiB of 8.0 GiB free, room for 20000 files",
			},
		},
		{
			"logs in memory", func(f *Facts) { f.Disks[0].Type, f.Disks[0].Uses = "tmpfs", []string{"logs"} },
			[]string{"ok disk/logs file system: tmpfs, for logs", "ok disk/logs space: 2.0 GiB of 8.0 GiB free, room for 20000 files"},
		},
		{
			"history in memory", func(f *Facts) { f.Disks[0].Type = "tmpfs" },
			[]string{
				"limited disk/history file system: tmpfs, for history, journal: kept in memory: the history is gone when the host restarts -> keep the history on a disk",
				"limited disk/history durability: in memory nothing survives a power cut: durability full means no more than process here -> keep the history on a disk",
			},
		},
		{
			"unknown type, size and number of files", func(f *Facts) { f.Disks[0].Type, f.Disks[0].Size = "", 0 },
			[]string{"ok disk/history file system: of unknown type, for history, journal"},
		},
		{
			"no inodes to count", func(f *Facts) { f.Disks[0].FreeNodes, f.Disks[0].MaxNode = 0, 0 },
			[]string{"ok disk/history space: 2.0 GiB of 8.0 GiB free"},
		},
		{
			"full", func(f *Facts) { f.Disks[0].Free = 32<<20 - 1 },
			[]string{"bad disk/history space: 32.0 MiB of 8.0 GiB free, room for 20000 files: new jobs will soon not be started, and output be dropped -> make room: executioner db prune, and delete old logs"},
		},
		{
			"nearly full", func(f *Facts) { f.Disks[0].Free = 32 << 20 },
			[]string{"limited disk/history space: 32.0 MiB of 8.0 GiB free, room for 20000 files -> make room: executioner db prune, and delete old logs"},
		},
		{
			"no files", func(f *Facts) { f.Disks[0].FreeNodes = 99 },
			[]string{"bad disk/history space: 2.0 GiB of 8.0 GiB free, room for 99 files: logs can't be made any more -> delete files"},
		},
		{
			"few files", func(f *Facts) { f.Disks[0].FreeNodes = 100 },
			[]string{"limited disk/history space: 2.0 GiB of 8.0 GiB free, room for 100 files -> delete files"},
		},
		{
			"no sync", func(f *Facts) { f.Disks[0].SyncErr = "input/output error" },
			[]string{"bad disk/history sync: what is written can't be synced: input/output error -> replace the disk: what it holds may be lost any time"},
		},
		{
			"slow sync", func(f *Facts) { f.Disks[0].Syncs = []time.Duration{51e6} },
			[]string{"limited disk/history sync: a write and its sync take 51.0 ms (median of 1): with durability full each result waits for that -> a faster disk, or one with a write cache that survives a power cut"},
		},
		{
			"nobarrier", func(f *Facts) { f.Disks[0].Options = []string{"rw", "nobarrier", "volatile"} },
			[]string{"limited disk/history durability: the file system is mounted so that a power cut may take what was synced (nobarrier, volatile) -> mount it without nobarrier and volatile"},
		},
		{
			"history in memory, and full durability", func(f *Facts) { f.Disks[0].Type, f.Disks[0].Full = "ramfs", true },
			[]string{
				"limited disk/history file system: ramfs, for history, journal: kept in memory: the history is gone when the host restarts -> keep the history on a disk",
				"bad disk/history durability: in memory nothing survives a power cut: durability full means no more than process here, and durability full is asked for -> keep the history on a disk",
			},
		},
		{"full durability", func(f *Facts) { f.Disks[0].Full = true }, nil},
		{
			"writeback and full durability", func(f *Facts) { f.Disks[0].Options, f.Disks[0].Full = []string{"data=writeback"}, true },
			[]string{"limited disk/history durability: what was synced survives a power cut, but logs may end in what was in the file's blocks before (data=writeback) -> mount it with data=ordered"},
		},
		{
			"writeback", func(f *Facts) { f.Disks[0].Options = []string{"rw", "data=writeback"} },
			[]string{"limited disk/history durability: what was synced survives a power cut, but logs may end in what was in the file's blocks before (data=writeback) -> mount it with data=ordered"},
		},
		{
			"overlay", func(f *Facts) { f.Disks[0].Type = "overlay" },
			[]string{
				"ok disk/history file system: overlay, for history, journal",
				"limited disk/history durability: the file system is that of a container, and goes with it -> keep the history on a volume",
			},
		},
		{
			"no fallocate", func(f *Facts) { f.Disks[0].Allocate = false },
			[]string{"limited disk/history reserve: no space can be kept in advance (fallocate): when the disk fills up, the ends of running jobs may not fit into the journal -> keep the history on ext4, xfs, btrfs or tmpfs, and watch its space"},
		},

		{"files without limit", func(f *Facts) { f.Limits.Files = 0 }, []string{"ok limits/open files: not limited"}},
		{
			"hardly any files", func(f *Facts) { f.Limits.Files = 31 },
			[]string{"bad limits/open files: 31 at most, 9 in use here: enough for some 3 jobs at once -> raise the hard limit: ulimit -Hn 65536, or LimitNOFILE=65536 in the service"},
		},
		{
			"fewer files than a keeper needs", func(f *Facts) { f.Limits.Files = 10 },
			[]string{"bad limits/open files: 10 at most, 9 in use here: enough for some 0 jobs at once -> raise the hard limit: ulimit -Hn 65536, or LimitNOFILE=65536 in the service"},
		},
		{
			"few files", func(f *Facts) { f.Limits.Files = 64 },
			[]string{"limited limits/open files: 64 at most, 9 in use here: enough for some 14 jobs at once -> raise the hard limit: ulimit -Hn 65536, or LimitNOFILE=65536 in the service"},
		},
		{
			"more workers than files", func(f *Facts) { f.Limits.Workers = 335 },
			[]string{"limited limits/open files: 1024 at most, 9 in use here: enough for some 334 jobs at once, and the workflow has 335 workers: the others wait -> raise the hard limit: ulimit -Hn 65536, or LimitNOFILE=65536 in the service"},
		},
		{"as many workers as files", func(f *Facts) { f.Limits.Workers = 334 }, nil},
		{"root", func(f *Facts) { f.Limits.Root = true }, []string{"ok limits/processes: not limited for the user root"}},
		{
			"no limits", func(f *Facts) { f.Limits.Tasks, f.Limits.GroupTasks, f.Limits.Memory = 0, 0, 0 },
			[]string{"ok limits/processes: not limited", "ok limits/group processes: not limited", "ok limits/memory: not limited by a control group"},
		},
		{
			"hardly any processes", func(f *Facts) { f.Limits.TasksInUse = 985 },
			[]string{"bad limits/processes: 985 of 1000 processes and threads of this user in use: jobs can't be started -> raise the limit: ulimit -Hu, or LimitNPROC in the service"},
		},
		{
			"more processes than allowed", func(f *Facts) { f.Limits.TasksInUse = 1985 },
			[]string{"bad limits/processes: 1985 of 1000 processes and threads of this user in use: jobs can't be started -> raise the limit: ulimit -Hu, or LimitNPROC in the service"},
		},
		{
			"few processes", func(f *Facts) { f.Limits.GroupTasksInUse = 1984 },
			[]string{"limited limits/group processes: 1984 of 2000 processes and threads in this control group in use -> raise pids.max: TasksMax in the service, or --pids-limit of the container"},
		},
		{
			"few pids", func(f *Facts) { f.Limits.PIDsInUse = 32513 },
			[]string{"limited limits/pids: 32513 of 32768 processes and threads that can be seen here in use -> raise it: sysctl kernel.pid_max=4194304"},
		},
		{
			"little memory", func(f *Facts) { f.Limits.Memory = 256<<20 - 1 },
			[]string{"limited limits/memory: 256.0 MiB at most for all that is in this control group, 1.0 MiB in use (caches included); what goes beyond is killed -> raise memory.max: MemoryMax in the service, or --memory of the container"},
		},

		{
			"clock never set", func(f *Facts) { f.Clock.Now = time.Unix(0, 0).UTC() },
			[]string{"bad limits/clock: it shows 1970-01-01: times in the history will be wrong -> set it: let chrony, ntpd or systemd-timesyncd, or the host of this machine, keep it right"},
		},
		{
			"clock jumps back", func(f *Facts) { f.Clock.Jump = -251 * time.Millisecond },
			[]string{"limited limits/clock: it was set by -251ms while this was looked at: leases and the times in the history depend on it -> let chrony, ntpd or systemd-timesyncd, or the host of this machine, keep it right"},
		},
		{"clock is slewed", func(f *Facts) { f.Clock.Jump = 250 * time.Millisecond }, nil},
		{
			"clock drifts", func(f *Facts) { f.Clock.Synced = false },
			[]string{"limited limits/clock: nothing keeps it right: times in the history drift -> let chrony, ntpd or systemd-timesyncd, or the host of this machine, keep it right"},
		},
		{
			"clock unknown", func(f *Facts) { f.Clock.Known, f.Clock.Synced = false, false },
			[]string{"ok limits/clock: whether anything keeps it right is not known"},
		},
		{
			"no such zone", func(f *Facts) { f.Clock.Zone, f.Clock.ZoneError = "Mars/Base", "unknown time zone Mars/Base" },
			[]string{"limited limits/time zone: Mars/Base can't be loaded (unknown time zone Mars/Base): times are shown in UTC -> install tzdata, or set TZ to a zone that is there"},
		},

		{
			"foreign", func(f *Facts) { f.Database.Foreign = true },
			[]string{"bad database/history: /var/h.db is no history of this program -> name another file with --database; this one is not touched"},
		},
		{
			"unreachable", func(f *Facts) { f.Database.Err = "permission denied" },
			[]string{"bad database/history: /var/h.db can't be opened: permission denied -> see what the message says; executioner db check looks further"},
		},
		{
			"unreachable, with a hint", func(f *Facts) { f.Database.Err, f.Database.Hint = "locked", "wait" },
			[]string{"bad database/history: /var/h.db can't be opened: locked -> wait"},
		},
		{
			"none yet", func(f *Facts) { f.Database.Exists = false },
			[]string{"ok database/history: /var/h.db is not there yet; the first run makes it"},
		},
		{
			"newer", func(f *Facts) { f.Database.Version = 4 },
			[]string{"bad database/history: /var/h.db was written by a newer version (schema 4, this program knows 3) -> use that version", "ok database/lock: nobody keeps others from writing"},
		},
		{
			"older", func(f *Facts) { f.Database.Version = 2 },
			[]string{"ok database/history: /var/h.db, schema version 2: the next command that uses it brings it to 3", "ok database/lock: nobody keeps others from writing"},
		},
		{
			"not opened", func(f *Facts) { f.Database.Ours, f.Database.Opened = 0, 0 },
			[]string{"ok database/history: /var/h.db, schema version 3", "ok database/lock: nobody keeps others from writing"},
		},
		{
			"a server", func(f *Facts) { f.Database.File, f.Database.Version, f.Database.Address = "", 0, "postgres://h/d" },
			[]string{"ok database/history: postgres://h/d, opened in 1.0 ms"},
		},
		{
			"locked", func(f *Facts) { f.Database.Writer = 77 },
			[]string{"limited database/lock: process 77 keeps others from writing: runs wait, and start nothing meanwhile -> see what it does: ps -fp 77"},
		},
	}
	before := lines(Decide(fine()))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := fine()
			tt.change(f)
			checks := Decide(f)
			var differ []string
			for _, line := range lines(checks) {
				if !slices.Contains(before, line) || slices.Contains(tt.want, line) {
					differ = append(differ, line)
				}
			}
			if d := cmp.Diff(tt.want, differ); d != "" {
				t.Error(d)
			}
			wellFormed(t, checks)
		})
	}
}

// wellFormed holds for any checks.
func wellFormed(t *testing.T, checks []Check) {
	t.Helper()
	seen := make(map[string]bool)
	for _, c := range checks {
		if (c.Verdict == OK) != (c.ToDo == "") || c.Text == "" || strings.HasSuffix(c.Text, ".") {
			t.Errorf("%+v", c)
		}
		key := c.Group + "/" + c.Name + "/" + c.At
		if seen[key] {
			t.Errorf("%s is there twice", key)
		}
		seen[key] = true
	}
}

func TestValues(t *testing.T) {
	got := make(map[string]map[string]float64)
	for _, c := range Decide(fine()) {
		if c.Values != nil {
			got[c.Name] = c.Values
		}
	}
	want := map[string]map[string]float64{
		"round trip":      {"start_seconds": 0.002, "job_seconds": 0.0009},
		"history space":   {"free_bytes": 2 << 30, "size_bytes": 8 << 30, "free_files": 20000, "max_files": 30000},
		"history sync":    {"sync_seconds": 0.002},
		"open files":      {"max": 1024, "in_use": 9, "jobs": 334},
		"processes":       {"max": 1000, "in_use": 10},
		"group processes": {"max": 2000, "in_use": 20},
		"memory":          {"max_bytes": 1 << 30, "in_use_bytes": 1 << 20},
		"pids":            {"max": 32768, "in_use": 30},
		"history":         {"open_seconds": 0.001, "schema_version": 3},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAnotherSystem(t *testing.T) {
	f := fine()
	f.System, f.Processes, f.Keeper, f.Limits, f.Disks, f.Left = "darwin", nil, nil, nil, nil, nil
	checks := Decide(f)
	want := []string{
		"limited processes/system: on darwin only the process group of a job is signalled, and jobs have no keeper that outlives their program -> run jobs that detach processes, or that must survive the end of executioner, on Linux",
		"ok limits/clock: synchronised",
		"ok limits/time zone: Europe/Vienna",
		"ok database/history: /var/h.db, opened in 1.0 ms, schema version 3",
		"ok database/lock: nobody keeps others from writing",
	}
	if d := cmp.Diff(want, lines(checks)); d != "" {
		t.Error(d)
	}
	wellFormed(t, checks)
}

func TestWorst(t *testing.T) {
	tests := []struct {
		of   []Verdict
		want Verdict
	}{
		{[]Verdict{OK, OK}, OK}, {[]Verdict{OK, Limited, OK}, Limited}, {[]Verdict{Bad, Limited}, Bad}, {[]Verdict{Limited, Bad, OK}, Bad},
	}
	for _, tt := range tests {
		var checks []Check
		for _, v := range tt.of {
			checks = append(checks, Check{Verdict: v})
		}
		if got := Worst(checks); got != tt.want {
			t.Errorf("%v: %s", tt.of, got)
		}
	}
}

func TestSizeAndDuration(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1 << 50: "1.0 PiB", 5 << 60: "5120.0 PiB"} {
		if got := sizeOf(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	for d, want := range map[time.Duration]string{999 * time.Microsecond: "999 µs", time.Millisecond: "1.0 ms", 1500 * time.Millisecond: "1.5 s"} {
		if got := short(d); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
	if median(nil) != 0 {
		t.Error("the median of nothing")
	}
}
