package workflow

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/schedule"
)

// triggerDraft is a trigger in the making.
type triggerDraft struct {
	Trigger
	kinds  []field // webhook, files
	secret secretDraft
	signed field // webhook.secret
	within field
	settle field
	path   field
	max    field
	given  scheduleDraft // of params
	flow   *draft
}

// triggerFields are the names that a trigger may have.
var triggerFields = fields[triggerDraft]{
	"name":        func(d *decoder, t *triggerDraft, f field) { d.label(f, &t.Name) },
	"description": func(d *decoder, t *triggerDraft, f field) { d.string(f, &t.Description) },
	"webhook": func(d *decoder, t *triggerDraft, f field) {
		t.Kind, t.kinds = WebhookTrigger, append(t.kinds, f)
		if d.is(f, objectNode) {
			readFields(d, f.value, webhookFields, t)
		}
	},
	"files": func(d *decoder, t *triggerDraft, f field) {
		t.Kind, t.kinds = FilesTrigger, append(t.kinds, f)
		if d.is(f, objectNode) {
			readFields(d, f.value, filesFields, t)
		}
	},
	"overlap": func(d *decoder, t *triggerDraft, f field) {
		oneOf(d, f, &t.Overlap, schedule.QueueOverlap, schedule.AllowOverlap, schedule.SkipOverlap, schedule.CancelOverlap)
	},
	"max_queued": func(d *decoder, t *triggerDraft, f field) { t.max = f; d.int(f, 1, maxQueued, &t.MaxQueued) },
	"params":     func(d *decoder, t *triggerDraft, f field) { d.scheduleParams(f, &t.given) },
	"paused":     func(d *decoder, t *triggerDraft, f field) { d.bool(f, &t.Paused) },
}

var webhookFields = fields[triggerDraft]{
	"secret": func(d *decoder, t *triggerDraft, f field) {
		if t.signed = f; d.is(f, objectNode) {
			readFields(d, f.value, keyFields, &t.secret)
		}
	},
	"signature": func(d *decoder, t *triggerDraft, f field) { oneOf(d, f, &t.Signature, OwnSignature, GitHubSignature) },
	"within":    func(d *decoder, t *triggerDraft, f field) { t.within = f; d.limit(f, &t.Within) },
	"fields":    func(d *decoder, t *triggerDraft, f field) { d.bodyFields(f, t) },
}

// keyFields are the names that the secret of a webhook may have. A command is not among them:
// anybody could have it started.
var keyFields = fields[secretDraft]{"env": secretFields["env"], "file": secretFields["file"]}

var filesFields = fields[triggerDraft]{
	"pattern": func(_ *decoder, t *triggerDraft, f field) { t.path = f },
	"done": func(d *decoder, t *triggerDraft, f field) {
		if d.label(f, &t.Done); strings.ContainsRune(t.Done, filepath.Separator) {
			d.wrong(f, "write what is behind the file's name, such as .done", "must be the end of a name")
		}
	},
	"settle": func(d *decoder, t *triggerDraft, f field) { t.settle = f; d.limit(f, &t.Settle) },
	"every":  func(d *decoder, t *triggerDraft, f field) { d.limit(f, &t.Every) },
	"param":  func(d *decoder, t *triggerDraft, f field) { d.triggerParam(f, f.value, t); d.string(f, &t.Param) },
}

// declareTriggers reads triggers. Those of a sub-workflow are for runs of its file alone.
func (d *decoder) declareTriggers(w *draft) {
	if d.host.outer != nil || w.triggers.value == 0 {
		return
	}
	seen := map[string]uint32{}
	d.items(w.triggers, func(item field) {
		d.check = ""
		if d.kind(item.value) != objectNode {
			d.wrong(item, `write {name: arrived, files: {pattern: "inbox/*.csv"}}`, "must be a list of objects, not of %s", d.kind(item.value))
			return
		}
		if len(w.Triggers) == maxTriggers {
			d.wrong(item, "", "must have at most %d members", maxTriggers)
			return
		}
		w.Triggers = append(w.Triggers, d.trigger(w, item, seen))
	})
	d.check = ""
}

func (d *decoder) trigger(w *draft, item field, seen map[string]uint32) Trigger {
	d.check = "triggers: "
	if name := d.tree.member(item.value, "name"); name != 0 && d.kind(name) == stringNode {
		d.check = "trigger " + quote(d.text(name)) + ": "
	}
	t := triggerDraft{flow: w, given: scheduleDraft{flow: w}}
	readFields(d, item.value, triggerFields, &t)
	t.Params = t.given.Params
	first, twice := seen[t.Name]
	switch {
	case t.Name == "":
		d.rep.errorHint(d.pos(item.value), "what it runs is kept under its name", "triggers: name is missing")
	case twice:
		d.rep.errorAt(d.pos(item.value), d.pos(first), "", "two triggers have the name %s: the first is", quote(t.Name))
	case slices.ContainsFunc(w.Schedules, func(s Schedule) bool { return s.Name == t.Name }):
		d.rep.errorHint(d.pos(item.value), "give it another name", "%sa schedule has that name", d.who())
	default:
		seen[t.Name] = item.value
	}
	d.finishTrigger(&t, item)
	return t.Trigger
}

