package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

// storedPrefix marks an argument that names the stored workflow of a run.
const storedPrefix = "run:"

func (c *command) diffCommand() *cobra.Command {
	format := ""
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Show what changed from one workflow to another",
		Long: `Show what changed from one workflow to another: fields, jobs that were added, removed,
renamed or changed, and dependencies. Formatting, comments and defaults that are
written out make no difference. Each of the two is a file, or run:RUN for the workflow
that was stored with a run.

A job counts as renamed when its command is the same and at least half of what it
depends on. The exit code is 0 when nothing changed, 1 when something did, and more
than that when the two can't be compared.`,
		Example: `  executioner diff nightly.yaml nightly-new.yaml
  executioner diff run:@latest nightly.yaml --format markdown`,
		Args:              exactly(2, "two workflows"),
		ValidArgsFunction: completeTwoWorkflows,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("format", format, "text", "markdown", "json"); err != nil {
				return err
			}
			c.json = c.json || format == "json"
			c.later, c.loose = true, true
			return c.diff(cmd, args[0], args[1], format)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "the `FORMAT`: text, markdown or json")
	c.completeFlag(cmd, "format", completeWords("text", "markdown", "json"))
	c.paramFlag(cmd)
	c.jsonFlag(cmd, "the differences; the same as --format json")
	return cmd
}

func completeTwoWorkflows(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completeFiles(cmd, args, word)
}

// diffJSON is diff --json.
type diffJSON struct {
	Old     string   `json:"old"`
	New     string   `json:"new"`
	Equal   bool     `json:"equal"`
	Renamed []rename `json:"renamed,omitempty"`
	workflow.Difference
}

func (c *command) diff(cmd *cobra.Command, oldRef, newRef, format string) error {
	before, after, err := c.twoWorkflows(cmd, oldRef, newRef)
	if err != nil {
		return err
	}
	if err := c.needed(before, after); err != nil {
		return err
	}
	v := diffJSON{Old: oldRef, New: newRef}
	v.Renamed = renames(before, after)
	v.Difference = runs.CompareHidden(withNames(before, v.Renamed), after, c.jobEnviron())
	v.Equal = v.Empty() && len(v.Renamed) == 0
	switch {
	case c.json:
		c.printJSON(c.Out, v)
	case format == "markdown":
		err = c.print(clean(diffMarkdown(&v)))
	default:
		err = c.print(c.diffText(&v))
	}
	if err == nil && !v.Equal {
		err = status(1)
	}
	return err
}

// twoWorkflows reads both. What was given to the parameters of a run is given to those of
// a file, too: it is not the file that differs there.
func (c *command) twoWorkflows(cmd *cobra.Command, oldRef, newRef string) (before, after *workflow.Workflow, err error) {
	if strings.HasPrefix(newRef, storedPrefix) && !strings.HasPrefix(oldRef, storedPrefix) {
		after, before, err = c.twoWorkflows(cmd, newRef, oldRef)
		return before, after, err
	}
	if before, err = c.workflowOf(cmd, oldRef); err != nil {
		return nil, nil, err
	}
	if strings.HasPrefix(oldRef, storedPrefix) {
		c.kept = slices.DeleteFunc(before.Kept(oldRef+": "), func(g workflow.Given) bool {
			return slices.ContainsFunc(c.params, func(p string) bool { return strings.HasPrefix(p, g.Name+"=") })
		})
	}
	after, err = c.workflowOf(cmd, newRef)
	return before, after, err
}

// workflowOf reads a workflow file, or the stored workflow of run:RUN.
func (c *command) workflowOf(cmd *cobra.Command, ref string) (*workflow.Workflow, error) {
	id, stored := strings.CutPrefix(ref, storedPrefix)
	if !stored {
		wf, err := c.parse(ref)
		return wf, unknownFile(err, ref)
	}
	var wf *workflow.Workflow
	err := c.using(cmd, func(ctx context.Context, s Runs) error {
		r, err := s.Find(ctx, id, "")
		if err != nil {
			return err
		}
		wf, err = s.Workflow(ctx, r.Attempt.Hash)
		return err
	})
	return wf, err
}

// change is one line of a difference.
type change struct {
	sign string // what happened: + added, - removed, ~ changed, → renamed
	text string
}

// changes lists a difference, what concerns the workflow itself first.
func (v *diffJSON) changes() []change {
	var all []change
	add := func(sign string, d workflow.Difference) {
		for _, line := range d.Lines() {
			all = append(all, change{sign, line})
		}
	}
	add("~", workflow.Difference{Fields: v.Fields})
	add("+", workflow.Difference{Added: v.Added})
	add("-", workflow.Difference{Removed: v.Removed})
	for _, r := range v.Renamed {
		all = append(all, change{"→", fmt.Sprintf("job %q renamed to %q", string(r.From), string(r.To))})
	}
	add("~", workflow.Difference{Changed: v.Changed})
	add("~", workflow.Difference{Reordered: v.Reordered})
	return all
}

