package expr

import (
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/ext"
)

// textFunctions are those of CEL's strings extension that can't make a text much longer
// than what they are given, and replace and join with a bound. CEL charges an operation
// after it is done: without the bound a few of them would fill the memory first.
func textFunctions() ([]cel.EnvOption, error) {
	env, err := cel.NewCustomEnv(ext.Strings())
	if err != nil {
		return nil, err
	}
	functions := env.Functions()
	var options []cel.EnvOption
	for _, name := range []string{"charAt", "indexOf", "lastIndexOf", "lowerAscii", "upperAscii", "split", "substring", "trim"} {
		options = append(options, cel.FunctionDecls(functions[name]))
	}
	text, list := cel.StringType, cel.ListType(cel.StringType)
	return append(options,
		cel.Function("replace", cel.MemberOverload("string_replace", []*cel.Type{text, text, text}, text, cel.FunctionBinding(replace))),
		cel.Function("join",
			cel.MemberOverload("list_join", []*cel.Type{list}, text, cel.UnaryBinding(func(list ref.Val) ref.Val { return join(list, types.String("")) })),
			cel.MemberOverload("list_join_string", []*cel.Type{list, text}, text, cel.BinaryBinding(join)))), nil
}

func replace(args ...ref.Val) ref.Val {
	var texts [3]string
	for i := range texts {
		text, ok := args[i].(types.String)
		if !ok {
			return types.MaybeNoSuchOverloadErr(args[i])
		}
		texts[i] = string(text)
	}
	text, old, by := texts[0], texts[1], texts[2]
	if len(text)+strings.Count(text, old)*len(by) > maxString {
		return types.NewErr("replace makes a text of more than %d bytes", maxString)
	}
	return types.String(strings.ReplaceAll(text, old, by))
}

func join(list, separator ref.Val) ref.Val {
	members, ok := list.(traits.Lister)
	if !ok {
		return types.MaybeNoSuchOverloadErr(list)
	}
	between, ok := separator.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(separator)
	}
	var b strings.Builder
	for it, first := members.Iterator(), true; it.HasNext() == types.True; first = false {
		text, ok := it.Next().(types.String)
		if !ok {
			return types.NewErr("join takes a list of texts")
		}
		if !first {
			b.WriteString(string(between))
		}
		if b.Len()+len(text) > maxString {
			return types.NewErr("join makes a text of more than %d bytes", maxString)
		}
		b.WriteString(string(text))
	}
	return types.String(b.String())
}

// textCost charges functions of texts by the bytes that they look at and make, as CEL
// does for its own.
type textCost struct{}

// CallCost is of cost.ActualCostEstimator.
func (textCost) CallCost(function, _ string, args []ref.Val, result ref.Val) *uint64 {
	switch function {
	case "charAt", "indexOf", "lastIndexOf", "lowerAscii", "upperAscii", "split", "substring", "trim", "replace", "join":
	default:
		return nil
	}
	bytes := len(args)
	for _, value := range append(args[:len(args):len(args)], result) {
		switch value := value.(type) {
		case types.String:
			bytes += len(value)
		case traits.Lister:
			if n, ok := value.Size().(types.Int); ok {
				bytes += 10 * int(n)
			}
		}
	}
	cost := uint64(1 + bytes/10)
	return &cost
}
