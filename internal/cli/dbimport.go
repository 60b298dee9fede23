package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	legacy "github.com/executionerhq/executioner/internal/legacy/history"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
)

// importListed is how many runs and rows a report names.
const importListed = 20

// archives is what an import needs of a history.
type archives interface {
	Run(ctx context.Context, id run.ID) (store.Run, error)
	Outlines(ctx context.Context, after run.ID, limit int) ([]store.Outline, error)
	Export(ctx context.Context, id run.ID) (store.Archive, error)
	Import(ctx context.Context, a store.Archive) (run.ID, bool, error)
}

// openArchives opens the history that is imported into. Without create it makes none:
// where there is none it returns nil.
type openArchives func(cmd *cobra.Command, create bool) (to archives, done func() error, err error)

func (c *command) dbImportCommand(open openArchives) *cobra.Command {
	var zone string
	var dry bool
	cmd := &cobra.Command{
		Use:   "import-legacy FILE",
		Short: "Take over the history of the Python program",
		Long: `Take over the runs that the Python program recorded in FILE, its data/jobs_history.db.
All versions of its schema are read, 1 to 8. FILE is not changed. To import it again
adds nothing, so an import that was interrupted is repeated. Stop the old program first:
what it records of a run after that run was imported is not taken over any more.

A run keeps its number where that is free here; otherwise it gets a new one, which is
told. Local times are taken for those of this machine, or of --time-zone. An hour that
comes twice when clocks are set back is the first of both, unless the time would be
before what it follows; a time in the hour that is left out when clocks are set forward
counts on from before the change.

The old program recorded neither the workflow file nor dependencies. So to resume an
imported run takes the file: executioner resume RUN --with-current --file FILE, or
executioner -c FILE --resume-from RUN. What it recorded as RUNNING is FAILED here, with
reason lost.

Imported runs do not go by themselves when they are old: executioner db prune --imported
removes such.

Rows that are damaged are told, and left out as far as they are. The exit code is 0 when
everything was taken over or was here already, 1 when something had to be left out.`,
		Example: `  executioner db import-legacy /opt/executioner/data/jobs_history.db --dry-run
  executioner db import-legacy jobs_history.db --time-zone Europe/Vienna`,
		Args: exactly(1, "the old program's history"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.importLegacy(cmd, args[0], zone, dry, open)
		},
	}
	cmd.Flags().StringVar(&zone, "time-zone", "", "`ZONE` of the times in FILE, such as Europe/Vienna (default: this machine's)")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "tell what would be imported, and write nothing")
	c.jsonFlag(cmd, "how many runs were imported, which got another number, and all that is damaged")
	return cmd
}

func (c *command) importLegacy(cmd *cobra.Command, file, zone string, dry bool, open openArchives) (err error) {
	location, err := importZone(zone)
	if err != nil {
		return err
	}
	ctx, stop := c.interruptible(cmd.Context())
	defer stop()
	old, err := legacy.Open(ctx, file, legacy.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, old.Close()) }()
	to, done, err := open(cmd, !dry)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	i := &imports{
		to: to, dry: dry, later: map[int64]bool{}, rules: legacy.Rules{Zone: location, Now: time.Now()},
		report: importReport{
			File: file, Schema: old.Version, Zone: cmp.Or(zone, machineZone), DryRun: dry,
			Numbers: []newNumber{}, Continued: []continued{}, Damaged: []legacy.Problem{},
		},
	}
	failed := i.all(ctx, old)
	if failed == nil || i.report.Runs.Imported > 0 {
		if err := c.tellImport(&i.report); err != nil {
			return errors.Join(failed, err)
		}
	}
	switch {
	case failed != nil:
		return failed
	case len(i.report.Damaged) > 0:
		return status(fault.ExitJobFailed)
	}
	return nil
}

// machineZone is what a report calls the zone of this machine.
const machineZone = "Local"

func importZone(name string) (*time.Location, error) {
	if name == "" {
		return time.Local, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fault.New(fault.Usage, "there is no time zone %q", name).
			WithHint("for example: --time-zone Europe/Vienna, or --time-zone UTC")
	}
	return zone, nil
}

// interruptible returns a context that an interrupt ends, so that what was begun is
// given back.
func (c *command) interruptible(ctx context.Context) (context.Context, func()) {
	signals, release := c.Signals()
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel()
		<-ended
		release()
	}
}