func (c *command) diffText(v *diffJSON) string {
	if v.Equal {
		return clean(fmt.Sprintf("%s and %s describe the same workflow\n", v.Old, v.New))
	}
	var b strings.Builder
	p := c.paint()
	fmt.Fprintf(&b, "%s → %s\n", clean(v.Old), clean(v.New))
	for _, change := range v.changes() {
		line := change.sign + " " + clean(change.text)
		switch change.sign {
		case "+":
			line = p.green(line)
		case "-":
			line = p.red(line)
		default:
			line = p.yellow(line)
		}
		fmt.Fprintln(&b, line)
	}
	fmt.Fprintf(&b, "%s added, %d removed, %d renamed, %d changed\n",
		plural(len(v.Added), "job"), len(v.Removed), len(v.Renamed), len(v.Changed))
	return b.String()
}

// diffMarkdown writes a difference for a review.
func diffMarkdown(v *diffJSON) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s → %s\n", codeSpan(v.Old), codeSpan(v.New))
	if v.Equal {
		return b.String() + "\nNothing changed.\n"
	}
	part := func(title string, d workflow.Difference, renamed []rename) {
		lines := d.Lines()
		for _, r := range renamed {
			lines = append(lines, fmt.Sprintf("%q → %q", string(r.From), string(r.To)))
		}
		if len(lines) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n### %s\n\n", title)
		for _, line := range lines {
			fmt.Fprintf(&b, "- %s\n", codeSpan(line))
		}
	}
	part("Workflow", workflow.Difference{Fields: v.Fields, Reordered: v.Reordered}, nil)
	part("Jobs added", workflow.Difference{Added: v.Added}, nil)
	part("Jobs removed", workflow.Difference{Removed: v.Removed}, nil)
	part("Jobs renamed", workflow.Difference{}, v.Renamed)
	part("Jobs changed", workflow.Difference{Changed: v.Changed}, nil)
	return b.String()
}

// codeSpan writes text as it is in Markdown, whatever stands in it.
func codeSpan(text string) string {
	text = oneLine(text)
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		return fence + " " + text + " " + fence
	}
	return fence + text + fence
}

// rename is a job that has another id than before.
type rename struct {
	From run.JobID `json:"from"`
	To   run.JobID `json:"to"`
}

// renames finds jobs that have another id: the command is the same, and at least half of
// what they need. Of several that could be meant, none is.
func renames(before, after *workflow.Workflow) []rename {
	var all []rename
	for {
		d := workflow.Compare(withNames(before, all), after)
		more := renamedNow(withNames(before, all), after, d)
		if len(more) == 0 {
			return all
		}
		all = append(all, more...)
	}
}

func renamedNow(before, after *workflow.Workflow, d workflow.Difference) []rename {
	gone, come := byCommand(before, d.Removed), byCommand(after, d.Added)
	var found []rename
	for command, jobs := range gone {
		if len(jobs) != 1 || len(come[command]) != 1 {
			continue
		}
		other := come[command][0]
		if alike(needsOf(before, jobs[0]), needsOf(after, other)) {
			found = append(found, rename{jobs[0].ID, other.ID})
		}
	}
	slices.SortFunc(found, func(a, b rename) int { return cmp.Compare(a.From, b.From) })
	return found
}

// byCommand groups jobs by what they run.
func byCommand(wf *workflow.Workflow, ids []run.JobID) map[string][]*workflow.Job {
	wanted := map[run.JobID]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	groups := map[string][]*workflow.Job{}
	for i := range wf.Jobs {
		if j := &wf.Jobs[i]; wanted[j.ID] && j.Command != "" {
			key := string(j.Hook) + "\x00" + j.Command
			groups[key] = append(groups[key], j)
		}
	}
	return groups
}

func needsOf(wf *workflow.Workflow, j *workflow.Job) map[run.JobID]bool {
	needs := map[run.JobID]bool{}
	for _, n := range j.Needs {
		needs[wf.Jobs[n].ID] = true
	}
	return needs
}

// alike reports whether two sets have at least half of their members in common.
func alike(a, b map[run.JobID]bool) bool {
	both := 0
	for id := range a {
		if b[id] {
			both++
		}
	}
	return 2*both >= len(a)+len(b)-both
}

// withNames returns a workflow whose jobs have their new ids.
func withNames(wf *workflow.Workflow, renamed []rename) *workflow.Workflow {
	if len(renamed) == 0 {
		return wf
	}
	to := map[run.JobID]run.JobID{}
	for _, r := range renamed {
		to[r.From] = r.To
	}
	named := *wf
	named.Jobs = append([]workflow.Job(nil), wf.Jobs...)
	for i := range named.Jobs {
		if id, ok := to[named.Jobs[i].ID]; ok {
			named.Jobs[i].ID = id
		}
	}
	return &named
}

// unknownFile says that an argument that is no file may have been meant as a run.
func unknownFile(err error, ref string) error {
	if fault.CodeOf(err) == fault.NotFound && strings.Trim(ref, "0123456789") == "" {
		return fault.New(fault.NotFound, "there is no workflow file %s", ref).WithHint("for the workflow of run %s write %s%s", ref, storedPrefix, ref)
	}
	return err
}
