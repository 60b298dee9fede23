package joblog

import (
	"strings"
	"time"
)

// Levels of lines.
const (
	Info    = "INFO"
	Warning = "WARNING"
	Error   = "ERROR"
)

// lineBreaks keeps a text on its line: a job's name with a line break in it can't
// forge a line of the log.
var lineBreaks = strings.NewReplacer("\n", `\n`, "\r", `\r`)

// Line returns a stamped line as all our log files have it:
// "2026-01-31 12:00:00 - INFO - text\n". The time is shown in t's own location.
func Line(t time.Time, level, text string) string {
	return t.Format(time.DateTime) + " - " + level + " - " + lineBreaks.Replace(text) + "\n"
}
