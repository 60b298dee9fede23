package workflow

import (
	"container/heap"
	"errors"
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/run"
)

// maxSubs is how deep sub-workflows may be within each other.
const maxSubs = 20

// outer is what a sub-workflow's file is read with. Host carries it.
type outer struct {
	open    []target        // the files that are being read, each called by the one before
	secrets map[string]bool // names of secrets and secret parameters that reach its jobs anyway
	dir     string          // its working directory, unless it says another
	logDir  string
	files   map[string][]byte // content of files by path, for all of them
}

// sub adds the jobs of the sub-workflow that a job stands for. False: it can't be used.
func (x *spread) sub(f *fanJob, raw *Job, id run.JobID, it item) bool {
	flow := x.loadSub(f, raw, it)
	if flow == nil || !x.fits(f, flow) {
		return false
	}
	base := len(x.jobs)
	scope := &Scope{Job: id, File: flow.File, Item: it.vars, Call: raw.Env, Params: flow.Params, Env: flow.Env, When: raw.When}
	if it.label != "" {
		scope.Group = raw.ID
	}
	in := &inlay{spread: x, raw: raw, flow: flow, scope: scope, base: base, done: map[*Scope]bool{}}
	like := -1
	for k := range flow.Jobs {
		j := in.job(k)
		if len(j.ID) > maxName {
			x.rep.error(x.pos(f.workflow.value), "%sthe id %s has more than %d bytes", x.who(), quote(string(j.ID)), maxName)
			return false
		}
		first := len(flow.Jobs[k].Needs) == 0
		if first && (like < 0 || x.from.each(x.from.needs[f.index])) {
			like = len(x.jobs)
		}
		x.add(j, f.index, max(like, 0))
		if !first { // it has its own needs, and waits for those of the call through them
			x.graph.needs[len(x.jobs)-1] = 0
		}
	}
	for i := range flow.Secrets {
		s := flow.Secrets[i]
		s.Scope = run.JobID(strings.TrimSuffix(string(id)+"/"+string(s.Scope), "/"))
		x.draft.Secrets = append(x.draft.Secrets, s)
	}
	if flow.Sequential {
		order := fileOrder(flow.Jobs)
		for n := 1; n < len(order); n++ {
			x.graph.chain = append(x.graph.chain, [2]int{base + order[n-1], base + order[n]})
		}
	}
	x.graph.many[id] = span{base, len(x.jobs)}
	return true
}

// inlay turns jobs of a sub-workflow into jobs of the workflow that calls it.
type inlay struct {
	*spread
	raw   *Job // that stands for them
	flow  *Workflow
	scope *Scope
	base  int
	done  map[*Scope]bool // scopes within the sub-workflow that have been put below scope
}

// job returns one job of the sub-workflow.
func (in *inlay) job(k int) Job {
	j := in.flow.Jobs[k]
	prefix := in.scope.Job + "/"
	j.ID = prefix + j.ID
	if j.Group == "" {
		j.Group = in.scope.Job
	} else {
		j.Group = prefix + j.Group
	}
	if j.Each != nil {
		each := *j.Each
		each.Job, j.Each = prefix+each.Job, &each
	}
	in.adopt(j.Scope)
	if j.Scope == nil {
		j.Scope = in.scope
	}
	if j.WorkingDir == "" && in.flow.WorkingDir != in.draft.WorkingDir {
		j.WorkingDir = in.flow.WorkingDir
	}
	needs := make([]int, len(j.Needs))
	for n, need := range j.Needs {
		needs[n] = in.base + need
	}
	if j.Needs = needs; len(needs) == 0 {
		j.Needs = nil
	}
	in.inherit(&j)
	return j
}

// adopt puts the scope of a sub-workflow's own sub-workflow below the scope of the call.
func (in *inlay) adopt(s *Scope) {
	if s == nil || in.done[s] {
		return
	}
	in.done[s] = true
	prefix := in.scope.Job + "/"
	s.Job = prefix + s.Job
	if s.Group != "" {
		s.Group = prefix + s.Group
	}
	if s.Parent == nil {
		s.Parent = in.scope
		return
	}
	in.adopt(s.Parent)
}

