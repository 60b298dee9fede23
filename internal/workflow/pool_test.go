package workflow

import (
	"slices"
	"strings"
	"testing"
)

func TestPools(t *testing.T) {
	load := func(pools string) (*Workflow, error) {
		text := `{"working_dir": "/w", "jobs": [{"id": "a", "command": "x", "pools": ` + pools + `}]}`
		return Load(Source{Name: "w.json", Data: []byte(text)}, Host{})
	}
	wf, err := load(`["db", "net"]`)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(wf.Jobs[0].Pools, []string{"db", "net"}) || !wf.HasPools() {
		t.Errorf("pools are %q", wf.Jobs[0].Pools)
	}
	body, _, err := Encode(wf)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := Decode(body)
	if err != nil || !slices.Equal(stored.Jobs[0].Pools, wf.Jobs[0].Pools) {
		t.Errorf("stored are %q, %v", stored.Jobs[0].Pools, err)
	}
	if wf, err := load(`[]`); err != nil || wf.HasPools() {
		t.Errorf("none are some: %v", err)
	}
	for pools, want := range map[string]string{`[""]`: "must name a pool", `[1]`: "must be a list of strings", `"db"`: "pools"} {
		if _, err := load(pools); err == nil || !strings.Contains(problemsText(err), want) {
			t.Errorf("%s: %v", pools, err)
		}
	}
}

func problemsText(err error) string {
	var text strings.Builder
	for e := err; e != nil; {
		text.WriteString(e.Error())
		u, ok := e.(interface{ Unwrap() error })
		if !ok {
			break
		}
		e = u.Unwrap()
	}
	return text.String()
}
