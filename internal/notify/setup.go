package notify

import (
	"context"
	"fmt"
	"net"
	"net/mail"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/executionerhq/executioner/internal/config"
	"github.com/executionerhq/executioner/internal/expr"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/incident"
	"github.com/executionerhq/executioner/internal/mask"
)

// Setup is who is told of what, and how: the section notify of the settings, made ready.
type Setup struct {
	Rules   []incident.Rule
	Expect  []incident.Expect
	Senders map[string]Sender // by the notifier's name
}

// names of notifiers and rules are keys in the database and words on the command line.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$`)

// Build makes the senders and rules of the settings. Secrets are read from where they
// are. host is this machine's name. A fault of code InvalidConfig says what is wrong.
func Build(n config.Notify, environ []string, host string) (Setup, error) {
	s := Setup{Senders: make(map[string]Sender, len(n.Notifiers))}
	guard, err := NewGuard(n.Allow)
	if err != nil {
		return Setup{}, err
	}
	b := builder{guard: guard, environ: environ, host: host}
	for name := range n.Notifiers {
		if !nameForm.MatchString(name) {
			return Setup{}, fault.New(fault.InvalidConfig, "notify.notifiers: %q can't be a name", name).WithHint("letters, digits, and . _ - within")
		}
		if s.Senders[name], err = b.sender(n.Notifiers[name]); err != nil {
			return Setup{}, within("notify.notifiers."+name, err)
		}
	}
	compiler := expr.NewCompiler()
	for i := range n.Rules {
		r, err := rule(compiler, &n.Rules[i], &s)
		if err != nil {
			return Setup{}, within(fmt.Sprintf("notify.rules[%d]", i), err)
		}
		s.Rules = append(s.Rules, r)
	}
	for i := range n.Expect {
		x, err := expectation(&n.Expect[i])
		if err != nil {
			return Setup{}, within(fmt.Sprintf("notify.expect[%d]", i), err)
		}
		s.Expect = append(s.Expect, x)
	}
	return s, nil
}

// within says where in the settings something is wrong.
func within(place string, err error) error {
	return &fault.Error{Code: fault.InvalidConfig, Msg: place, Err: err, Hint: fault.HintOf(err)}
}

// builder makes senders.
type builder struct {
	guard    Guard
	environ  []string
	host     string
	resolver *net.Resolver // nil: the system's
}

func (b *builder) sender(n config.Notifier) (Sender, error) {
	timeout := n.Timeout
	if timeout <= 0 || timeout > sendTimeout {
		timeout = sendTimeout
	}
	switch n.Kind {
	case "mail":
		return b.mail(n, timeout)
	case "command":
		if len(n.Command) == 0 || !filepath.IsAbs(n.Command[0]) {
			return nil, fault.New(fault.InvalidConfig, "command begins with the absolute path of a program")
		}
		return &command{argv: n.Command, env: commandEnv(b.environ), timeout: timeout}, nil
	case "webhook", "slack", "teams", "pagerduty":
		return b.web(n, timeout)
	}
	return nil, fault.New(fault.InvalidConfig, "kind is %q, not one of mail, webhook, slack, teams, pagerduty, command", n.Kind)
}

func (b *builder) web(n config.Notifier, timeout time.Duration) (Sender, error) {
	address := n.Address
	if n.Kind == "pagerduty" && address == "" {
		address = pagerURL
	}
	if n.URL.Given() {
		var err error
		if address, err = n.URL.Value(b.environ); err != nil {
			return nil, err
		}
	}
	if address == "" {
		return nil, fault.New(fault.InvalidConfig, "it has no url").WithHint("url: {env: NAME} or {file: PATH}; address: for one that is no secret")
	}
	if err := checkURL(address); err != nil {
		return nil, err
	}
	secret, err := n.Secret.Value(b.environ)
	if err != nil {
		return nil, err
	}
	p := poster{client: b.guard.client(b.resolver), url: address, timeout: timeout, masker: mask.New([]string{secret, hiddenURL(n, address)})}
	switch n.Kind {
	case "slack":
		return &slack{p}, nil
	case "teams":
		return &teams{p}, nil
	case "pagerduty":
		if secret == "" {
			return nil, fault.New(fault.InvalidConfig, "it has no secret, which is the routing key")
		}
		return &pager{poster: p, key: secret, host: b.host}, nil
	}
	if secret == "" {
		return &webhook{poster: p}, nil
	}
	return &webhook{poster: p, secret: []byte(secret)}, nil
}

