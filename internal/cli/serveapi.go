package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/term"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api"
	"github.com/executionerhq/executioner/internal/config"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/history"
	"github.com/executionerhq/executioner/internal/lint"
	"github.com/executionerhq/executioner/internal/scheduler"
	"github.com/executionerhq/executioner/internal/service"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// api returns what answers the requests of a service. discard removes what it left beside
// the socket. Streams end with the context streams.
func (c *command) api(ctx, streams context.Context, b Backend, runs *service.Service, times *scheduler.Scheduler, in *instruments, ready *prepared) (h http.Handler, discard func(), err error) {
	log, s := in.log, ready.Settings
	token, discard, err := c.oneTimeToken(ctx, b.Store, s, log)
	if err != nil {
		return nil, nil, err
	}
	h, err = api.New(api.Config{
		Service: runs, Runs: b.Runs, History: b.Store, Accounts: b.Store, Hub: b.Hub, Streams: streams,
		Load: c.loadText, Statistics: func(ctx context.Context, q api.Figures) (any, error) { return c.figures(ctx, b.Store, q) }, Environ: c.jobEnviron(), Version: c.Build, Hosts: hostsOf(s), PublicURL: s.PublicURL, Token: token,
		Schedules: times, Metrics: in.metrics, OIDC: ready.provider, Log: log,
		Limits: api.Limits{PerUser: s.Limits.PerUser, PerAddress: s.Limits.PerAddress, Streams: s.Limits.Streams, StreamsOfOne: s.Limits.StreamsPerUser},
	})
	if err != nil {
		discard()
	}
	return h, discard, err
}

// hostsOf are the names under which the service may be asked: those of the settings, of the
// address and of the certificate.
func hostsOf(s config.Settings) []string {
	names := slices.Clone(s.Hosts)
	if host, _, err := net.SplitHostPort(s.Listen); err == nil {
		names = append(names, host)
	}
	if pair, err := tls.LoadX509KeyPair(s.TLS.Certificate, s.TLS.Key); err == nil && pair.Leaf != nil { // whoever listens says what is wrong with it
		names = append(names, pair.Leaf.DNSNames...)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// oneTimeToken makes the token that stands for whoever started the service, as long as it
// runs and there is no user: it is kept beside the socket.
func (c *command) oneTimeToken(ctx context.Context, accounts store.Accounts, s config.Settings, log *slog.Logger) (text string, discard func(), err error) {
	discard = func() {}
	if s.Listen == "" {
		return "", discard, nil
	}
	users, err := accounts.Users(ctx)
	if err != nil || len(users) > 0 {
		return "", discard, err
	}
	socket, err := c.socketPath(s.Socket)
	if err != nil {
		return "", discard, err
	}
	text = access.NewSecret()
	file := socket + ".token"
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", discard, fault.Wrap(err, fault.Unavailable, "the token can't be written")
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", discard, fault.Wrap(err, fault.Unavailable, "the token can't be written")
	}
	discard = func() { _ = os.Remove(file) } // it is of no use any more
	_, err = fmt.Fprintln(f, text)
	if err = errors.Join(err, f.Close()); err != nil {
		discard()
		return "", discard, fault.Wrap(err, fault.Unavailable, "the token can't be written")
	}
	c.tellToken(log, s.Listen, text, file)
	return text, discard, nil
}

// tellToken says where the one-time token is. Only a person at a terminal is shown it: what
// else is told goes into logs, which others read.
func (c *command) tellToken(log *slog.Logger, address, text, file string) {
	if f, ok := c.Err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprintf(c.Err, "executioner: there are no users yet; the token for %s, until there is one or this ends: %s (also in %s)\n", address, text, file)
		return
	}
	log.Warn("there are no users yet; until there is one or this ends, a token is in a file", "for", address, "file", file)
}

// oidcOf returns the identity provider of the settings.
func oidcOf(s *config.OIDC, environ []string) (*api.OIDC, error) {
	if s == nil {
		return nil, nil //nolint:nilnil // nobody logs in there
	}
	secret, err := s.ClientSecret.Value(environ)
	if err != nil {
		return nil, err
	}
	o := &api.OIDC{
		Issuer: s.Issuer, ClientID: s.ClientID, ClientSecret: secret, RedirectURL: s.RedirectURL,
		UserClaim: s.UserClaim, GroupsClaim: s.GroupsClaim,
	}
	for _, g := range s.Grants {
		o.Grants = append(o.Grants, api.GroupGrant{Group: g.Group, Grant: access.Grant{Role: access.Role(g.Role), Application: g.Application}})
	}
	return o, nil
}

// loadText reads the text of a workflow that came through the API, as load does a file.
func (c *command) loadText(ctx context.Context, t api.Text) (*workflow.Workflow, error) {
	dir, err := os.Getwd()
	if err != nil && t.Dir == "" {
		return nil, fault.Wrap(err, fault.Unavailable, "the current directory is not known")
	}
	host := lint.Checking(workflow.Host{
		Home: c.home(), Dir: cmp.Or(t.Dir, dir), CheckDir: checkDir, Zones: time.LoadLocation,
		Origin: true, ReadFile: readPart, Glob: filepath.Glob, Now: time.Now(), Params: t.Params, ParamsLater: t.Look,
	})
	if t.Look {
		host.CheckDir = nil
	}
	wf, err := workflow.Load(t.Source, host)
	if err != nil {
		return nil, err
	}
	by := c.judge
	if t.Run {
		by = func(wf *workflow.Workflow) (workflow.Problems, error) { return c.judgeAll(ctx, wf) }
	}
	problems, err := by(wf)
	if err != nil {
		return nil, err
	}
	light := *wf
	light.Origin = nil // which keeps the files in memory
	light.Warnings = append(light.Warnings[:len(light.Warnings):len(light.Warnings)], problems...)
	return &light, nil
}

// figures returns what stats --json prints.
func (c *command) figures(ctx context.Context, st store.Store, q api.Figures) (any, error) {
	f := &statsFlags{job: q.Job, since: q.Since, by: q.By, slowest: q.Slowest, flakiest: q.Flakiest}
	asked, err := f.question(q.Application, time.Now())
	if err != nil {
		return nil, err
	}
	_, _ = history.Count(ctx, st) // without that it takes longer
	answer, err := history.Ask(ctx, st, asked)
	if err == nil && len(answer.Names) == 0 && q.Application != "" {
		err = known(ctx, st, asked)
	}
	if err != nil {
		return nil, err
	}
	return statisticsView(&answer, asked, f), nil
}
