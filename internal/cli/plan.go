package cli

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

// planFlags say of what the plan is shown.
type planFlags struct {
	how
	resume     string
	failedOnly bool
	from       []string
}

func (c *command) planCommand() *cobra.Command {
	f := &planFlags{}
	cmd := &cobra.Command{
		Use:   "plan [FILE]",
		Short: "Show what a run would do, and run nothing",
		Long: `Show the order in which jobs would start, which of them could run at the same time,
the chain that takes the longest, and what would be skipped and why. The flags are
those of run and resume. Nothing is run and nothing is recorded. More than 20 jobs in a
row that are of one matrix, foreach or sub-workflow are shown as one; --json has all.

With --resume RUN it shows what going on with that run would do: with the workflow
that was stored with the run or, when FILE is given, with the file as it is now.

With a server, what is no file is a registered workflow: NAME or NAME@VERSION.`,
		Example: `  executioner plan nightly.yaml
  executioner plan nightly.yaml --workers 4 --skip report
  executioner plan --resume @latest --failed-only`,
		Args:              atMost(1, "one workflow file"),
		ValidArgsFunction: c.completeToRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && f.resume == "" {
				return exactly(1, "a workflow file, or --resume RUN")(cmd, args)
			}
			return c.plan(cmd, strings.Join(args, ""), f)
		},
	}
	f.planFlags(cmd)
	c.paramFlag(cmd)
	f.exclusive(cmd)
	cmd.Flags().StringVar(&f.resume, "resume", "", "show what resuming this `RUN` would do")
	cmd.Flags().BoolVar(&f.failedOnly, "failed-only", false, "with --resume: run only the jobs that failed")
	cmd.Flags().StringArrayVar(&f.from, "from", nil, "with --resume: run these `JOBS` and all that depends on them again")
	c.completeFlag(cmd, "resume", c.completeRuns)
	c.jsonFlag(cmd, "order, waves, critical path and what is skipped")
	return cmd
}

// plan shows what an attempt would do. An empty file stands for the stored workflow
// of the run that would be resumed.
func (c *command) plan(cmd *cobra.Command, file string, f *planFlags) error {
	opt, err := f.options()
	if err != nil {
		return err
	}
	opt.FailedOnly, opt.From = f.failedOnly, jobIDs(f.from)
	if f.resume == "" && (opt.FailedOnly || len(opt.From) > 0) {
		return fault.New(fault.Usage, "--failed-only and --from need --resume RUN").
			WithHint("for example: executioner plan --resume %s --failed-only", runs.Latest)
	}
	if f.resume == "" && c.isRegistered(file) {
		return c.planRegistered(cmd, file, f, opt)
	}
	var p *runs.Preview
	if f.resume != "" {
		p, err = c.previewResume(cmd.Context(), f.resume, file, runs.Resume{Options: opt})
	} else {
		p, err = c.previewRun(cmd.Context(), file, opt)
	}
	if err != nil {
		return err
	}
	told := c.foresee(cmd.Context(), p)
	p.Workflow = c.veiled(p.Workflow, p.Options.Env)
	if c.json {
		c.printJSON(c.Out, planView(p, told))
		return nil
	}
	return c.printPlan(p, told, wire.SkippedOf(p), file, f)
}

// usual returns how long a run usually takes. A history that can't be read is no
// reason not to show a plan.
func (c *command) usual(ctx context.Context, application string) *runs.Usual {
	var usual *runs.Usual
	err := c.peek(ctx, func(s Runs) (err error) {
		usual, err = s.Usual(ctx, application)
		return err
	})
	if err != nil {
		fmt.Fprintf(c.Err, "warning: no durations are known, because the history can't be read: %s\n", message(err))
	}
	return usual
}

func (c *command) previewRun(ctx context.Context, file string, opt runs.Options) (*runs.Preview, error) {
	wf, err := c.load(file)
	if err != nil {
		return nil, err
	}
	return runs.PreviewRun(wf, opt, c.usual(ctx, wf.Application))
}

