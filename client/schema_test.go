package client

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
)

// update rewrites schema.json: go test ./client -run TestSchemaIsFresh -update
var update = flag.Bool("update", false, "rewrite schema.json")

// TestSchemaIsFresh compares schema.json with what the Go types and their comments make.
func TestSchemaIsFresh(t *testing.T) {
	made := makeSchema(t)
	if *update {
		if err := os.WriteFile("schema.json", made, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(string(Schema()), string(made)); d != "" {
		t.Errorf("schema.json is out of date; to write it: go test ./client -run TestSchemaIsFresh -update\n%s", d)
	}
}

const modulePath = "github.com/executionerhq/executioner/client"

// makeSchema reflects the Go types, and adds what they don't say: where the file format
// has several spellings of a value, and that null counts as not there.
func makeSchema(t *testing.T) []byte {
	r := &jsonschema.Reflector{Anonymous: true, ExpandedStruct: true, RequiredFromJSONSchemaTags: true, Mapper: special}
	if err := r.AddGoComments(modulePath, "./", jsonschema.WithFullComment()); err != nil {
		t.Fatal(err)
	}
	s := r.Reflect(Workflow{})
	s.Title = "Executioner workflow"
	defaults := r.Reflect(Job{})
	defaults.Version, defaults.Definitions = "", nil
	s.Definitions["Defaults"] = defaults
	s.Definitions["TemplateParams"] = mapOf(scalar())
	spell(s)
	objects := map[string]*jsonschema.Schema{"": s}
	for name, d := range s.Definitions {
		if d.Properties != nil {
			objects[name] = d
		}
	}
	for name, d := range objects {
		members(d, name == "Template")
	}
	s.PatternProperties[`^\$schema$`] = jsonschema.TrueSchema // how a JSON file tells editors of this schema

	pluses(s, "#")
	for _, name := range [...]string{"Job", "Template", "Defaults"} {
		pluses(objects[name], "#/$defs/"+name)
	}
	demand(s)
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(bytes.ReplaceAll(text, []byte(`\u003e`), []byte(`>`)), '\n')
}

func typed(name string) *jsonschema.Schema { return &jsonschema.Schema{Type: name} }

func anyOf(all ...*jsonschema.Schema) *jsonschema.Schema { return &jsonschema.Schema{AnyOf: all} }

func listOf(item *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "array", Items: item}
}

func mapOf(value *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "object", AdditionalProperties: value}
}

func types(names ...string) *jsonschema.Schema {
	return &jsonschema.Schema{Extras: map[string]any{"type": names}}
}

func scalar() *jsonschema.Schema { return types("string", "number", "boolean", "null") }

// given is a text, a number, true or false, which there must be.
func given() *jsonschema.Schema { return types("string", "number", "boolean") }

// paramReference is {param: NAME}.
func paramReference() *jsonschema.Schema {
	p := jsonschema.NewProperties()
	p.Set("param", &jsonschema.Schema{Type: "string", Description: "the name of a parameter of the workflow, whose value it is"})
	return &jsonschema.Schema{
		Type: "object", Properties: p, Required: []string{"param"}, AdditionalProperties: jsonschema.FalseSchema,
		PatternProperties: map[string]*jsonschema.Schema{"^_": jsonschema.TrueSchema},
	}
}

const durationPattern = `^(?:[0-9]*\.?[0-9]*d)?(?:[0-9]*\.?[0-9]*(?:h|ms|m|s))*$`

func minLength(n uint64) *uint64 { return &n }

// special is the schema of Go types that are written in a way of their own.
func special(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[Duration]():
		return anyOf(
			&jsonschema.Schema{Type: "number", Minimum: "0", Maximum: "315360000"},
			&jsonschema.Schema{Type: "string", Pattern: durationPattern, MinLength: minLength(2)},
		)
	case reflect.TypeFor[Size]():
		return anyOf(
			&jsonschema.Schema{Type: "integer", Minimum: "1024", Maximum: "1099511627776"},
			&jsonschema.Schema{Type: "string", Pattern: `^[0-9.,]+ *[A-Za-z]{1,3}$`},
		)
	case reflect.TypeFor[Command]():
		return command()
	case reflect.TypeFor[Inherit]():
		return anyOf(typed("boolean"), &jsonschema.Schema{Const: "default"}, listOf(typed("string")))
	case reflect.TypeFor[Calendar]():
		return anyOf(typed("string"), listOf(typed("string")), typed("null"))
	case reflect.TypeFor[Env]():
		return mapOf(scalar())
	case reflect.TypeFor[Matrix]():
		s := mapOf(anyOf(&jsonschema.Schema{Type: "array", Items: given(), MinItems: minLength(1)}, paramReference()))
		s.Properties = jsonschema.NewProperties()
		exclude := listOf(mapOf(given()))
		exclude.Description = "combinations that are left out: those with all values of one of these"
		s.Properties.Set("exclude", exclude)
		s.PatternProperties = map[string]*jsonschema.Schema{"^_": jsonschema.TrueSchema}
		return s
	}
	return nil
}

