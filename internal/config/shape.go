package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/nearest"
)

// listed says where the settings are.
const listed = "docs/operations.md lists the settings"

// misshapen returns the fault of the first value that is not of the kind that its setting
// is, with its place, or nil. The decoder would say so in the words of Go, and takes 1.5 for 1. What
// can't be read as YAML is left to the decoder.
func misshapen(path string, data []byte) error {
	file, err := parser.ParseBytes(data, 0)
	if err != nil || len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil //nolint:nilerr // the decoder says it
	}
	if f := shape(file.Docs[0].Body, reflect.TypeFor[Settings](), ""); f != nil {
		f.At = path + ":" + f.At
		return f
	}
	return nil
}

var durationType = reflect.TypeFor[time.Duration]()

// shape compares a value with the type that it is to have. name is that of the setting.
func shape(n ast.Node, t reflect.Type, name string) *fault.Error {
	switch n.Type() { //nolint:exhaustive // all others are values
	case ast.NullType, ast.AnchorType, ast.AliasType, ast.TagType:
		return nil // nothing, or something that only the decoder can follow
	}
	if t == durationType {
		if _, err := time.ParseDuration(text(n)); err != nil {
			return wrong(n, name, "a time, such as 30s, 5m or 12h")
		}
		return nil
	}
	switch t.Kind() { //nolint:exhaustive // settings have no others
	case reflect.Pointer:
		return shape(n, t.Elem(), name)
	case reflect.Struct, reflect.Map:
		return shapeSection(n, t, name)
	case reflect.Slice:
		return shapeList(n, t, name)
	default:
		return shapeScalar(n, t, name)
	}
}

func shapeSection(n ast.Node, t reflect.Type, name string) *fault.Error {
	m, ok := n.(ast.MapNode)
	switch { // what is there instead is not repeated: it may be a secret
	case !ok && t == reflect.TypeFor[Secret]():
		return mismatch(n, name, "{env: NAME} or {file: PATH}, which say where the secret is", "")
	case !ok:
		return mismatch(n, name, "a section of names with values", "")
	}
	for pairs := m.MapRange(); pairs.Next(); {
		key := pairs.Key().GetToken().Value
		inner := strings.TrimPrefix(name+"."+key, ".")
		var of reflect.Type
		if t.Kind() == reflect.Map {
			of = t.Elem()
		} else if f, known := setting(t, key); known {
			of = f
		} else if key != "<<" {
			return unknown(pairs.Key(), t, inner, key)
		} else {
			continue
		}
		if f := shape(pairs.Value(), of, inner); f != nil {
			return f
		}
	}
	return nil
}

func shapeList(n ast.Node, t reflect.Type, name string) *fault.Error {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		return wrong(n, name, "a list")
	}
	for i, v := range list.Values {
		if f := shape(v, t.Elem(), name+"["+strconv.Itoa(i)+"]"); f != nil {
			return f
		}
	}
	return nil
}

func shapeScalar(n ast.Node, t reflect.Type, name string) *fault.Error {
	if _, ok := n.(ast.ScalarNode); !ok {
		return wrong(n, name, kinds[t.Kind()])
	}
	var err error
	switch t.Kind() { //nolint:exhaustive // settings have no others
	case reflect.Int:
		_, err = strconv.ParseInt(text(n), 0, t.Bits())
	case reflect.Float64:
		_, err = strconv.ParseFloat(text(n), 64)
	case reflect.Bool:
		if _, ok := n.(*ast.BoolNode); !ok {
			err = strconv.ErrSyntax
		}
	}
	if err != nil {
		return wrong(n, name, kinds[t.Kind()])
	}
	return nil
}

// kinds are what values are called.
var kinds = map[reflect.Kind]string{
	reflect.Int: "a whole number", reflect.Float64: "a number", reflect.Bool: "true or false", reflect.String: "text",
}

// setting returns the type of a setting of a section.
func setting(section reflect.Type, key string) (t reflect.Type, known bool) {
	for f := range section.Fields() {
		if f.Tag.Get("yaml") == key {
			return f.Type, true
		}
	}
	return nil, false
}

func unknown(n ast.Node, section reflect.Type, name, key string) *fault.Error {
	var names []string
	for f := range section.Fields() {
		names = append(names, f.Tag.Get("yaml"))
	}
	f := fault.New(fault.InvalidConfig, "there is no setting %s", name).WithAt(place(n.GetToken()))
	if near := nearest.Of(key, names); near != "" {
		return f.WithHint("did you mean %s? %s", near, listed)
	}
	return f.WithHint(listed)
}

// wrong says what a value must be, and what it is where that is short.
func wrong(n ast.Node, name, kind string) *fault.Error {
	was := ""
	if _, ok := n.(ast.ScalarNode); ok && len(text(n)) <= 100 {
		was = ", not " + text(n)
	}
	return mismatch(n, name, kind, was)
}

func mismatch(n ast.Node, name, kind, was string) *fault.Error {
	if name == "" {
		name = "the file"
	}
	return fault.New(fault.InvalidConfig, "%s must be %s%s", name, kind, was).WithAt(place(n.GetToken())).WithHint(listed)
}

func text(n ast.Node) string { return strings.TrimSpace(n.GetToken().Value) }

func place(t *token.Token) string {
	if t == nil || t.Position == nil {
		return "1"
	}
	return fmt.Sprintf("%d:%d", t.Position.Line, t.Position.Column)
}
