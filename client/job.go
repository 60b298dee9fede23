package client

// Job is one job of a workflow. It needs ID, and Command or Workflow.
type Job struct {
	// Its name, unique in the file, without control characters.
	ID string `json:"id,omitempty" yaml:"id,omitempty" jsonschema:"required,minLength=1,maxLength=255"`
	// Templates whose fields it has. Its own fields win.
	Extends []Use `json:"extends,omitzero" yaml:"extends,omitzero"`
	// What to run: a text for the shell, or a program and its arguments. An empty text succeeds at once.
	Command Command `json:"command,omitzero" yaml:"command,omitzero"`
	// What it does, for people.
	Description string `json:"description,omitempty" yaml:"description,omitempty"`
	// Who is to be asked about it.
	Owner string `json:"owner,omitempty" yaml:"owner,omitempty" jsonschema:"maxLength=255"`
	// Words about it, for people and rules.
	Tags []string `json:"tags,omitzero" yaml:"tags,omitzero"`
	// Pools in each of which it takes a place while it runs: of the jobs that name a pool only as many run at once as the service gives it places, one where it gives none.
	Pools []string `json:"pools,omitzero" yaml:"pools,omitzero" jsonschema:"minLength=1"`
	// The jobs that must have ended before it starts.
	Dependencies []Dependency `json:"dependencies,omitzero" yaml:"dependencies,omitzero"`
	// A condition (CEL): the job is skipped when it is false. Default: none.
	When string `json:"when,omitempty" yaml:"when,omitempty"`
	// It runs once what it needs has ended, however, also after a failure or a cancel. Default: false.
	Always *bool `json:"always,omitempty" yaml:"always,omitempty"`
	// The run goes on after its failure as if it had succeeded. Default: false.
	ContinueOnError *bool `json:"continue_on_error,omitempty" yaml:"continue_on_error,omitempty"`
	// Where it works, relative to the workflow's working_dir. Default: there.
	WorkingDir string `json:"working_dir,omitempty" yaml:"working_dir,omitempty" jsonschema:"minLength=1"`

	// The job becomes one job for each combination of these values.
	Matrix Matrix `json:"matrix,omitzero" yaml:"matrix,omitzero"`
	// The job becomes one job for each item.
	Foreach *Foreach `json:"foreach,omitempty" yaml:"foreach,omitempty"`
	// Instead of command: another workflow file, relative to this one. The job stands for all its jobs.
	Workflow string `json:"workflow,omitempty" yaml:"workflow,omitempty" jsonschema:"minLength=1"`
	// The values of that file's parameters: texts, numbers, true, false, lists of these, or {param: NAME}.
	With map[string]any `json:"with,omitzero" yaml:"with,omitzero"`

	// Variables of this job. They win over those of the workflow.
	EnvVariables Env `json:"env_variables,omitzero" yaml:"env_variables,omitzero"`
	// Files of variables, relative to this file. env_variables of the job win over them. One after a ? may be absent.
	EnvFiles []string `json:"env_files,omitzero" yaml:"env_files,omitzero"`
	// Patterns for the files that it reads, relative to its working directory. A job with inputs or outputs is not run while nothing changed since it last succeeded.
	Inputs []string `json:"inputs,omitzero" yaml:"inputs,omitzero" jsonschema:"minLength=1"`
	// Patterns for the files that it makes.
	Outputs []string `json:"outputs,omitzero" yaml:"outputs,omitzero" jsonschema:"minLength=1"`
	// The variables whose values count for that. Default: all that the workflow sets.
	InputEnv []string `json:"input_env,omitzero" yaml:"input_env,omitzero" jsonschema:"minLength=1"`
	// Checks that are made before the command of each try.
	PreChecks []Check `json:"pre_checks,omitzero" yaml:"pre_checks,omitzero"`
	// Checks that are made after a command that ended with 0.
	PostChecks []Check `json:"post_checks,omitzero" yaml:"post_checks,omitzero"`

	// The time after which a try is stopped. Default: default_timeout.
	Timeout Duration `json:"timeout,omitempty" yaml:"timeout,omitempty"`
	// Where its log goes, relative to working_dir. Default: the workflow's.
	LogDir string `json:"log_dir,omitempty" yaml:"log_dir,omitempty" jsonschema:"minLength=1"`
	// Of the jobs that are ready, the one with the higher number starts first. Default: 0.
	Priority *int `json:"priority,omitempty" yaml:"priority,omitempty" jsonschema:"minimum=-1000000000,maximum=1000000000"`
	// Bytes of one try's output that are kept: 1 KiB to 1 TiB. Default: default_output_limit.
	OutputLimit Size `json:"output_limit,omitempty" yaml:"output_limit,omitempty"`
	// The memory that all processes of one try may use together: 1 MiB to 1 PiB. When it does not suffice they are killed. Default: none.
	MemoryLimit Size `json:"memory_limit,omitempty" yaml:"memory_limit,omitempty"`
	// Processes and threads that one try may have at once. Default: none.
	MaxProcesses *int `json:"max_processes,omitempty" yaml:"max_processes,omitempty" jsonschema:"minimum=1,maximum=4194304"`
	// What happens to processes that a finished command left running: leave or kill. Default: leave.
	Leftover string `json:"leftover,omitempty" yaml:"leftover,omitempty" jsonschema:"enum=leave,enum=kill"`
	// Running it twice does no harm: a try of which nobody knows how it ended is repeated. Default: false.
	Idempotent *bool `json:"idempotent,omitempty" yaml:"idempotent,omitempty"`

	// Tries after the first. Default: default_max_retries.
	MaxRetries *int `json:"max_retries,omitempty" yaml:"max_retries,omitempty" jsonschema:"minimum=0,maximum=1000000"`
	// The time before the second try. Default: default_retry_delay.
	RetryDelay Duration `json:"retry_delay,omitempty" yaml:"retry_delay,omitempty"`
	// The factor from one wait to the next. Default: default_retry_backoff.
	RetryBackoff *float64 `json:"retry_backoff,omitempty" yaml:"retry_backoff,omitempty" jsonschema:"minimum=0,maximum=1000000"`
	// The part by which a wait varies: 0 to 1. Default: default_retry_jitter.
	RetryJitter *float64 `json:"retry_jitter,omitempty" yaml:"retry_jitter,omitempty" jsonschema:"minimum=0,maximum=1"`
	// No retry later than this after the first start. Default: default_max_retry_time.
	MaxRetryTime Duration `json:"max_retry_time,omitempty" yaml:"max_retry_time,omitempty"`
	// The endings after which a try is repeated: ERROR, FAILED, TIMEOUT, PRECHECK_FAILED, POSTCHECK_FAILED. Default: the first three.
	RetryOnStatus []string `json:"retry_on_status,omitzero" yaml:"retry_on_status,omitzero" jsonschema:"enum=ERROR,enum=FAILED,enum=TIMEOUT,enum=PRECHECK_FAILED,enum=POSTCHECK_FAILED"`
	// The exit codes after which a try is repeated. Default: default_retry_on_exit_codes.
	RetryOnExitCodes []int `json:"retry_on_exit_codes,omitzero" yaml:"retry_on_exit_codes,omitzero" jsonschema:"minimum=-2147483648,maximum=2147483647"`

	// Findings of lint about this job that are meant to be: the reason by the name of the rule.
	LintIgnore map[string]string `json:"lint_ignore,omitzero" yaml:"lint_ignore,omitzero"`
}