// importReport is db import-legacy --json.
type importReport struct {
	File   string `json:"file"`
	Schema int    `json:"schema_version"` // 0 when the file does not say
	Zone   string `json:"time_zone"`      // "Local": this machine's
	DryRun bool   `json:"dry_run"`
	Runs   struct {
		Imported int `json:"imported"`
		Already  int `json:"already_here"`
		Skipped  int `json:"skipped"`
	} `json:"runs"`
	Rows      int              `json:"rows"`      // that were read
	Numbers   []newNumber      `json:"numbers"`   // runs that have another number here
	Continued []continued      `json:"continued"` // runs that the old program went on with since they were imported
	Damaged   []legacy.Problem `json:"damaged"`
}

// newNumber is a run that has another number here. Run is 0 in a dry run: it would get one.
type newNumber struct {
	Old int64  `json:"old"`
	Run run.ID `json:"run"`
}

// continued is a run that is here already, and had fewer attempts then.
type continued struct {
	Old      int64  `json:"old"`
	Run      run.ID `json:"run"`
	Attempts int    `json:"attempts"`      // in the old history
	Here     int    `json:"attempts_here"` // imported and made here
}

// imports is one import on its way.
type imports struct {
	to      archives // nil in a dry run without a history
	dry     bool
	rules   legacy.Rules
	later   map[int64]bool    // runs that need another number
	origins map[string]run.ID // of what is here; for a dry run only
	report  importReport
}

