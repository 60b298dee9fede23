package run

import (
	"maps"
	"strings"
	"testing"
)

func TestValues(t *testing.T) {
	tests := []struct {
		of   map[string]string
		want Values
	}{
		{nil, ""},
		{map[string]string{}, ""},
		{map[string]string{"rows": "3"}, `{"rows":"3"}`},
		{map[string]string{"b": "", "a": "é \"x\"\n"}, `{"a":"é \"x\"\n","b":""}`},
	}
	for _, tt := range tests {
		got := NewValues(tt.of)
		if got != tt.want {
			t.Errorf("%v: %s, want %s", tt.of, got, tt.want)
		}
		if back := got.Map(); !maps.Equal(back, tt.of) || (back == nil) != (tt.want == "") {
			t.Errorf("%s: read back as %v", got, back)
		}
	}
}

func TestValuesOfOthers(t *testing.T) {
	for _, v := range []Values{"{", "[]", `{"a":1}`, "rows=3"} {
		if got := v.Map(); got != nil {
			t.Errorf("%s: %v", v, got)
		}
	}
}

func TestIsValueName(t *testing.T) {
	for name, want := range map[string]bool{
		"rows": true, "_": true, "A1_b": true, "": false, "1a": false, "a-b": false, "a.b": false, "é": false,
		strings.Repeat("a", 255): true, strings.Repeat("a", 256): false,
	} {
		if got := IsValueName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
