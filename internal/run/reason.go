package run

// Reason says why a transition happened. The list is closed, documented in
// docs/state-machine.md, and only ever appended to: stored history names these words.
type Reason string

// Why a job or run went on.
const (
	Submitted       Reason = "submitted"        // the run was asked for
	Resumed         Reason = "resumed"          // a new attempt of a run that was there before
	DependenciesMet Reason = "dependencies_met" // nothing is left to wait for
	Retry           Reason = "retry"            // a failed try is repeated
	Started         Reason = "started"          // a place was free
)

// How a try, or a run, ended.
const (
	Exited          Reason = "exit_code"        // the command ended by itself; the exit code says how
	EmptyCommand    Reason = "empty_command"    // there was nothing to run, which succeeds
	Signal          Reason = "signal"           // ended by a signal that was not ours
	OOMKilled       Reason = "oom_killed"       // the kernel took it because memory ran out
	PrecheckFailed  Reason = "precheck_failed"  // a pre-check failed, the command was not run
	PostcheckFailed Reason = "postcheck_failed" // the command ended well but a post-check failed
	OutputInvalid   Reason = "output_invalid"   // the command ended well but what it handed on can't be read
	StartFailed     Reason = "start_failed"     // the command could not be started
	TimedOut        Reason = "timed_out"        // its time was over
	Lost            Reason = "lost"             // nobody can know how it ended
	AllSucceeded    Reason = "all_succeeded"    // every job of the run that had to run did so well
	JobFailed       Reason = "job_failed"       // at least one job of the run did not succeed
	JobsLeft        Reason = "jobs_left"        // all that was selected succeeded, but jobs that never did were left out
	Stuck           Reason = "stuck"            // nothing runs and nothing can start: a bug of ours
)

// Why a job was not run.
const (
	DependencyFailed Reason = "dependency_failed"  // something it needs did not succeed
	StoppedOnFailure Reason = "stopped_on_failure" // another job failed and the run does not continue on errors
	SkipRequested    Reason = "skip_requested"     // the user said so
	AlreadySucceeded Reason = "already_succeeded"  // an earlier attempt did it
	NotSelected      Reason = "not_selected"       // the resume asked for other jobs only
)

// Of conditions, of jobs that may fail, and of a run's own time limit.
const (
	ConditionFalse    Reason = "condition_false"    // its condition does not hold
	ConditionFailed   Reason = "condition_failed"   // its condition can't be evaluated, which counts as a failure
	DependencySkipped Reason = "dependency_skipped" // something it needs was skipped, and nothing failed
	NotNeeded         Reason = "not_needed"         // it waits for another ending of a job, or of the run
	FailuresAllowed   Reason = "failures_allowed"   // of a run: only jobs failed that may; of a job: it failed in an earlier attempt, and may
	RunTimedOut       Reason = "run_timed_out"      // the time of the whole run was over
)

// Why a job or run was ended from outside.
const (
	RunCancelled   Reason = "run_cancelled"   // somebody cancelled the run
	JobCancelled   Reason = "job_cancelled"   // somebody cancelled the job
	Interrupted    Reason = "interrupted"     // Ctrl-C or a termination signal to the engine
	EngineStopping Reason = "engine_stopping" // the run was asked to start nothing more
	EngineLost     Reason = "engine_lost"     // the program that owned the run is gone
)

// Of what was imported.
const (
	NotRecorded Reason = "not_recorded" // the program that recorded it did not say why
)

// Of jobs that say what they read or make.
const (
	UpToDate Reason = "up_to_date" // nothing changed since it last succeeded, so its command was not run
)

// Of jobs that become one for each item that another job hands on.
const (
	ItemsInvalid Reason = "items_invalid" // there are no items that it could become jobs for
)

// Reasons returns the whole closed list.
func Reasons() []Reason {
	return []Reason{
		Submitted, Resumed, DependenciesMet, Retry, Started,
		Exited, EmptyCommand, Signal, OOMKilled, PrecheckFailed, PostcheckFailed, OutputInvalid, StartFailed,
		TimedOut, Lost, AllSucceeded, JobFailed, JobsLeft, Stuck,
		DependencyFailed, StoppedOnFailure, SkipRequested, AlreadySucceeded, NotSelected,
		ConditionFalse, ConditionFailed, DependencySkipped, NotNeeded, FailuresAllowed, RunTimedOut,
		RunCancelled, JobCancelled, Interrupted, EngineStopping, EngineLost,
		NotRecorded, UpToDate, ItemsInvalid,
	}
}
