package workflow

import (
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// draft is a workflow in the making.
type draft struct {
	Workflow
	name      string // the fallback for Application
	parallel  bool
	workers   int
	dir       field // working_dir
	logDir    field
	workspace field // workspace_paths
	jobs      field
	onFailure field
	onSuccess field
	params    field
	secrets   field
	schedules field
	triggers  field
	calendars field
	hasDir    bool
	hasJobs   bool

	retry       Retry // what jobs without a word of their own get
	timeout     time.Duration
	outputLimit int64
}

const (
	minOutput = 1024
	maxOutput = 1 << 40
	minMemory = 1 << 20
	maxMemory = 1 << 50
	// maxProcesses is the most that Linux can have at all.
	maxProcesses = 1 << 22
)

// workflowFields are the names that a file may have at its top.
var workflowFields = fields[draft]{
	"application_name": func(d *decoder, w *draft, f field) { d.label(f, &w.Application) },
	"name":             func(d *decoder, w *draft, f field) { d.label(f, &w.name) },
	"working_dir":      func(_ *decoder, w *draft, f field) { w.dir, w.hasDir = f, true },
	"log_dir":          func(_ *decoder, w *draft, f field) { w.logDir = f },
	"jobs":             func(_ *decoder, w *draft, f field) { w.jobs, w.hasJobs = f, true },

	"include": settled[draft], "extends": settled[draft], "templates": settled[draft], "defaults": settled[draft], "env_files": settled[draft],

	"on_failure": func(_ *decoder, w *draft, f field) { w.onFailure = f },
	"on_success": func(_ *decoder, w *draft, f field) { w.onSuccess = f },
	"timeout":    func(d *decoder, w *draft, f field) { d.limit(f, &w.Timeout) },

	"checks":      func(d *decoder, w *draft, f field) { d.customChecks(f, &w.Checks); d.customs = w.Checks },
	"validators":  func(d *decoder, _ *draft, f field) { d.validators(f, &d.learned.Validators) },
	"rules":       func(d *decoder, _ *draft, f field) { d.rules(f, &d.learned.Rules) },
	"lint_ignore": func(d *decoder, _ *draft, f field) { d.ignores(f, 0) },

	"default_timeout":             func(d *decoder, w *draft, f field) { d.limit(f, &w.timeout) },
	"default_output_limit":        func(d *decoder, w *draft, f field) { d.outputLimit(f, &w.outputLimit) },
	"default_max_retries":         defaultRetry(readMaxRetries),
	"default_retry_delay":         defaultRetry(readRetryDelay),
	"default_retry_backoff":       defaultRetry(readRetryBackoff),
	"default_retry_jitter":        defaultRetry(readRetryJitter),
	"default_max_retry_time":      defaultRetry(readMaxRetryTime),
	"default_retry_on_exit_codes": defaultRetry(readRetryOnExitCodes),

	"parallel":          func(d *decoder, w *draft, f field) { d.bool(f, &w.parallel) },
	"max_workers":       func(d *decoder, w *draft, f field) { d.int(f, 1, 100_000, &w.workers) },
	"continue_on_error": func(d *decoder, w *draft, f field) { d.bool(f, &w.ContinueOnError) },
	"allow_shell":       func(d *decoder, w *draft, f field) { d.bool(f, &w.AllowShell) },

	"params":  func(_ *decoder, w *draft, f field) { w.params = f },
	"secrets": func(_ *decoder, w *draft, f field) { w.secrets = f },

	"schedules": func(_ *decoder, w *draft, f field) { w.schedules = f },
	"triggers":  func(_ *decoder, w *draft, f field) { w.triggers = f },
	"calendars": func(_ *decoder, w *draft, f field) { w.calendars = f },

	"inherit_shell_env": func(d *decoder, w *draft, f field) { d.inherit(f, &w.Inherit) },
	"env_variables":     func(d *decoder, w *draft, f field) { d.workflowVars(f, w) },

	"email_address":    func(d *decoder, w *draft, f field) { d.addresses(f, &w.Mail.To) },
	"email_on_success": func(d *decoder, w *draft, f field) { d.bool(f, &w.Mail.OnSuccess) },
	"email_on_failure": func(d *decoder, w *draft, f field) { d.bool(f, &w.Mail.OnFailure) },
	"smtp_server":      func(d *decoder, w *draft, f field) { d.label(f, &w.Mail.Server) },
	"smtp_port":        func(d *decoder, w *draft, f field) { d.int(f, 1, 65535, &w.Mail.Port) },
	"smtp_user":        func(d *decoder, w *draft, f field) { d.string(f, &w.Mail.User) },
	"smtp_password":    func(d *decoder, w *draft, f field) { d.string(f, &w.Mail.Password) },

	"security_policy":            func(d *decoder, w *draft, f field) { d.policy(f, &w.Security.Policy) },
	"security_level":             func(d *decoder, w *draft, f field) { d.choice(f, &w.Security.Level, "low", "medium", "high") },
	"command_whitelist":          func(d *decoder, w *draft, f field) { d.strings(f, &w.Security.Whitelist) },
	"command_allowlist_patterns": func(d *decoder, w *draft, f field) { d.patterns(f, &w.Security.AllowlistPatterns) },
	"workspace_paths":            func(_ *decoder, w *draft, f field) { w.workspace = f },

	"dependency_plugins": func(d *decoder, w *draft, f field) { d.plugins(f, &w.Plugins) },
}

// newDraft returns a workflow with the format's defaults.
func newDraft() *draft {
	return &draft{
		Workflow: Workflow{
			AllowShell: true,
			Inherit:    Inherit{All: true},
			Mail:       Mail{OnFailure: true, Server: "localhost", Port: 587},
			Security:   Security{Policy: "warn", Level: "medium"},
		},
		workers:     1,
		retry:       defaultRetries(),
		timeout:     DefaultTimeout,
		outputLimit: DefaultOutputLimit,
	}
}

// decodeWorkflow reads a whole file. The result is of use only if nothing failed.
func decodeWorkflow(t *tree, name string, host Host, rep *reporter) *Workflow {
	d := &decoder{tree: t, rep: rep, host: host, budget: maxLookups, learned: &Origin{}}
	if got := t.kind(0); got != objectNode {
		rep.error(t.pos(0), "a workflow must be an object with the fields working_dir and jobs, not %s", got)
		return nil
	}
	w := newDraft()
	w.File = name
	readFields(d, 0, workflowFields, w)
	d.finish(w)
	d.dirs(w)
	before := rep.errs.total
	d.declareParams(w)
	d.declareSecrets(w)
	d.declareSchedules(w)
	d.declareTriggers(w)
	d.jobs(w)
	if rep.errs.total == before { // else what is not known may only be misread
		d.checkWhens(&w.Workflow)
	}
	d.origin(w)
	return &w.Workflow
}

// finish settles what depends on more than one field.
func (d *decoder) finish(w *draft) {
	w.Application = firstOf(w.Application, w.name, baseName(w.File), "workflow")
	w.MaxWorkers, w.Sequential = w.workers, !w.parallel
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// baseName returns a file's name without directory and extension, or "" where that is no name.
func baseName(file string) string {
	base := filepath.Base(file)
	base = strings.TrimSuffix(base, filepath.Ext(base))
	if file == "" || strings.Trim(base, "-./ ") == "" {
		return ""
	}
	return printable(strings.ToValidUTF8(base, "·"))
}

// dirs settles the directories: log_dir and workspace_paths are relative to working_dir.
func (d *decoder) dirs(w *draft) {
	if out := d.host.outer; !w.hasDir && out != nil {
		w.WorkingDir = out.dir
	} else if !w.hasDir {
		d.rep.errorHint(d.pos(0), `add "working_dir": the absolute path where jobs start`, "working_dir is missing")
	} else {
		d.workingDir(w)
	}
	w.LogDir = filepath.Join(w.WorkingDir, DefaultLogDir)
	if out := d.host.outer; out != nil {
		w.LogDir = out.logDir // a run's logs are in one place
	}
	if w.logDir.value != 0 {
		d.path(w.logDir, w.WorkingDir, &w.LogDir)
	}
	if w.workspace.value != 0 {
		d.items(w.workspace, func(item field) {
			var path string
			if d.path(item, w.WorkingDir, &path) {
				w.Security.WorkspacePaths = append(w.Security.WorkspacePaths, path)
			}
		})
	}
}

func (d *decoder) workingDir(w *draft) {
	if !d.path(w.dir, "", &w.WorkingDir) || d.host.CheckDir == nil {
		return
	}
	if err := d.host.CheckDir(w.WorkingDir); err != nil {
		d.wrong(w.dir, "", "%s: %v", quote(w.WorkingDir), err)
	}
}

// path reads a path, with ~ for the home directory. Without a base it must be absolute.
func (d *decoder) path(f field, base string, into *string) bool {
	if !d.is(f, stringNode) {
		return false
	}
	text := d.text(f.value)
	path, home := text, text == "~" || strings.HasPrefix(text, "~/")
	switch {
	case text == "":
		d.wrong(f, "", "must not be empty")
		return false
	case home && d.host.Home == "":
		d.wrong(f, "write the absolute path", "begins with ~ but the home directory is not known")
		return false
	case home:
		path = filepath.Join(d.host.Home, text[1:])
	case text[0] == '~':
		d.wrong(f, "only ~ and ~/ stand for a home directory: write the absolute path", "can't be %s", quote(text))
		return false
	case !filepath.IsAbs(text) && base != "":
		path = filepath.Join(base, text)
	}
	if !filepath.IsAbs(path) && f.name == "working_dir" {
		d.wrong(f, "write "+quote(filepath.Join(d.dirOf(f), text)), "must be an absolute path, not %s", quote(text))
		return false
	}
	*into = filepath.Clean(path)
	return true
}

// dirOf returns the directory of the file in which a field stands; where the file has no
// name, that in which the program works.
func (d *decoder) dirOf(f field) string {
	number, _ := inFile(d.rep.base + d.pos(f.value))
	name := d.rep.file(number).name
	if name == "-" {
		return d.host.Dir
	}
	if filepath.IsAbs(name) {
		return filepath.Dir(name)
	}
	return filepath.Join(d.host.Dir, filepath.Dir(name))
}

// label reads a short text that becomes part of file names or headers.
func (d *decoder) label(f field, into *string) {
	if !d.is(f, stringNode) {
		return
	}
	text := strings.TrimSpace(d.text(f.value))
	switch {
	case len(text) > maxName:
		d.wrong(f, "", "must have at most %d bytes", maxName)
	case strings.ContainsFunc(text, unicode.IsControl):
		d.wrong(f, "", "must not contain control characters")
	case text != "": // empty means the default
		*into = text
	}
}

func (d *decoder) outputLimit(f field, into *int64) {
	if v, ok := d.bytes(f, minOutput, maxOutput); ok {
		*into = v
	}
}

func (d *decoder) memoryLimit(f field, into *int64) {
	if v, ok := d.bytes(f, minMemory, maxMemory); ok {
		*into = v
	}
}

func (d *decoder) policy(f field, into *string) {
	d.choice(f, into, "warn", "strict", "block")
	if *into == "block" {
		*into = "strict"
	}
}

// patterns reads regular expressions, which must compile.
func (d *decoder) patterns(f field, into *[]string) {
	d.strings(f, into)
	d.each(f, stringNode, func(item field) {
		if _, err := regexp.Compile(d.text(item.value)); err != nil {
			d.wrong(item, "", "has a pattern that is not a regular expression: %s", printable(err.Error()))
		}
	})
}

// addresses reads one address, several with commas, or a list of such.
func (d *decoder) addresses(f field, into *[]string) {
	var all []string
	add := func(item field) {
		text := d.text(item.value)
		if strings.ContainsFunc(text, unicode.IsControl) {
			d.wrong(item, "", "must not contain control characters")
			return
		}
		for address := range strings.SplitSeq(text, ",") {
			if address = strings.TrimSpace(address); address != "" {
				all = append(all, address)
			}
		}
	}
	switch d.kind(f.value) {
	case stringNode:
		add(f)
	case listNode:
		var checked []string
		d.strings(f, &checked)
		d.each(f, stringNode, add)
	default:
		d.wrong(f, "", "must be an address or a list of addresses, not %s", d.kind(f.value))
	}
	*into = all
}

// plugins reads what an old file names, and says that it is not executed.
func (d *decoder) plugins(f field, into *[]Plugin) {
	d.items(f, func(item field) {
		var p Plugin
		switch d.kind(item.value) {
		case stringNode:
			p.Path = d.text(item.value)
		case objectNode:
			readFields(d, item.value, pluginFields, &p)
		default:
			d.wrong(item, "", "must be a list of paths or of objects with name and path")
			return
		}
		p.Name = firstOf(p.Name, baseName(p.Path))
		*into = append(*into, p)
	})
	if len(*into) > 0 {
		d.rep.warn(d.pos(f.key), "see docs/migration.md", "dependency_plugins are Python modules and are never executed")
	}
}

var pluginFields = fields[Plugin]{
	"name": func(d *decoder, p *Plugin, f field) { d.string(f, &p.Name) },
	"path": func(d *decoder, p *Plugin, f field) { d.string(f, &p.Path) },
}
