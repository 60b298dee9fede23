package convert

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/schedule"
)

// crontab is what the lines of a crontab have said so far.
type crontab struct {
	*Result
	system  bool       // lines have a user before the command
	shell   string     // that runs commands, where it is not /bin/sh
	vars    client.Env // as they are now
	zone    string     // CRON_TZ, as it is now
	times   []client.Schedule
	remarks []string // comments since the last line that was none
}

var (
	cronVariable = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$`)
	cronField    = regexp.MustCompile(`^[0-9A-Za-z*,/~#?LW-]+$`)
	cronWord     = regexp.MustCompile(`^@[a-z]+$`)
)

// cron makes a job of each line. Its schedule is that of the workflow where there is no other
// line, and a comment else.
func (r *Result) cron(src Source) error {
	c := &crontab{Result: r, vars: client.Env{}, system: systemTab(src)}
	r.Flow.WorkingDir = "~" // where cron starts commands
	r.head = append(r.head, "Made of the crontab "+src.Name+". Each line is a job; none depends on another.")
	notes := len(r.Notes)
	number := 0
	for line := range strings.Lines(string(src.Data)) {
		number++
		if err := c.line(src, number, strings.TrimSpace(line)); err != nil {
			return err
		}
	}
	if len(r.Flow.Jobs) == 1 && len(c.times) == 1 {
		r.Flow.Schedules = c.times
		return nil
	}
	r.note(0, "when a line ran is a comment here, since a schedule starts all jobs of a workflow. To keep different times, extract a file for each (executioner extract) and give it schedules, or let cron run these")
	last := len(r.Notes) - 1
	r.Notes = slices.Insert(r.Notes[:last], notes, r.Notes[last])
	return nil
}

// systemTab reports whether lines name a user: those of /etc/crontab and /etc/cron.d do, and
// those of which each has a word before its command and one of these is root.
func systemTab(src Source) bool {
	dir, base := filepath.Split(filepath.ToSlash(src.Name))
	if base == "crontab" && strings.HasSuffix(dir, "etc/") || strings.HasSuffix(dir, "/cron.d/") {
		return true
	}
	for line := range strings.Lines(string(src.Data)) {
		words := strings.Fields(strings.ToLower(strings.Trim(line, "#* \n")))
		if strings.HasPrefix(line, "#") && len(words) >= 3 && strings.HasPrefix(words[len(words)-1], "command") && strings.HasPrefix(words[len(words)-2], "user") {
			return true
		}
	}
	return namesRoot(src)
}

func namesRoot(src Source) bool {
	root := false
	for line := range strings.Lines(string(src.Data)) {
		text := strings.TrimSpace(line)
		if text == "" || text[0] == '#' || cronVariable.MatchString(text) {
			continue
		}
		before, command := split(text, timeFields(text)+1)
		if command == "" {
			return false
		}
		root = root || before[len(before)-1] == "root"
	}
	return root
}

// timeFields is how many words of a line say when.
func timeFields(text string) int {
	if cronWord.MatchString(strings.Fields(text)[0]) {
		return 1
	}
	return 5
}

func (c *crontab) line(src Source, number int, text string) error {
	switch {
	case text == "":
		c.remarks = nil
		return nil
	case text[0] == '#':
		c.remarks = append(c.remarks, strings.TrimSpace(strings.TrimLeft(text, "#")))
		return nil
	}
	if m := cronVariable.FindStringSubmatch(text); m != nil {
		c.variable(number, m[1], unquote(m[2]))
		return nil
	}
	fields := timeFields(text)
	words, command := split(text, fields)
	for _, w := range words {
		if fields == 5 && !cronField.MatchString(w) {
			command = ""
		}
	}
	user := ""
	if c.system && command != "" {
		var names []string
		names, command = split(command, 1)
		user = names[0]
	}
	if command == "" {
		return fault.New(fault.InvalidWorkflow, "%s:%d: this is no line of a crontab: %s", src.Name, number, shown(text)).
			WithHint("it has five fields of time, or a word such as @daily, then a command")
	}
	when := strings.Join(words, " ")
	if err := c.time(when); err != nil {
		return fault.New(fault.InvalidWorkflow, "%s:%d: this is no time: %s: it %v", src.Name, number, when, err)
	}
	c.add(number, when, user, command)
	return nil
}

// time takes note of when a line is run. Of a ~, which stands for a time by chance, there
// is no schedule, and nothing is refused.
func (c *crontab) time(when string) error {
	if when == "@reboot" || strings.Contains(when, "~") {
		return nil
	}
	_, err := schedule.ParseCron(when)
	if err == nil {
		c.times = append(c.times, client.Schedule{Name: "cron", Cron: when, TimeZone: c.zone})
	}
	return err
}

// split returns the first n words of a text and what follows them.
func split(text string, n int) (words []string, rest string) {
	rest = text
	for range n {
		rest = strings.TrimLeft(rest, " \t")
		i := strings.IndexAny(rest, " \t")
		if i < 0 {
			return append(words, rest), ""
		}
		words, rest = append(words, rest[:i]), rest[i:]
	}
	return words, strings.TrimSpace(rest)
}

func unquote(text string) string {
	text = strings.TrimSpace(text)
	if len(text) >= 2 && (text[0] == '"' || text[0] == '\'') && text[len(text)-1] == text[0] {
		return text[1 : len(text)-1]
	}
	return text
}

// variable takes a line NAME=VALUE. It holds for the lines behind it.
func (c *crontab) variable(number int, name, value string) {
	switch name {
	case "MAILTO":
		if value != "" {
			c.Flow.EmailAddress = []string{value}
		}
		c.note(number, "MAILTO: cron mails what a command prints; executioner mails a summary of runs that fail")
		return
	case "SHELL":
		if c.shell = value; value == "/bin/sh" {
			c.shell = ""
		}
		return
	case "HOME":
		c.Flow.WorkingDir = value
	case "CRON_TZ", "TZ":
		c.note(number, "%s=%s is about the schedules", name, value)
		if name == "CRON_TZ" {
			c.zone = value
			return
		}
	}
	if strings.Contains(value, "$") {
		c.note(number, "cron does not replace variables in %s", name)
	}
	c.vars[name] = value
}

// add adds the job of one line.
func (c *crontab) add(number int, schedule, user, command string) {
	command, input := percent(command)
	job := client.Job{ID: c.id(commandName(command)), Description: "was run at: " + schedule}
	if input != "" {
		command = "{\n" + command + "\n} <<'END_OF_INPUT'\n" + input + "\nEND_OF_INPUT"
	}
	job.Command = client.Shell(command)
	if c.shell != "" {
		job.Command = inShell(c.shell, command)
	}
	if len(c.vars) > 0 {
		job.EnvVariables = client.Env{}
		for name, value := range c.vars {
			job.EnvVariables[name] = value
		}
	}
	remarks := append(c.remarks, "schedule: "+schedule)
	if user != "" {
		remarks = append(remarks, "user: "+user)
		c.note(number, "%s was run as the user %s: jobs are run as who starts the run", job.ID, user)
	}
	if schedule == "@reboot" {
		c.note(number, "%s was run when the host started", job.ID)
	}
	c.comments[job.ID] = remarks
	c.remarks = nil
	c.Flow.Jobs = append(c.Flow.Jobs, job)
}

// percent splits a command of cron: an unescaped % begins its standard input, and each
// further one is a line break of that.
func percent(command string) (run, input string) {
	var parts []string
	var b strings.Builder
	for i := 0; i < len(command); i++ {
		switch {
		case command[i] == '\\' && i+1 < len(command) && command[i+1] == '%':
			b.WriteByte('%')
			i++
		case command[i] == '%':
			parts = append(parts, b.String())
			b.Reset()
		default:
			b.WriteByte(command[i])
		}
	}
	parts = append(parts, b.String())
	return parts[0], strings.Join(parts[1:], "\n")
}
