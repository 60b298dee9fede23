package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/graph"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

// graphFlags say what is drawn, and how.
type graphFlags struct {
	run    string
	format string
	job    string
}

func (c *command) graphCommand() *cobra.Command {
	f := &graphFlags{}
	cmd := &cobra.Command{
		Use:   "graph [FILE]",
		Short: "Draw the jobs of a workflow or run, and what they depend on",
		Long: `Draw the jobs of a workflow file, or of a run, and what they depend on: as text, or as
Mermaid, DOT (Graphviz) or SVG to be put into a file. In text each job stands below the
last job that it waits for; "also" names the others. Of more than 200 jobs the text
tells only how many could run at the same time.

The jobs of a run have the state in which they are, and why.`,
		Example: `  executioner graph nightly.yaml
  executioner graph nightly.yaml --job report
  executioner graph --run @latest --format svg > run.svg`,
		Args:              atMost(1, "one workflow file"),
		ValidArgsFunction: completeOneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == (f.run != "") {
				return fault.New(fault.Usage, "executioner graph needs a workflow file or --run RUN, and not both").WithHint("%s", cmd.UseLine())
			}
			if f.run != "" && len(c.params) > 0 {
				return fault.New(fault.Usage, "--param goes with a file: a run has its parameters").WithHint("leave it out")
			}
			c.later = true
			return c.graph(cmd, strings.Join(args, ""), f)
		},
	}
	cmd.Flags().StringVar(&f.run, "run", "", "draw the stored workflow of this `RUN`, with the states of its jobs")
	cmd.Flags().StringVar(&f.format, "format", "text", "the `FORMAT`: text, mermaid, dot or svg")
	cmd.Flags().StringVarP(&f.job, "job", "j", "", "only this `JOB`, what it needs and what needs it")
	c.completeFlag(cmd, "run", c.completeRuns)
	c.completeFlag(cmd, "format", completeWords("text", "mermaid", "dot", "svg"))
	c.completeFlag(cmd, "job", c.completeFileJobs)
	c.paramFlag(cmd)
	c.jsonFlag(cmd, "the jobs with their dependencies, waves and states")
	return cmd
}

// completeWords offers fixed words.
func completeWords(words ...string) completer {
	return func(_ *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var offered []cobra.Completion
		for _, w := range words {
			if strings.HasPrefix(w, word) {
				offered = append(offered, w)
			}
		}
		return offered, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeOneFile offers workflow files for the first argument.
func completeOneFile(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completeFiles(cmd, args, word)
}

func (c *command) graph(cmd *cobra.Command, file string, f *graphFlags) error {
	if err := oneOf("format", f.format, "text", "mermaid", "dot", "svg"); err != nil {
		return err
	}
	g, err := c.graphOf(cmd, file, f.run)
	if err != nil {
		return err
	}
	if f.job != "" {
		part := g.Around(run.JobID(f.job))
		if part == nil {
			return fault.New(fault.NotFound, "there is no job %q", f.job).WithHint("executioner graph without --job shows all")
		}
		g = part
	}
	if c.json {
		c.printJSON(c.Out, graphView(g))
		return nil
	}
	text := ""
	switch f.format {
	case "mermaid":
		text = g.Mermaid()
	case "dot":
		text = g.DOT()
	case "svg":
		text = g.SVG()
	default:
		text = clean(g.Text())
	}
	return c.print(text)
}

// oneOf refuses a flag's value that is none of those that there are.
func oneOf(flag, value string, choices ...string) error {
	for _, choice := range choices {
		if value == choice {
			return nil
		}
	}
	return fault.New(fault.Usage, "--%s can't be %q", flag, value).WithHint("it is one of: %s", strings.Join(choices, ", "))
}

// graphOf returns the graph of a file or, when run is not empty, of a run.
func (c *command) graphOf(cmd *cobra.Command, file, ref string) (*graph.Graph, error) {
	if ref == "" {
		wf, err := c.parse(file)
		if err != nil {
			return nil, err
		}
		return graph.Of(c.veiled(wf, nil), nil), nil
	}
	var g *graph.Graph
	err := c.using(cmd, func(ctx context.Context, s Runs) error {
		d, err := c.details(ctx, s, ref)
		if err != nil {
			return err
		}
		g = graph.Of(c.veiled(d.Workflow, nil), results(&d))
		return nil
	})
	return g, err
}

// results says what became of each job of a run, in the order of its workflow.
func results(d *runs.Details) []graph.Result {
	all := make([]graph.Result, len(d.View.Jobs))
	why := map[run.JobID]string{}
	for _, decision := range runs.ExplainFailures(*d) {
		why[decision.Job] = decision.Sentence
	}
	for i := range d.View.Jobs {
		j := &d.View.Jobs[i]
		all[i] = graph.Result{State: j.State, Why: why[j.ID]}
		if j.Override != nil {
			all[i].State = run.Success // as the run counts it
			all[i].Why = "declared successful by " + j.Override.By
		}
		if j.Seconds != nil {
			all[i].Took = time.Duration(*j.Seconds * float64(time.Second))
		}
	}
	return all
}

// graphJSON is graph --json.
type graphJSON struct {
	Application string     `json:"application"`
	Waves       int        `json:"waves"`
	Jobs        []graphJob `json:"jobs"`
}

type graphJob struct {
	ID      run.JobID     `json:"id"`
	Wave    int           `json:"wave"` // from 1
	Needs   []graphNeed   `json:"needs"`
	Hook    workflow.Hook `json:"hook,omitempty"`
	When    string        `json:"when,omitempty"`
	Always  bool          `json:"always,omitempty"`
	State   *run.State    `json:"state,omitempty"`
	Why     string        `json:"why,omitempty"`
	Seconds *float64      `json:"duration_seconds,omitempty"`
}

type graphNeed struct {
	Job run.JobID       `json:"job"`
	On  workflow.Ending `json:"on"`
}

func graphView(g *graph.Graph) graphJSON {
	v := graphJSON{Application: g.Title, Jobs: make([]graphJob, len(g.Nodes))}
	for i, wave := range g.Layers() {
		n := &g.Nodes[i]
		v.Waves = max(v.Waves, wave+1)
		v.Jobs[i] = graphJob{ID: n.ID, Wave: wave + 1, Needs: []graphNeed{}, Hook: n.Hook, When: n.When, Always: n.Always, Why: n.Why}
		if g.Run {
			v.Jobs[i].State = &n.State
		}
		if n.Took > 0 {
			v.Jobs[i].Seconds = inSeconds(n.Took)
		}
	}
	for _, e := range g.Edges {
		v.Jobs[e.To].Needs = append(v.Jobs[e.To].Needs, graphNeed{g.Nodes[e.From].ID, e.On})
	}
	return v
}
