package client

// Workflow is the content of a workflow file. It needs WorkingDir and Jobs, unless
// included files have them.
type Workflow struct {
	// The name under which runs are kept. Without it: name, else the file's base name.
	ApplicationName string `json:"application_name,omitempty" yaml:"application_name,omitempty" jsonschema:"maxLength=255"`
	// Used when there is no application_name.
	Name string `json:"name,omitempty" yaml:"name,omitempty" jsonschema:"maxLength=255"`
	// Where every job starts: an absolute path, or one with ~ for the home directory. It must exist, be readable and writable.
	WorkingDir string `json:"working_dir,omitempty" yaml:"working_dir,omitempty" jsonschema:"minLength=1"`
	// Where logs go, relative to working_dir. It is made when it is not there. Default: ./logs.
	LogDir string `json:"log_dir,omitempty" yaml:"log_dir,omitempty" jsonschema:"minLength=1"`

	// Files that this one builds on: paths or patterns, relative to this file. One after a ? may be absent.
	Include []string `json:"include,omitzero" yaml:"include,omitzero"`
	// The same as include; these files come before those of include.
	Extends []string `json:"extends,omitzero" yaml:"extends,omitzero"`
	// Sets of fields for jobs, by name. Jobs name them in extends.
	Templates map[string]Template `json:"templates,omitzero" yaml:"templates,omitzero"`
	// Fields for every job, all but id and dependencies. They win over the default_ fields.
	Defaults *Job `json:"defaults,omitempty" yaml:"defaults,omitempty"`
	// Files of variables (lines of NAME=VALUE), relative to this file. env_variables win over them. One after a ? may be absent.
	EnvFiles []string `json:"env_files,omitzero" yaml:"env_files,omitzero"`

	// The time after which a try is stopped, unless the job says another. Default: 3 hours.
	DefaultTimeout Duration `json:"default_timeout,omitempty" yaml:"default_timeout,omitempty"`
	// Bytes of one try's output that are kept, unless the job says another number: 1 KiB to 1 TiB. Default: 64 MiB.
	DefaultOutputLimit Size `json:"default_output_limit,omitempty" yaml:"default_output_limit,omitempty"`
	// Tries after the first, unless the job says another number. Default: 0.
	DefaultMaxRetries *int `json:"default_max_retries,omitempty" yaml:"default_max_retries,omitempty" jsonschema:"minimum=0,maximum=1000000"`
	// The time before the second try, unless the job says another. Default: 30 seconds.
	DefaultRetryDelay Duration `json:"default_retry_delay,omitempty" yaml:"default_retry_delay,omitempty"`
	// The factor from one wait to the next, unless the job says another. Default: 1.5.
	DefaultRetryBackoff *float64 `json:"default_retry_backoff,omitempty" yaml:"default_retry_backoff,omitempty" jsonschema:"minimum=0,maximum=1000000"`
	// The part by which a wait varies, unless the job says another: 0 to 1. Default: 0.1.
	DefaultRetryJitter *float64 `json:"default_retry_jitter,omitempty" yaml:"default_retry_jitter,omitempty" jsonschema:"minimum=0,maximum=1"`
	// No retry later than this after the first start, unless the job says another time. Default: 30 minutes.
	DefaultMaxRetryTime Duration `json:"default_max_retry_time,omitempty" yaml:"default_max_retry_time,omitempty"`
	// The exit codes after which a try is repeated, unless the job says others. Default: 1.
	DefaultRetryOnExitCodes []int `json:"default_retry_on_exit_codes,omitzero" yaml:"default_retry_on_exit_codes,omitzero" jsonschema:"minimum=-2147483648,maximum=2147483647"`

	// True: jobs run at the same time, as far as dependencies and max_workers allow. False: one at a time, in the order of the file. Default: false.
	Parallel *bool `json:"parallel,omitempty" yaml:"parallel,omitempty"`
	// The number of jobs that run at once. It counts when parallel is true. Default: 1.
	MaxWorkers *int `json:"max_workers,omitempty" yaml:"max_workers,omitempty" jsonschema:"minimum=1,maximum=100000"`
	// The time that one attempt of the run may take. Default: none.
	Timeout Duration `json:"timeout,omitempty" yaml:"timeout,omitempty"`
	// True: after a failure all that does not depend on it is still run. Default: false.
	ContinueOnError *bool `json:"continue_on_error,omitempty" yaml:"continue_on_error,omitempty"`
	// False: commands are split into words and started without a shell. Default: true.
	AllowShell *bool `json:"allow_shell,omitempty" yaml:"allow_shell,omitempty"`

	// What jobs see of the caller's environment: all, nothing, a usual set, or some variables. Default: all.
	InheritShellEnv Inherit `json:"inherit_shell_env,omitzero" yaml:"inherit_shell_env,omitzero"`
	// When the workflow is to be run by itself.
	Schedules []Schedule `json:"schedules,omitzero" yaml:"schedules,omitzero"`
	// What it is run by when it arrives.
	Triggers []Trigger `json:"triggers,omitzero" yaml:"triggers,omitzero"`
	// Sets of days that schedules speak of, by name.
	Calendars map[string]Calendar `json:"calendars,omitzero" yaml:"calendars,omitzero"`
	// Values that a run is given, by name. Jobs see them as variables.
	Params map[string]Param `json:"params,omitzero" yaml:"params,omitzero"`
	// Values that are in no file, by name: where they come from. Jobs see them as variables.
	Secrets map[string]Secret `json:"secrets,omitzero" yaml:"secrets,omitzero"`
	// Variables for every job. ${NAME} in a value is replaced by the value of another one.
	EnvVariables Env `json:"env_variables,omitzero" yaml:"env_variables,omitzero"`

	// Who is told at the end of a run. A text may have several addresses with commas.
	EmailAddress []string `json:"email_address,omitzero" yaml:"email_address,omitzero"`
	// Tell of runs that succeeded. Default: false.
	EmailOnSuccess *bool `json:"email_on_success,omitempty" yaml:"email_on_success,omitempty"`
	// Tell of runs that did not succeed. Default: true.
	EmailOnFailure *bool `json:"email_on_failure,omitempty" yaml:"email_on_failure,omitempty"`
	// The mail server. Default: localhost.
	SMTPServer string `json:"smtp_server,omitempty" yaml:"smtp_server,omitempty" jsonschema:"maxLength=255"`
	// The mail server's port: 25 is without TLS, 587 with STARTTLS, 465 with TLS. Default: 587.
	SMTPPort *int `json:"smtp_port,omitempty" yaml:"smtp_port,omitempty" jsonschema:"minimum=1,maximum=65535"`
	// The name to log in to the mail server with. Default: none.
	SMTPUser string `json:"smtp_user,omitempty" yaml:"smtp_user,omitempty"`
	// The password for that. ${NAME} in it is replaced from the environment: better than the password itself.
	SMTPPassword string `json:"smtp_password,omitempty" yaml:"smtp_password,omitempty"`

	// What happens when commands contain something dangerous: warn, strict (or block, which is the same): the file is refused. Default: warn.
	SecurityPolicy string `json:"security_policy,omitempty" yaml:"security_policy,omitempty" jsonschema:"enum=warn,enum=strict,enum=block"`
	// How much is watched: low, medium or high. Default: medium.
	SecurityLevel string `json:"security_level,omitempty" yaml:"security_level,omitempty" jsonschema:"enum=low,enum=medium,enum=high"`
	// Programs that the policy does not look at.
	CommandWhitelist []string `json:"command_whitelist,omitzero" yaml:"command_whitelist,omitzero"`
	// Regular expressions (RE2): commands whose beginning matches one are not looked at.
	CommandAllowlistPatterns []string `json:"command_allowlist_patterns,omitzero" yaml:"command_allowlist_patterns,omitzero"`
	// Directories where programs may be, relative to working_dir.
	WorkspacePaths []string `json:"workspace_paths,omitzero" yaml:"workspace_paths,omitzero"`

	// What must hold of the workflow and its jobs.
	Rules []Rule `json:"rules,omitzero" yaml:"rules,omitzero"`
	// Checks of your own, by name: programs that jobs name in pre_checks and post_checks.
	Checks map[string]Program `json:"checks,omitzero" yaml:"checks,omitzero"`
	// Programs that are asked whether the workflow may be run.
	Validators []Program `json:"validators,omitzero" yaml:"validators,omitzero"`
	// Findings of lint that are meant to be: the reason by the name of the rule.
	LintIgnore map[string]string `json:"lint_ignore,omitzero" yaml:"lint_ignore,omitzero"`
	// Python modules that an old file names. They are never executed.
	DependencyPlugins []Plugin `json:"dependency_plugins,omitzero" yaml:"dependency_plugins,omitzero" jsonschema:"deprecated=true"`

	// The jobs, at least one. Their order is that in which they start when the workflow is not parallel.
	Jobs []Job `json:"jobs,omitzero" yaml:"jobs,omitzero" jsonschema:"minItems=1"`
	// Jobs that run at the end of a run that does not succeed.
	OnFailure []Job `json:"on_failure,omitzero" yaml:"on_failure,omitzero"`
	// Jobs that run at the end of a run that succeeds.
	OnSuccess []Job `json:"on_success,omitzero" yaml:"on_success,omitzero"`
}

