package cli

import (
	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

func (c *command) extractCommand() *cobra.Command {
	out, deps := "", false
	cmd := &cobra.Command{
		Use:   "extract FILE JOB...",
		Short: "Make a smaller workflow file, of some jobs and what they depend on",
		Long: `Make the smallest workflow file that runs the jobs: with --with-deps all that they
depend on, directly or not, and themselves. The other fields of the file are kept, and
so are comments, except those of jobs that are left out. Jobs of on_failure and
on_success are kept. Where jobs come from included files, these are put in place first.
The result is written to the standard output, or to the file of -o, whose ending says
the format.`,
		Example: `  executioner extract nightly.yaml --with-deps report
  executioner extract nightly.yaml --with-deps report check -o small.yaml`,
		Args:              atLeast(2, "a workflow file and a job"),
		ValidArgsFunction: c.completeFileThenJobs,
		RunE: func(_ *cobra.Command, args []string) error {
			c.later = true
			return c.extract(args[0], jobIDs(args[1:]), deps, out)
		},
	}
	cmd.Flags().BoolVar(&deps, "with-deps", false, "also the jobs that they depend on")
	c.outFlag(cmd, &out)
	c.paramFlag(cmd)
	c.jsonFlag(cmd, "the smaller file")
	return cmd
}

// completeFileThenJobs offers workflow files, then the jobs of the one that was named.
func (c *command) completeFileThenJobs(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return completeFiles(cmd, args, word)
	}
	return c.completeFileJobs(cmd, args, word)
}

func (c *command) extract(file string, jobs []run.JobID, deps bool, out string) error {
	src, host, err := c.source(file)
	if err != nil {
		return err
	}
	host.CheckDir = nil // whether it can run here is another question
	wf, err := workflow.Load(src, host)
	if err != nil {
		return c.tellProblems(err)
	}
	keep, err := closure(wf, jobs, deps)
	if err != nil {
		return err
	}
	text, whole, err := smallest(src, host, keep)
	if err != nil {
		return err
	}
	if err := sameDirectory(workflow.Source{Name: file, Data: text}, file, out); err != nil {
		return err
	}
	var notes []string
	if whole {
		notes = append(notes, "included files and templates were put in place, without their comments")
	}
	if to := outFormat(out, src); to != workflow.FormatOf(src) {
		p, err := workflow.Print(workflow.Source{Name: "extract." + string(workflow.FormatOf(src)), Data: text}, to)
		if err != nil {
			return err
		}
		if text = p.Text; p.Lost > 0 {
			notes = append(notes, plural(p.Lost, "comment")+" left out: JSON has none")
		}
	}
	return c.made(out, file, host, text, notes)
}

// smallest returns the file with only those of its jobs that are kept. Where jobs come
// from other files, these are put in place first; whole says so.
func smallest(src workflow.Source, host workflow.Host, keep map[run.JobID]bool) (text []byte, whole bool, err error) {
	kept := func(id run.JobID) bool { return keep[id] }
	text, err = workflow.Extract(src, kept)
	if err != nil || onlyHas(workflow.Source{Name: src.Name, Data: text}, host, keep) {
		return text, false, err
	}
	made, err := workflow.Compose(src, host)
	if err != nil {
		return nil, false, err
	}
	text, _ = made.Print(workflow.Show{To: workflow.FormatOf(src)})
	text, err = workflow.Extract(workflow.Source{Name: src.Name, Data: text}, kept)
	return text, true, err
}

// onlyHas reports whether a file has these jobs, and no others but at the end of its run.
func onlyHas(src workflow.Source, host workflow.Host, keep map[run.JobID]bool) bool {
	wf, err := workflow.Load(src, host)
	if err != nil {
		return false
	}
	have := map[run.JobID]bool{}
	for i := range wf.Jobs {
		if id := written(&wf.Jobs[i]); wf.Jobs[i].Hook == workflow.NoHook {
			if have[id] = true; !keep[id] {
				return false
			}
		}
	}
	for id := range keep {
		if !have[id] {
			return false
		}
	}
	return true
}

// written is the id that the file gives to a job, or to what stands for it.
func written(j *workflow.Job) run.JobID {
	id, group := j.ID, j.Group
	for s := j.Scope; s != nil; s = s.Parent {
		id, group = s.Job, s.Group
	}
	if group != "" {
		return group
	}
	return id
}

// closure returns jobs and, if wanted, all that they need, as the ids that the file gives them.
func closure(wf *workflow.Workflow, jobs []run.JobID, deps bool) (map[run.JobID]bool, error) {
	members := map[run.JobID][]int{}
	for i := range wf.Jobs {
		id := written(&wf.Jobs[i])
		members[id] = append(members[id], i)
	}
	keep := map[run.JobID]bool{}
	var queue []int
	add := func(id run.JobID) {
		if !keep[id] {
			keep[id] = true
			queue = append(queue, members[id]...)
		}
	}
	for _, id := range jobs {
		if members[id] == nil {
			i, err := runs.JobIn(wf, id)
			if err != nil {
				return nil, err
			}
			id = written(&wf.Jobs[i])
		}
		add(id)
	}
	for ; len(queue) > 0; queue = queue[1:] {
		for _, need := range wf.Jobs[queue[0]].Needs {
			id := written(&wf.Jobs[need])
			if !deps && !keep[id] {
				return nil, fault.New(fault.Usage, "%s depends on %s, which would be left out", written(&wf.Jobs[queue[0]]), id).
					WithHint("to take along all that it depends on: --with-deps")
			}
			add(id)
		}
	}
	return keep, nil
}
