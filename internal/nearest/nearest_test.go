package nearest_test

import (
	"testing"

	"github.com/executionerhq/executioner/internal/nearest"
)

func TestOf(t *testing.T) {
	fields := []string{"command", "dependencies", "description", "timeout", "id"}
	for _, tt := range []struct{ word, want string }{
		{"comand", "command"},
		{"commnad", "command"}, // two neighbours swapped are one edit
		{"Timeout", "timeout"},
		{"dependancies", "dependencies"},
		{"timeot", "timeout"},
		{"ix", "id"},
		{"x", ""}, // one letter is near to everything
		{"ID", "id"},
		{"retries", ""},
		{"", ""},
		{"größe", ""},
	} {
		if got := nearest.Of(tt.word, fields); got != tt.want {
			t.Errorf("Of(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
	if got := nearest.Of("ab", []string{"xb", "ac"}); got != "xb" {
		t.Errorf("among equals the first should win, got %q", got)
	}
}
