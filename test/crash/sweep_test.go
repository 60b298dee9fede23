//go:build linux

package crash

import (
	"fmt"
	"maps"
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

// single are the steps at which an engine has no keeper yet that could be killed.
var single = []string{"runs.created", "runs.acquire.before", "runs.acquire.after"}

// actionsOf returns those that a step can take.
func actionsOf(name, kind string) []string {
	if !slices.Contains(single, name) {
		return actions[kind]
	}
	return slices.DeleteFunc(slices.Clone(actions[kind]), func(a string) bool { return a == "kill-other" || a == "kill-both" })
}

// An act is a way to reach steps: rounds that come before the one in which a step is
// steered, and what else happens in that one.
type act struct {
	name    string
	before  []blow
	steered blow
	// old says that the steered keeper is the one of the round before, in which a job runs
	// long enough to keep it.
	old bool
}

// acts are tried in this order: a step is steered in the first one that comes to it.
var acts = []act{
	{name: "a run"},
	{name: "a resume after the engine was killed", before: []blow{{target: theEngine, after: 3}}},
	{name: "a run whose keeper is killed", steered: blow{target: theKeeper, after: 3}},
	{name: "a resume after both were killed", before: []blow{{target: both, after: 3, last: theKeeper}}},
	{name: "a run with durability full", steered: blow{full: true}},
	{name: "a run with durability full whose keeper is killed", steered: blow{full: true, target: theKeeper, after: 3}},
	// What the journal writes first is its beginning, then the epoch, then the first start.
	{name: "a run of which a start can't be recorded", steered: blow{steps: "keeper:journal.write=enospc@3"}},
	{name: "a resume by a newer version", before: []blow{{target: theEngine, after: 3}}, steered: blow{newer: true}, old: true},
}

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
	b := a.steered
	b.steps = strings.Trim(b.steps+","+rule, ",")
	s := scenario{flow: sweepFlow(), blows: append(slices.Clone(a.before), b)}
	if a.old {
		s.blows[0].steps = rule
		s.flow.Jobs[2].Millis = 2000
	}
	return s
}

// TestEveryStep has each step take an action, in each process that comes to it; in the
// long form each of its actions.
func TestEveryStep(t *testing.T) {
	steps, err := findSteps()
	if err != nil {
		t.Fatal(err)
	}
	reached, kinds := reachAll(t, steps), make(map[string]string)
	for _, s := range steps {
		kinds[s.name] = s.kind
		why, excepted := unreached[s.name]
		there := isReached(reached, s.name)
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

func isReached(reached map[spot]*act, name string) bool {
	return reached[spot{theEngine, name}] != nil || reached[spot{theKeeper, name}] != nil
}

// reachAll plays the acts until every step was reached, some times at most: on a busy
// machine the job that is to see an upgrade may be over before it comes.
func reachAll(t *testing.T, steps []step) map[spot]*act {
	reached := make(map[spot]*act)
	for range 5 {
		reach(t, reached)
		if !slices.ContainsFunc(steps, func(s step) bool { return !isReached(reached, s.name) }) {
			break
		}
	}
	return reached
}

// reach plays each act with nothing steered and adds in which of them each spot is reached
// first.
func reach(t *testing.T, reached map[spot]*act) {
	plays := make([]*play, len(acts))
	var wait sync.WaitGroup
	for i := range acts {
		if !keeperThere && i > 0 {
			break
		}
		wait.Go(func() {
			p, err := perform(sweepScenario(acts[i], ""))
			if err != nil {
				t.Error(err)
				return
			}
			if len(p.wrongs) > 0 {
				t.Errorf("%s, with no step steered: %s", acts[i].name, p.report("'TestEveryStep$'"))
			}
			plays[i] = p
		})
	}
	wait.Wait()
	if t.Failed() {
		t.FailNow()
	}
	for i, p := range plays {
		if p == nil {
			break
		}
		for _, h := range p.hits {
			if s := (spot{h.role, h.name}); reached[s] == nil {
				reached[s] = &acts[i]
			}
		}
	}
}

// A take is one spot with one action.
type take struct {
	spot
	action string
	act    *act
}

func (k take) rule() string { return fmt.Sprintf("%s:%s=%s", k.role, k.name, k.action) }

// takes lists what to play: everything, or one action of each spot. Which one goes round
// with the spots, from where the seed says.
func takes(reached map[spot]*act, kinds map[string]string) (all []take) {
	spots := slices.SortedFunc(maps.Keys(reached), func(a, b spot) int {
		return strings.Compare(string(a.role)+a.name, string(b.role)+b.name)
	})
	for n, s := range spots {
		can := actionsOf(s.name, kinds[s.name])
		for i, a := range can {
			k := take{s, a, reached[s]}
			if *long || *only == k.rule() || *only == "" && uint64(i) == (*seed+uint64(n))%uint64(len(can)) {
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
	var slow longest
	for range *players {
		wait.Go(func() {
			for k := range queue {
				k.play(t, &slow)
			}
		})
	}
	for _, k := range all {
		queue <- k
	}
	close(queue)
	wait.Wait()
	t.Logf("seed %d: %d spots, %d actions taken in %v; %v", *seed, len(reached), len(all), time.Since(began).Round(time.Second), &slow)
}

// play plays a take until the step was reached, which a run whose processes race may
// miss now and then. An engine's first message goes out before it knows of another process
// that it could kill: so a later one is tried, too. A step that only a lucky race comes to
// was reached once, as is known; that is said when it is not again.
func (k take) play(t *testing.T, slow *longest) {
	rule, reached := k.rule(), false
	for n := range 10 {
		p, err := perform(sweepScenario(*k.act, fmt.Sprintf("%s@%d", rule, 1+n/2)))
		if err != nil {
			t.Errorf("%s: %v", rule, err)
			return
		}
		slow.note(p.most, rule)
		if len(p.wrongs) > 0 {
			t.Errorf("%s in %s: %s", rule, k.act.name, p.report(fmt.Sprintf("'TestEveryStep$' -crash.only=%s", rule)))
			return
		}
		if slices.Contains(p.hits, hit{k.role, k.name, k.action}) {
			return
		}
		reached = reached || slices.ContainsFunc(p.hits, func(h hit) bool { return h.role == k.role && h.name == k.name })
	}
	if !reached {
		t.Logf("%s in %s: the step was not reached again", rule, k.act.name)
		return
	}
	if !*long && strings.HasPrefix(k.action, "kill-") { // the other process may be gone each time
		t.Logf("%s in %s: there was no other process", rule, k.act.name)
		return
	}
	t.Errorf("%s in %s: the action was never taken", rule, k.act.name)
}