// finishTrigger settles what depends on more than one field.
func (d *decoder) finishTrigger(t *triggerDraft, item field) {
	switch {
	case len(t.kinds) == 0:
		d.rep.errorHint(d.pos(item.value), `add webhook: {secret: {env: NAME}} or files: {pattern: "inbox/*.csv"}`, "%sit waits for nothing", d.who())
	case len(t.kinds) > 1:
		d.wrong(t.kinds[1], "make it a trigger of its own", "does not go with %s", t.kinds[0].name)
	case t.Kind == WebhookTrigger:
		d.finishWebhook(t, item)
	case t.path.value == 0:
		d.rep.errorHint(d.pos(item.value), `add pattern: "inbox/*.csv"`, "%sfiles: pattern is missing", d.who())
	default:
		d.filePattern(t)
	}
	if t.max.value != 0 && t.Overlap != "" && t.Overlap != schedule.QueueOverlap {
		d.wrong(t.max, "add overlap: queue", "goes with overlap: queue only")
	}
	with := scheduleDraft{flow: t.flow}
	with.Params = slices.Concat(t.Params, t.Fields)
	if t.Param != "" {
		with.Params = append(with.Params, Var{Name: t.Param})
	}
	for i, v := range with.Params {
		if slices.ContainsFunc(with.Params[:i], func(o Var) bool { return o.Name == v.Name }) {
			d.rep.errorHint(d.pos(item.value), "", "%sthe parameter %s is given twice", d.who(), quote(v.Name))
		}
	}
	d.requiredParams(&with, item)
}

func (d *decoder) finishWebhook(t *triggerDraft, item field) {
	t.Secret = t.secret.Secret
	switch {
	case t.signed.value == 0:
		d.rep.errorHint(d.pos(item.value), "add secret: {env: NAME} or {file: PATH}", "%swebhook: secret is missing: a request that nobody signed runs nothing", d.who())
	case t.secret.sources != 1:
		d.rep.errorHint(d.pos(t.signed.value), "write {env: NAME} or {file: PATH}", "%ssecret must have one of env and file", d.who())
	}
	if t.secret.file.value != 0 {
		d.path(t.secret.file, t.flow.WorkingDir, &t.Secret.File)
	}
	if t.Within > maxWithin {
		d.wrong(t.within, "", "must be at most 1h")
	}
	if t.within.value != 0 && t.Signature == GitHubSignature {
		d.wrong(t.within, "", "does not go with signature: github, which has no time")
	}
}

// filePattern reads which files a trigger waits for.
func (d *decoder) filePattern(t *triggerDraft) {
	d.path(t.path, t.flow.WorkingDir, &t.Pattern)
	if t.Pattern == "" {
		return
	}
	if _, err := filepath.Match(t.Pattern, ""); err != nil {
		d.wrong(t.path, "close each [ with a ]", "is no pattern")
	}
	if dir := filepath.Dir(t.Pattern); strings.ContainsAny(dir, "*?[") {
		d.wrong(t.path, "make a trigger for each directory", "may have a pattern in its last part only")
	}
	if t.settle.value != 0 && t.Done != "" {
		d.wrong(t.settle, "", "does not go with done")
	}
}

// triggerParam checks that a parameter can be given by what arrives.
func (d *decoder) triggerParam(f field, at uint32, t *triggerDraft) {
	if d.kind(at) != stringNode {
		return
	}
	name := d.text(at)
	p := t.flow.Param(name)
	switch {
	case p == nil:
		names := make([]string, len(t.flow.Params))
		for i := range t.flow.Params {
			names[i] = t.flow.Params[i].Name
		}
		d.rep.errorHint(d.pos(at), d.meant(name, slices.Values(names)), "%s%s: the workflow has no parameter %s", d.who(), f.name, quote(name))
	case p.Secret:
		d.rep.errorBare(d.pos(at), "what arrives is recorded", "%s%s: a secret parameter can't be given so", d.who(), f.name)
	}
}

// bodyFields reads which parameters get which fields of a request's body.
func (d *decoder) bodyFields(f field, t *triggerDraft) {
	if !d.is(f, objectNode) {
		return
	}
	d.pairs(f.value, func(key, value uint32) {
		name := d.text(key)
		if strings.HasPrefix(name, "_") {
			return
		}
		d.triggerParam(f, key, t)
		v := field{"fields: " + printable(name), key, value}
		if !d.is(v, stringNode) {
			return
		}
		path := d.text(value)
		if slices.Contains(strings.Split(path, "."), "") || len(path) > maxField {
			d.wrong(v, "write names with full stops between them, such as repository.full_name", "must be the place of a field in the request's body")
			return
		}
		t.Fields = append(t.Fields, Var{name, path})
	})
}