// inherit gives a job what the one that stands for it says of all.
func (in *inlay) inherit(j *Job) {
	j.Hook = in.raw.Hook
	j.ContinueOnError = j.ContinueOnError || in.raw.ContinueOnError
	j.Tags = slices.Concat(in.raw.Tags, j.Tags)
	j.Pools = slices.Concat(in.raw.Pools, j.Pools)
	j.Owner = firstOf(j.Owner, in.raw.Owner)
	if j.Priority == 0 {
		j.Priority = in.raw.Priority
	}
	switch {
	case in.raw.When == "":
	case j.When == "":
		j.When = in.raw.When
	default:
		j.When = join(in.raw.When, j.When)
	}
}

// loadSub reads the file of a sub-workflow. Nil: what is wrong was reported.
func (x *spread) loadSub(f *fanJob, raw *Job, it item) *Workflow {
	if !x.is(f.workflow, stringNode) {
		return nil
	}
	given, ok := x.with(f, it)
	t := x.subTarget(f.workflow)
	host, found := x.subHost(f, t, raw)
	if !ok || !found {
		return nil
	}
	data, ok := x.subText(f, t, host.outer)
	if !ok {
		return nil
	}
	host.Params = given
	flow, err := Load(Source{Name: t.name, Data: data}, host)
	var problems Problems
	if errors.As(err, &problems) {
		x.wrong(f.workflow, "", "%s can't be used: see below", quote(t.name))
		x.rep.nested = append(x.rep.nested, problems...)
	}
	if err != nil {
		return nil
	}
	if len(x.jobs) == 0 || !x.jobs[len(x.jobs)-1].within(raw.ID) {
		x.rep.nested = append(x.rep.nested, flow.Warnings...) // those of the first item say all
	}
	x.takeOver(flow, t)
	return flow
}

// takeOver notes the files of a sub-workflow, and what it demands of itself.
func (x *spread) takeOver(flow *Workflow, t target) {
	if x.have == nil {
		x.have = map[string]bool{}
	}
	for _, path := range append([]string{t.path}, flow.Files...) {
		if !x.have[path] {
			x.have[path] = true
			x.draft.Files = append(x.draft.Files, path)
		}
	}
	o := flow.Origin
	if o == nil {
		return
	}
	x.learned.Subs = append(x.learned.Subs, o.Subs...)
	if o.Subs = nil; len(o.Rules)+len(o.Validators) > 0 {
		x.learned.Subs = append(x.learned.Subs, flow)
		return
	}
	flow.Origin = nil
}

// subTarget returns the file that a job names: it is relative to the file of the job.
func (x *spread) subTarget(f field) target {
	text := x.text(f.value)
	number, _ := inFile(x.pos(f.value))
	name := text
	if !filepath.IsAbs(text) {
		name = filepath.Join(filepath.Dir(x.rep.file(number).name), text)
	}
	return target{name: name, path: x.absolute(name)}
}

// subHost returns what the file of a sub-workflow is read with.
func (x *spread) subHost(f *fanJob, t target, raw *Job) (Host, bool) {
	host := x.host
	out := &outer{dir: firstOf(raw.WorkingDir, x.draft.WorkingDir), logDir: raw.LogDir, secrets: map[string]bool{}}
	if o := host.outer; o != nil {
		out.open, out.files = slices.Clone(o.open), o.files
		for name := range o.secrets {
			out.secrets[name] = true
		}
	} else {
		out.open = []target{{x.rep.name, x.absolute(x.rep.name)}}
		out.files = x.subFiles()
	}
	if at := slices.IndexFunc(out.open, func(open target) bool { return open.path == t.path }); at >= 0 {
		x.wrong(f.workflow, "", "calls workflows in a circle: %s", circleOf(out.open[at:], t))
		return host, false
	}
	if len(out.open) > maxSubs {
		x.wrong(f.workflow, "", "calls workflows more than %d deep", maxSubs)
		return host, false
	}
	out.open = append(out.open, t)
	for i := range x.draft.Secrets {
		if s := &x.draft.Secrets[i]; s.Scope == "" {
			out.secrets[s.Name] = true
		}
	}
	for i := range x.draft.Params {
		if p := &x.draft.Params[i]; p.Secret {
			out.secrets[p.Name] = true
		}
	}
	host.outer = out
	return host, true
}

// subFiles is shared by all sub-workflows of a file, so that each is read once.
func (r *jobReader) subFiles() map[string][]byte {
	if r.files == nil {
		r.files = make(map[string][]byte)
	}
	return r.files
}