func command() *jsonschema.Schema {
	return anyOf(typed("string"), &jsonschema.Schema{Type: "array", Items: typed("string"), MinItems: minLength(1)})
}

// spell adds the shorter spellings of values.
func spell(s *jsonschema.Schema) {
	job, template, defaults := s.Definitions["Job"], s.Definitions["Template"], s.Definitions["Defaults"]
	for _, name := range [...]string{"include", "extends", "env_files", "email_address"} {
		change(s, name, func(p *jsonschema.Schema) *jsonschema.Schema { return anyOf(typed("string"), p) })
	}
	change(s, "defaults", func(*jsonschema.Schema) *jsonschema.Schema { return ref("Defaults") })
	for _, d := range [...]*jsonschema.Schema{job, template, defaults} {
		change(d, "env_files", func(p *jsonschema.Schema) *jsonschema.Schema { return anyOf(typed("string"), p) })
		change(d, "extends", func(*jsonschema.Schema) *jsonschema.Schema {
			return anyOf(typed("string"), ref("Use"), listOf(anyOf(typed("string"), ref("Use"))))
		})
		change(d, "foreach", func(p *jsonschema.Schema) *jsonschema.Schema { return anyOf(listOf(given()), p) })
		change(d, "with", func(*jsonschema.Schema) *jsonschema.Schema {
			return mapOf(anyOf(scalar(), listOf(given()), paramReference()))
		})
		change(d, "dependencies", func(p *jsonschema.Schema) *jsonschema.Schema {
			p.Items = anyOf(typed("string"), p.Items)
			return p
		})
	}
	change(template, "params", func(*jsonschema.Schema) *jsonschema.Schema { return ref("TemplateParams") })
	drop(template, "id")
	drop(defaults, "id")
	drop(defaults, "dependencies")
	change(s, "checks", func(p *jsonschema.Schema) *jsonschema.Schema {
		p.AdditionalProperties = anyOf(typed("string"), listOf(typed("string")), p.AdditionalProperties)
		return p
	})
	change(s, "validators", func(p *jsonschema.Schema) *jsonschema.Schema {
		p.Items = anyOf(typed("string"), listOf(typed("string")), p.Items)
		return p
	})
	change(s, "dependency_plugins", func(p *jsonschema.Schema) *jsonschema.Schema {
		p.Items = anyOf(typed("string"), p.Items)
		return p
	})
	change(s, "params", func(p *jsonschema.Schema) *jsonschema.Schema {
		p.AdditionalProperties = anyOf(scalar(), listOf(given()), p.AdditionalProperties)
		return p
	})
	for _, d := range [...]*jsonschema.Schema{s, job, template, defaults} {
		change(d, "lint_ignore", func(p *jsonschema.Schema) *jsonschema.Schema {
			p.AdditionalProperties = types("string", "null")
			return p
		})
		change(d, "memory_limit", func(p *jsonschema.Schema) *jsonschema.Schema {
			p.AnyOf[0].Minimum, p.AnyOf[0].Maximum = "1048576", "1125899906842624"
			return p
		})
		for _, name := range [...]string{"timeout", "default_timeout"} {
			change(d, name, positive)
		}
	}
	change(s.Definitions["Program"], "timeout", positive)
	timed := s.Definitions["Schedule"]
	change(timed, "every", positive)
	change(timed, "catch_up_within", positive)
	change(timed, "params", func(p *jsonschema.Schema) *jsonschema.Schema {
		p.AdditionalProperties = anyOf(scalar(), listOf(given()))
		p.PatternProperties = map[string]*jsonschema.Schema{"^_": jsonschema.TrueSchema}
		return p
	})
	change(s.Definitions["Use"], "with", func(*jsonschema.Schema) *jsonschema.Schema { return mapOf(scalar()) })
	change(s.Definitions["Foreach"], "list", func(*jsonschema.Schema) *jsonschema.Schema { return listOf(given()) })
	param := s.Definitions["Param"]
	change(param, "values", func(*jsonschema.Schema) *jsonschema.Schema { return listOf(given()) })
	change(param, "default", func(*jsonschema.Schema) *jsonschema.Schema { return anyOf(given(), listOf(given())) })
	for _, name := range [...]string{"templates", "params", "secrets", "checks", "calendars"} {
		change(s, name, func(p *jsonschema.Schema) *jsonschema.Schema {
			p.PatternProperties = map[string]*jsonschema.Schema{"^_": jsonschema.TrueSchema}
			return p
		})
	}
	change(s, "templates", func(p *jsonschema.Schema) *jsonschema.Schema {
		p.AdditionalProperties = anyOf(p.AdditionalProperties, typed("null"))
		return p
	})
}

