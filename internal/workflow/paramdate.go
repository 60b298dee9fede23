package workflow

import "time"

// dateText warns of a default that looks like a day while the parameter is a text: jobs would
// get the word today itself, and any text could be given for it.
func (d *decoder) dateText(p *paramDraft, text string) {
	hint := "declare it as {type: date, default: " + text + "}; or as {type: string, …} when the text is meant"
	switch _, err := time.Parse(time.DateOnly, text); {
	case text == "today" || text == "yesterday":
		d.rep.warn(d.pos(p.dflt.value), hint, "%sthe default is the text %s, not a day", d.who(), quote(text))
	case err == nil:
		d.rep.warn(d.pos(p.dflt.value), hint, "%sthe default looks like a day, but any text can be given", d.who())
	}
}