// previewResume shows what a resume would do, with the parameters that it would have. An
// empty file stands for the stored workflow.
func (c *command) previewResume(ctx context.Context, ref, file string, req runs.Resume) (*runs.Preview, error) {
	var p *runs.Preview
	err := c.peek(ctx, func(s Runs) error {
		r, err := s.Find(ctx, ref, "")
		if err != nil {
			return err
		}
		stored, err := s.Workflow(ctx, r.Attempt.Hash)
		if err != nil {
			return err
		}
		if err := c.regiven(&req); err != nil {
			return err
		}
		switch {
		case file != "":
			c.keepParams(r, stored)
			req.Current, err = c.load(file)
		case len(c.params) > 0: // a resume would say the same
			_, err = stored.Regive(req.Params, req.Now)
		}
		if err != nil {
			return err
		}
		p, err = s.PreviewResume(ctx, r, req)
		return err
	})
	if err == nil && p == nil {
		return nil, fault.New(fault.NotFound, "there is no run %s: nothing has been recorded yet", ref).
			WithHint("to plan a new run: executioner plan FILE")
	}
	return p, err
}

// planJSON is plan --json: what a server says of a plan, and what is known here besides.
type planJSON struct {
	wire.Plan
	Order []plannedJob `json:"order"`
}

type plannedJob struct {
	wire.PlannedJob
	// Changed says of a job with inputs or outputs whether its command would run.
	Changed *foresight `json:"changed,omitempty"`
}

func planView(p *runs.Preview, told foreseen) planJSON {
	v := planJSON{Plan: wire.PlanOf(p)}
	v.Order = make([]plannedJob, len(v.Plan.Order))
	for n, j := range v.Plan.Order {
		v.Order[n].PlannedJob = j
		if f, ok := told[j.ID]; ok {
			v.Order[n].Changed = &f
		}
	}
	return v
}

func inSeconds(d time.Duration) *float64 {
	s := d.Seconds()
	return &s
}

// printPlan writes the plan for a person. A workflow may have a million jobs, so all
// of it goes through one buffer.
func (c *command) printPlan(p *runs.Preview, told foreseen, skipped []wire.SkippedJob, file string, f *planFlags) error {
	out := bufio.NewWriterSize(c.Out, 1<<16)
	paint := c.paint()
	fmt.Fprintf(out, "%s: %s, %d to run, at most %d at once\n",
		paint.bold(clean(p.Workflow.Application)), plural(len(p.Workflow.Jobs), "job"), len(p.Starts), p.Workers)
	if p.Run != 0 {
		fmt.Fprintf(out, "goes on with run %d as attempt %d\n", p.Run, p.Attempt)
	}
	if p.Took > 0 {
		fmt.Fprintf(out, "usually takes %s (from run %d)\n", runs.Short(p.Took), p.Usual.Run)
	}
	printOrder(out, p, told)
	printWaves(out, p)
	printCritical(out, p)
	printSkipped(out, skipped)
	fmt.Fprintf(out, "\nnothing was run. To run it: %s\n", c.runLine(p, file, f))
	return fault.Wrap(out.Flush(), fault.Unavailable, "the output can't be written")
}

func printOrder(out *bufio.Writer, p *runs.Preview, told foreseen) {
	if len(p.Starts) == 0 {
		fmt.Fprint(out, "\nno job would run\n")
		return
	}
	fmt.Fprintf(out, "\norder of starts%s\n", assumed(p))
	var t table
	say := func(j *workflow.Job) string { return joined(peculiar(j), told[j.ID].Text) }
	for n := 0; n < len(p.Starts); {
		i := p.Starts[n]
		j := &p.Workflow.Jobs[i]
		if many := together(p.Workflow, p.Starts[n:], say); many > 1 {
			t.add(fmt.Sprintf("%d-%d", n+1, n+many), fmt.Sprintf("%s (%d jobs)", oneLine(string(written(j))), many), "", oneLine(say(j)))
			n += many
			continue
		}
		usual := ""
		if d, ok := p.Expected(i); ok {
			usual = "usually " + runs.Short(d)
		}
		n++
		t.add(itoa(n), oneLine(string(j.ID)), usual, oneLine(say(j)))
	}
	t.write(out, "  ", nil)
}

