package expr

import (
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// dateFunction is date("2026-01-31"): the beginning of that day, UTC.
func dateFunction() cel.EnvOption {
	return cel.Function("date", cel.Overload("date_string", []*cel.Type{cel.StringType}, cel.TimestampType, cel.UnaryBinding(date)))
}

func date(arg ref.Val) ref.Val {
	text, ok := arg.Value().(string)
	if !ok {
		return types.MaybeNoSuchOverloadErr(arg)
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return types.NewErr("date(%q): write it as 2026-01-31", text)
	}
	return types.Timestamp{Time: day}
}
