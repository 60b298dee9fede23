package cli

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/simulate"
	"github.com/executionerhq/executioner/internal/workflow"
)

// simulateFlags say what is assumed, and how the result is shown.
type simulateFlags struct {
	how
	durations []string
	length    string
	fail      []string
	format    string
	output    string
}

func (c *command) simulateCommand() *cobra.Command {
	f := &simulateFlags{}
	cmd := &cobra.Command{
		Use:   "simulate FILE",
		Short: "Predict how long a run takes, and draw when each job runs",
		Long: `Predict what a run would do and how long it would take, with a clock of its own: nothing
is started, and nothing is recorded. A job takes as long as --duration says, else as in
the last run that succeeded, else as --default says. Jobs succeed at their first try, but
for those that --fail names. Conditions, retries, timeouts and the jobs at the end of the
run count as in a run.`,
		Example: `  executioner simulate nightly.yaml
  executioner simulate nightly.yaml --workers 8 --duration load=40m --fail load=2
  executioner simulate nightly.yaml --format svg -o nightly.svg`,
		Args:              exactly(1, "the workflow file"),
		ValidArgsFunction: completeOneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.simulate(cmd.Context(), args[0], f)
		},
	}
	f.planFlags(cmd)
	c.paramFlag(cmd)
	f.exclusive(cmd)
	cmd.Flags().StringArrayVar(&f.durations, "duration", nil, "how long each try of a job takes: `JOB=TIME`, such as load=1h30m (repeatable)")
	cmd.Flags().StringVar(&f.length, "default", "10s", "the `TIME` that a job takes of which nothing is known")
	cmd.Flags().StringArrayVar(&f.fail, "fail", nil, "let a `JOB` fail with exit code 1, or with JOB=N only its first N tries (repeatable)")
	cmd.Flags().StringVar(&f.format, "format", "text", "the `FORMAT`: text, svg or json")
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "write to this `FILE`")
	c.completeFlag(cmd, "format", completeWords("text", "svg", "json"))
	c.completeFlag(cmd, "duration", c.completeFileJobs)
	c.completeFlag(cmd, "fail", c.completeFileJobs)
	c.jsonFlag(cmd, "the same as --format json")
	return cmd
}

// assumption is what a simulation takes for granted.
type assumption struct {
	wf     *workflow.Workflow
	length []time.Duration          // of each job
	from   []string                 // where that comes from
	fails  []int                    // tries that fail, by job
	handed map[run.JobID]run.Values // what jobs hand on
}

const (
	fromFlag    = "given"
	fromHistory = "history"
	fromDefault = "default"
)

func (c *command) simulate(ctx context.Context, file string, f *simulateFlags) error {
	if err := oneOf("format", f.format, "text", "svg", "json"); err != nil {
		return err
	}
	opt, err := f.options()
	if err != nil {
		return err
	}
	wf, err := c.load(file)
	if err != nil {
		return err
	}
	usual := c.usual(ctx, wf.Application)
	a, err := f.assume(wf, usual)
	if err != nil {
		return err
	}
	line, err := c.imagine(a, opt)
	if err != nil {
		return err
	}
	return c.writeSimulation(simulationView(line, a, usual), line, f)
}

// assume settles how long each job takes, and which tries fail.
func (f *simulateFlags) assume(wf *workflow.Workflow, usual *runs.Usual) (*assumption, error) {
	length, err := span(f.length)
	if err != nil {
		return nil, wrongDuration("--default", f.length)
	}
	a := &assumption{wf: wf, length: make([]time.Duration, len(wf.Jobs)), from: make([]string, len(wf.Jobs)), fails: make([]int, len(wf.Jobs))}
	if usual != nil && !wf.Grows() { // what a job becomes is not simulated
		a.handed = usual.Handed
	}
	for i := range wf.Jobs {
		a.length[i], a.from[i] = length, fromDefault
		if usual == nil {
			continue
		}
		if d, ok := usual.Jobs[wf.Jobs[i].ID]; ok {
			a.length[i], a.from[i] = d, fromHistory
		}
	}
	for _, text := range f.durations {
		job, value, _ := cutLast(text)
		d, err := span(value)
		if err != nil {
			return nil, wrongDuration("--duration", text)
		}
		err = a.each(job, func(i int) { a.length[i], a.from[i] = d, fromFlag })
		if err != nil {
			return nil, err
		}
	}
	return a, f.failures(a)
}

func (f *simulateFlags) failures(a *assumption) error {
	for _, text := range f.fail {
		const always = 1 << 30
		job, times := text, always
		if before, n, is := cutLast(text); is {
			number, err := strconv.Atoi(n)
			if err != nil || number < 1 {
				return fault.New(fault.Usage, "--fail %s: %q is not a number of tries", text, n).WithHint("for example: --fail load=2")
			}
			job, times = before, number
		}
		if err := a.each(job, func(i int) { a.fails[i] = times }); err != nil {
			return err
		}
	}
	return nil
}

