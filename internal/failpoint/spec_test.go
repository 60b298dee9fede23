package failpoint

import (
	"strings"
	"testing"
)

func TestRules(t *testing.T) {
	tests := []struct {
		name, script string
		hits         []string // role name kind want
	}{
		{"nothing is told", "", []string{"engine a at -", "keeper a err -"}},
		{"the first hit", "a=kill", []string{"engine b at -", "engine a at kill", "engine a at -"}},
		{"the third hit", "a=kill@3", []string{"engine a at -", "engine a at -", "engine a at kill", "engine a at -"}},
		{"from the second hit on", "a=eio@2+", []string{"engine a err -", "engine a err eio", "engine a err eio"}},
		{"names are counted apart", "a=kill@2", []string{"engine a at -", "engine b at -", "engine a at kill"}},
		{"in the keeper only", "keeper:a=kill@2", []string{"engine a at -", "engine a at -"}},
		{"in the keeper", "keeper:a=kill-both", []string{"keeper a at kill-both"}},
		{"several rules", "a=delay,b=enospc", []string{"engine b err enospc", "engine a at delay"}},
		{"one name at two hits", "a=delay,a=kill@2", []string{"engine a at delay", "engine a at kill"}},
		{"a step that can't fail does not", "a=eio", []string{"engine a at -"}},
		{"a step that fails does not write", "a=short", []string{"engine a err -"}},
		{"a step that writes", "a=short", []string{"engine a short short"}},
		{"a step that writes does not fail", "a=emfile", []string{"engine a short -"}},
		{"a step that writes is held up", "a=delay", []string{"engine a short delay"}},
		{"no more files, no more processes", "a=emfile,b=eagain", []string{"engine a err emfile", "engine b err eagain"}},
		{"the other one", "a=kill-other", []string{"engine a short kill-other"}},
	}
	kinds := map[string]kind{"at": passing, "err": failing, "short": writing}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := parse(tt.script)
			if err != nil {
				t.Fatal(err)
			}
			for i, hit := range tt.hits {
				f := strings.Fields(hit)
				if got := s.reach(f[0], f[1], kinds[f[2]]); string(got) != f[3] {
					t.Fatalf("hit %d, %s: %s", i+1, hit, got)
				}
			}
		})
	}
}

func TestWrongRules(t *testing.T) {
	for script, want := range map[string]string{
		"a":              `failpoint "a": not of the form name=action`,
		"a=explode":      `failpoint "a=explode": no action is named "explode"`,
		"a=-":            `failpoint "a=-": no action is named "-"`,
		"b=kill,a=kill@": `failpoint "a=kill@": "" is not the number of a hit`,
		"a=kill@0":       `failpoint "a=kill@0": "0" is not the number of a hit`,
		"a=kill@x+":      `failpoint "a=kill@x+": "x" is not the number of a hit`,
	} {
		if _, err := parse(script); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", script, err, want)
		}
	}
}
