// Package api is the HTTP interface of a service: routes, streams, errors, and who may use
// them. One table has every route with what it takes to be allowed; whatever is not in it
// can't be reached.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/event"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Service is what changes runs. Those of this process it executes; the others it asks
// their owner to.
type Service interface {
	// Submit records a run and returns once it is recorded. existing says that by had
	// submitted a run with that key already, which is the one returned. The fault is
	// RateLimited when the queue is full.
	Submit(ctx context.Context, wf *workflow.Workflow, opt runs.Options, by, key string) (id run.ID, existing bool, err error)
	// Resume records the next attempt of a run and returns once it is recorded.
	Resume(ctx context.Context, r store.Run, req runs.Resume) (runs.Attempt, error)
	// Cancel asks for the end of a run or of some of its jobs: see runs.Service.
	Cancel(ctx context.Context, r store.Run, kind store.RequestKind, jobs []run.JobID, by string) error
	// Ready says why the service can't take runs now, or nil.
	Ready() error
}

// Runs is what reads and marks runs: see runs.Service.
type Runs interface {
	Find(ctx context.Context, ref, application string) (store.Run, error)
	Show(ctx context.Context, r store.Run) (runs.Details, error)
	List(ctx context.Context, f store.Filter) ([]runs.View, error)
	Workflow(ctx context.Context, hash string) (*workflow.Workflow, error)
	Usual(ctx context.Context, application string) (*runs.Usual, error)
	PreviewResume(ctx context.Context, r store.Run, req runs.Resume) (*runs.Preview, error)
	LeftRunning(ctx context.Context, id run.ID) ([]int, error)
	Same(ctx context.Context, id run.ID, sub runs.Submission) error
	MarkSuccess(ctx context.Context, r store.Run, jobs []run.JobID, by, note string) ([]run.Override, error)
}

// History reads what was recorded of runs: see store.Store.
type History interface {
	store.Schedules
	Run(ctx context.Context, id run.ID) (store.Run, error)
	Transitions(ctx context.Context, id run.ID, after int64, limit int) ([]run.Transition, error)
}

// Passwords makes and checks the hashes of passwords: see access.Passwords.
type Passwords interface {
	Hash(ctx context.Context, user, password string) (string, error)
	Verify(ctx context.Context, hash, password string) (ok, rehash bool, err error)
}

// Metrics tell what goes on inside: see telemetry.Metrics.
type Metrics interface {
	// Handler answers in the form of Prometheus.
	Handler() http.Handler
	// JSON returns the same as JSON.
	JSON() ([]byte, error)
}

var (
	_ Runs      = (*runs.Service)(nil)
	_ Passwords = (*access.Passwords)(nil)
)

// Text is a workflow that came with a request or was registered.
type Text struct {
	Source workflow.Source
	Dir    string           // absolute directory for relative paths; empty: the service's own
	Params []workflow.Given // values of parameters
	// Look says that it is only looked at: required parameters may be missing, and the
	// working directory need not be there.
	Look bool
	Run  bool // it is to be run: programs that it names as its validators are asked
}

// Figures says which statistics are wanted, as the flags of stats do.
type Figures struct {
	Application       string // empty: of all
	Job               string
	Since             string // a time, or how long ago, such as 30d; all for all
	By                string // day, week, month or nothing
	Slowest, Flakiest int
}

// Config is what a handler is made of. All fields but those that say so are required.
type Config struct {
	Service  Service
	Runs     Runs
	History  History
	Accounts store.Accounts
	Hub      *event.Hub
	// Load turns text into a workflow, with all that the site demands of one. The error has
	// workflow.Problems as cause when the text is to blame.
	Load func(ctx context.Context, t Text) (*workflow.Workflow, error)
	// Environ are the variables that jobs may inherit; the values of secret ones are hidden
	// in commands that are shown.
	Environ []string
	// Version is what version --json prints.
	Version any
	// Statistics returns what stats --json prints; nil: there is no such route.
	Statistics func(ctx context.Context, q Figures) (any, error)
	// Metrics are those of the service; nil: there are no such routes.
	Metrics Metrics
	// Schedules is what decides about schedules; nil: there are no such routes.
	Schedules Schedules
	// Hosts are the names, besides localhost and addresses, under which the service may be
	// asked; one that begins with *. stands for all with one label in its place. Another name
	// in a request's Host header is refused.
	Hosts []string
	// PublicURL is where the service is asked for when a proxy is before it that ends TLS, as a
	// browser writes it: https://jobs.example.org. Its name is one of Hosts by that, and its pages
	// are the service's own. Empty: there is none.
	PublicURL string
	// Token is the text of a token that stands for whoever started the service, for callers
	// on loopback; empty: there is none.
	Token string
	// OIDC is how people log in at their organisation's identity provider; nil: they can't.
	OIDC *OIDC
	// Limits bound what callers may ask for; zero fields have defaults.
	Limits Limits
	// Passwords checks passwords. Defaults to one hash for each CPU at the same time.
	Passwords Passwords
	// Streams ends when the service stops: what is followed ends with it, so that nobody waits
	// for those who only listen. Defaults to never.
	Streams context.Context
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Log is told of what goes wrong inside. Defaults to discarding it.
	Log *slog.Logger
}

