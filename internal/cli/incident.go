package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/incident"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

func (c *command) incidentCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "incident",
		Short: "See what is broken and people were told of",
		Example: `  executioner incident list
  executioner incident list --all --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error {
			return fault.New(fault.Usage, "executioner incident needs to be told what to do").
				WithHint("executioner incident --help shows its commands")
		},
	}
	cmd.AddCommand(c.incidentListCommand())
	return cmd
}

// incidentJSON is one line of incident list --json.
type incidentJSON struct {
	State       string        `json:"state"` // open or resolved
	Application string        `json:"application"`
	Job         run.JobID     `json:"job,omitempty"`
	Kind        incident.Kind `json:"kind"`
	Rule        string        `json:"rule"`
	Failures    int           `json:"failures"` // in a row by now
	Run         run.ID        `json:"run,omitempty"`
	Why         string        `json:"why"`
	Opened      time.Time     `json:"opened_at"`
	Ended       *time.Time    `json:"ended_at,omitempty"`
	Remind      *time.Time    `json:"remind_at,omitempty"`
	Reminders   int           `json:"reminders"`
}

func (c *command) incidentListCommand() *cobra.Command {
	var all bool
	cmd := c.onHistory(&cobra.Command{
		Use:   "list",
		Short: "List the incidents that are open",
		Long: `List what failed often enough in a row that people were told, and does not work yet:
newest first. With --all also the last one that is over, for 30 days.`,
		Example: `  executioner incident list
  executioner incident list --all --json | jq -r .application`,
	}, "a line for each incident", func(ctx context.Context, _ string, st store.Store) error {
		found, err := st.Incidents(ctx, store.IncidentFilter{All: true, Open: !all})
		if err != nil {
			return err
		}
		return c.printIncidents(incidentViews(found, all))
	})
	cmd.Flags().BoolVar(&all, "all", false, "list also those that are over")
	return cmd
}

func incidentViews(found []store.Incident, all bool) (views []incidentJSON) {
	for i := range found {
		s := incident.Decode(found[i].Body)
		for _, rule := range slices.Sorted(maps.Keys(s.Rules)) {
			r := s.Rules[rule]
			if !r.Open && !all {
				continue
			}
			v := incidentJSON{
				State: "open", Application: s.Target.Application, Job: s.Target.Job, Kind: s.Target.Kind, Rule: rule, Failures: s.Failures,
				Run: r.Run, Why: r.Why, Opened: r.OpenedAt, Ended: at(r.EndedAt), Remind: at(r.RemindAt), Reminders: r.Reminders,
			}
			if !r.Open {
				v.State = "resolved"
			}
			views = append(views, v)
		}
	}
	slices.SortStableFunc(views, func(a, b incidentJSON) int {
		return cmp.Or(b.Opened.Compare(a.Opened), cmp.Compare(a.Application, b.Application), cmp.Compare(a.Job, b.Job))
	})
	return views
}

func (c *command) printIncidents(all []incidentJSON) error {
	var t table
	t.add("STATE", "SINCE", "APPLICATION", "JOB", "KIND", "FAILURES", "RULE", "RUN", "WHY")
	for i := range all {
		v := &all[i]
		if c.json {
			c.printJSON(c.Out, v)
			continue
		}
		t.add(v.State, stamp(&v.Opened), oneLine(v.Application), oneLine(string(v.Job)), string(v.Kind), strconv.Itoa(v.Failures),
			oneLine(v.Rule), v.Run.String(), oneLine(v.Why))
	}
	switch {
	case c.json:
		return nil
	case len(all) == 0:
		fmt.Fprintln(c.Err, "there is no incident")
		return nil
	}
	return t.print(c.Out, "", c.boldHead())
}
