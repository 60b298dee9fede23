package doctor

import (
	"fmt"
	"slices"
	"strings"
)

func (f *KeeperFacts) decide() Check {
	if f.Err != "" {
		todo := f.Hint
		if todo == "" {
			todo = "keep the history where sockets and files can be made, and where this program may be executed"
		}
		return at(f.Dir, of(Keeping, bad("round trip", "a keeper can't run jobs: "+f.Err, todo))...)[0]
	}
	c := ok("round trip", fmt.Sprintf("a keeper was started in %s and ran a command in %s", short(f.Started), short(f.Job))).
		with(map[string]float64{"start_seconds": f.Started.Seconds(), "job_seconds": f.Job.Seconds()})
	return at(f.Dir, of(Keeping, c)...)[0]
}

// left tells what keepers have left behind, in one check.
func left(all []Remains) Check {
	var told, todo []string
	tell := func(fate Fate, what, help string) {
		var ids []string
		for i := range all {
			if all[i].Fate == fate {
				ids = append(ids, all[i].Run.String())
			}
		}
		if len(ids) == 0 {
			return
		}
		told = append(told, fmt.Sprintf(what, runs(ids)))
		if help != "" {
			todo = append(todo, fmt.Sprintf(help, ids[len(ids)-1]))
		}
	}
	tell(Interrupted, "%s interrupted", "executioner resume %s carries a run on")
	tell(Orphaned, "%s ended, but processes still looked after", "executioner cancel %s ends what is left of a run")
	tell(Unknown, "%s not found out about", "see what is said about the database, then look for run %s again")
	verdict := OK
	if len(todo) > 0 {
		verdict = Limited
	}
	tell(Stale, "%s ended, with a directory left that the next run removes", "")
	tell(Going, "%s going on", "")
	if len(told) == 0 {
		told = []string{"no run has left anything behind"}
	}
	return of(Keeping, Check{Name: "runs", Verdict: verdict, Text: strings.Join(told, "; "), ToDo: strings.Join(todo, "; ")})[0]
}

// runs names runs, not too many of them.
func runs(ids []string) string {
	const most = 5
	if len(ids) == 1 {
		return "run " + ids[0]
	}
	if more := len(ids) - most; more > 0 {
		ids = append(slices.Clone(ids[:most]), fmt.Sprintf("%d more", more))
	}
	return "runs " + strings.Join(ids, ", ")
}

// at says which directory checks are about.
func at(dir string, checks ...Check) []Check {
	for i := range checks {
		checks[i].At = dir
	}
	return checks
}