// Limits bound what callers may ask for. Those who come by the unix socket are not counted.
type Limits struct {
	PerUser       float64       // requests in a second by one user; a burst may be ten times as many. Defaults to 50
	PerAddress    float64       // requests in a second from one address without a user, and failed ones. Defaults to 10
	Streams       int           // events and logs that are followed at the same time. Defaults to 2,000
	StreamsOfOne  int           // of these, by one user. Defaults to 200
	WorkflowBytes int64         // of a request with a workflow. Defaults to 16 MiB
	BodyBytes     int64         // of any other. Defaults to 1 MiB
	MostWait      time.Duration // that a submission may wait for its run's end. Defaults to 10 minutes
	MostListed    int           // runs in one page. Defaults to 1,000
	BodyTime      time.Duration // that a body may take to arrive. Defaults to 1 minute
	WriteTime     time.Duration // that one write of a stream may take. Defaults to 30 s
	Heartbeat     time.Duration // between signs of life of a quiet stream. Defaults to 15 s
	Poll          time.Duration // between looks at a run that another program owns. Defaults to 1 s
	Room          int           // transitions that are kept for a slow reader. Defaults to 4,096
}

func (l Limits) complete() Limits {
	or(&l.PerUser, 50)
	or(&l.PerAddress, 10)
	or(&l.Streams, 2000)
	or(&l.StreamsOfOne, 200)
	or(&l.WorkflowBytes, 16<<20)
	or(&l.BodyBytes, 1<<20)
	or(&l.MostWait, 10*time.Minute)
	or(&l.MostListed, 1000)
	or(&l.BodyTime, time.Minute)
	or(&l.WriteTime, 30*time.Second)
	or(&l.Heartbeat, 15*time.Second)
	or(&l.Poll, time.Second)
	or(&l.Room, 4096)
	return l
}

// or sets what is zero.
func or[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// server is a handler in its parts.
type server struct {
	Config
	routes   []route
	limits   *limits
	streams  *streams
	feed     *feed
	cross    *http.CrossOriginProtection
	verified *verified
	maskers  *maskers
	bodies   bodies
	seldom   seldom
	peopled  atomic.Bool // there are users, so that Token is of no use any more
	uid      int
	owner    string // whoever has that uid
	patterns *http.ServeMux
	openapi  []byte
}

// secure reports whether whoever made a request has TLS, here or at the proxy before it. A proxy
// says nothing that would be believed: with a public URL all do.
func (s *server) secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(s.PublicURL, "https:")
}

// New returns the handler of a service's API. It starts nothing. Connections of the unix
// socket must have been given ConnContext.
func New(cfg Config) (http.Handler, error) {
	cfg.Limits = cfg.Limits.complete()
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Streams == nil {
		cfg.Streams = context.Background()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Passwords == nil {
		cfg.Passwords = access.NewPasswords(0)
	}
	s := &server{
		Config: cfg, cross: http.NewCrossOriginProtection(), uid: os.Getuid(), owner: owner(os.Getuid()), patterns: http.NewServeMux(),
		limits: newLimits(cfg.Limits, cfg.Now), streams: newStreams(cfg.Limits), verified: newVerified(cfg.Now), maskers: newMaskers(),
	}
	s.feed = &feed{s: s}
	if s.PublicURL != "" {
		u, err := url.Parse(s.PublicURL)
		if err = errors.Join(err, s.cross.AddTrustedOrigin(s.PublicURL)); err != nil {
			return nil, fault.Wrap(err, fault.InvalidConfig, "the public URL can't be used")
		}
		s.Hosts = append(slices.Clone(s.Hosts), u.Hostname())
	}
	s.routes = s.table()
	if err := s.register(); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the API can't be set up")
	}
	return s.outer(), nil
}
