package workflow

import (
	"regexp"
	"slices"
	"strings"
)

// paramDraft is a parameter in the making.
type paramDraft struct {
	Param
	key      uint32 // node of its name
	dflt     field  // default
	min, max field
	typed    bool // the file says the type
}

// paramFields are the names that a parameter may have.
var paramFields = fields[paramDraft]{
	"type": func(d *decoder, p *paramDraft, f field) {
		word := string(p.Type)
		d.choice(f, &word, paramTypes[:]...)
		p.Type, p.typed = ParamType(word), true
	},
	"default":     func(_ *decoder, p *paramDraft, f field) { p.dflt = f },
	"required":    func(d *decoder, p *paramDraft, f field) { d.bool(f, &p.Required) },
	"secret":      func(d *decoder, p *paramDraft, f field) { d.bool(f, &p.Secret) },
	"values":      func(d *decoder, p *paramDraft, f field) { d.scalars(f, &p.Values) },
	"min":         func(_ *decoder, p *paramDraft, f field) { p.min = f },
	"max":         func(_ *decoder, p *paramDraft, f field) { p.max = f },
	"pattern":     func(d *decoder, p *paramDraft, f field) { d.paramPattern(f, &p.Pattern) },
	"description": func(d *decoder, p *paramDraft, f field) { d.string(f, &p.Description) },
}

// scalars reads a list of texts; numbers, true and false are the text that is written.
func (d *decoder) scalars(f field, into *[]string) {
	var all []string
	d.items(f, func(item field) {
		if text, ok := d.scalar(item, "must be a list of texts and numbers, not of %s"); ok {
			all = append(all, text)
		}
	})
	*into = all
}

// scalar returns the text of a text, a number, true or false. Others are reported.
func (d *decoder) scalar(f field, not string) (string, bool) {
	switch k := d.kind(f.value); k {
	case stringNode, numberNode:
		return d.text(f.value), true
	case boolNode:
		return strings.ToLower(d.text(f.value)), true
	default:
		d.wrong(f, "", not, k)
		return "", false
	}
}

func (d *decoder) paramPattern(f field, into *string) {
	if !d.is(f, stringNode) {
		return
	}
	text := d.text(f.value)
	if _, err := regexp.Compile(text); err != nil {
		d.wrong(f, "", "is not a regular expression: %s", printable(err.Error()))
		return
	}
	*into = text
}

// declareParams reads the parameters and gives them their values.
func (d *decoder) declareParams(w *draft) {
	given := lastGiven(d.host.Params)
	var missing []*paramDraft
	if w.params.value != 0 && d.is(w.params, objectNode) {
		d.pairs(w.params.value, func(key, value uint32) {
			p := d.param(w, key, value)
			if p == nil {
				return
			}
			if d.host.outer.gives(&p.Param) {
				return // the variable reaches the jobs by itself
			}
			d.giveParam(p, given)
			if p.Required && !p.Given {
				missing = append(missing, p)
			}
			w.Params = append(w.Params, p.Param)
		})
	}
	d.check = ""
	d.missingParams(missing)
	d.unknownParams(w)
}

// lastGiven returns the value that counts for each name.
func lastGiven(all []Given) map[string]Given {
	last := make(map[string]Given, len(all))
	for _, g := range all {
		last[g.Name] = g
	}
	return last
}

// param reads one parameter. Nil: its name begins with _, or can't be one.
func (d *decoder) param(w *draft, key, value uint32) *paramDraft {
	d.check = ""
	name := d.text(key)
	if strings.HasPrefix(name, "_") || !d.declarable(w, "parameter", key, name) {
		return nil
	}
	p := &paramDraft{Param: Param{Name: name, Type: StringParam}, key: key}
	d.check = "params: " + name + ": "
	switch d.kind(value) {
	case objectNode:
		readFields(d, value, paramFields, p)
	case listNode:
		p.Type, p.dflt = ListParam, field{"default", key, value}
	case stringNode, numberNode, boolNode:
		p.dflt = field{"default", key, value}
	case nullNode:
	}
	d.finishParam(p, value)
	return p
}

// declarable reports whether a parameter or secret may have that name.
func (d *decoder) declarable(w *draft, what string, key uint32, name string) bool {
	other := ""
	switch {
	case !variableName(name):
		d.rep.errorHint(d.pos(key), "use letters, digits and _, and no digit first", "%s can't be the name of a %s: jobs see it as a variable", quote(name), what)
		return false
	case strings.HasPrefix(name, reservedPrefix):
		d.rep.error(d.pos(key), "%s can't be the name of a %s: names that begin with %s are the program's own", quote(name), what, reservedPrefix)
		return false
	case w.Param(name) != nil:
		other = "a parameter"
	case slices.ContainsFunc(w.Env, func(v Var) bool { return v.Name == name }):
		other = "a variable of env_variables"
	default:
		return true
	}
	d.rep.errorHint(d.pos(key), "jobs see both as variables: rename one, or leave one out", "%s %s is also %s", what, quote(name), other)
	return false
}

