// Package workflow turns the bytes of a workflow file into a validated, immutable
// description, or into every problem of the file at once, each with its place.
//
// It is pure: what it needs to know of the host is handed to it (see Host), and it
// never looks at the clock, the environment or the file system by itself.
package workflow

import (
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// Defaults of the file format. They are those of the Python program that this one
// replaces, so that old files mean what they meant.
const (
	DefaultTimeout     = 10800 * time.Second
	DefaultLogDir      = "./logs"
	DefaultOutputLimit = 64 << 20 // bytes kept of one try's output
)

// Workflow is the validated content of a file, with every default filled in.
// It is never changed after Load or Decode returned it, so it may be shared freely.
type Workflow struct {
	Application     string   // the name under which runs are kept
	File            string   // where it was read from, as the user named it; empty after Decode of one without
	WorkingDir      string   // absolute
	LogDir          string   // absolute
	MaxWorkers      int      // jobs that may run at once when not Sequential: max_workers as the file says it, at least 1, also when the file is not parallel
	Sequential      bool     // ready jobs start in file order; set when the file is not parallel
	ContinueOnError bool     // independent branches go on after a failure
	AllowShell      bool     // false: commands are split into words and executed directly
	Inherit         Inherit  // which variables of the caller's environment jobs see
	Env             []Var    // application variables, in file order, values not yet interpolated
	Mail            Mail     // who is told at the end
	Security        Security // what commands may contain
	Plugins         []Plugin // named in the file, never executed: see docs/migration.md
	Jobs            []Job    // in file order; a job's index here is its identity within the plan
	Warnings        Problems // what Load found that does not stop a run; not kept by Encode
}

// Job is one node of the workflow.
type Job struct {
	ID          run.JobID
	Description string
	Command     string // trimmed; empty succeeds at once
	Needs       []int  // indexes into Workflow.Jobs of what must succeed first; sorted, no duplicates
	Env         []Var  // in file order, values not yet interpolated
	PreChecks   []Check
	PostChecks  []Check
	LogDir      string        // absolute
	Timeout     time.Duration // of each try; always > 0
	Retry       *Retry        // shared between jobs that retry alike; never nil
	Priority    int           // higher starts first among ready jobs; 0 by default; ignored when Sequential
	OutputLimit int64         // bytes of one try's output that are kept, at least 1024
	Leftover    Leftover      // what happens to processes that a finished command leaves behind
	Idempotent  bool          // running it twice does no harm: a try of which nobody knows the end is repeated
}

// Var is a declared environment variable.
type Var struct {
	Name  string
	Value string
}

// Check is a named check with its parameters, not yet interpolated.
type Check struct {
	Name   string
	Params map[string]any // string, bool, json.Number-like float64, []any
}

// Retry says whether and when a failed try is repeated.
type Retry struct {
	Max       int           // tries after the first
	Delay     time.Duration // before the second try
	Backoff   float64       // factor from one wait to the next, at least 0
	Jitter    float64       // part of the wait that varies, 0 to 1
	MaxTime   time.Duration // no retry later than this after the first start
	OnStatus  []string      // statuses of the old program: ERROR, FAILED, TIMEOUT, PRECHECK_FAILED, POSTCHECK_FAILED
	ExitCodes []int
}

// Inherit selects variables of the caller's environment.
type Inherit struct {
	All   bool
	Names []string // when not All: exactly these, where set
}

// Leftover says what happens to processes that outlive their job's command
// although it ended by itself. After a timeout or a cancel they are always killed.
type Leftover string

// The choices for Leftover.
const (
	LeaveLeftover Leftover = "leave" // they go on and are counted: jobs that start daemons need it (default)
	KillLeftover  Leftover = "kill"
)

// Mail says who is told when a run ends, and through which server.
type Mail struct {
	To        []string
	OnSuccess bool
	OnFailure bool
	Server    string
	Port      int
	User      string
	Password  string // may contain ${NAME}, resolved from the environment when mail is sent
}

// Security is the policy for commands.
type Security struct {
	Policy            string // "warn" or "strict" ("block" in a file means strict)
	Level             string // "low", "medium" or "high"
	Whitelist         []string
	AllowlistPatterns []string // regular expressions (RE2)
	WorkspacePaths    []string // absolute
}

// Plugin is a dependency plugin that an old file names.
type Plugin struct {
	Name string
	Path string
}

// Index returns the index of the job with that id, or -1. It is linear; build a
// map where many are looked up.
func (w *Workflow) Index(id run.JobID) int {
	for i := range w.Jobs {
		if w.Jobs[i].ID == id {
			return i
		}
	}
	return -1
}

// Host is what Load must know of the machine, handed in so that the package stays pure.
type Host struct {
	Home string // what ~ stands for
	Dir  string // absolute directory against which relative paths of the file are resolved
	// CheckDir says what is wrong with a working directory (absent, no directory, not
	// readable, not writable), or nil. A nil func means that it is not checked.
	CheckDir func(path string) error
}
