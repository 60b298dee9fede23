// Package notify tells people by mail how a run ended.
package notify

import (
	"fmt"
	"net/mail"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// maxLogs is how many logs are attached at most: a run may have thousands of failed jobs.
const maxLogs = 20

// Mail says who is told, from whom, and through which server.
type Mail struct {
	To        []string
	From      string
	OnSuccess bool
	OnFailure bool
	Server    Server
}

// New returns the Mail of a workflow. The password is the workflow's with its
// variables resolved; host is the name of this machine, for the sender's address
// when the user of the server is none.
func New(m workflow.Mail, password, host string) Mail {
	from := m.User
	if _, err := mail.ParseAddress(from); err != nil {
		from = "executioner@" + hostName(host)
	}
	return Mail{
		To: m.To, From: from, OnSuccess: m.OnSuccess, OnFailure: m.OnFailure,
		Server: Server{Host: m.Server, Port: m.Port, User: m.User, Password: password, Security: SecurityOf(m.Port)},
	}
}

// hostName returns host if an address can be made of it.
func hostName(host string) string {
	if _, err := mail.ParseAddress("executioner@" + host); err != nil {
		return "localhost"
	}
	return host
}

// Wanted reports whether anybody wants to be told of a run that ended so.
func (m Mail) Wanted(success bool) bool {
	return len(m.To) > 0 && (success && m.OnSuccess || !success && m.OnFailure)
}

// Report is what is told of a run.
type Report struct {
	App     string
	Run     run.ID
	Success bool
	Summary string   // the text, without secrets
	Logs    []string // paths of the main log and of failed jobs' logs, in order of importance
	At      time.Time
}

// Message is a mail that is ready to be sent, except that its attachments are not
// read yet.
type Message struct {
	ID      string // Message-ID without brackets; empty for one that is made up
	From    string
	To      []string
	Subject string
	Text    string
	Attach  []string // paths
	Date    time.Time
}

// Compose makes the message of a report. It is pure. Addresses that are none are left
// out and named in the text; when none is left the fault has code InvalidConfig.
// Control characters, which could add lines to the header, become spaces.
func Compose(m Mail, r Report) (Message, error) {
	msg := Message{From: m.From, Subject: subject(r), Date: r.At}
	text := strings.ToValidUTF8(string(joblog.Sanitize([]byte(r.Summary))), "?")
	notes := ""
	for _, to := range m.To {
		if address, err := parseAddress(to); err == nil {
			msg.To = append(msg.To, address)
		} else {
			notes += fmt.Sprintf("\nNot sent to %q: this is no mail address.", to)
		}
	}
	if len(msg.To) == 0 {
		return Message{}, fault.New(fault.InvalidConfig, "email_address has no valid mail address in it: %q", m.To).
			WithHint("Correct email_address in the workflow file, or remove it.")
	}
	if _, err := parseAddress(m.From); err != nil {
		return Message{}, fault.New(fault.InvalidConfig, "the sender %q is no mail address", m.From).
			WithHint("Set smtp_user to a mail address.")
	}
	msg.Attach = r.Logs
	if over := len(r.Logs) - maxLogs; over > 0 {
		msg.Attach = r.Logs[:maxLogs]
		notes += fmt.Sprintf("\n%d more logs are not attached. They are in %s.", over, filepath.Dir(r.Logs[maxLogs]))
	}
	if notes != "" {
		text = strings.TrimRight(text, "\n") + "\n" + notes + "\n"
	}
	msg.Text = text
	return msg, nil
}

func subject(r Report) string {
	result := "FAILURE"
	if r.Success {
		result = "SUCCESS"
	}
	return fmt.Sprintf("[%s] Run #%s %s", printable(r.App), r.Run, result)
}

// parseAddress returns an address without anything that could end its header line.
func parseAddress(s string) (string, error) {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return "", fmt.Errorf("it has a control character in it")
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		return "", err
	}
	return a.String(), nil
}

// printable returns text for one line of a header.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	return strings.Join(strings.Fields(text), " ")
}
