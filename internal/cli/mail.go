package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/notify"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

// mail tells whoever the workflow names how the run ended. The result has been
// recorded and shown by then: a mail that can't be sent is reported and changes nothing.
func (c *command) mail(ctx context.Context, d runs.Details, a runs.Attempt) {
	if err := c.mailOf(ctx, d, a); err != nil {
		fmt.Fprintf(c.Err, "executioner: the mail to %s was not sent: %v\n", clean(strings.Join(a.Workflow.Mail.To, ", ")), err)
		if hint := fault.HintOf(err); hint != "" {
			fmt.Fprintf(c.Err, "  → %s\n", hint)
		}
	}
}

// mailOf sends the mail of an attempt that has ended, if its workflow asks for one.
func (c *command) mailOf(ctx context.Context, d runs.Details, a runs.Attempt) error {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	m := notify.New(a.Workflow.Mail, c.mailPassword(a), host)
	success := d.View.State == run.Success
	if !m.Wanted(success) {
		return nil
	}
	return c.sendMail(ctx, d, m, success)
}

func (c *command) sendMail(ctx context.Context, d runs.Details, m notify.Mail, success bool) error {
	msg, err := notify.Compose(m, notify.Report{
		App: d.View.Application, Run: d.View.Run, Success: success,
		Summary: c.plainSummary(d), Logs: mailLogs(d.View), At: time.Now(),
	})
	if err != nil {
		return err
	}
	return notify.Send(ctx, msg, m.Server)
}

// mailPassword resolves ${NAME} in the password from the caller's environment and the
// application's variables, whatever of it jobs inherit.
func (c *command) mailPassword(a runs.Attempt) string {
	app := &workflow.Workflow{Inherit: workflow.Inherit{All: true}, Params: a.Workflow.Params, Secrets: a.Workflow.Secrets, Env: a.Workflow.Env, Jobs: make([]workflow.Job, 1)}
	return workflow.ResolveEnv(app, 0, c.jobEnviron(), a.Options.Env).Expand(a.Workflow.Mail.Password)
}

// plainSummary is the summary as it is printed where there is no terminal.
func (c *command) plainSummary(d runs.Details) string {
	plain := *c
	plain.Terminal = func() int { return 0 }
	var text strings.Builder
	plain.summarise(&text, d)
	return text.String()
}

// mailLogs names the run's main log and those of its failed jobs.
func mailLogs(v runs.View) []string {
	logs := []string{v.Log}
	for i := range v.Jobs {
		if s := v.Jobs[i].State; s == run.Failed || s == run.Timeout {
			logs = append(logs, v.Jobs[i].Log)
		}
	}
	return logs
}