// Template is a set of fields for jobs: those of a job, except id.
type Template struct {
	Job `yaml:",inline"`

	// The template's parameters with their defaults: texts, numbers, true or false. One that is nil must be given. ${{ name }} in a text is replaced by the value.
	Params map[string]any `json:"params,omitzero" yaml:"params,omitzero"`
}

// Rule is something that must hold of a workflow.
type Rule struct {
	// How it is spoken of; unique in the file.
	Name string `json:"name" yaml:"name" jsonschema:"required"`
	// What it is about: job, so that it must hold for each one, or workflow. Default: job.
	For string `json:"for,omitempty" yaml:"for,omitempty" jsonschema:"enum=job,enum=workflow"`
	// An expression (CEL): the rule is only for what it holds of. Default: for all.
	When string `json:"when,omitempty" yaml:"when,omitempty"`
	// An expression (CEL) that must hold.
	Require string `json:"require" yaml:"require" jsonschema:"required"`
	// What is said where it does not hold. Default: the expression.
	Message string `json:"message,omitempty" yaml:"message,omitempty"`
	// error: the workflow is refused. warn: it is told. Default: error.
	Level string `json:"level,omitempty" yaml:"level,omitempty" jsonschema:"enum=error,enum=warn"`
}

// Plugin is a dependency plugin of the Python program.
type Plugin struct {
	// How it is spoken of. Default: the base name of path.
	Name string `json:"name,omitempty" yaml:"name,omitempty"`
	// The file of the Python module.
	Path string `json:"path,omitempty" yaml:"path,omitempty"`
}
