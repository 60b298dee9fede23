package doctor

import (
	"fmt"
	"time"
)

// What a running job needs of descriptors: its pipe, its pidfd and its log in the keeper,
// a share of the pipe in the program. keeperFiles are those of a keeper without jobs.
const (
	jobFiles    = 3
	keeperFiles = 20
)

// What is few.
const (
	fewJobs   = 4
	someJobs  = 64
	fewTasks  = 16
	someTasks = 256
	fewMemory = 256 << 20
)

// smallJump is what the slewing of a clock may look like.
const smallJump = 250 * time.Millisecond

func (f *LimitFacts) decide() []Check {
	return of(Limiting, f.files(), f.tasks(), f.groupTasks(), f.memory(), f.pids())
}

func (f *LimitFacts) files() Check {
	jobs := uint64(0)
	if f.Files > keeperFiles {
		jobs = (f.Files - keeperFiles) / jobFiles
	}
	text := fmt.Sprintf("%d at most, %d in use here: enough for some %d jobs at once", f.Files, f.FilesInUse, jobs)
	if f.Files == 0 {
		return ok("open files", "not limited")
	}
	const todo = "raise the hard limit: ulimit -Hn 65536, or LimitNOFILE=65536 in the service"
	values := map[string]float64{"max": float64(f.Files), "in_use": float64(f.FilesInUse), "jobs": float64(jobs)}
	switch {
	case jobs < fewJobs:
		return bad("open files", text, todo).with(values)
	case f.Workers > 0 && jobs < uint64(f.Workers):
		return limited("open files", fmt.Sprintf("%s, and the workflow has %d workers: the others wait", text, f.Workers), todo).with(values)
	case jobs < someJobs:
		return limited("open files", text, todo).with(values)
	}
	return ok("open files", text).with(values)
}

func (f *LimitFacts) tasks() Check {
	if f.Root {
		return ok("processes", "not limited for the user root")
	}
	return room("processes", f.Tasks, f.TasksInUse, "processes and threads of this user",
		"raise the limit: ulimit -Hu, or LimitNPROC in the service")
}

func (f *LimitFacts) groupTasks() Check {
	return room("group processes", f.GroupTasks, f.GroupTasksInUse, "processes and threads in this control group",
		"raise pids.max: TasksMax in the service, or --pids-limit of the container")
}

func (f *LimitFacts) pids() Check {
	return room("pids", f.PIDs, f.PIDsInUse, "processes and threads that can be seen here", "raise it: sysctl kernel.pid_max=4194304")
}

// room judges how much is left of something. A maximum of 0 is none.
func room(name string, most, used uint64, what, todo string) Check {
	if most == 0 {
		return ok(name, "not limited")
	}
	values := map[string]float64{"max": float64(most), "in_use": float64(used)}
	text := fmt.Sprintf("%d of %d %s in use", used, most, what)
	left := most - min(used, most)
	switch {
	case left < fewTasks:
		return bad(name, text+": jobs can't be started", todo).with(values)
	case left < someTasks:
		return limited(name, text, todo).with(values)
	}
	return ok(name, text).with(values)
}

func (f *LimitFacts) memory() Check {
	if f.Memory == 0 {
		return ok("memory", "not limited by a control group")
	}
	values := map[string]float64{"max_bytes": float64(f.Memory), "in_use_bytes": float64(f.MemoryInUse)}
	text := fmt.Sprintf("%s at most for all that is in this control group, %s in use (caches included); what goes beyond is killed", sizeOf(f.Memory), sizeOf(f.MemoryInUse))
	if f.Memory < fewMemory {
		return limited("memory", text, "raise memory.max: MemoryMax in the service, or --memory of the container").with(values)
	}
	return ok("memory", text).with(values)
}

// firstYear is before this program was written: a clock that shows less was never set.
const firstYear = 2024

func (f *ClockFacts) decide() []Check {
	return of(Limiting, f.clock(), f.zone())
}

func (f *ClockFacts) clock() Check {
	const sync = "let chrony, ntpd or systemd-timesyncd, or the host of this machine, keep it right"
	switch {
	case f.Now.Year() < firstYear:
		return bad("clock", "it shows "+f.Now.Format(time.DateOnly)+": times in the history will be wrong", "set it: "+sync)
	case f.Jump.Abs() > smallJump:
		return limited("clock", fmt.Sprintf("it was set by %s while this was looked at: leases and the times in the history depend on it", f.Jump.Round(time.Millisecond)), sync)
	case f.Known && !f.Synced:
		return limited("clock", "nothing keeps it right: times in the history drift", sync)
	case !f.Known:
		return ok("clock", "whether anything keeps it right is not known")
	}
	return ok("clock", "synchronised")
}

func (f *ClockFacts) zone() Check {
	if f.ZoneError != "" {
		return limited("time zone", f.Zone+" can't be loaded ("+f.ZoneError+"): times are shown in UTC", "install tzdata, or set TZ to a zone that is there")
	}
	return ok("time zone", f.Zone)
}