// subText returns the content of a sub-workflow's file.
func (x *spread) subText(f *fanJob, t target, out *outer) ([]byte, bool) {
	if data, ok := out.files[t.path]; ok {
		return data, true
	}
	if x.host.ReadFile == nil {
		x.wrong(f.workflow, "", "can't be read here: there is one file only")
		return nil, false
	}
	data, err := x.host.ReadFile(t.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		x.rep.errorHint(x.pos(f.workflow.value), "it is relative to the file that names it", "%sworkflow: there is no file %s", x.who(), quote(t.name))
		return nil, false
	case err != nil:
		x.wrong(f.workflow, "", "%s can't be read: %s", quote(t.name), printable(err.Error()))
		return nil, false
	}
	out.files[t.path] = data
	return data, true
}

// with returns the values of a sub-workflow's parameters.
func (x *spread) with(f *fanJob, it item) ([]Given, bool) {
	if f.fan.with.value == 0 {
		return nil, true
	}
	if !x.is(f.fan.with, objectNode) {
		return nil, false
	}
	var given []Given
	before := x.rep.errs.total
	x.pairs(f.fan.with.value, func(key, value uint32) {
		name := x.text(key)
		if strings.HasPrefix(name, "_") || x.kind(value) == nullNode {
			return
		}
		one := field{"with: " + name, key, value}
		if text, ok := x.withValue(one, it); ok {
			given = append(given, Given{Name: name, Value: text, From: x.who() + one.name + "="})
		}
	})
	return given, x.rep.errs.total == before
}

// withValue returns a value as it can be given: that of the file, of the item, or of a
// parameter of the workflow that calls.
func (x *spread) withValue(f field, it item) (string, bool) {
	switch x.kind(f.value) {
	case listNode:
		list := Param{Type: ListParam}
		var items []string
		x.scalars(f, &items)
		list.Value = strings.Join(items, "\n")
		return list.text(), true
	case objectNode:
	default:
		return x.scalar(f, "must be a text, a number, a list or {param: NAME}, not %s")
	}
	var ref paramReference
	readFields(x.decoder, f.value, paramReferenceFields, &ref)
	if ref.name.value == 0 {
		x.wrong(f, "write a value or {param: NAME}", "must be a value, or name a parameter")
		return "", false
	}
	name := x.text(ref.name.value)
	if i := slices.IndexFunc(it.vars, func(v Var) bool { return v.Name == name }); i >= 0 {
		return it.vars[i].Value, true
	}
	p := x.draft.Param(name)
	switch {
	case p == nil:
		x.rep.errorHint(x.pos(ref.name.value), x.meant(name, x.paramNames()), "%sthe workflow has no parameter %s", x.who(), quote(name))
		return "", false
	case p.Secret:
		x.rep.errorHint(x.pos(ref.name.value), "it reaches the jobs as "+name+" anyway: a secret parameter of that name needs no value",
			"%sthe parameter %s is secret", x.who(), quote(name))
		return "", false
	case p.Required && !p.Given:
		return "", false // it is said elsewhere, or will be known later
	}
	return p.text(), true
}

// fits reports whether a workflow can be part of another, and says what keeps it from it.
func (x *spread) fits(f *fanJob, flow *Workflow) bool {
	before := x.rep.errs.total
	refuse := func(hint, what string) {
		x.wrong(f.workflow, hint, "%s %s", quote(flow.File), what)
	}
	if slices.ContainsFunc(flow.Jobs, func(j Job) bool { return j.Hook != NoHook }) {
		refuse("move them to the workflow that calls it", "has on_failure or on_success jobs, which a sub-workflow can't have")
	}
	if flow.Timeout > 0 {
		refuse("give its jobs a timeout, or the workflow that calls it", "has a timeout, which a sub-workflow can't have")
	}
	if !x.draft.AllowShell {
		for i := range flow.Jobs {
			j := &flow.Jobs[i]
			if _, need := splitCommand(x.shell, j.Command); need != nil && j.Args == nil {
				refuse(need.hint, "has the job "+quote(string(j.ID))+", whose command does not go without a shell: "+need.what+", and allow_shell is false")
			}
		}
	}
	for i := range flow.Checks {
		c := &flow.Checks[i]
		at := slices.IndexFunc(x.draft.Checks, func(mine CustomCheck) bool { return mine.Name == c.Name })
		switch {
		case at < 0:
			x.draft.Checks = append(x.draft.Checks, *c)
		case !reflect.DeepEqual(x.draft.Checks[at], *c):
			refuse("rename one of them", "defines the check "+quote(c.Name)+" in another way than the workflow that calls it")
		}
	}
	if flow.Security.Policy == "strict" && x.draft.Security.Policy != "strict" {
		x.rep.warn(x.pos(f.workflow.value), "set security_policy: strict here", "%s%s has a strict security_policy, but that of the workflow that calls it counts", x.who(), quote(flow.File))
	}
	return x.rep.errs.total == before
}