// cutLast cuts at the last =: ids may have some.
func cutLast(text string) (before, after string, found bool) {
	at := strings.LastIndexByte(text, '=')
	if at < 0 || strings.HasSuffix(text, "]") { // the = is of a matrix: build[os=linux]
		return text, "", false
	}
	return text[:at], text[at+1:], true
}

// span reads a time: seconds, or a text such as 1h30m.
func span(text string) (time.Duration, error) {
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second, nil
	}
	return workflow.ParseDuration(text)
}

func wrongDuration(flag, text string) error {
	return fault.New(fault.Usage, "%s %q has no time", flag, text).WithHint("a time is written as 90s, 1h30m or 2d; of a job: --duration load=1h30m")
}

// each calls do for the job of that name, or for those that it stands for.
func (a *assumption) each(name string, do func(i int)) error {
	id := run.JobID(name)
	members := a.wf.Members(id)
	if len(members) == 0 {
		i, err := runs.JobIn(a.wf, id)
		if err != nil {
			return err
		}
		members = []int{i}
	}
	for _, i := range members {
		do(i)
	}
	return nil
}

// imagine simulates a new run.
func (c *command) imagine(a *assumption, opt runs.Options) (*simulate.Timeline, error) {
	made, err := runs.Imagined(a.wf, opt, c.conditions(a.wf, opt))
	if err != nil {
		return nil, err
	}
	made.Expected = a.length
	return simulate.Run(simulate.Config{Plan: plan.New(a.wf, made), Start: time.Now(), Play: a.play})
}

// play says how a try goes. What history says of a job is the time of all its tries, to
// which the job's time limit does not apply.
func (a *assumption) play(job, try int) simulate.Play {
	code := 0
	if try <= a.fails[job] {
		code = 1
	}
	p := simulate.Exit(code, a.length[job])
	j := &a.wf.Jobs[job]
	if code == 0 {
		p.Outcome.Values = a.handed[j.ID]
	}
	switch {
	case a.from[job] == fromHistory && j.Command != "", j.Each != nil: // which stands for what nobody knows yet
		return p
	}
	return simulate.Of(j, p)
}

// conditions returns what evaluates the conditions of a workflow that is not run. One that
// asks for what a job hands on is taken to hold where that is not known.
func (c *command) conditions(wf *workflow.Workflow, opt runs.Options) func(int, plan.Facts) (bool, error) {
	if c.Conditions == nil {
		return nil
	}
	holds := c.Conditions(c.jobEnviron(), runs.Attempt{Run: 1, Number: 1, Workflow: wf, Options: opt})
	return func(job int, f plan.Facts) (bool, error) {
		ok, err := holds(job, f)
		if err != nil && strings.Contains(wf.Jobs[job].When, ".outputs") {
			return true, nil
		}
		return ok, err
	}
}

// simulationJSON is simulate --json. Seconds are counted from the start.
type simulationJSON struct {
	Application  string         `json:"application"`
	File         string         `json:"file,omitempty"`
	State        run.State      `json:"state"`
	Reason       run.Reason     `json:"reason"`
	Seconds      float64        `json:"duration_seconds"`
	Workers      int            `json:"workers"`
	Peak         int            `json:"most_at_once"`
	Busy         float64        `json:"workers_busy"` // part of the workers' time, 0 to 1
	Waves        [][]run.JobID  `json:"waves"`
	CriticalPath []run.JobID    `json:"critical_path"`
	Critical     float64        `json:"critical_path_seconds"`
	BasedOn      run.ID         `json:"based_on_run,omitempty"`
	Jobs         []simulatedJob `json:"jobs"`
	Tries        []simulatedTry `json:"tries"`
}

type simulatedJob struct {
	ID      run.JobID  `json:"id"`
	State   run.State  `json:"state"`
	Reason  run.Reason `json:"reason"`
	Cause   run.JobID  `json:"cause,omitempty"`
	Tries   int        `json:"tries"`
	Seconds float64    `json:"assumed_seconds"` // of each try
	From    string     `json:"assumed_from"`    // given, history or default
}

type simulatedTry struct {
	Job    run.JobID  `json:"job"`
	Try    int        `json:"try"`
	Start  float64    `json:"start_seconds"`
	End    float64    `json:"end_seconds"`
	State  run.State  `json:"state"`
	Reason run.Reason `json:"reason"`
}