// all imports every run: first those that keep their number, so that no other gets it.
func (i *imports) all(ctx context.Context, old *legacy.File) error {
	if err := i.lookAround(ctx); err != nil {
		return err
	}
	tell := func(p legacy.Problem) { i.report.Damaged = append(i.report.Damaged, p) }
	for r, err := range old.Runs(ctx, tell) {
		if err != nil {
			return err
		}
		i.report.Rows += len(r.Summaries) + len(r.Jobs)
		a, problems, ok := legacy.Translate(r, i.rules)
		i.report.Damaged = append(i.report.Damaged, problems...)
		if !ok {
			i.report.Runs.Skipped++
			continue
		}
		if err := i.keep(ctx, r.ID, &a); err != nil {
			return err
		}
	}
	i.report.Rows += strays(i.report.Damaged)
	if len(i.later) == 0 {
		return nil
	}
	for r, err := range old.Runs(ctx, func(legacy.Problem) {}) {
		if err != nil {
			return err
		}
		if i.later[r.ID] {
			if err := i.renumber(ctx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// strays counts the rows that belong to no run.
func strays(problems []legacy.Problem) (n int) {
	for k := range problems {
		if problems[k].Table != "" && problems[k].Run == 0 {
			n++
		}
	}
	return n
}

// keep imports a run under the number that it has, or notes that it needs another.
func (i *imports) keep(ctx context.Context, old int64, a *store.Archive) error {
	if i.dry {
		return i.rehearse(ctx, old, a)
	}
	if a.Run.ID == 0 {
		i.later[old] = true
		return nil
	}
	id, imported, err := i.to.Import(ctx, *a)
	if fault.CodeOf(err) == fault.Conflict {
		i.later[old] = true
		return nil
	}
	return i.done(ctx, old, a, id, imported, err)
}

// renumber imports a run under a new number.
func (i *imports) renumber(ctx context.Context, r legacy.Run) error {
	a, _, _ := legacy.Translate(r, i.rules)
	a.Run.ID = 0
	id, imported, err := i.to.Import(ctx, a)
	return i.done(ctx, r.ID, &a, id, imported, err)
}

// done counts what became of a run.
func (i *imports) done(ctx context.Context, old int64, a *store.Archive, id run.ID, imported bool, err error) error {
	if err != nil {
		return err
	}
	if int64(id) != old {
		i.report.Numbers = append(i.report.Numbers, newNumber{old, id})
	}
	if imported {
		i.report.Runs.Imported++
		return nil
	}
	i.report.Runs.Already++
	here, err := i.to.Run(ctx, id)
	if err == nil && here.Attempt.Number < len(a.Attempts) {
		i.report.Continued = append(i.report.Continued, continued{old, id, len(a.Attempts), here.Attempt.Number})
	}
	return err
}

// lookAround finds out which old runs are here already, for a dry run: to import one is
// the only other way to know.
func (i *imports) lookAround(ctx context.Context) error {
	i.origins = map[string]run.ID{}
	if !i.dry || i.to == nil {
		return nil
	}
	const page = 1000
	for after := run.ID(0); ; {
		found, err := i.to.Outlines(ctx, after, page)
		if err != nil {
			return err
		}
		for _, o := range found {
			if after = o.ID; !o.Imported {
				continue
			}
			a, err := i.to.Export(ctx, o.ID)
			if err != nil {
				return err
			}
			i.origins[a.Origin] = o.ID
		}
		if len(found) < page {
			return nil
		}
	}
}

// rehearse counts what would become of a run.
func (i *imports) rehearse(ctx context.Context, old int64, a *store.Archive) error {
	if id, ok := i.origins[a.Origin]; ok {
		return i.done(ctx, old, a, id, false, nil)
	}
	id := a.Run.ID
	if i.to != nil && id != 0 {
		_, err := i.to.Run(ctx, id)
		switch {
		case err == nil:
			id = 0 // it is another run's
		case fault.CodeOf(err) != fault.NotFound:
			return err
		}
	}
	return i.done(ctx, old, a, id, true, nil)
}

// tellImport reports an import.
func (c *command) tellImport(r *importReport) error {
	slices.SortFunc(r.Numbers, func(a, b newNumber) int { return cmp.Compare(a.Old, b.Old) })
	if c.json {
		c.printJSON(c.Out, r)
		return nil
	}
	out := bufio.NewWriterSize(c.Out, 1<<16)
	schema := ""
	if r.Schema > 0 {
		schema = fmt.Sprintf(", schema version %d", r.Schema)
	}
	zone := r.Zone
	if zone == machineZone {
		zone = "this machine's time zone"
	}
	fmt.Fprintf(out, "%s%s, times in %s\n", oneLine(name(r.File)), schema, zone)
	imported := "runs imported"
	if r.DryRun {
		imported = "runs to import"
	}
	var t table
	for _, row := range []struct {
		what string
		n    int
	}{
		{imported, r.Runs.Imported},
		{"runs already here", r.Runs.Already},
		{"runs skipped", r.Runs.Skipped},
		{"rows read", r.Rows},
		{"damaged", len(r.Damaged)},
	} {
		t.add(row.what, fmt.Sprintf("%*d", len(strconv.Itoa(max(r.Rows, r.Runs.Already))), row.n))
	}
	t.write(out, "  ", nil)
	c.tellNumbers(out, r)
	c.tellDamaged(out, r.Damaged)
	if !r.DryRun && r.Runs.Imported > 0 {
		fmt.Fprintf(out, "\nsee them: executioner runs list%s\n", c.databaseFlag())
	}
	return fault.Wrap(out.Flush(), fault.Unavailable, "the output can't be written")
}

// tellNumbers names the runs that are not what their old number says.
func (c *command) tellNumbers(w io.Writer, r *importReport) {
	said := func(n, i int) bool {
		if n > 0 && i == importListed {
			fmt.Fprintf(w, "and %d more: --json tells all\n", n-i)
		}
		return i >= importListed
	}
	if len(r.Numbers) > 0 {
		fmt.Fprintln(w)
	}
	for i, n := range r.Numbers {
		if said(len(r.Numbers), i) {
			break
		}
		if n.Run == 0 {
			fmt.Fprintf(w, "old run %d would get another number\n", n.Old)
			continue
		}
		fmt.Fprintf(w, "old run %d is run %d here\n", n.Old, n.Run)
	}
	if len(r.Continued) > 0 {
		fmt.Fprintln(w)
	}
	for i, k := range r.Continued {
		if said(len(r.Continued), i) {
			break
		}
		fmt.Fprintf(w, "run %d stays as it is, with %s; the old program went on with it, to %s\n",
			k.Run, runs.Plural(k.Here, "attempt"), runs.Plural(k.Attempts, "attempt"))
	}
}

// tellDamaged names what could not be taken over.
func (c *command) tellDamaged(w io.Writer, damaged []legacy.Problem) {
	if len(damaged) > 0 {
		fmt.Fprintln(w, "\ndamaged")
	}
	for i := range damaged {
		if i == importListed {
			fmt.Fprintf(w, "  and %d more: --json tells all\n", len(damaged)-i)
			return
		}
		p := &damaged[i]
		left := "in part"
		if p.Skipped {
			left = "left out"
		}
		fmt.Fprintf(w, "  %s: %s: %s\n", oneLine(p.Place()), left, oneLine(p.Reason))
	}
}
