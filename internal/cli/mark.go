package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

func (c *command) markCommand() *cobra.Command {
	var note string
	cmd := &cobra.Command{
		Use:   "mark-success RUN JOB...",
		Short: "Declare jobs of a run successful by hand",
		Long: `Declare jobs of a run successful, because their work was done in another way. A
resume does not run them again, and goes on with what depends on them. Who did it, when
and why is kept beside how the job really ended.`,
		Example: `  executioner mark-success 12 load_customers --note "loaded by hand, ticket 4711"
  executioner resume 12`,
		Args:              atLeast(2, "a run and its jobs"),
		ValidArgsFunction: c.completeRunJobs(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.using(cmd, func(ctx context.Context, s Runs) error {
				r, err := s.Find(ctx, args[0], "")
				if err != nil {
					return err
				}
				return c.mark(ctx, s, r, jobIDs(args[1:]), note)
			})
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "why, for whoever looks at the run later")
	c.jsonFlag(cmd, "what was recorded, and which jobs had succeeded already")
	return cmd
}

// markJSON is mark-success --json.
type markJSON struct {
	Run     run.ID      `json:"run"`
	Attempt int         `json:"attempt"`
	Marked  []run.JobID `json:"marked"`
	Already []run.JobID `json:"already_successful"`
	By      string      `json:"by"`
	Note    string      `json:"note,omitempty"`
}

// mark declares jobs successful and tells what was recorded.
func (c *command) mark(ctx context.Context, s Runs, r store.Run, jobs []run.JobID, note string) error {
	made, err := s.MarkSuccess(ctx, r, jobs, c.user(), note)
	if err != nil {
		return err
	}
	m := markJSON{Run: r.ID, Attempt: r.Attempt.Number, Marked: []run.JobID{}, Already: []run.JobID{}, By: c.user(), Note: note}
	marked := make(map[run.JobID]bool)
	for _, o := range made {
		m.By = o.By // a server knows who asked it
		marked[o.Job] = true
		m.Marked = append(m.Marked, o.Job)
	}
	for _, id := range jobs {
		if !marked[id] {
			m.Already = append(m.Already, id)
		}
	}
	if c.json {
		c.printJSON(c.Out, m)
		return nil
	}
	for _, id := range m.Marked {
		fmt.Fprintf(c.Out, "%s of run %d counts as successful from now on\n", oneLine(string(id)), r.ID)
	}
	for _, id := range m.Already {
		fmt.Fprintf(c.Out, "%s of run %d had succeeded already\n", oneLine(string(id)), r.ID)
	}
	if len(m.Marked) > 0 {
		fmt.Fprintf(c.Out, "go on: executioner resume %d%s\n", r.ID, c.databaseFlag())
	}
	return nil
}
