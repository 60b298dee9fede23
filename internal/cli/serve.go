package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/admission"
	"github.com/executionerhq/executioner/internal/api"
	"github.com/executionerhq/executioner/internal/config"
	"github.com/executionerhq/executioner/internal/daemon"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/scheduler"
	"github.com/executionerhq/executioner/internal/service"
	"github.com/executionerhq/executioner/internal/store"
)

// serveFlags are those of serve. What is not given is as the settings say.
type serveFlags struct {
	config, listen, socket, certificate, key, drain, metrics string
	slots                                                    int
	check                                                    bool
}

// What becomes of running jobs when the service is asked to stop.
const (
	drainLeave = "leave"
	drainWait  = "wait"
)

// stopPatience is how long requests that are being answered may still take when the
// service stops.
const stopPatience = 5 * time.Second

func (c *command) serveCommand() *cobra.Command {
	f := &serveFlags{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run workflows that others submit, many at once, as a service",
		Long: `Serve the database: execute the runs that are submitted through the API, and those that
a program left which is gone. One serve executes many runs at once; several may work on
one database.

It listens on a unix socket that only this user can reach, and on 127.0.0.1:8323. Another
address needs a certificate and at least one user: executioner user add.

SIGTERM and SIGINT end it: runs are left as they stand, running jobs go on under the keeper,
and the next serve takes them up. With --drain=wait it waits for the active runs to end.
A second signal ends it at once.`,
		Example: `  executioner serve
  executioner serve --config /etc/executioner/service.yaml
  executioner serve --config /etc/executioner/service.yaml --check
  executioner serve --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem`,
		Args:              exactly(0, ""),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("slots") && f.slots < 1 {
				return fault.New(fault.Usage, "--slots must be above 0, not %d", f.slots).WithHint("leave it out to use the settings, or twice the processors")
			}
			return c.serve(cmd, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.config, "config", "", "`FILE` of settings, see docs/operations.md")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	flags.StringVar(&f.listen, "listen", "", "`ADDRESS` of the API, host:port; none: the socket only (default 127.0.0.1:8323)")
	flags.StringVar(&f.socket, "socket", "", "`PATH` of the unix socket (default beside the database)")
	_ = cmd.MarkFlagFilename("socket")
	flags.StringVar(&f.certificate, "tls-cert", "", "`FILE` of the certificate for --listen, in PEM")
	_ = cmd.MarkFlagFilename("tls-cert")
	flags.StringVar(&f.key, "tls-key", "", "`FILE` of its key, in PEM")
	_ = cmd.MarkFlagFilename("tls-key")
	flags.BoolVar(&f.check, "check", false, "check the settings, say ok, and do nothing else")
	flags.IntVar(&f.slots, "slots", 0, "run at most `N` jobs at once (default twice the number of processors)")
	flags.StringVar(&f.metrics, "metrics-file", "", "keep metrics in `FILE`, as JSON, for hosts without Prometheus")
	_ = cmd.MarkFlagFilename("metrics-file", "json")
	flags.StringVar(&f.drain, "drain", drainLeave, "when asked to stop: `leave` running jobs to the next serve, or wait for the runs to end")
	_ = cmd.RegisterFlagCompletionFunc("drain", cobra.FixedCompletions([]string{drainLeave, drainWait}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// settings are what the file, the environment and the flags say.
func (f *serveFlags) settings(environ []string) (config.Settings, error) {
	s, err := config.Load(f.config, environ)
	if err != nil {
		return s, err
	}
	s.Listen, s.Socket = cmp.Or(f.listen, s.Listen), cmp.Or(f.socket, s.Socket)
	s.TLS.Certificate, s.TLS.Key = cmp.Or(f.certificate, s.TLS.Certificate), cmp.Or(f.key, s.TLS.Key)
	s.Slots, s.Metrics.File = cmp.Or(f.slots, s.Slots), cmp.Or(f.metrics, s.Metrics.File)
	if s.Listen == config.NoAddress {
		s.Listen = ""
	}
	if f.drain != drainLeave && f.drain != drainWait {
		return s, fault.New(fault.Usage, "--drain is leave or wait, not %q", f.drain)
	}
	return s, s.Check()
}

func (c *command) serve(cmd *cobra.Command, f *serveFlags) error {
	c.serves = true
	p, err := c.prepare(f)
	if err != nil {
		return err
	}
	if f.check {
		fmt.Fprintln(c.Out, cmp.Or(f.config, "settings")+": ok")
		return nil
	}
	signals, release := c.Signals() // before anything runs that a signal would orphan
	defer release()
	listeners, err := c.listen(cmd.Context(), p)
	if err != nil {
		return err
	}
	defer func() {
		for _, l := range listeners {
			_ = l.Close() // most often the server did
		}
	}()
	gates := service.NewGates(admission.Config{Slots: p.Slots, Pools: p.Pools})
	in, err := c.instrument(cmd.Context(), p.Settings, p.log)
	if err != nil {
		return err
	}
	defer in.Close()
	b, err := c.openService(cmd.Context(), p.database, gates, in)
	if err != nil {
		return err
	}
	err = c.serveOn(cmd.Context(), b, gates, in, p, listeners, signals)
	return errors.Join(err, b.Close())
}

// openService composes the use cases for many runs at once. What it records survives a
// power cut unless something else is asked for.
func (c *command) openService(ctx context.Context, address string, gates *service.Gates, in *instruments) (Backend, error) {
	log := in.log
	c.begins(address, log)
	settings := c.settings(address, func(err error) {
		if err != nil {
			log.Error("results can't be recorded for now, nothing new is started", "error", err)
			return
		}
		log.Info("results are being recorded again")
	})
	settings.Service, settings.Gate = true, gates.Gate
	settings.Journal, settings.Observe = in.journal, in.observe
	settings.Durability = cmp.Or(settings.Durability, "full")
	settings.Notice = func(text string) { log.Warn(text) }
	return c.Open(ctx, settings)
}

// serveOn executes runs and answers requests until a signal comes.
func (c *command) serveOn(ctx context.Context, b Backend, gates *service.Gates, in *instruments, s *prepared, listeners []net.Listener, signals <-chan os.Signal) error {
	log := in.log
	if err := guarded(ctx, b.Store, s.Listen); err != nil {
		return err
	}
	go in.mails.work(b.Runs)
	defer in.mails.Close()
	runs := service.New(service.Config{Runs: b.Runs, Store: b.Store, Gates: gates, Log: log, MaxActive: s.MaxActive, MaxQueued: s.MaxQueued})
	defer runs.Close()
	in.gauges(runs, s.Pools)
	in.outbox(context.WithoutCancel(ctx), b.Store)
	streams, endStreams := context.WithCancel(context.WithoutCancel(ctx))
	defer endStreams()
	kept, err := c.keepUp(ctx, b, s.tell, log)
	if err != nil {
		return err
	}
	defer kept.Close(ctx)
	times := c.scheduler(b.Store, runs, kept.tell, s.Settings, log)
	defer times.Close()
	in.arrivals(times)
	h, discard, err := c.api(ctx, streams, b, runs, times, in, s)
	if err != nil {
		return err
	}
	defer discard()
	server := daemon.New(h, api.ConnContext, daemon.Room(s.MaxConnections), log)
	server.OnStop(endStreams)
	for _, l := range listeners {
		server.Serve(l)
		log.Info("listening", "at", l.Addr().Network()+" "+l.Addr().String())
	}
	if err := runs.Start(ctx); err != nil {
		return errors.Join(err, server.Stop(ctx))
	}
	times.Start()
	manager := c.getenv("NOTIFY_SOCKET")
	daemon.Notify(manager, "READY=1")
	log.Info("ready", "version", c.Build.Version)
	select {
	case sig := <-signals:
		log.Info("stopping", "signal", sig.String(), "drain", s.drain, "runs", runs.Stats().Active, "waiting", runs.Stats().Waiting)
	case err = <-server.Failed():
		err = fault.Wrap(err, fault.Unavailable, "requests can't be answered any more")
	}
	daemon.Notify(manager, "STOPPING=1")
	return errors.Join(err, halt(ctx, runs, times, in.mails, server, s.drain, signals))
}

// halt ends the work in order: what is due from now on is left to the next serve; then the
// runs if they are to be waited for, then requests, then what is left of the runs. A second
// signal cuts it short: nobody waits for the database or a mail server then.
func halt(ctx context.Context, runs *service.Service, times *scheduler.Scheduler, mails *mailer, server *daemon.Server, drain string, signals <-chan os.Signal) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-signals:
			stop()
			runs.Close()
			mails.cancel()
		case <-ctx.Done():
		}
	}()
	times.Close()
	var err error
	if drain == drainWait { // which may take long, and be watched and cut short
		err = runs.Finish(ctx)
	}
	polite, done := context.WithTimeout(ctx, stopPatience)
	defer done()
	err = errors.Join(err, server.Stop(polite), runs.Drain(ctx))
	if errors.Is(err, context.Canceled) {
		return fault.New(fault.Cancelled, "it was ended at once; what runs goes on, and the next serve takes it up")
	}
	return err
}

// listen opens the socket and the address. Whoever comes waits until the service is ready.
func (c *command) listen(ctx context.Context, p *prepared) ([]net.Listener, error) {
	if file := c.Databases.File(p.database); file != "" { // the socket is beside it
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return nil, fault.Wrap(err, fault.Unavailable, "there is no place for the history")
		}
	}
	path, err := c.socketPath(p.Socket)
	if err != nil {
		return nil, err
	}
	socket, err := daemon.Socket(path)
	if err != nil {
		return nil, err
	}
	if p.Listen == "" {
		return []net.Listener{socket}, nil
	}
	l, err := daemon.Listen(ctx, p.Listen, p.certificate)
	if err != nil {
		return nil, errors.Join(err, socket.Close())
	}
	return []net.Listener{socket, l}, nil
}

