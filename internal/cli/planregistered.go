package cli

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

// planRegistered shows what a run of a registered workflow of the server would do. The server
// makes the plan: whoever may look at it need not be one who may read the workflow.
func (c *command) planRegistered(cmd *cobra.Command, ref string, f *planFlags, opt runs.Options) error {
	options, err := sent(opt)
	if err != nil {
		return err
	}
	flow, err := c.flowNamed(ref)
	if err != nil {
		return err
	}
	ctx, stop := c.interruptible(cmd.Context())
	defer stop()
	return c.withServer(func(s Runs) error {
		plan, err := s.(*remote).server.Plan(ctx, client.Submission{Flow: flow, Options: options})
		if err != nil {
			return c.refusedText(noSuch(ref, err))
		}
		p := planned(&plan)
		if c.json {
			v := planJSON{Plan: plan, Order: make([]plannedJob, len(plan.Order))}
			for i, j := range plan.Order {
				v.Order[i].PlannedJob = j
			}
			c.printJSON(c.Out, v)
			return nil
		}
		return c.printPlan(p, nil, plan.Skipped, ref, f)
	})
}

// planned returns a plan as it is printed. It knows of the workflow what the plan tells.
func planned(plan *wire.Plan) *runs.Preview {
	wf := &workflow.Workflow{Application: plan.Application, Jobs: make([]workflow.Job, plan.Jobs)}
	p := &runs.Preview{Workflow: wf, Run: plan.Run, Attempt: plan.Attempt, Workers: plan.Workers, Took: inTime(plan.Seconds)}
	if plan.BasedOn != 0 {
		p.Usual = &runs.Usual{Run: plan.BasedOn, Took: p.Took, Jobs: make(map[run.JobID]time.Duration)}
	}
	at := make(map[run.JobID]int, len(plan.Order))
	for i := range plan.Order {
		j := &plan.Order[i]
		wf.Jobs[i] = workflow.Job{ID: j.ID, When: j.When, Always: j.Always, Hook: j.Hook, ContinueOnError: j.MayFail}
		if of, output, is := strings.Cut(j.Each, "."); is {
			wf.Jobs[i].Each = &workflow.Each{Job: run.JobID(of), Output: output}
		}
		if j.Seconds != nil && p.Usual != nil {
			p.Usual.Jobs[j.ID] = inTime(j.Seconds)
		}
		at[j.ID] = i
		p.Starts = append(p.Starts, i)
	}
	places := func(ids []run.JobID) (all []int) {
		for _, id := range ids {
			all = append(all, at[id])
		}
		return all
	}
	for _, wave := range plan.Waves {
		p.Waves = append(p.Waves, places(wave))
	}
	p.Critical = places(plan.CriticalPath)
	return p
}

// inTime is the other way of inSeconds; zero for nothing.
func inTime(seconds *float64) time.Duration {
	if seconds == nil {
		return 0
	}
	return time.Duration(*seconds * float64(time.Second))
}
