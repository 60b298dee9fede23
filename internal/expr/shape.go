package expr

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// shapes are the types of objects that expressions know, by name: of each its fields.
// A field that an object should not have is told when the expression is compiled.
type shapes map[string]map[string]*cel.Type

func object(name string) *cel.Type { return cel.ObjectType(name) }

func listOf(t *cel.Type) *cel.Type { return cel.ListType(t) }

func mapTo(t *cel.Type) *cel.Type { return cel.MapType(cel.StringType, t) }

// Fields is an object as an expression sees it.
type Fields struct {
	Type   string         // Workflow, Job or Check
	Values map[string]any // what the file says: text, bool, int, float64, time.Duration, []string, []int, map[string]string, Fields, []any of these
	// Defaults are in force where Values has nothing: reading gives them, has() says
	// false. What neither has is empty: "", 0, false, [] or {}.
	Defaults map[string]any
}

// get returns a field's value; nil means that there is none.
func (f Fields) get(name string) any {
	if v, ok := f.Values[name]; ok {
		return v
	}
	return f.Defaults[name]
}

// provider makes the shapes known to CEL. It is never changed.
type provider struct {
	*types.Registry
	shapes shapes
}

func newProvider(s shapes) (*provider, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, err
	}
	return &provider{Registry: registry, shapes: s}, nil
}

// FindStructType is of types.Provider.
func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if _, ok := p.shapes[name]; ok {
		return types.NewTypeTypeWithParam(object(name)), true
	}
	return nil, false // what CEL itself knows, such as google.protobuf.Value, has no place in a workflow file
}

// FindStructFieldNames is of types.Provider.
func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	shape, ok := p.shapes[name]
	return slices.Sorted(maps.Keys(shape)), ok
}

// FindStructFieldType is of types.Provider.
func (p *provider) FindStructFieldType(structType, name string) (*types.FieldType, bool) {
	t, ok := p.shapes[structType][name]
	if !ok {
		return nil, false
	}
	return &types.FieldType{
		Type:    t,
		IsSet:   func(target any) bool { _, set := lookUp(target, name, true); return set },
		GetFrom: func(target any) (any, error) { return p.field(target, name, t) },
	}, true
}

// field returns a field's value, or the empty value of its type.
func (p *provider) field(target any, name string, t *types.Type) (any, error) {
	v, ok := lookUp(target, name, false)
	if !ok || v == nil {
		return empty(t), nil
	}
	return p.NativeToValue(v), nil
}

// lookUp finds a field in an object: Fields, or a plain map where somebody made one.
func lookUp(target any, name string, given bool) (any, bool) {
	switch target := target.(type) {
	case Fields:
		if given {
			v, ok := target.Values[name]
			return v, ok
		}
		return target.get(name), true
	case map[string]any:
		v, ok := target[name]
		return v, ok
	}
	return nil, false
}

func empty(t *types.Type) ref.Val {
	switch t.Kind() {
	case types.StringKind:
		return types.String("")
	case types.IntKind:
		return types.Int(0)
	case types.DoubleKind:
		return types.Double(0)
	case types.BoolKind:
		return types.False
	case types.DurationKind:
		return types.Duration{Duration: time.Duration(0)}
	case types.ListKind:
		return types.NewStringList(types.DefaultTypeAdapter, nil)
	case types.MapKind:
		return types.NewStringStringMap(types.DefaultTypeAdapter, nil)
	default:
		return types.NullValue
	}
}

// NewValue is of types.Provider. Objects come from the file only.
func (p *provider) NewValue(structType string, _ map[string]ref.Val) ref.Val {
	return types.NewErr("%s can't be made in an expression", structType)
}

// NativeToValue is of types.Adapter.
func (p *provider) NativeToValue(value any) ref.Val {
	switch value := value.(type) {
	case Fields:
		return fieldsVal{Fields: value, provider: p}
	case []any:
		return types.NewDynamicList(p, value)
	case map[string]any:
		return types.NewStringInterfaceMap(p, value)
	}
	return p.Registry.NativeToValue(value)
}

// fieldsVal is a Fields as a value of CEL.
type fieldsVal struct {
	Fields
	provider *provider
}

var (
	_ ref.Val            = fieldsVal{}
	_ traits.Indexer     = fieldsVal{}
	_ traits.FieldTester = fieldsVal{}
)

// ConvertToNative is of ref.Val.
func (v fieldsVal) ConvertToNative(t reflect.Type) (any, error) {
	if t == reflect.TypeFor[Fields]() {
		return v.Fields, nil
	}
	return nil, fmt.Errorf("%s can't become %s", v.Fields.Type, t)
}

// ConvertToType is of ref.Val.
func (v fieldsVal) ConvertToType(t ref.Type) ref.Val {
	switch t {
	case types.TypeType:
		return object(v.Fields.Type)
	case ref.Type(object(v.Fields.Type)):
		return v
	}
	return types.NewErr("%s can't become %s", v.Fields.Type, t.TypeName())
}

// Equal is of ref.Val. Objects are compared by their fields, never as a whole.
func (v fieldsVal) Equal(ref.Val) ref.Val {
	return types.NewErr("compare fields of a %s, not the whole", v.Fields.Type)
}

// Type is of ref.Val.
func (v fieldsVal) Type() ref.Type { return object(v.Fields.Type) }

// Value is of ref.Val.
func (v fieldsVal) Value() any { return v.Fields }

// Get is of traits.Indexer: x["name"] where the type of x is not known in advance.
func (v fieldsVal) Get(index ref.Val) ref.Val {
	name, _ := index.Value().(string)
	field, ok := v.provider.FindStructFieldType(v.Fields.Type, name)
	if !ok {
		return types.NewErr("no such field: %s", name)
	}
	value, err := field.GetFrom(v.Fields)
	if err != nil {
		return types.WrapErr(err)
	}
	return v.provider.NativeToValue(value)
}

// IsSet is of traits.FieldTester.
func (v fieldsVal) IsSet(field ref.Val) ref.Val {
	name, _ := field.Value().(string)
	_, set := v.Values[name]
	return types.Bool(set)
}
