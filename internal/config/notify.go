package config

import "time"

// Notify is who is told of what.
type Notify struct {
	// Allow lists networks that notifiers may reach although they are private, as
	// 10.0.0.0/8. Defaults to none: see docs/notifications.md.
	Allow []string `yaml:"allow"`
	// Notifiers are the ways in which people are told, by name.
	Notifiers map[string]Notifier `yaml:"notifiers"`
	// Rules say which of them are told of what.
	Rules []NotifyRule `yaml:"rules"`
	// Expect is what is expected of runs, so that silence is noticed.
	Expect []Expect `yaml:"expect"`
}

// Notifier is one way in which people are told. Kind says which of the other fields count.
type Notifier struct {
	Kind     string        `yaml:"kind"`     // mail, webhook, slack, teams, pagerduty or command
	URL      Secret        `yaml:"url"`      // of webhook, slack and teams: it often holds a token
	Secret   Secret        `yaml:"secret"`   // that webhook signs with; routing key of pagerduty
	Address  string        `yaml:"address"`  // of webhook and pagerduty where it is no secret
	To       []string      `yaml:"to"`       // of mail
	From     string        `yaml:"from"`     // of mail
	Server   string        `yaml:"server"`   // of mail, as host:port
	User     string        `yaml:"user"`     // of mail
	Password Secret        `yaml:"password"` // of mail
	Command  []string      `yaml:"command"`  // of command
	Timeout  time.Duration `yaml:"timeout"`  // of one delivery. Defaults to 30 s
}

// NotifyRule says who is told of what, and when.
type NotifyRule struct {
	Name   string        `yaml:"name"`   // distinct
	Of     string        `yaml:"of"`     // runs, jobs or all. Defaults to runs
	When   string        `yaml:"when"`   // a condition in CEL over the event. Defaults to all that went wrong
	Each   bool          `yaml:"each"`   // tell of each event by itself, without incidents
	To     []string      `yaml:"to"`     // names of notifiers
	After  int           `yaml:"after"`  // failures in a row that open an incident. Defaults to 1
	Remind time.Duration `yaml:"remind"` // how often an open incident is told again. 0: never
	Digest time.Duration `yaml:"digest"` // collects what happens within it into one message. 0: at once
}

// Expect is what is expected of the runs of an application. What is not given is not expected.
type Expect struct {
	Application string        `yaml:"application"` // empty for all
	FinishBy    string        `yaml:"finish_by"`   // a time of day, as 06:30: late after the first one that follows a run's beginning
	TimeZone    string        `yaml:"time_zone"`   // of finish_by, as Europe/Berlin. Defaults to UTC
	Within      time.Duration `yaml:"within"`      // from a run's beginning to its end: late after that
	Stuck       time.Duration `yaml:"stuck"`       // the longest time without any change
	Slower      float64       `yaml:"slower"`      // how many times the 95th percentile of earlier ones a run or job may take
}
