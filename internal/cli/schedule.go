package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/nearest"
	"github.com/executionerhq/executioner/internal/schedule"
	"github.com/executionerhq/executioner/internal/workflow"
)

func (c *command) scheduleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schedule",
		Short: "Look at the schedules of workflow files and of a service",
		Long: `Look at the schedules of workflow files: preview; and at those that a service runs, which
executioner serve does with the schedules of registered workflows and of a directory.`,
		Example: `  executioner schedule preview nightly.yaml
  executioner schedule list`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error {
			return fault.New(fault.Usage, "executioner schedule needs to be told what to do").
				WithHint("executioner schedule --help shows its commands")
		},
	}
	cmd.AddCommand(c.schedulePreviewCommand())
	cmd.AddCommand(c.serviceScheduleCommands()...)
	return cmd
}

// previewFlags say which times are shown.
type previewFlags struct {
	names    []string
	from, to string
	n        int
	counted  bool // -n was given
}

func (c *command) schedulePreviewCommand() *cobra.Command {
	f := &previewFlags{}
	cmd := &cobra.Command{
		Use:   "preview FILE",
		Short: "Show when the schedules of a workflow file fire",
		Long: `Show the times at which the schedules of a workflow file fire, each in its own time zone,
with a note where the clocks are changed or a calendar excludes the day. Nothing is run.

Without --to it shows the next 10 times, or as many as -n says; with --to all before it. A
time without a difference to UTC is meant in the time zone of each schedule, and a day of
--to is shown to its end.`,
		Example: `  executioner schedule preview nightly.yaml
  executioner schedule preview nightly.yaml --from 2027-03-27 --to 2027-03-29 --json`,
		Args:              exactly(1, "the workflow file"),
		ValidArgsFunction: completeOneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.counted = cmd.Flags().Changed("count")
			return c.previewSchedules(args[0], f)
		},
	}
	cmd.Flags().StringArrayVar(&f.names, "schedule", nil, "only the schedule of this `NAME` (repeatable)")
	cmd.Flags().StringVar(&f.from, "from", "", "show times from this `TIME` on, such as 2027-03-27 or 2027-03-27T12:00 (default now)")
	cmd.Flags().StringVar(&f.to, "to", "", "show times to this `TIME`")
	cmd.Flags().IntVarP(&f.n, "count", "n", 10, "show this `NUMBER` of times")
	c.jsonFlag(cmd, "the times")
	return cmd
}

// previewRow is a line of schedule preview.
type previewRow struct {
	Schedule string       `json:"schedule"`
	Time     time.Time    `json:"time"`  // in the schedule's zone
	UTC      time.Time    `json:"utc"`   // the same
	Meant    string       `json:"meant"` // what the clock on the wall was meant to show
	DST      schedule.DST `json:"dst,omitempty"`
	Skipped  string       `json:"skipped,omitempty"` // paused, or calendar NAME
	Count    int          `json:"count"`             // of times that this row is about
	Until    time.Time    `json:"until"`             // the last of these
	Note     string       `json:"note,omitempty"`
}

func (c *command) previewSchedules(file string, f *previewFlags) error {
	from, to, err := f.moments()
	if err != nil {
		return err
	}
	c.later = true
	wf, err := c.load(file)
	if err != nil {
		return err
	}
	chosen, err := f.choose(wf, file)
	if err != nil {
		return err
	}
	rows := []previewRow{}
	now := time.Now()
	for _, s := range chosen {
		spec, err := wf.Spec(s, time.LoadLocation)
		if err != nil {
			return err
		}
		begin, end := now, time.Time{}
		if from.Set() {
			begin, _ = from.In(spec.Zone)
		}
		if to.Set() {
			end = to.EndIn(spec.Zone)
		}
		for _, row := range schedule.Preview(spec, begin, end, f.most()+1) {
			rows = append(rows, previewOf(s, spec, &row))
		}
	}
	slices.SortStableFunc(rows, func(a, b previewRow) int { return a.Time.Compare(b.Time) })
	rows, cut := f.cut(rows)
	if c.json {
		c.printJSON(c.Out, struct {
			Times []previewRow `json:"times"`
			More  bool         `json:"more"` // there are more times than are shown
		}{rows, cut})
		return nil
	}
	return c.printPreview(rows, cut && to.Set())
}

// moments reads the bounds.
func (f *previewFlags) moments() (from, to schedule.Moment, err error) {
	for _, flag := range []struct {
		name, text string
		into       *schedule.Moment
	}{{"from", f.from, &from}, {"to", f.to, &to}} {
		if flag.text == "" {
			continue
		}
		if *flag.into, err = schedule.ParseBound(flag.text); err != nil {
			return from, to, fault.New(fault.Usage, "--%s: %s", flag.name, err).WithHint("write 2027-03-27 or 2027-03-27T12:00")
		}
	}
	if from.Set() && to.Set() && !to.After(from) {
		return from, to, fault.New(fault.Usage, "--to is before --from")
	}
	if f.counted && (f.n < 1 || f.n > schedule.MaxPreview) {
		return from, to, fault.New(fault.Usage, "-n must be from 1 to %d, not %d", schedule.MaxPreview, f.n)
	}
	return from, to, nil
}

