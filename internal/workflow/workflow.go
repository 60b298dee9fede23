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
	Application     string        // the name under which runs are kept
	File            string        // where it was read from, as the user named it; empty after Decode of one without
	WorkingDir      string        // absolute
	LogDir          string        // absolute
	MaxWorkers      int           // jobs that may run at once when not Sequential: max_workers as the file says it, at least 1, also when the file is not parallel
	Sequential      bool          // ready jobs start in file order; set when the file is not parallel
	ContinueOnError bool          // independent branches go on after a failure
	Timeout         time.Duration // of one attempt of the run; 0: none
	AllowShell      bool          // false: commands are split into words and executed directly
	Inherit         Inherit       // which variables of the caller's environment jobs see
	Params          []Param       // in file order, with their values
	Secrets         []Secret      // in file order; their values are known only where an attempt runs, see WithSecrets
	Env             []Var         // application variables, in file order, values not yet interpolated
	Mail            Mail          // who is told at the end
	Security        Security      // what commands may contain
	Schedules       []Schedule    // in file order: when it is to be run by itself
	Triggers        []Trigger     // in file order: what it is run by when it arrives
	Calendars       []Calendar    // in file order: sets of days that schedules speak of
	Plugins         []Plugin      // named in the file, never executed: see docs/migration.md
	Jobs            []Job         // in file order; a job's index here is its identity within the plan
	Files           []string      // what else was read to make it (includes, environment files), absolute where Host.Dir is; not kept by Encode
	Checks          []CustomCheck // that the file defines, in its order; jobs name them
	Warnings        Problems      // what Load found that does not stop a run; not kept by Encode
	Origin          *Origin       // where things stand in the file, where Host.Origin asks for it; not kept by Encode
}

// Job is one node of the workflow.
type Job struct {
	ID          run.JobID
	Group       run.JobID // the job of the file that this one was made of by matrix, foreach or workflow; empty: itself
	Item        []Var     // what matrix or foreach says of this one: variables whose values are final
	Each        *Each     // it becomes several at run time; nil: it does not
	Scope       *Scope    // what the jobs of a sub-workflow have in common; nil: the job is the workflow's own
	WorkingDir  string    // absolute; empty: the workflow's
	Description string
	Owner       string   // who is to be asked about it
	Tags        []string // for people and rules
	Pools       []string // in each of which it takes a place while it runs; see docs/operations.md
	Command     string   // trimmed; empty succeeds at once. With Args it is these, quoted for a shell, to be shown
	Args        []string // a program and its arguments, started without a shell; ${NAME} in them is replaced
	Needs       []int    // indexes into Workflow.Jobs of what must have ended first; sorted, no duplicates
	On          []Ending // how each of Needs must have ended, in the same order; nil: all OnSuccess
	When        string   // a CEL expression: the job is skipped when it is false; empty: none
	Hook        Hook     // it runs at the end of the run, depending on how it ended; NoHook: a job like others
	Env         []Var    // in file order, values not yet interpolated
	PreChecks   []Check
	PostChecks  []Check
	LogDir      string        // absolute
	Timeout     time.Duration // of each try; always > 0
	Retry       *Retry        // shared between jobs that retry alike; never nil
	Priority    int           // higher starts first among ready jobs; 0 by default; ignored when Sequential
	OutputLimit int64         // bytes of one try's output that are kept, at least 1024
	// MemoryLimit and MaxProcesses bound each try, where the host lets them: bytes of all its
	// processes together, and processes and threads. 0: no limit.
	MemoryLimit  int64
	MaxProcesses int
	Leftover     Leftover // what happens to processes that a finished command leaves behind
	Idempotent   bool     // running it twice does no harm: a try of which nobody knows the end is repeated
	Always       bool     // it runs once what it needs has ended, however, also after a failure or a cancel
	// ContinueOnError makes the run go on after this job's failure as if it had succeeded:
	// what needs it starts, and the run has not failed because of it.
	ContinueOnError bool
	Footprint       *Footprint // what it reads and makes; nil: it says nothing of that
}

// Ending says how a job must have ended for one that needs it to start.
type Ending string

// The choices for Ending.
const (
	OnSuccess Ending = "success" // it succeeded, or need not run (default)
	OnFailure Ending = "failure" // it failed or timed out, for good
	OnSkipped Ending = "skipped" // it was not run
	OnDone    Ending = "done"    // any of these, or cancelled
)

// Hook says at which end of the run a job runs.
type Hook string

// The choices for Hook.
const (
	NoHook      Hook = ""
	HookFailure Hook = "failure" // on_failure: the run's other jobs ended, and not all of them well
	HookSuccess Hook = "success" // on_success: the run's other jobs ended well
)

// Ending returns how the n-th of the job's Needs must have ended.
func (j *Job) Ending(n int) Ending {
	if j.On == nil {
		return OnSuccess
	}
	return j.On[n]
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
	// Now is when the file is read, in the time zone in which dates are meant. The zero
	// Time means that it is not known, so that dates must be given as such.
	Now time.Time
	// Params are the values given for the file's parameters. Of one name the last counts.
	Params []Given
	// ParamsLater says that the file is only looked at: required parameters may be missing.
	ParamsLater bool
	// CheckWhen says what is wrong with a condition, or nil. A nil func means that
	// conditions are not checked.
	CheckWhen func(condition string) error
	// CheckNames returns what says whether a condition speaks of what the workflow has: it
	// is asked when the parameters and jobs of the file are known. A nil func means that
	// this is not checked. Of sub-workflows it is asked by itself.
	CheckNames func(w *Workflow) func(condition string) error
	// CheckRule is the same for the expressions of rules.
	CheckRule func(expression string) error
	// Zones returns the time zone of a name, that of the host for "Local". A nil func means
	// that the names of zones are not checked.
	Zones Zones
	// Origin makes Load fill Workflow.Origin, which keeps the files in memory.
	Origin bool
	// ReadFile reads a file that a workflow file includes; an error that is fs.ErrNotExist
	// means that there is none. A nil func makes includes and env_files an error.
	ReadFile func(path string) ([]byte, error)
	outer    *outer // of a sub-workflow's file
	// Glob returns the files that a pattern matches, in any order. A nil func makes
	// patterns in include an error.
	Glob func(pattern string) ([]string, error)
}