// Dependency is a job that must have ended before another one starts.
type Dependency struct {
	// The id of that job.
	Job string `json:"job" yaml:"job" jsonschema:"required"`
	// How it must have ended: success, failure, skipped, or done for any of these. Default: success.
	On string `json:"on,omitempty" yaml:"on,omitempty" jsonschema:"enum=success,enum=failure,enum=skipped,enum=done"`
	// Of a job with a matrix or foreach: the one with the values of the job that depends on it, not all of them. Default: false.
	Each bool `json:"each,omitempty" yaml:"each,omitempty"`
}

// Needs returns dependencies on jobs that must have succeeded.
func Needs(ids ...string) []Dependency {
	all := make([]Dependency, len(ids))
	for i, id := range ids {
		all[i].Job = id
	}
	return all
}

// Use is a template that a job extends.
type Use struct {
	// The name of the template.
	Template string `json:"template" yaml:"template" jsonschema:"required"`
	// The values of its parameters: texts, numbers, true or false.
	With map[string]any `json:"with,omitzero" yaml:"with,omitzero"`
}

// Check is made before or after the command of a job.
type Check struct {
	// One of the program's checks, such as check_file_exists, or one of the file's own.
	Name string `json:"name" yaml:"name" jsonschema:"required,minLength=1"`
	// What the check is told. ${NAME} in texts is replaced from the job's environment.
	Params map[string]any `json:"params,omitzero" yaml:"params,omitzero"`
}

// Program is a program that is asked: a check of your own, or a validator.
type Program struct {
	// What to run: a text for the shell, or a program and its arguments.
	Command Command `json:"command,omitzero" yaml:"command,omitzero" jsonschema:"required"`
	// How long it may take. Default: 60 seconds.
	Timeout Duration `json:"timeout,omitempty" yaml:"timeout,omitempty"`
	// What it is for, for people.
	Description string `json:"description,omitempty" yaml:"description,omitempty"`
}

// Foreach says the items of which a job becomes one job each. One of List, Param, Glob
// and From is set.
type Foreach struct {
	// The items.
	List []string `json:"list,omitzero" yaml:"list,omitzero"`
	// The name of a parameter of type list, whose items these are.
	Param string `json:"param,omitempty" yaml:"param,omitempty"`
	// A pattern for files, relative to the job's working directory.
	Glob string `json:"glob,omitempty" yaml:"glob,omitempty"`
	// The job that hands the items on, as lines or a JSON list: the job becomes several when that has run.
	From string `json:"from,omitempty" yaml:"from,omitempty"`
	// The name of the value that has them. With from only.
	Output string `json:"output,omitempty" yaml:"output,omitempty"`
	// The variable in which the job sees its item. Default: ITEM.
	As string `json:"as,omitempty" yaml:"as,omitempty"`
}
