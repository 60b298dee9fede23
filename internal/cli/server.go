package cli

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Where a server is, and how to log in there. A token is never a flag: everybody on this
// host could see it.
const (
	serverVariable      = "EXECUTIONER_SERVER"
	tokenVariable       = "EXECUTIONER_TOKEN"
	tokenFileVariable   = tokenVariable + "_FILE"
	certificateVariable = "EXECUTIONER_CA_FILE"
)

// serverPatience is how long a command tries to reach a server that is just being restarted.
const serverPatience = 5 * time.Second

// serverAddress returns the server that the command works with; empty: a database that is
// opened here. A flag wins over all variables.
func (c *command) serverAddress() string {
	switch {
	case c.server != "":
		return c.server
	case c.database != "" || c.serves:
		return ""
	default:
		return c.getenv(serverVariable)
	}
}

// remotely reports whether the command works with a server.
func (c *command) remotely() bool { return c.serverAddress() != "" }

// serverFlag repeats --server in a command to copy, when it was given.
func (c *command) serverFlag() string {
	if c.server == "" {
		return ""
	}
	return " --server " + quote(c.server)
}

// onlyHere refuses to do with a server what needs the database itself.
func (c *command) onlyHere() error {
	if c.server != "" && c.database != "" {
		return fault.New(fault.Usage, "--server and --database don't go together").
			WithHint("a server has its own database; leave one of them out")
	}
	if !c.remotely() {
		return nil
	}
	err := fault.New(fault.Unsupported, "this works on the database itself, and not through the server %s", clean(c.serverAddress()))
	if c.server != "" {
		return err.WithHint("run it where the server's database is, without --server")
	}
	return err.WithHint("run it where the server's database is, with --database ADDRESS or without %s", serverVariable)
}

// connect returns the runs of the server.
func (c *command) connect() (*remote, error) {
	if c.server != "" && c.database != "" {
		return nil, c.onlyHere()
	}
	server, err := client.New(client.Config{
		Server: c.serverAddress(), Token: c.getenv(tokenVariable), TokenFile: c.getenv(tokenFileVariable), CAFile: c.getenv(certificateVariable), RetryFor: serverPatience,
	})
	if err != nil {
		return nil, err
	}
	return &remote{server: server, c: c}, nil
}

// withServer uses the runs of the server.
func (c *command) withServer(use func(s Runs) error) error {
	r, err := c.connect()
	if err != nil {
		return err
	}
	defer r.server.Close()
	return use(r)
}

// loadFrom reads a workflow file, for a server or for here.
func (c *command) loadFrom(src workflow.Source, host workflow.Host) (*workflow.Workflow, error) {
	if c.remotely() {
		return c.compose(src, host)
	}
	return workflow.Load(src, host)
}

// judgeThere has the server judge a workflow, too. What was said already is not said again.
func (c *command) judgeThere(ctx context.Context, here judge) judge {
	return func(wf *workflow.Workflow) (workflow.Problems, error) {
		problems, err := here(wf)
		if err != nil {
			return problems, err
		}
		r, err := c.connect()
		if err != nil {
			return problems, err
		}
		defer r.server.Close()
		flow, err := c.flow()
		if err != nil {
			return problems, err
		}
		checked, err := r.server.Validate(ctx, flow)
		if err != nil {
			return problems, err
		}
		more := unsaid(checked.Problems, append(slices.Clone(wf.Warnings), problems...))
		if !checked.OK {
			err = &fault.Error{Code: fault.InvalidWorkflow, Msg: "the server refuses the workflow", Err: more}
		}
		return append(problems, more...), err
	}
}

// unsaid returns the problems that a server has and that are not said already, without
// lines: they are those of the text that it was sent.
func unsaid(problems []workflow.Problem, said workflow.Problems) workflow.Problems {
	more := workflow.Problems{}
	for _, p := range problems {
		if !slices.ContainsFunc(said, func(known workflow.Problem) bool { return known.Msg == p.Msg }) {
			p.Line, p.Col = 0, 0
			more = append(more, p)
		}
	}
	return more
}

// compose reads a workflow file so that it can be sent to a server.
func (c *command) compose(src workflow.Source, host workflow.Host) (*workflow.Workflow, error) {
	host.CheckDir = nil // it is the server's host that has the directories
	made, err := workflow.Compose(src, host)
	if err != nil {
		return nil, err
	}
	c.composed = made
	return made.Workflow, nil
}

// flow returns the workflow that was read last as it is sent to the server: one text, with
// what it includes.
func (c *command) flow() (client.Flow, error) {
	if c.composed == nil {
		return client.Flow{}, errors.New("no workflow was read") // a bug of ours
	}
	wf := c.composed.Workflow
	same := strings.HasPrefix(c.serverAddress(), "unix:")
	for i := range wf.Jobs {
		if wf.Jobs[i].Scope != nil && !same {
			return client.Flow{}, fault.New(fault.Unsupported, "%s calls other workflow files (job %s), which can't be sent to a server", wf.File, wf.Jobs[i].ID).
				WithHint("put the files onto the server's host and run them there")
		}
	}
	text, _ := c.composed.Print(workflow.Show{})
	f := client.Flow{Source: string(text), Name: filepath.Base(wf.File), Params: map[string]string{}, Ambient: map[string]string{}}
	if same && wf.File != "-" { // what paths mean is the same there
		abs, err := filepath.Abs(wf.File)
		if err != nil {
			return f, fault.Wrap(err, fault.Unavailable, "the current directory is not known")
		}
		f.Name, f.Dir = abs, filepath.Dir(abs)
	}
	given, err := c.given()
	for _, g := range c.withKept(given) {
		if g.Ambient {
			f.Ambient[g.Name] = g.Value
		} else {
			f.Params[g.Name] = g.Value
		}
	}
	return f, err
}

// refusedText tells what a server has against a workflow that it was sent. Lines are left
// out: they are those of the text, not of the files that it was made of.
func (c *command) refusedText(err error) error {
	var problems workflow.Problems
	if errors.As(err, &problems) {
		for i := range problems {
			problems[i].Line, problems[i].Col = 0, 0
		}
	}
	return c.showProblems(err)
}

// notThere refuses options that a server would have to know of.
func (c *command) notThere(v view) error {
	switch {
	case !c.remotely():
		return nil
	case v.visible:
		return fault.New(fault.Unsupported, "--visible shows the environment of jobs, which is the server's, and is not known here").
			WithHint("leave it out")
	case c.durability != "":
		return fault.New(fault.Unsupported, "--durability is a matter of the server").WithHint("leave it out")
	}
	return nil
}

// givenNow returns parameters as a resume is given them.
func givenNow(given []workflow.Given) (params, ambient map[string]string) {
	params, ambient = map[string]string{}, map[string]string{}
	for _, g := range given {
		if g.Ambient {
			ambient[g.Name] = g.Value
		} else {
			params[g.Name] = g.Value
		}
	}
	return params, ambient
}

// lastLines returns the last lines of a job's log, and not too much of them.
func (c *command) lastLines(l log) ([]byte, error) {
	if c.served == nil {
		return joblog.Tail(l.path, l.tail, summaryBytes)
	}
	ctx, cancel := context.WithTimeout(context.Background(), serverPatience)
	defer cancel()
	var all bytes.Buffer
	if err := c.served.Log(ctx, l, &all); err != nil {
		return nil, err
	}
	text := all.Bytes()
	if over := len(text) - summaryBytes; over > 0 { // whole lines of it
		text = text[over:]
		if i := bytes.IndexByte(text, '\n'); i >= 0 && i < len(text)-1 {
			text = text[i+1:]
		}
	}
	return text, nil
}