// fileOrder returns the order in which jobs start one after the other: of those whose
// needs have been met always the first of the file.
func fileOrder(jobs []Job) []int {
	waiting := make([]int, len(jobs))
	users := make([][]int, len(jobs))
	var ready indexes
	for i := range jobs {
		waiting[i] = len(jobs[i].Needs)
		for _, need := range jobs[i].Needs {
			users[need] = append(users[need], i)
		}
		if waiting[i] == 0 {
			ready = append(ready, i) // in order, so it is a heap
		}
	}
	order := make([]int, 0, len(jobs))
	for len(ready) > 0 {
		i, _ := heap.Pop(&ready).(int)
		order = append(order, i)
		for _, user := range users[i] {
			if waiting[user]--; waiting[user] == 0 {
				heap.Push(&ready, user)
			}
		}
	}
	return order
}

// indexes is a heap of the smallest first.
type indexes []int

func (h indexes) Len() int           { return len(h) }
func (h indexes) Less(a, b int) bool { return h[a] < h[b] }
func (h indexes) Swap(a, b int)      { h[a], h[b] = h[b], h[a] }

// Push implements heap.Interface.
func (h *indexes) Push(v any) {
	if i, ok := v.(int); ok {
		*h = append(*h, i)
	}
}

// Pop implements heap.Interface.
func (h *indexes) Pop() any {
	last := len(*h) - 1
	i := (*h)[last]
	*h = (*h)[:last]
	return i
}

// applyChain has jobs wait for those before them, however these end.
func (g *graph) applyChain(jobs []Job) {
	for _, c := range g.chain {
		before, j := c[0], &jobs[c[1]]
		at, there := slices.BinarySearch(j.Needs, before)
		if there {
			continue
		}
		on := make([]Ending, len(j.Needs))
		for n := range j.Needs {
			on[n] = j.Ending(n)
		}
		j.On = slices.Insert(on, at, OnDone)
		j.Needs = slices.Insert(slices.Clone(j.Needs), at, before)
	}
}

// gives reports whether the workflow that calls has a secret of a secret parameter's name.
func (o *outer) gives(p *Param) bool { return o != nil && p.Secret && o.secrets[p.Name] }

// fanned notes a job that stands for others, and settles where it works.
func (r *jobReader) fanned(node uint32) {
	j := &r.job
	if f := j.fan.dir; f.value != 0 && r.path(f, r.draft.WorkingDir, &j.WorkingDir) && r.host.CheckDir != nil {
		if err := r.host.CheckDir(j.WorkingDir); err != nil {
			r.wrong(f, "", "%s: %v", quote(j.WorkingDir), err)
		}
	}
	if j.fan.with.value != 0 && j.fan.workflow.value == 0 {
		r.rep.errorHint(r.pos(j.fan.with.key), "jobs see parameters as variables", "%swith goes with workflow only", r.who())
	}
	if j.fan.workflow.value != 0 {
		r.callFields(node)
	}
	if j.fan.any() {
		r.fans = append(r.fans, fanJob{fan: j.fan, index: r.count - 1, node: node})
	}
}

// callFields reports fields that a job with a sub-workflow can't have, and values of
// other jobs in those that it has: what the file is read with is settled before any runs.
func (r *jobReader) callFields(node uint32) {
	for key := node + 1; key < r.next(node); key = r.next(key + 1) {
		switch name := r.text(key); {
		case name == "env_variables" || name == "with":
			r.unfillable(field{name, key, key + 1}, "a job of the sub-workflow can't have a value of a job outside: leave it in a file, or make them jobs of one file")
		case notOfCalls(name) && r.kind(key+1) != nullNode:
			r.rep.errorHint(r.pos(key), "the jobs of the sub-workflow have their own", "%s%s does not go with workflow", r.who(), name)
		}
	}
}

// notOfCalls reports whether a job with a sub-workflow can't have a field: it has no
// tries itself.
func notOfCalls(field string) bool {
	switch field {
	case "command", "pre_checks", "post_checks", "always",
		"timeout", "output_limit", "idempotent", "leftover", "inputs", "outputs", "input_env",
		"max_retries", "retry_delay", "retry_backoff", "retry_jitter", "max_retry_time", "retry_on_status", "retry_on_exit_codes":
		return true
	}
	return false
}
