package doctor

import "math"

func (f *ProcessFacts) decide() []Check {
	return of(Processes,
		ok("kernel", "Linux "+f.Kernel),
		f.proc(), f.reaper(), f.marks(), f.pidfd(), f.exitStatus(), f.children(), f.groups(), f.limits(), f.namespace())
}

func (f *ProcessFacts) proc() Check {
	switch {
	case !f.Proc:
		return bad("proc", "/proc is not mounted: no job can be started", "mount -t proc proc /proc")
	case f.Hidden:
		return limited("proc", "processes of other users are hidden (hidepid): what a job starts through sudo is not found when it is stopped",
			"mount -o remount,hidepid=0 /proc, or let such jobs wait for what they start")
	}
	return ok("proc", "/proc shows all processes")
}

func (f *ProcessFacts) reaper() Check {
	if f.Reaper != "" {
		return bad("subreaper", "this program can't become the parent of orphans ("+f.Reaper+"): no job can be started",
			"allow prctl(PR_SET_CHILD_SUBREAPER) in the seccomp filter")
	}
	return ok("subreaper", "processes that detach themselves become children of the keeper, and of the program when the keeper dies")
}

func (f *ProcessFacts) marks() Check {
	if f.MarkLimit != math.MaxUint64 {
		return limited("marks", "the hard limit RLIMIT_LOCKS is not infinite: a process that detaches itself, starts a session and clears its environment may not be told from others",
			"remove the limit: LimitLOCKS=infinity in the service, or \"* hard locks unlimited\" in limits.conf")
	}
	return ok("marks", "each job has a mark that all its descendants inherit (RLIMIT_LOCKS)")
}

func (f *ProcessFacts) pidfd() Check {
	if !f.PIDFD {
		return limited("pidfd", "there are no pidfds (Linux before 5.3, or forbidden): a running job takes a thread, and one that is taken over is known by pid and start time",
			"use a newer kernel, or allow pidfd_open in the seccomp filter")
	}
	return ok("pidfd", "processes are held by pidfd, so that a number that is used again is never signalled")
}

func (f *ProcessFacts) exitStatus() Check {
	if !f.ExitStatus {
		return limited("exit status", "only its parent is told how a process ended: jobs that go on when program and keeper died together end as lost",
			"use Linux 6.15 or newer; mark jobs that may be repeated as idempotent")
	}
	return ok("exit status", "how a process ended is told to whoever watches it: jobs that go on when program and keeper died together still have a result")
}

func (f *ProcessFacts) children() Check {
	if !f.Children {
		return limited("children", "the kernel has no list of children (CONFIG_PROC_CHILDREN): all of /proc is read instead after each job",
			"use a kernel with CONFIG_PROC_CHILDREN; on a host with few processes it makes little difference")
	}
	return ok("children", "what a job has left behind is found in the list of children, without a walk through /proc")
}

func (f *ProcessFacts) groups() Check {
	g := &f.Groups
	if !g.Leaves {
		return ok("control groups", "a job can't have a control group of its own ("+g.NoLeaves+"); its processes are found by mark, cookie, session and parent instead")
	}
	text := "each job gets one of its own in " + g.Dir
	if !g.Kill {
		text += ", which can't be killed at once (Linux before 5.14)"
	}
	return ok("control groups", text)
}

// limits says which limits of jobs hold here. Without them jobs run as well, and what
// their limits promise does not hold: their runs say so, too.
func (f *ProcessFacts) limits() Check {
	g := &f.Groups
	why := g.NoLimits
	if !g.Leaves {
		why = "a job can't have a control group of its own"
	}
	const help = "run in a group of your own: systemd-run --user --scope -p Delegate=yes, or in a service Delegate=yes with DelegateSubgroup=executioner-engine"
	switch {
	case g.Leaves && g.Memory && g.PIDs:
		return ok("job limits", "memory_limit and max_processes are enforced")
	case g.Leaves && g.Memory:
		return limited("job limits", "memory_limit is enforced, max_processes is not ("+why+")", help)
	case g.Leaves && g.PIDs:
		return limited("job limits", "max_processes is enforced, memory_limit is not ("+why+")", help)
	}
	return limited("job limits", "memory_limit and max_processes can't be enforced ("+why+")", help)
}

func (f *ProcessFacts) namespace() Check {
	if f.Contained {
		return limited("pid namespace", "this program is in a container: when its first process ends, all jobs and their keeper end with it",
			"let the container's first process be one that stays, such as an init (docker run --init, and the run by docker exec)")
	}
	return ok("pid namespace", "that of the host: jobs and their keeper go on when this program ends")
}
