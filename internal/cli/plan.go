package cli

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/run"
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
that was stored with the run or, when FILE is given, with the file as it is now.`,
		Example: `  executioner plan nightly.yaml
  executioner plan nightly.yaml --workers 4 --skip report
  executioner plan --resume @latest --failed-only`,
		Args:              atMost(1, "one workflow file"),
		ValidArgsFunction: completeFiles,
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
	var p *runs.Preview
	if f.resume != "" {
		p, err = c.previewResume(cmd.Context(), f.resume, file, runs.Resume{Options: opt})
	} else {
		p, err = c.previewRun(cmd.Context(), file, opt)
	}
	if err != nil {
		return err
	}
	if c.json {
		c.printJSON(c.Out, planView(p))
		return nil
	}
	return c.printPlan(p, file, f)
}

// usual returns how long a run usually takes. A history that can't be read is no
// reason not to show a plan.
func (c *command) usual(ctx context.Context, application string) *runs.Usual {
	var usual *runs.Usual
	err := c.peek(ctx, func(s *runs.Service) (err error) {
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
	err := c.peek(ctx, func(s *runs.Service) error {
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

// planJSON is plan --json. Durations are missing where they are not known.
type planJSON struct {
	Application     string        `json:"application"`
	File            string        `json:"file,omitempty"`
	Run             run.ID        `json:"run,omitempty"` // that would be resumed
	Attempt         int           `json:"attempt"`
	Jobs            int           `json:"jobs"` // in the workflow
	Workers         int           `json:"workers"`
	Order           []plannedJob  `json:"order"`
	Waves           [][]run.JobID `json:"waves"`
	CriticalPath    []run.JobID   `json:"critical_path"`
	CriticalSeconds *float64      `json:"critical_path_seconds,omitempty"`
	Seconds         *float64      `json:"expected_seconds,omitempty"`
	BasedOn         run.ID        `json:"based_on_run,omitempty"` // whose durations these are
	Skipped         []skippedJob  `json:"skipped"`
}

type plannedJob struct {
	ID      run.JobID     `json:"id"`
	Seconds *float64      `json:"usual_seconds,omitempty"`
	When    string        `json:"when,omitempty"`
	Always  bool          `json:"always,omitempty"`
	Hook    workflow.Hook `json:"hook,omitempty"`
	MayFail bool          `json:"continue_on_error,omitempty"`
}

type skippedJob struct {
	ID     run.JobID  `json:"id"`
	Reason run.Reason `json:"reason"`
	Why    string     `json:"why"`
}

func planView(p *runs.Preview) planJSON {
	v := planJSON{
		Application: p.Workflow.Application, File: p.Workflow.File, Run: p.Run, Attempt: p.Attempt,
		Jobs: len(p.Workflow.Jobs), Workers: p.Workers, Waves: make([][]run.JobID, len(p.Waves)),
		CriticalPath: ids(p, p.Critical),
		Order:        make([]plannedJob, len(p.Starts)), Skipped: make([]skippedJob, len(p.Skipped)),
	}
	for n, i := range p.Starts {
		j := &p.Workflow.Jobs[i]
		v.Order[n] = plannedJob{ID: j.ID, When: j.When, Always: j.Always, Hook: j.Hook, MayFail: j.ContinueOnError}
		if d, ok := p.Expected(i); ok {
			v.Order[n].Seconds = inSeconds(d)
		}
	}
	for n, wave := range p.Waves {
		v.Waves[n] = ids(p, wave)
	}
	for n, s := range p.Skipped {
		v.Skipped[n] = skippedJob{p.Workflow.Jobs[s.Job].ID, s.Reason, skippedPlan(p, s)}
	}
	if d, known := critical(p); known {
		v.CriticalSeconds = inSeconds(d)
	}
	if p.Took > 0 {
		v.Seconds = inSeconds(p.Took)
	}
	if p.Usual != nil {
		v.BasedOn = p.Usual.Run
	}
	return v
}

func ids(p *runs.Preview, jobs []int) []run.JobID {
	list := make([]run.JobID, len(jobs))
	for n, i := range jobs {
		list[n] = p.Workflow.Jobs[i].ID
	}
	return list
}

func inSeconds(d time.Duration) *float64 {
	s := d.Seconds()
	return &s
}

// critical returns how long the critical path usually takes, and whether that is known.
func critical(p *runs.Preview) (time.Duration, bool) {
	var sum time.Duration
	for _, i := range p.Critical {
		d, ok := p.Expected(i)
		if !ok && p.Workflow.Jobs[i].Command != "" {
			return 0, false
		}
		sum += d
	}
	return sum, len(p.Critical) > 0 && p.Usual != nil
}

// printPlan writes the plan for a person. A workflow may have a million jobs, so all
// of it goes through one buffer.
func (c *command) printPlan(p *runs.Preview, file string, f *planFlags) error {
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
	printOrder(out, p)
	printWaves(out, p)
	printCritical(out, p)
	printSkipped(out, p)
	fmt.Fprintf(out, "\nnothing was run. To run it: %s\n", c.runLine(p, file, f))
	return fault.Wrap(out.Flush(), fault.Unavailable, "the output can't be written")
}

func printOrder(out *bufio.Writer, p *runs.Preview) {
	if len(p.Starts) == 0 {
		fmt.Fprint(out, "\nno job would run\n")
		return
	}
	fmt.Fprintf(out, "\norder of starts%s\n", assumed(p))
	var t table
	for n := 0; n < len(p.Starts); {
		i := p.Starts[n]
		j := &p.Workflow.Jobs[i]
		if many := together(p.Workflow, p.Starts[n:], peculiar); many > 1 {
			t.add(fmt.Sprintf("%d-%d", n+1, n+many), fmt.Sprintf("%s (%d jobs)", oneLine(string(written(j))), many), "", oneLine(peculiar(j)))
			n += many
			continue
		}
		usual := ""
		if d, ok := p.Expected(i); ok {
			usual = "usually " + runs.Short(d)
		}
		n++
		t.add(itoa(n), oneLine(string(j.ID)), usual, oneLine(peculiar(j)))
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
	if j.When != "" {
		all = append(all, "when "+j.When)
	}
	if j.ContinueOnError {
		all = append(all, "may fail")
	}
	return strings.Join(all, ", ")
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
	if d, known := critical(p); known {
		usual = fmt.Sprintf(", usually %s (from run %d)", runs.Short(d), p.Usual.Run)
	}
	fmt.Fprintf(out, "\ncritical path: %s%s\n  ", plural(len(p.Critical), "job"), usual)
	printIDs(out, p, p.Critical, " → ")
}

func printSkipped(out *bufio.Writer, p *runs.Preview) {
	if len(p.Skipped) == 0 {
		return
	}
	fmt.Fprint(out, "\nnot run\n")
	var t table
	for _, s := range p.Skipped {
		t.add(oneLine(string(p.Workflow.Jobs[s.Job].ID)), oneLine(skippedPlan(p, s)))
	}
	t.write(out, "  ", nil)
}

// skippedPlan says why a job would not run.
func skippedPlan(p *runs.Preview, s runs.SkippedJob) string {
	j := &p.Workflow.Jobs[s.Job]
	switch s.Reason {
	case run.SkipRequested:
		return "skipped because --skip names it; what depends on it goes on"
	case run.AlreadySucceeded:
		return "it has succeeded already"
	case run.NotSelected:
		return "left out by --failed-only: it did not fail"
	case run.FailuresAllowed:
		return "it failed, and may"
	case run.ConditionFalse:
		return "its condition did not hold, and --failed-only asks for failed jobs"
	case run.DependencySkipped:
		if s.Cause == "" {
			return "what it depends on was skipped"
		}
		return "it depends on " + string(s.Cause) + ", which would be skipped"
	case run.NotNeeded:
		return notNeeded(p.Workflow, j, s.Cause)
	default:
		return string(s.Reason)
	}
}

// notNeeded says when a job would run that waits for another ending than success.
func notNeeded(wf *workflow.Workflow, j *workflow.Job, cause run.JobID) string {
	switch {
	case j.Hook == workflow.HookFailure:
		return "at the end (on_failure): only if the run does not succeed"
	case j.Hook == workflow.HookSuccess:
		return "at the end (on_success): only if the run succeeds"
	}
	for n, need := range j.Needs {
		if wf.Jobs[need].ID == cause {
			return "only on " + string(j.Ending(n)) + " of " + string(cause)
		}
	}
	return "what it waits for ended otherwise"
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