func positive(p *jsonschema.Schema) *jsonschema.Schema {
	p.AnyOf[0].Minimum, p.AnyOf[0].ExclusiveMinimum = "", "0"
	return p
}

func ref(name string) *jsonschema.Schema { return &jsonschema.Schema{Ref: "#/$defs/" + name} }

// change replaces the schema of a field, which keeps its description.
func change(s *jsonschema.Schema, name string, by func(*jsonschema.Schema) *jsonschema.Schema) {
	p, ok := s.Properties.Get(name)
	if !ok {
		return
	}
	text := p.Description
	p.Description = ""
	p = by(p)
	p.Description = text
	s.Properties.Set(name, p)
}

func drop(s *jsonschema.Schema, name string) {
	s.Properties.Delete(name)
	s.Required = slices.DeleteFunc(s.Required, func(r string) bool { return r == name })
	if len(s.Required) == 0 {
		s.Required = nil
	}
}

// members says of an object's fields that null counts as not there, and that names with _
// in front are ignored. In a template a text may have parameters instead of a value.
func members(s *jsonschema.Schema, template bool) {
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		field := p.Value
		if template && p.Key != "command" && p.Key != "when" && p.Key != "params" && field.Type != "string" {
			change(s, p.Key, func(f *jsonschema.Schema) *jsonschema.Schema {
				text := &jsonschema.Schema{Type: "string", Pattern: `\$\{\{`}
				if f.AnyOf != nil {
					f.AnyOf = append(f.AnyOf, text)
					return f
				}
				return anyOf(f, text)
			})
		}
		if !slices.Contains(s.Required, p.Key) {
			change(s, p.Key, nullable)
		}
	}
	if s.PatternProperties == nil {
		s.PatternProperties = map[string]*jsonschema.Schema{}
	}
	s.PatternProperties["^_"] = jsonschema.TrueSchema
}

func nullable(p *jsonschema.Schema) *jsonschema.Schema {
	switch {
	case p.Type != "" && p.Extras == nil:
		p.Extras = map[string]any{"type": []string{p.Type, "null"}}
		p.Type = ""
		if p.Enum != nil {
			p.Enum = append(p.Enum, nil)
		}
		return p
	case p.AnyOf != nil:
		p.AnyOf = append(p.AnyOf, typed("null"))
		return p
	}
	return anyOf(p, typed("null"))
}

// pluses adds, for each list that can be added to, its name with a plus.
func pluses(s *jsonschema.Schema, at string) {
	var names []string
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		if text, _ := json.Marshal(p.Value); bytes.Contains(text, []byte(`"array"`)) {
			names = append(names, p.Key)
		}
	}
	never := []string{"jobs", "on_failure", "on_success", "env_files", "include", "matrix", "foreach", "with", "params", "inherit_shell_env", "command", "checks", "calendars"}
	if at == "#" {
		never = append(never, "extends")
	}
	for _, name := range names {
		if !slices.Contains(never, name) {
			s.Properties.Set("+"+name, &jsonschema.Schema{Ref: at + "/properties/" + name, Description: "Added behind the " + name + " of included files, templates and defaults."})
		}
	}
}

// demand says that jobs run something, unless what they run may be elsewhere.
func demand(s *jsonschema.Schema) {
	has := func(name string) *jsonschema.Schema { return &jsonschema.Schema{Required: []string{name}} }
	runs := &jsonschema.Schema{Items: anyOf(has("command"), has("workflow"), has("extends"), has("+extends"))}
	lists := jsonschema.NewProperties()
	for _, name := range [...]string{"jobs", "on_failure", "on_success"} {
		lists.Set(name, runs)
	}
	s.If = anyOf(has("include"), has("extends"), has("defaults"))
	s.Else = &jsonschema.Schema{Properties: lists}
	secret := s.Definitions["Secret"]
	secret.OneOf = []*jsonschema.Schema{has("env"), has("file"), has("command")}
}