func (b *builder) mail(n config.Notifier, timeout time.Duration) (Sender, error) {
	host, port, err := net.SplitHostPort(n.Server)
	number, e := strconv.Atoi(port)
	if err != nil || e != nil || number < 1 || number > 65535 {
		return nil, fault.New(fault.InvalidConfig, "server is %q, not host:port", n.Server).WithHint("for example mail.example.org:587")
	}
	password, err := n.Password.Value(b.environ)
	if err != nil {
		return nil, err
	}
	from := n.From
	if from == "" {
		from = "executioner@" + hostName(b.host)
	}
	for _, a := range append([]string{from}, n.To...) {
		if _, err := mail.ParseAddress(a); err != nil {
			return nil, fault.New(fault.InvalidConfig, "%q is no mail address", a)
		}
	}
	if len(n.To) == 0 {
		return nil, fault.New(fault.InvalidConfig, "to has no address in it")
	}
	return &mailer{to: n.To, from: from, server: Server{
		Host: host, Port: number, User: n.User, Password: password, Security: SecurityOf(number), Timeout: timeout,
	}}, nil
}

func rule(compiler *expr.Compiler, n *config.NotifyRule, s *Setup) (incident.Rule, error) {
	r := incident.Rule{
		Name: n.Name, Of: incident.Scope(n.Of), Each: n.Each, After: n.After, Remind: n.Remind, Digest: n.Digest, To: n.To,
	}
	switch {
	case !nameForm.MatchString(n.Name):
		return r, fault.New(fault.InvalidConfig, "name is %q", n.Name).WithHint("letters, digits, and . _ - within")
	case slices.ContainsFunc(s.Rules, func(o incident.Rule) bool { return o.Name == n.Name }):
		return r, fault.New(fault.InvalidConfig, "there is another rule %q", n.Name)
	case !slices.Contains([]string{"", "runs", "jobs", "all"}, n.Of):
		return r, fault.New(fault.InvalidConfig, "of is %q, not one of runs, jobs, all", n.Of)
	case len(n.To) == 0:
		return r, fault.New(fault.InvalidConfig, "to names no notifier")
	case n.After < 0 || n.Remind < 0 || n.Digest < 0:
		return r, fault.New(fault.InvalidConfig, "after, remind and digest must not be negative")
	case n.Each && (n.After > 1 || n.Remind > 0):
		return r, fault.New(fault.InvalidConfig, "each goes with neither after nor remind, which are about incidents")
	}
	for _, to := range n.To {
		if _, there := s.Senders[to]; !there {
			return r, fault.New(fault.InvalidConfig, "to: there is no notifier %q", to)
		}
	}
	if n.When == "" {
		return r, nil
	}
	p, err := compiler.Event(n.When)
	if err != nil {
		return r, fault.New(fault.InvalidConfig, "when: %v", err)
	}
	r.When = p
	return r, nil
}

func expectation(n *config.Expect) (x incident.Expect, err error) {
	x = incident.Expect{Application: n.Application, Within: n.Within, Stuck: n.Stuck, Slower: n.Slower}
	if n.Within < 0 || n.Stuck < 0 || n.Slower < 0 {
		return x, fault.New(fault.InvalidConfig, "within, stuck and slower must not be negative")
	}
	if n.TimeZone != "" {
		if x.Zone, err = time.LoadLocation(n.TimeZone); err != nil {
			return x, fault.New(fault.InvalidConfig, "time_zone %q is not known", n.TimeZone).WithHint("for example Europe/Berlin")
		}
	}
	if n.FinishBy != "" {
		at, err := time.Parse("15:04", n.FinishBy)
		if err != nil {
			return x, fault.New(fault.InvalidConfig, "finish_by is %q, not a time of day as 06:30", n.FinishBy)
		}
		x.FinishBy = incident.Clock{Given: true, Hour: at.Hour(), Minute: at.Minute()}
	}
	return x, nil
}

// Test sends a marked message through one notifier and returns what the receiver said.
func (s *Setup) Test(ctx context.Context, notifier, id string, now time.Time) (Receipt, error) {
	sender, there := s.Senders[notifier]
	if !there {
		return Receipt{}, fault.New(fault.NotFound, "there is no notifier %q", notifier)
	}
	return sender.Send(ctx, Parcel{ID: id, At: now, Messages: []incident.Message{{
		Do: incident.Tell, Rule: "test", Why: "somebody tries the notifier " + notifier,
		Event: incident.Event{Kind: incident.Test, Application: "executioner", At: now},
	}}}), nil
}

// hiddenURL returns the URL if it is a secret.
func hiddenURL(n config.Notifier, address string) string {
	if n.URL.Given() {
		return address
	}
	return ""
}
