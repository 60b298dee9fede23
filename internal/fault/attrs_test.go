package fault

import (
	"slices"
	"testing"
)

func TestAttrsOfAnErrorWithoutAHint(t *testing.T) {
	plain := New(Unavailable, "x")
	if got := Attrs(plain); !slices.Equal(got, []any{"error", plain}) {
		t.Errorf("got %q", got)
	}
	hinted := New(Unavailable, "x").WithHint("y")
	if got := Attrs(hinted); !slices.Equal(got, []any{"error", hinted, "hint", "y"}) {
		t.Errorf("got %q", got)
	}
}
