package doctor

import "fmt"

func (f *DatabaseFacts) decide() []Check {
	checks := []Check{f.reach()}
	if f.Exists && f.Err == "" && !f.Foreign && f.File != "" {
		checks = append(checks, f.lock())
	}
	return of(History, checks...)
}

func (f *DatabaseFacts) reach() Check {
	at := f.Address
	switch {
	case f.Foreign:
		return bad("history", at+" is no history of this program", "name another file with --database; this one is not touched")
	case f.Err != "":
		todo := f.Hint
		if todo == "" {
			todo = "see what the message says; executioner db check looks further"
		}
		return bad("history", at+" can't be opened: "+f.Err, todo)
	case !f.Exists:
		return ok("history", at+" is not there yet; the first run makes it")
	case f.Ours > 0 && f.Version > f.Ours:
		return bad("history", fmt.Sprintf("%s was written by a newer version (schema %d, this program knows %d)", at, f.Version, f.Ours), "use that version")
	}
	text, values := at, map[string]float64{}
	if f.Opened > 0 {
		text += ", opened in " + short(f.Opened)
		values["open_seconds"] = f.Opened.Seconds()
	}
	switch {
	case f.Version > 0 && f.Version < f.Ours:
		return ok("history", fmt.Sprintf("%s, schema version %d: the next command that uses it brings it to %d", at, f.Version, f.Ours))
	case f.Version > 0:
		text += fmt.Sprintf(", schema version %d", f.Version)
		values["schema_version"] = float64(f.Version)
	}
	return ok("history", text).with(values)
}

func (f *DatabaseFacts) lock() Check {
	if f.Writer != 0 {
		return limited("lock", fmt.Sprintf("process %d keeps others from writing: runs wait, and start nothing meanwhile", f.Writer),
			fmt.Sprintf("see what it does: ps -fp %d", f.Writer))
	}
	return ok("lock", "nobody keeps others from writing")
}
