package client

// Trigger says what, when it arrives, makes a service run a workflow. It needs Name and one
// of Webhook and Files.
type Trigger struct {
	// Its name, unique in the file, that of no schedule. What it runs is kept under it.
	Name string `json:"name" yaml:"name" jsonschema:"required,minLength=1,maxLength=255"`
	// What it is for, for people.
	Description string `json:"description,omitempty" yaml:"description,omitempty"`
	// It waits for signed requests.
	Webhook *Webhook `json:"webhook,omitempty" yaml:"webhook,omitempty"`
	// It waits for files.
	Files *Files `json:"files,omitempty" yaml:"files,omitempty"`
	// What happens when its last run has not ended: queue, allow, skip or cancel. Default: queue.
	Overlap string `json:"overlap,omitempty" yaml:"overlap,omitempty" jsonschema:"enum=queue,enum=allow,enum=skip,enum=cancel"`
	// Runs that may wait, with overlap: queue. Default: 10.
	MaxQueued *int `json:"max_queued,omitempty" yaml:"max_queued,omitempty" jsonschema:"minimum=1,maximum=1000"`
	// Values of the workflow's parameters that do not depend on what arrives.
	Params map[string]any `json:"params,omitzero" yaml:"params,omitzero"`
	// True: it runs nothing. Default: false.
	Paused *bool `json:"paused,omitempty" yaml:"paused,omitempty"`
}

// Webhook says which requests a trigger waits for.
type Webhook struct {
	// Where the key of signatures comes from.
	Secret *Key `json:"secret" yaml:"secret" jsonschema:"required"`
	// How requests are signed: executioner, with the time, or github, as X-Hub-Signature-256. Default: executioner.
	Signature string `json:"signature,omitempty" yaml:"signature,omitempty" jsonschema:"enum=executioner,enum=github"`
	// How far a request's time may be from ours: up to 1h. Default: 5m.
	Within Duration `json:"within,omitempty" yaml:"within,omitempty"`
	// The field of the JSON body that each parameter gets: names with full stops between them.
	Fields map[string]string `json:"fields,omitzero" yaml:"fields,omitzero"`
}

// Key says where the key of signatures comes from. One field is set.
type Key struct {
	// A variable of the environment of the service.
	Env string `json:"env,omitempty" yaml:"env,omitempty" jsonschema:"minLength=1"`
	// A file, relative to working_dir. A line break at its end is not part of the key.
	File string `json:"file,omitempty" yaml:"file,omitempty" jsonschema:"minLength=1"`
}

// Files says which files a trigger waits for.
type Files struct {
	// A path, relative to working_dir, whose last part may be a pattern: inbox/*.csv.
	Pattern string `json:"pattern" yaml:"pattern" jsonschema:"required,minLength=1"`
	// A file counts when there is one of its name with this behind it. Default: when it has not changed for settle.
	Done string `json:"done,omitempty" yaml:"done,omitempty" jsonschema:"maxLength=255"`
	// How long a file must not have changed. Default: 10s.
	Settle Duration `json:"settle,omitempty" yaml:"settle,omitempty"`
	// The time from one look to the next. Default: 5s.
	Every Duration `json:"every,omitempty" yaml:"every,omitempty"`
	// The parameter that gets the file's path. Default: none.
	Param string `json:"param,omitempty" yaml:"param,omitempty"`
}
