package doctor

import (
	"time"

	"github.com/executionerhq/executioner/internal/cgroup"
	"github.com/executionerhq/executioner/internal/run"
)

// Facts are what was found out about a host. Nil is what can't be found out on its system.
type Facts struct {
	System    string // as Go names it, such as linux
	Processes *ProcessFacts
	Keeper    *KeeperFacts
	Left      []Remains // nil: it is not known where to look
	Disks     []Disk
	Limits    *LimitFacts
	Clock     *ClockFacts
	Database  DatabaseFacts
}

// ProcessFacts are what the system offers for holding processes together.
type ProcessFacts struct {
	Kernel     string // its release
	Proc       bool   // /proc is mounted
	Hidden     bool   // processes of other users can't be seen in it
	Reaper     string // why this program can't be made the one that gets orphans; empty: it can
	MarkLimit  uint64 // hard RLIMIT_LOCKS
	PIDFD      bool
	ExitStatus bool // the end of a process is told to others than its parent (Linux 6.15)
	Children   bool // there is a list of each process's children
	Groups     cgroup.Support
	Contained  bool // this program has a PID namespace that is not the host's
}

// KeeperFacts are how a keeper fared that was started for a trial.
type KeeperFacts struct {
	Dir     string        // in which it was tried
	Err     string        // what went wrong; empty: nothing
	Hint    string        // what may be done about it
	Started time.Duration // until it answered
	Job     time.Duration // from asking it for a job until its end was told
}

// Fate says what is left of a run in its keeper's directory.
type Fate string

// The fates.
const (
	Going       Fate = "going"       // its program lives
	Interrupted Fate = "interrupted" // its program is gone, and a keeper or results are left
	Stale       Fate = "stale"       // it has ended, or was never recorded, and nobody looks after it
	Orphaned    Fate = "orphaned"    // it has ended, and a keeper still looks after something
	Unknown     Fate = "unknown"     // the database can't say
)

// Remains is the directory of a run's keeper.
type Remains struct {
	Run  run.ID
	Dir  string
	Fate Fate
}

// Disk is a place where the program writes.
type Disk struct {
	Uses    []string // what for: "history", "journal", "logs"
	Path    string   // the directory, or the nearest above it that is there
	Err     string   // why nothing can be said about it
	Type    string   // of the file system, such as ext4; empty: not known
	Options []string // with which it is mounted
	Network bool     // the history may be on a network file system all the same
	Full    bool     // durability full is asked for
	Write   string   // why nothing can be written there; empty: it can

	Free, Size         uint64 // bytes; free for this user
	FreeNodes, MaxNode uint64 // files; MaxNode 0: not limited

	Allocate bool            // space can be kept in advance
	Syncs    []time.Duration // what it took to write a block and sync it, several times
	SyncErr  string
}

// LimitFacts are how much there is of what runs out. A maximum of 0 is none.
type LimitFacts struct {
	Files      uint64 // descriptors that a program may have
	FilesInUse uint64 // by this one
	Workers    int    // jobs that the workflow lets run at once; 0: not asked

	Tasks      uint64 // processes and threads that the user may have
	TasksInUse uint64
	Root       bool // for whom Tasks does not count

	GroupTasks      uint64 // the same for the control groups that this program is in
	GroupTasksInUse uint64

	Memory      uint64 // bytes, of the control groups that this program is in
	MemoryInUse uint64

	PIDs      uint64 // of the host, or the PID namespace
	PIDsInUse uint64
}

// ClockFacts are what is known of time.
type ClockFacts struct {
	Now       time.Time
	Known     bool          // whether the next is
	Synced    bool          // something keeps it right
	Jump      time.Duration // by which it was set while the doctor was at work
	Zone      string        // $TZ, or /etc/localtime
	ZoneError string
}

// DatabaseFacts are how the history fares.
type DatabaseFacts struct {
	Address string // as it may be shown
	File    string // empty when it is none
	Exists  bool
	Foreign bool          // the file is no history
	Version int64         // of its schema; 0: not known
	Ours    int64         // the version that this program makes; 0: not known
	Err     string        // why it can't be opened
	Hint    string        // what may be done about it
	Opened  time.Duration // how long it took
	Writer  int           // the pid of a program that keeps others from writing; 0: none
}