// guarded refuses to listen where others could come and there is no user.
func guarded(ctx context.Context, st store.Store, address string) error {
	if address == "" || daemon.Loopback(address) {
		return nil
	}
	accounts, ok := st.(store.Accounts)
	if !ok {
		return nil
	}
	users, err := accounts.Users(ctx)
	if err == nil && len(users) == 0 {
		return fault.New(fault.InvalidConfig, "%s can be reached from other hosts, and there is no user", address).
			WithHint("add one first: executioner user add NAME --grant admin")
	}
	return err
}

// socketPath returns where the socket is: beside the database if that is a file, else
// with what this user's programs keep.
func (c *command) socketPath(given string) (string, error) {
	if given != "" {
		path, err := filepath.Abs(given)
		return path, fault.Wrap(err, fault.InvalidConfig, "the current directory is not known")
	}
	address, err := c.databasePath()
	if err != nil {
		return "", err
	}
	if file := c.Databases.File(address); file != "" {
		return file + ".sock", nil
	}
	dir, err := c.stateDir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "executioner")
	sum := sha256.Sum256([]byte(c.Databases.Show(address)))
	return filepath.Join(dir, "serve-"+hex.EncodeToString(sum[:4])+".sock"),
		fault.Wrap(os.MkdirAll(dir, 0o700), fault.Unavailable, "there is no place for the socket")
}
