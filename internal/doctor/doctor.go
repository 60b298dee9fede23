// Package doctor says what a host offers to this program: what it can contain and what it
// can't, how durable its disks are, and how much there is of what runs out. Gather finds
// out the Facts, Decide makes a judgement of each.
//
// Gathering changes nothing. It makes and removes temporary files where the program would
// write, and has a keeper run one command.
package doctor

import (
	"cmp"
	"slices"
)

// Verdict is what is to be thought of something. They are ordered: ok, limited, bad.
type Verdict string

// The verdicts.
const (
	OK      Verdict = "ok"
	Limited Verdict = "limited" // it works, and something can't be promised
	Bad     Verdict = "bad"     // runs will fail, or what is promised is not true
)

// Groups of checks, in the order in which they are shown.
const (
	Processes = "processes"
	Keeping   = "keeper"
	Disks     = "disk"
	Limiting  = "limits"
	History   = "database"
)

// Check is one thing that was looked at. Group and Name together with At tell it from all
// others, and are the same in each version.
type Check struct {
	Group   string  `json:"group"`
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	At      string  `json:"at,omitempty"`    // the directory that it is about
	Text    string  `json:"text"`            // one sentence for a person
	ToDo    string  `json:"to_do,omitempty"` // what helps; never empty unless Verdict is OK
	// Values are what the sentence says in numbers: seconds, bytes, counts.
	Values map[string]float64 `json:"values,omitempty"`
}

// Worst returns the worst verdict of all, OK of none.
func Worst(checks []Check) Verdict {
	worst := OK
	for i := range checks {
		if severity(checks[i].Verdict) > severity(worst) {
			worst = checks[i].Verdict
		}
	}
	return worst
}

func severity(v Verdict) int { return slices.Index([]Verdict{OK, Limited, Bad}, v) }

// Decide judges the facts. The order of the checks is always the same.
func Decide(f *Facts) []Check {
	var all []Check
	if f.Processes == nil {
		all = append(all, Check{
			Group: Processes, Name: "system", Verdict: Limited,
			Text: "on " + f.System + " only the process group of a job is signalled, and jobs have no keeper that outlives their program",
			ToDo: "run jobs that detach processes, or that must survive the end of executioner, on Linux",
		})
	} else {
		all = append(all, f.Processes.decide()...)
	}
	if f.Keeper != nil {
		all = append(all, f.Keeper.decide())
	}
	if f.Left != nil {
		all = append(all, left(f.Left))
	}
	for i := range f.Disks {
		all = append(all, f.Disks[i].decide()...)
	}
	if f.Limits != nil {
		all = append(all, f.Limits.decide()...)
	}
	if f.Clock != nil {
		all = append(all, f.Clock.decide()...)
	}
	all = append(all, f.Database.decide()...)
	slices.SortStableFunc(all, func(a, b Check) int { return cmp.Compare(place(a), place(b)) })
	return all
}

func place(c Check) int {
	return slices.Index([]string{Processes, Keeping, Disks, Limiting, History}, c.Group)
}

// ok, limited and bad begin a check.
func ok(name, text string) Check { return Check{Name: name, Verdict: OK, Text: text} }

func limited(name, text, todo string) Check {
	return Check{Name: name, Verdict: Limited, Text: text, ToDo: todo}
}

func bad(name, text, todo string) Check {
	return Check{Name: name, Verdict: Bad, Text: text, ToDo: todo}
}

// of puts checks into a group.
func of(group string, checks ...Check) []Check {
	for i := range checks {
		checks[i].Group = group
	}
	return checks
}

// with adds numbers to a check.
func (c Check) with(values map[string]float64) Check {
	c.Values = values
	return c
}