func simulationView(t *simulate.Timeline, a *assumption, usual *runs.Usual) *simulationJSON {
	wf := t.Workflow
	v := &simulationJSON{
		Application: wf.Application, File: wf.File, State: t.Summary.State, Reason: t.Summary.Reason,
		Seconds: t.Took.Seconds(), Workers: t.Workers, Jobs: make([]simulatedJob, len(t.Jobs)), Tries: make([]simulatedTry, len(t.Tries)),
		Waves: [][]run.JobID{}, CriticalPath: []run.JobID{},
	}
	v.Busy, v.Peak = t.Busy()
	took := t.Lengths()
	waves, critical := simulate.Shape(wf, t.Started(), func(i int) time.Duration { return max(took[i], 1) })
	for _, wave := range waves {
		v.Waves = append(v.Waves, idsOf(wf, wave))
	}
	for _, i := range critical {
		v.Critical += took[i].Seconds()
	}
	v.CriticalPath = idsOf(wf, critical)
	for i, j := range t.Jobs {
		v.Jobs[i] = simulatedJob{wf.Jobs[i].ID, j.State, j.Reason, j.Cause, j.Tries, a.length[i].Seconds(), a.from[i]}
	}
	for n := range t.Tries {
		try := &t.Tries[n]
		v.Tries[n] = simulatedTry{wf.Jobs[try.Job].ID, try.Number, try.Start.Seconds(), try.End.Seconds(), try.State, try.Reason}
	}
	if usual != nil && slices.Contains(a.from, fromHistory) {
		v.BasedOn = usual.Run
	}
	return v
}

func idsOf(wf *workflow.Workflow, jobs []int) []run.JobID {
	list := make([]run.JobID, len(jobs))
	for n, i := range jobs {
		list[n] = wf.Jobs[i].ID
	}
	return list
}

func (c *command) writeSimulation(v *simulationJSON, t *simulate.Timeline, f *simulateFlags) error {
	to := *c
	if f.output != "" {
		file, err := os.Create(f.output)
		if err != nil {
			return fault.Wrap(err, fault.Unavailable, "the result can't be written")
		}
		defer func() { _ = file.Close() }()
		to.Out = file
	}
	switch {
	case c.json || f.format == "json":
		to.printJSON(to.Out, v)
		return nil
	case f.format == "svg":
		return to.print(t.SVG())
	}
	out := bufio.NewWriterSize(to.Out, 1<<16)
	printSimulation(out, v, t)
	return fault.Wrap(out.Flush(), fault.Unavailable, "the output can't be written")
}

// printSimulation writes what was found for a person.
func printSimulation(out *bufio.Writer, v *simulationJSON, t *simulate.Timeline) {
	fmt.Fprintf(out, "%s: %s, at most %d at once\n", clean(v.Application), plural(len(v.Jobs), "job"), v.Workers)
	fmt.Fprintf(out, "would end %s (%s) after %s\n", v.State, v.Reason, simulate.Short(t.Took))
	fmt.Fprintf(out, "workers busy %.0f %% of the time, most at once %d\n", 100*v.Busy, v.Peak)
	fmt.Fprintf(out, "durations: %s\n\n", v.assumed())
	_, _ = out.WriteString(t.Text())
	if len(v.Waves) > 0 {
		fmt.Fprint(out, "\nwaves (jobs of one wave don't depend on each other)\n")
	}
	for n, wave := range v.Waves {
		fmt.Fprintf(out, "  wave %d: %s\n", n+1, joinIDs(wave, ", "))
	}
	if len(v.CriticalPath) > 0 {
		fmt.Fprintf(out, "\ncritical path: %s, %s\n  %s\n", plural(len(v.CriticalPath), "job"),
			simulate.Short(time.Duration(v.Critical*float64(time.Second))), joinIDs(v.CriticalPath, " → "))
	}
	v.printUnsuccessful(out)
}

func joinIDs(ids []run.JobID, between string) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = oneLine(string(id))
	}
	return strings.Join(words, between)
}

// assumed says where the durations come from.
func (v *simulationJSON) assumed() string {
	n := map[string]int{}
	var other time.Duration
	for i := range v.Jobs {
		n[v.Jobs[i].From]++
		if v.Jobs[i].From == fromDefault {
			other = time.Duration(v.Jobs[i].Seconds * float64(time.Second))
		}
	}
	var all []string
	say := func(from, text string) {
		if n[from] > 0 {
			all = append(all, itoa(n[from])+" "+text)
		}
	}
	say(fromFlag, "given")
	say(fromHistory, fmt.Sprintf("from run %d", v.BasedOn))
	say(fromDefault, "unknown, taken for "+simulate.Short(other))
	return strings.Join(all, ", ")
}

// printUnsuccessful lists the jobs that did not succeed.
func (v *simulationJSON) printUnsuccessful(out *bufio.Writer) {
	var t table
	for i := range v.Jobs {
		j := &v.Jobs[i]
		if j.State == run.Success {
			continue
		}
		why := string(j.Reason)
		if j.Cause != "" {
			why += " of " + oneLine(string(j.Cause))
		}
		t.add(oneLine(string(j.ID)), j.State.String(), why)
	}
	if len(t.rows) > 0 {
		fmt.Fprint(out, "\nnot successful\n")
		t.write(out, "  ", nil)
	}
}