// finishParam settles what depends on more than one field of a parameter.
func (d *decoder) finishParam(p *paramDraft, value uint32) {
	number := p.Type == IntParam || p.Type == NumberParam
	d.bound(p, "min", p.min, number, &p.Min)
	d.bound(p, "max", p.max, number, &p.Max)
	switch {
	case p.Type == EnumParam && len(p.Values) == 0:
		d.rep.errorHint(d.pos(value), "add values: [one, other]", "%sa parameter of type enum needs values", d.who())
	case p.Values != nil && !p.typed:
		p.Type = EnumParam
	case p.Values != nil && p.Type != EnumParam && p.Type != ListParam:
		d.rep.error(d.pos(value), "%svalues go with type enum or list, not %s", d.who(), p.Type)
	case p.Min != "" && p.Max != "" && lessNumber(p.Max, p.Min):
		d.rep.error(d.pos(p.max.value), "%smax %s is below min %s", d.who(), p.Max, p.Min)
	}
	switch {
	case p.dflt.value == 0:
	case p.Secret:
		d.rep.errorBare(d.pos(p.dflt.value), "leave it out, or declare it under secrets", "%sdefault does not go with secret: everybody who reads the file could see it", d.who())
	case p.Required:
		d.wrong(p.dflt, "leave one of them out", "does not go with required")
		p.Required = false
	default:
		d.paramDefault(p)
	}
}

// bound reads the least or greatest value of a number.
func (d *decoder) bound(p *paramDraft, name string, f field, number bool, into *string) {
	if f.value == 0 {
		return
	}
	f.name = name
	var v float64
	switch {
	case !number:
		d.wrong(f, "", "goes with type int or number, not %s", p.Type)
	case d.number(f, -1e308, 1e308, &v):
		*into = short(v)
		if text := d.text(f.value); strings.Trim(text, "-0123456789") == "" { // beyond what a float has exactly
			*into = text
		}
	}
}

// paramDefault reads a default and makes it the value.
func (d *decoder) paramDefault(p *paramDraft) {
	f := p.dflt
	if d.kind(f.value) == listNode {
		if p.Type != ListParam {
			d.wrong(f, "", "must be a text, not a list: the parameter's type is %s", p.Type)
			return
		}
		var items []string
		var r *refusal
		d.scalars(f, &items)
		if p.Value, r = p.acceptItems(items); r != nil {
			d.wrong(f, r.hint, "%s", r.msg)
		}
		p.Default = p.Value
		return
	}
	text, ok := d.scalar(f, "must be a text or a number, not %s")
	if !ok {
		return
	}
	value, r := p.accept(text, d.host.Now)
	if r != nil {
		d.wrong(f, r.hint, "%s, not %s", r.msg, p.show(text))
	}
	p.Value, p.Default = value, text
	if p.Type == StringParam && !p.typed && r == nil {
		d.dateText(p, text)
	}
	if p.Type == ListParam {
		p.Default = value
	}
}

// giveParam takes the value that was given for a parameter, if there is one. The place of
// a message is the declaration.
func (d *decoder) giveParam(p *paramDraft, given map[string]Given) {
	g, ok := given[p.Name]
	if !ok {
		return
	}
	if p.Secret && d.host.outer != nil {
		d.rep.errorHint(d.pos(p.key), "declare a secret of that name in the workflow that calls", "%s: a secret parameter can't be given in a file", strings.TrimRight(g.From, "= "))
		return
	}
	value, r := p.accept(g.Value, d.host.Now)
	if r != nil {
		d.rep.errorHint(d.pos(p.key), r.hint, "%s: %s", givenText(&p.Param, g), r.msg)
	}
	p.Value, p.Given = value, true
}

// givenText writes how a parameter was given, with its value unless that is secret.
func givenText(p *Param, g Given) string {
	shown := p.show(g.Value)
	if shown != masked {
		shown = strings.Trim(shown, `"`)
	}
	return g.From + shown
}

// missingParams tells all required parameters that have no value at once.
func (d *decoder) missingParams(missing []*paramDraft) {
	if len(missing) == 0 || d.host.ParamsLater {
		return
	}
	const most = 10
	var names, how []string
	for i, p := range missing {
		names = append(names, p.Name)
		if i < most {
			how = append(how, "-p "+p.Name+"="+p.placeholder())
		}
	}
	hint := "give " + strings.Join(how, " ")
	if len(missing) > most {
		hint += " …"
	}
	what := "a required parameter has no value"
	if len(missing) > 1 {
		what = "required parameters have no value"
	}
	d.rep.errorHint(d.pos(missing[0].key), hint+", or set "+ParamVariable+missing[0].Name, "%s: %s", what, strings.Join(names, ", "))
}

// placeholder stands for a value where it is said how to give one.
func (p *Param) placeholder() string {
	const most = 5
	switch p.Type {
	case EnumParam:
		if len(p.Values) <= most {
			return printable(strings.Join(p.Values, "|"))
		}
		return "TEXT"
	case ListParam:
		return "A,B"
	case DateParam:
		return "YYYY-MM-DD"
	case StringParam:
		return "TEXT"
	case BoolParam:
		return "true|false"
	case IntParam, NumberParam, DurationParam:
	}
	return strings.ToUpper(string(p.Type))
}

// unknownParams reports what was given for parameters that there are not.
func (d *decoder) unknownParams(w *draft) {
	pos := d.pos(0)
	if w.params.value != 0 {
		pos = d.pos(w.params.key)
	}
	names := make([]string, len(w.Params))
	for i := range w.Params {
		names[i] = w.Params[i].Name
	}
	for _, g := range d.host.Params {
		if g.Ambient || slices.Contains(names, g.Name) {
			continue
		}
		hint := d.meant(g.Name, slices.Values(names))
		switch {
		case len(names) == 0:
			hint = "it has none"
		case hint == "":
			hint = "it has " + strings.Join(names, ", ")
		}
		d.rep.errorHint(pos, hint, "%s: the workflow has no parameter %s", strings.TrimRight(g.From, "= "), quote(g.Name))
	}
}