// most is how many times are shown.
func (f *previewFlags) most() int {
	if f.to != "" && !f.counted {
		return schedule.MaxPreview
	}
	return f.n
}

// cut leaves out what is behind the last time that is shown.
func (f *previewFlags) cut(rows []previewRow) (kept []previewRow, more bool) {
	fired, last := 0, 0
	for i := range rows {
		if i >= schedule.MaxPreview {
			return rows[:i], true
		}
		if rows[i].excluded() {
			continue
		}
		if fired++; fired > f.most() {
			return rows[:last+1], true
		}
		last = i
	}
	return rows, fired == schedule.MaxPreview
}

func (r *previewRow) excluded() bool { return strings.HasPrefix(r.Skipped, "calendar ") }

// choose returns the schedules that are asked for.
func (f *previewFlags) choose(wf *workflow.Workflow, file string) ([]*workflow.Schedule, error) {
	var all []*workflow.Schedule
	var names []string
	for i := range wf.Schedules {
		all, names = append(all, &wf.Schedules[i]), append(names, wf.Schedules[i].Name)
	}
	if len(all) == 0 {
		return nil, fault.New(fault.NotFound, "%s has no schedules", file).WithHint(`write schedules: [{name: nightly, cron: "30 2 * * *"}]; docs/schedules.md says more`)
	}
	for _, name := range f.names {
		if slices.Contains(names, name) {
			continue
		}
		hint := "it has " + strings.Join(names, ", ")
		if near := nearest.Of(name, names); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return nil, fault.New(fault.NotFound, "%s has no schedule %q", file, name).WithHint("%s", hint)
	}
	return slices.DeleteFunc(all, func(s *workflow.Schedule) bool {
		return len(f.names) > 0 && !slices.Contains(f.names, s.Name)
	}), nil
}

func previewOf(s *workflow.Schedule, spec *schedule.Spec, row *schedule.Row) previewRow {
	r := previewRow{
		Schedule: s.Name, Time: row.Time, UTC: row.Time.UTC(), Meant: row.Meant, DST: row.DST, Count: row.Count, Until: row.Until,
	}
	switch {
	case row.Excluded != "":
		r.Skipped = "calendar " + row.Excluded
	case s.Paused:
		r.Skipped = "paused"
	}
	var notes []string
	if text := clockNote(spec, row); text != "" {
		notes = append(notes, text)
	}
	if r.Skipped != "" {
		notes = append(notes, skippedNote(&r))
	} else if s.Jitter > 0 {
		notes = append(notes, "up to "+shortTime(s.Jitter)+" later")
	}
	r.Note = strings.Join(notes, "; ")
	return r
}

// clockNote says what a change of the clocks does.
func clockNote(spec *schedule.Spec, row *schedule.Row) string {
	clock := row.Meant[11:16]
	switch row.DST {
	case schedule.Moved:
		return "clock change: " + clock + " to " + row.Time.Format("15:04") + " is skipped"
	case schedule.First:
		if spec.Once() {
			return "clock change: " + clock + " comes twice, fires the first time"
		}
		return "clock change: " + clock + " comes twice, the first time"
	case schedule.Second:
		return "clock change: " + clock + " comes twice, the second time"
	case schedule.Steady:
	}
	return ""
}

func skippedNote(r *previewRow) string {
	text := "skipped: " + r.Skipped
	switch {
	case r.Count >= schedule.MaxPreview:
		text += fmt.Sprintf(" (%d times and more)", r.Count)
	case r.Count > 1:
		text += fmt.Sprintf(" (%d times, to %s)", r.Count, r.Until.Format("2006-01-02 15:04 -07:00"))
	}
	return text
}

// shortTime writes a time as files do.
func shortTime(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

func (c *command) printPreview(rows []previewRow, cut bool) error {
	if len(rows) == 0 {
		fmt.Fprintln(c.Out, "no time")
		return nil
	}
	t := &table{}
	head := []string{"TIME", "SCHEDULE", "NOTE"}
	zones := slices.ContainsFunc(rows, func(r previewRow) bool { return r.Time.Location().String() != rows[0].Time.Location().String() })
	if zones { // their clocks differ, so that only UTC shows the order
		head = slices.Insert(head, 1, "UTC")
	}
	t.add(head...)
	form := schedule.ShownMinute
	if slices.ContainsFunc(rows, func(r previewRow) bool { return r.Time.Second() != 0 }) {
		form = schedule.ShownDay
	}
	for i := range rows {
		cells := []string{rows[i].Time.Format(form), rows[i].Schedule, rows[i].Note}
		if zones {
			cells = slices.Insert(cells, 1, rows[i].UTC.Format(strings.TrimSuffix(strings.TrimPrefix(form, "Mon "), " -07:00")+"Z"))
		}
		t.add(cells...)
	}
	p := c.paint()
	err := t.print(c.Out, "", func(row, _ int, padded string) string {
		switch {
		case row == 0:
			return p.bold(padded)
		case rows[row-1].Skipped != "":
			return p.dim(padded)
		case rows[row-1].DST != schedule.Steady:
			return p.yellow(padded)
		}
		return padded
	})
	if cut {
		fmt.Fprintf(c.Err, "executioner: there are more times than the %d that are shown; -n and --to say how many\n", len(rows))
	}
	return err
}
