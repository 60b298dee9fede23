package sqlstore

import (
	"fmt"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// micros returns how a time is stored: microseconds since 1970 in UTC, nil for none.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// text returns how a string is stored: NULL when it is empty, as there are
// databases that can't tell the two apart.
func text[S ~string](s S) any {
	if s == "" {
		return nil
	}
	return string(s)
}

// blob returns how bytes are stored: NULL when there are none.
func blob(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

// The readers below are the other way round. They are sql.Scanners.

type timeInto struct{ t *time.Time }

func (d timeInto) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*d.t = time.Time{}
	case int64:
		*d.t = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("a time is stored as %T", v)
	}
	return nil
}

type textInto[S ~string] struct{ s *S }

func (d textInto[S]) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*d.s = ""
	case string:
		*d.s = S(unescape(v))
	case []byte:
		*d.s = S(unescape(string(v)))
	default:
		return fmt.Errorf("a text is stored as %T", v)
	}
	return nil
}

func into[S ~string](s *S) textInto[S] { return textInto[S]{s} }

type stateInto struct{ s *run.State }

func (d stateInto) Scan(v any) error {
	var name string
	if err := into(&name).Scan(v); err != nil {
		return err
	}
	state, ok := run.ParseState(name)
	if !ok {
		return fmt.Errorf("unknown state %q", name)
	}
	*d.s = state
	return nil
}
