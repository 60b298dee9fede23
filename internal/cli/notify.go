package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/config"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/incident"
	"github.com/executionerhq/executioner/internal/notify"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

func (c *command) notifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notify",
		Short: "Try notifiers, and see which messages were sent",
		Long: `Try the notifiers of a service, and see which messages wait, were sent or were given up.
A service tries to send a message for 24 hours; one that the receiver refuses is given up
at once.`,
		Example: `  executioner notify test ops --config /etc/executioner/service.yaml
  executioner notify list --state given_up`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error {
			return fault.New(fault.Usage, "executioner notify needs to be told what to do").
				WithHint("executioner notify --help shows its commands")
		},
	}
	cmd.AddCommand(c.notifyTestCommand(), c.notifyListCommand(), c.notifyRetryCommand())
	return cmd
}

func (c *command) notifyTestCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "test NOTIFIER",
		Short: "Send a test message and show what the receiver said",
		Long: `Send a message that is marked as a test through a notifier of the settings, once, and
show what the receiver said. Nothing is recorded, and no service needs to run.`,
		Example: `  executioner notify test ops --config /etc/executioner/service.yaml`,
		Args:    exactly(1, "a notifier"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			s, err := config.Load(file, c.Environ)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return slices.Sorted(maps.Keys(s.Notify.Notifiers)), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if file == "" {
				return fault.New(fault.Usage, "executioner notify test needs the settings of the service").
					WithHint("give their file: executioner notify test %s --config /etc/executioner/service.yaml", args[0])
			}
			ctx, stop := c.interruptible(cmd.Context())
			defer stop()
			return c.testNotifier(ctx, file, args[0])
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "`FILE` of the service's settings")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	c.jsonFlag(cmd, "what the receiver said")
	return cmd
}

// notifierJSON is notify test --json.
type notifierJSON struct {
	Notifier  string `json:"notifier"`
	Sent      bool   `json:"sent"`
	Said      string `json:"said,omitempty"`
	Error     string `json:"error,omitempty"`
	Permanent bool   `json:"permanent,omitempty"` // it would not be tried again
}

func (c *command) testNotifier(ctx context.Context, file, name string) error {
	s, err := config.Load(file, c.Environ)
	if err != nil {
		return err
	}
	n, there := s.Notify.Notifiers[name]
	if !there {
		return fault.New(fault.NotFound, "there is no notifier %q in %s", name, file).
			WithHint("there are: %s", orNone(slices.Sorted(maps.Keys(s.Notify.Notifiers))))
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	only := config.Notify{Allow: s.Notify.Allow, Notifiers: map[string]config.Notifier{name: n}}
	setup, err := notify.Build(only, c.Environ, host)
	if err != nil {
		return err
	}
	now := time.Now()
	r, err := setup.Test(ctx, name, "test-"+strconv.FormatInt(now.UnixNano(), 36), now)
	if err != nil {
		return err
	}
	return c.showReceipt(name, r)
}

func (c *command) showReceipt(name string, r notify.Receipt) error {
	view := notifierJSON{Notifier: name, Sent: r.Err == nil, Said: r.Said, Permanent: r.Permanent}
	if r.Err != nil {
		view.Error = r.Err.Error()
	}
	switch {
	case r.Err == nil && c.json:
		c.printJSON(c.Out, view)
	case r.Err == nil:
		fmt.Fprintf(c.Out, "%s: sent: %s\n", name, oneLine(r.Said))
	case c.json:
		c.printJSON(c.Out, view)
		return status(fault.ExitCode(fault.New(fault.Unavailable, "")))
	default:
		e := fault.New(fault.Unavailable, "%s: not sent: %s", name, oneLine(view.Error))
		switch {
		case r.Blocked != "":
			return e.WithHint("if it is meant to be reached, write into the section notify of the settings: allow: [%s]", r.Blocked)
		case r.Permanent:
			return e.WithHint("a service would not try this again: correct the settings")
		}
		return e.WithHint("a service would try this again, for 24 hours")
	}
	return nil
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return fmt.Sprint(names)
}

// noticeJSON is one line of notify list --json.
type noticeJSON struct {
	ID       string            `json:"id"`
	State    store.NoticeState `json:"state"`
	Notifier string            `json:"notifier"`
	Subject  string            `json:"subject"`
	Run      run.ID            `json:"run,omitempty"`
	Created  time.Time         `json:"created_at"`
	Due      *time.Time        `json:"due_at,omitempty"` // of one that waits
	Ended    *time.Time        `json:"ended_at,omitempty"`
	Tries    int               `json:"tries"`
	Error    string            `json:"error,omitempty"`
}

func (c *command) notifyListCommand() *cobra.Command {
	f := store.NoticeFilter{}
	var state string
	cmd := c.onHistory(&cobra.Command{
		Use:   "list",
		Short: "List messages: those that wait, were sent, or were given up",
		Long: `List messages, newest first: those that wait to be sent, and those of the last 7 days
that were sent or given up.`,
		Example: `  executioner notify list --state given_up
  executioner notify list --json | jq 'select(.tries > 3)'`,
	}, "a line for each message", func(ctx context.Context, _ string, st store.Store) error {
		f.State = store.NoticeState(state)
		if !slices.Contains([]store.NoticeState{"", store.NoticePending, store.NoticeSent, store.NoticeGivenUp}, f.State) {
			return fault.New(fault.Usage, "--state is pending, sent or given_up, not %q", state)
		}
		return c.listNotices(ctx, st, f)
	})
	flags := cmd.Flags()
	flags.StringVar(&state, "state", "", "only those in this `STATE`: pending, sent or given_up")
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions([]string{"pending", "sent", "given_up"}, cobra.ShellCompDirectiveNoFileComp))
	flags.StringVar(&f.Notifier, "notifier", "", "only those of this `NOTIFIER`")
	_ = cmd.RegisterFlagCompletionFunc("notifier", cobra.NoFileCompletions)
	flags.IntVar(&f.Limit, "limit", 100, "at most `N`, 0 for all")
	_ = cmd.RegisterFlagCompletionFunc("limit", cobra.NoFileCompletions)
	return cmd
}

