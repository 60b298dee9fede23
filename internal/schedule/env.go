package schedule

import "time"

// Names of the variables by which a scheduled run learns what it is for.
const (
	TimeVariable = "EXECUTIONER_SCHEDULED_TIME" // its expected time in the schedule's zone, RFC 3339
	DateVariable = "EXECUTIONER_SCHEDULED_DATE" // the day of that, 2006-01-02
	NameVariable = "EXECUTIONER_SCHEDULE"       // the schedule's name
)

// Variables returns the variables of a run for an expected time, as NAME=VALUE.
func Variables(name string, expected time.Time) []string {
	return []string{
		NameVariable + "=" + name,
		TimeVariable + "=" + expected.Format(time.RFC3339),
		DateVariable + "=" + expected.Format(time.DateOnly),
	}
}
