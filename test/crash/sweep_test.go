//go:build linux

package crash

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// unreached are the steps that no act reaches, and why not. A step that is reached after
// all must not be here.
var unreached = map[string]string{}

// actions are those that a step can take, by its kind.
var actions = map[string][]string{
	"At":    {"kill", "kill-other", "kill-both", "delay"},
	"Err":   {"kill", "kill-other", "kill-both", "delay", "enospc", "eio", "emfile", "eagain"},
	"Short": {"kill", "kill-other", "kill-both", "delay", "short"},
}

// An act is a way to reach steps: rounds that come before the one in which a step is
// steered.
type act struct {
	name  string
	blows []blow
}

var acts = []act{
	{"a run", nil},
	{"a resume after the engine was killed", []blow{{target: theEngine, after: 3}}},
	{"a run whose keeper is killed", []blow{}}, // in the same round
	{"a resume after both were killed", []blow{{target: both, after: 3, last: theKeeper}}},
}

// keeperDies is the act in which the keeper is killed in the very round that is steered.
const keeperDies = 2

// A place in the program: one step, as one of the two processes comes to it.
type spot struct {
	role target
	name string
}

// sweepFlow has all that a workflow can have, and is quick.
func sweepFlow() flow {
	return flow{Workers: 3, Jobs: []job{
		{ID: "a", Codes: []int{0}, Talks: true, Millis: 5},
		{ID: "b", Codes: []int{7, 0}, Retries: 1, Millis: 10},
		{ID: "c", Codes: []int{0}, Millis: 40, Talks: true},
		{ID: "d", Codes: []int{0}, Deps: []int{0}, Checked: []bool{true}, Millis: 20},
		{ID: "e", Codes: []int{0}, Deps: []int{1, 2}, Millis: 5, Talks: true},
		{ID: "f", Codes: []int{0}, Deps: []int{3}},
	}}
}

// sweepScenario is an act with a step steered.
func sweepScenario(a act, rule string) scenario {
	s := scenario{flow: sweepFlow(), blows: slices.Clone(a.blows)}
	b := blow{steps: rule}
	if a.name == acts[keeperDies].name {
		b.target, b.after = theKeeper, 3
	}
	s.blows = append(s.blows, b)
	return s
}

// TestEveryStep has each step take each of its actions, in each process that comes to it.
func TestEveryStep(t *testing.T) {
	if !*long && *only == "" {
		t.Skip("every step with every action takes long: make crash")
	}
	steps, err := findSteps()
	if err != nil {
		t.Fatal(err)
	}
	reached := reach(t)
	kinds := make(map[string]string)
	for _, s := range steps {
		kinds[s.name] = s.kind
		why, excepted := unreached[s.name]
		there := reached[spot{theEngine, s.name}] != nil || reached[spot{theKeeper, s.name}] != nil
		switch {
		case !there && !excepted:
			t.Errorf("nothing comes to %s (%s)", s.name, s.at)
		case there && excepted:
			t.Errorf("%s is reached, and is on the list of those that are not (%s)", s.name, why)
		}
	}
	for name := range unreached {
		if kinds[name] == "" {
			t.Errorf("there is no step %s any more", name)
		}
	}
	sweep(t, reached, kinds)
}

// reach plays each act with nothing steered and returns in which of them each spot is
// reached first.
func reach(t *testing.T) map[spot]*act {
	reached := make(map[spot]*act)
	for i := range acts {
		if !keeperThere && i > 0 {
			break
		}
		p, err := perform(sweepScenario(acts[i], ""))
		if err != nil {
			t.Fatal(err)
		}
		if len(p.wrongs) > 0 {
			t.Fatalf("%s, with no step steered: %s", acts[i].name, p.report("'TestEveryStep$'"))
		}
		for _, h := range p.hits {
			if s := (spot{h.role, h.name}); reached[s] == nil {
				reached[s] = &acts[i]
			}
		}
	}
	return reached
}

// A take is one spot with one action.
type take struct {
	spot
	action string
	act    *act
}

func (k take) rule() string { return fmt.Sprintf("%s:%s=%s", k.role, k.name, k.action) }

// takes lists what to play: everything, or of each spot the kill and a sample of the rest.
func takes(reached map[spot]*act, kinds map[string]string) (all []take) {
	r := rand.New(rand.NewPCG(*seed, 2))
	spots := slices.SortedFunc(maps.Keys(reached), func(a, b spot) int {
		return strings.Compare(string(a.role)+a.name, string(b.role)+b.name)
	})
	for _, s := range spots {
		for i, a := range actions[kinds[s.name]] {
			k := take{s, a, reached[s]}
			if *long || i == 0 || r.IntN(8) == 0 || *only == k.rule() {
				all = append(all, k)
			}
		}
	}
	return slices.DeleteFunc(all, func(k take) bool { return *only != "" && *only != k.rule() })
}

// sweep plays all takes.
func sweep(t *testing.T, reached map[spot]*act, kinds map[string]string) {
	began := time.Now()
	all := takes(reached, kinds)
	queue := make(chan take)
	var wait sync.WaitGroup
	for range *players {
		wait.Go(func() {
			for k := range queue {
				k.play(t)
			}
		})
	}
	for _, k := range all {
		queue <- k
	}
	close(queue)
	wait.Wait()
	t.Logf("%d spots, %d takes in %v", len(reached), len(all), time.Since(began).Round(time.Second))
}

// play plays a take until the step was reached, which a run whose processes race may
// miss now and then.
func (k take) play(t *testing.T) {
	rule := k.rule()
	for range 10 {
		p, err := perform(sweepScenario(*k.act, rule))
		if err != nil {
			t.Errorf("%s: %v", rule, err)
			return
		}
		if len(p.wrongs) > 0 {
			t.Errorf("%s in %s: %s", rule, k.act.name, p.report(fmt.Sprintf("'TestEveryStep$' -crash.only=%s", rule)))
			return
		}
		if slices.Contains(p.hits, hit{k.role, k.name, k.action}) {
			return
		}
	}
	t.Errorf("%s in %s: the action was never taken", rule, k.act.name)
}