// assumed says of a plan with conditions what it can't know.
func assumed(p *runs.Preview) string {
	if slices.ContainsFunc(p.Starts, func(i int) bool { return p.Workflow.Jobs[i].When != "" }) {
		return " (when every condition holds)"
	}
	return ""
}

// peculiar says what is different about the start of a job.
func peculiar(j *workflow.Job) string {
	var all []string
	if j.Hook != workflow.NoHook {
		all = append(all, "at the end (on_"+string(j.Hook)+")")
	}
	if j.Always {
		all = append(all, "always")
	}
	if j.Each != nil {
		all = append(all, j.Each.Text()+", known when it has run")
	}
	if j.When != "" {
		all = append(all, "when "+j.When)
	}
	if j.ContinueOnError {
		all = append(all, "may fail")
	}
	return strings.Join(all, ", ")
}

// joined returns two remarks as one, either of which may be empty.
func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ", " + b
}

func printWaves(out *bufio.Writer, p *runs.Preview) {
	if len(p.Waves) == 0 {
		return
	}
	fmt.Fprint(out, "\nwaves (jobs of one wave don't depend on each other)\n")
	for n, wave := range p.Waves {
		fmt.Fprintf(out, "  wave %d: ", n+1)
		printIDs(out, p, wave, ", ")
	}
}

func printIDs(out *bufio.Writer, p *runs.Preview, jobs []int, between string) {
	for n := 0; n < len(jobs); {
		if n > 0 {
			_, _ = out.WriteString(between)
		}
		j := &p.Workflow.Jobs[jobs[n]]
		many := together(p.Workflow, jobs[n:], func(*workflow.Job) string { return "" })
		if n += many; many > 1 {
			fmt.Fprintf(out, "%s (%d jobs)", oneLine(string(written(j))), many)
			continue
		}
		_, _ = out.WriteString(oneLine(string(j.ID)))
	}
	_ = out.WriteByte('\n')
}

func printCritical(out *bufio.Writer, p *runs.Preview) {
	if len(p.Critical) == 0 {
		return
	}
	usual := ""
	if d, known := wire.Critical(p); known {
		usual = fmt.Sprintf(", usually %s (from run %d)", runs.Short(d), p.Usual.Run)
	}
	fmt.Fprintf(out, "\ncritical path: %s%s\n  ", plural(len(p.Critical), "job"), usual)
	printIDs(out, p, p.Critical, " → ")
}

func printSkipped(out *bufio.Writer, skipped []wire.SkippedJob) {
	if len(skipped) == 0 {
		return
	}
	fmt.Fprint(out, "\nnot run\n")
	var t table
	for _, s := range skipped {
		t.add(oneLine(string(s.ID)), oneLine(s.Why))
	}
	t.write(out, "  ", nil)
}

// runLine is the command that does what was planned.
func (c *command) runLine(p *runs.Preview, file string, f *planFlags) string {
	line := "executioner run " + quote(file)
	if p.Run != 0 {
		line = "executioner resume " + p.Run.String()
		if file != "" {
			line += " --with-current --file " + quote(file)
		}
	}
	flag := func(on bool, text string) {
		if on {
			line += " " + text
		}
	}
	flag(f.parallel, "--parallel")
	flag(f.workers > 0, "--workers "+itoa(f.workers))
	flag(f.sequential, "--sequential")
	flag(f.continueOnError, "--continue-on-error")
	flag(f.force, "--force")
	flag(len(f.forceJobs) > 0, "--force-job "+quote(strings.Join(f.forceJobs, ",")))
	flag(len(f.skip) > 0, "--skip "+quote(strings.Join(f.skip, ",")))
	own, _ := parseEnv(f.env) // it was read once already
	for _, v := range own {
		if mask.SecretName(v.Name) {
			v.Value = mask.Replacement
		}
		flag(true, "--env "+quote(v.Name+"="+v.Value))
	}
	for _, text := range c.paramsAgain(p.Workflow) {
		flag(true, "-p "+quote(text))
	}
	flag(f.failedOnly, "--failed-only")
	flag(len(f.from) > 0, "--from "+quote(strings.Join(f.from, ",")))
	return line + c.databaseFlag()
}
