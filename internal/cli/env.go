package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

func (c *command) envCommand() *cobra.Command {
	var job string
	var env []string
	cmd := &cobra.Command{
		Use:   "env FILE --job JOB",
		Short: "Show the environment that a job would get, and where each variable comes from",
		Long: `Show the environment that a job would get, each variable with its value and where it
comes from. Later ones win: inherited from this shell (as far as inherit_shell_env lets
them), parameters and secrets, the workflow's env_variables, the job's, --env. The values
of secrets, and of variables whose name says that they are one, are shown as ***, and so
is such a value within another.`,
		Example: `  executioner env nightly.yaml --job load_customers
  executioner env nightly.yaml --job load_customers --env STAGE=test --json`,
		Args:              exactly(1, "the workflow file"),
		ValidArgsFunction: completeFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			return c.showEnv(args[0], run.JobID(job), env)
		},
	}
	cmd.Flags().StringVarP(&job, "job", "j", "", "the `JOB` (not needed when there is only one)")
	cmd.Flags().StringArrayVar(&env, "env", nil, "set `NAME=VALUE` as run --env does (repeatable)")
	c.paramFlag(cmd)
	c.completeFlag(cmd, "job", c.completeFileJobs)
	c.jsonFlag(cmd, "the variables with their origins")
	return cmd
}

// envJSON is env --json.
type envJSON struct {
	Application string     `json:"application"`
	Job         run.JobID  `json:"job"`
	Variables   []variable `json:"variables"`
	Warnings    []string   `json:"warnings"`
	Added       []added    `json:"added"` // by the program, when the job starts
}

type variable struct {
	workflow.ResolvedVar
	Secret bool `json:"secret,omitempty"`
}

// added is a variable that the program sets for every job.
type added struct {
	Name    string `json:"name"`
	Meaning string `json:"meaning"`
}

func addedVariables() []added {
	return []added{
		{"EXECUTIONER_RUN", "the number of the run"},
		{"EXECUTIONER_ATTEMPT", "which continuation of the run it is, from 1"},
		{"EXECUTIONER_JOB", "the job's id"},
		{"EXECUTIONER_TRY", "which start of the job in this attempt it is, from 1"},
		{"EXECUTIONER_OUTPUT", "the file in which it may leave values for later jobs"},
		{"EXECUTIONER_TASK", "all of these: the same try never has another one, so it can make a command's effects happen once"},
	}
}

func (c *command) showEnv(file string, job run.JobID, env []string) error {
	overrides, err := parseEnv(env)
	if err != nil {
		return err
	}
	wf, err := c.load(file)
	if err != nil {
		return err
	}
	i, err := chosenJob(wf, file, job)
	if err != nil {
		return err
	}
	shown := make([]string, len(wf.Secrets)) // what they are is nothing to be looked up for this
	for n := range shown {
		shown[n] = mask.Replacement
	}
	wf = wf.WithSecrets(shown)
	resolved := workflow.ResolveEnv(wf, i, c.jobEnviron(), overrides)
	v := envJSON{
		Application: wf.Application, Job: wf.Jobs[i].ID, Variables: hidden(resolved, c.masking(wf, overrides)),
		Warnings: append([]string{}, resolved.Warnings...), Added: addedVariables(),
	}
	if c.json {
		c.printJSON(c.Out, v)
		return nil
	}
	return c.printEnv(&v)
}

// chosenJob returns the index of the job that was asked for, or of the only one.
func chosenJob(wf *workflow.Workflow, file string, job run.JobID) (int, error) {
	switch {
	case job != "":
		return runs.JobIn(wf, job)
	case len(wf.Jobs) == 1:
		return 0, nil
	default:
		return 0, fault.New(fault.Usage, "executioner env needs --job JOB: %s has %d jobs", file, len(wf.Jobs)).
			WithHint("for example: executioner env %s --job %s", quote(file), quote(string(wf.Jobs[0].ID)))
	}
}

// hidden returns the variables without secrets: masker hides those of the whole workflow.
func hidden(env workflow.Environment, masker *mask.Masker) []variable {
	vars := make([]variable, len(env.Vars))
	for i, v := range env.Vars {
		vars[i] = variable{ResolvedVar: v, Secret: mask.SecretName(v.Name) || env.IsSecret(v.Name)}
		vars[i].Value = masker.String(v.Value)
		if vars[i].Secret && v.Value != "" || v.Origin == workflow.OriginSecret {
			vars[i].Value = mask.Replacement
		}
	}
	return vars
}

func (c *command) printEnv(v *envJSON) error {
	var t table
	t.add("VARIABLE", "FROM", "VALUE")
	for i := range v.Variables {
		e := &v.Variables[i]
		from := e.Origin
		if len(e.Overridden) > 0 {
			from += " (instead of " + strings.Join(e.Overridden, ", ") + ")"
		}
		t.add(oneLine(e.Name), from, oneLine(e.Value))
	}
	if err := t.print(c.Out, "", nil); err != nil {
		return err
	}
	for _, w := range v.Warnings {
		fmt.Fprintf(c.Err, "warning: %s\n", clean(w))
	}
	fmt.Fprintf(c.Out, "\nadded when job %s starts\n", oneLine(string(v.Job)))
	var more table
	for _, a := range v.Added {
		more.add(a.Name, a.Meaning)
	}
	return more.print(c.Out, "  ", nil)
}

// printEnvironment shows the environment of a job that starts, without secrets.
func (c *command) printEnvironment(w io.Writer, a runs.Attempt, job run.JobID) {
	i := a.Workflow.Index(job)
	if i < 0 {
		return
	}
	env := workflow.ResolveEnv(a.Workflow, i, c.jobEnviron(), a.Options.Env)
	p := c.paint()
	for _, v := range hidden(env, c.masking(a.Workflow, a.Options.Env)) {
		fmt.Fprintf(w, "  %s %s=%s  %s\n", p.dim("│"), oneLine(v.Name), oneLine(v.Value), p.dim("("+v.Origin+")"))
	}
}