func (c *command) listNotices(ctx context.Context, st store.Outbox, f store.NoticeFilter) error {
	all, err := st.Notices(ctx, f)
	if err != nil {
		return err
	}
	var t table
	t.add("ID", "STATE", "NOTIFIER", "TRIES", "CREATED", "MESSAGE", "LAST ERROR")
	for i := range all {
		v := noticeView(&all[i])
		if c.json {
			c.printJSON(c.Out, v)
			continue
		}
		t.add(v.ID, string(v.State), oneLine(v.Notifier), strconv.Itoa(v.Tries), stamp(&v.Created), oneLine(v.Subject), oneLine(v.Error))
	}
	switch {
	case c.json:
		return nil
	case len(all) == 0:
		fmt.Fprintln(c.Err, "no message matches")
		return nil
	}
	return t.print(c.Out, "", c.boldHead())
}

// boldHead paints the first row of a table.
func (c *command) boldHead() func(row, column int, padded string) string {
	p := c.paint()
	return func(row, _ int, padded string) string {
		if row == 0 {
			return p.bold(padded)
		}
		return padded
	}
}

func noticeView(n *store.Notice) noticeJSON {
	v := noticeJSON{
		ID: n.ID, State: n.State, Notifier: n.Notifier, Subject: "(can't be read)", Run: n.Run, Created: n.CreatedAt,
		Ended: at(n.EndedAt), Tries: n.Tries, Error: n.Error,
	}
	if n.State == store.NoticePending {
		v.Due = at(n.Due)
	}
	var m incident.Message
	if json.Unmarshal(n.Body, &m) == nil {
		v.Subject = m.Subject()
	}
	return v
}

func (c *command) notifyRetryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "retry ID",
		Short: "Have a message tried again",
		Long: `Have a message that waits or was given up tried again by the service, at once and for
another 24 hours if need be.`,
		Example:           `  executioner notify retry 3b0f7a1c9d2e4f5061728394a5b6c7d8`,
		Args:              exactly(1, "the id of a message"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withHistory(cmd, func(ctx context.Context, _ string, st store.Store) error {
				now := time.Now()
				if err := st.RetryNotice(ctx, args[0], now, now.Add(notify.Patience)); err != nil {
					return err
				}
				n, err := st.Notice(ctx, args[0])
				if err != nil {
					return err
				}
				if c.json {
					c.printJSON(c.Out, noticeView(&n))
					return nil
				}
				fmt.Fprintf(c.Out, "%s will be tried again by the service\n", n.ID)
				return nil
			})
		},
	}
	c.jsonFlag(cmd, "the message")
	return cmd
}
