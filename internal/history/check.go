package history

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Checked is what a check of a history has found.
type Checked struct {
	Runs        int64    `json:"runs"`
	Transitions int64    `json:"transitions"`
	Damaged     []Damage `json:"damaged"` // never null
}

// Damage is what is wrong with a run, or, when Run is 0, with the database.
type Damage struct {
	Run     run.ID `json:"run,omitempty"`
	Problem string `json:"problem"`
}

// String is the damage in one line.
func (d Damage) String() string {
	if d.Run == 0 {
		return d.Problem
	}
	return fmt.Sprintf("run %d: %s", d.Run, d.Problem)
}

// A store may be able to check what lies below its runs: that the schema is as it was
// made, and that the database itself finds nothing wrong.
type (
	schemaChecker interface {
		Check(ctx context.Context) error
	}
	dataChecker interface {
		Damage(ctx context.Context) ([]string, error)
	}
)

// Check reads all that is recorded and compares it with itself: the database below, as
// far as it can be checked, and of each run that its transitions and attempts are
// complete, that the attempts say what the transitions lead to, that each workflow is there
// and is what its hash says, and that lists show the run as it ended. What there is beside
// the runs is read as well. The error is not about damage.
func Check(ctx context.Context, st store.Store) (Checked, error) {
	c := Checked{Damaged: []Damage{}}
	if err := c.below(ctx, st); err != nil {
		return c, err
	}
	whole := map[string]string{} // problems of workflows, by hash
	err := each(ctx, st, func(o *store.Outline) error {
		return c.check(ctx, st, o, whole)
	})
	if err := c.note(ctx, 0, err); err != nil {
		return c, err
	}
	return c, c.beside(ctx, st)
}

// beside reads what there is beside the runs.
func (c *Checked) beside(ctx context.Context, st store.Store) error {
	r := &restReader{from: st, sum: sha256.New()}
	for _, part := range []func(context.Context) error{
		func(ctx context.Context) error { return c.registered(ctx, st) },
		func(ctx context.Context) error { return c.auditLog(ctx, st) },
		r.schedules, r.tallies, r.fingerprints, r.outbox,
	} {
		if err := c.note(ctx, 0, part(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// registered looks at the workflows that a service keeps, and reads the other accounts.
func (c *Checked) registered(ctx context.Context, st store.Store) error {
	a, err := st.ExportAccounts(ctx)
	for i := range a.Registered {
		if w := &a.Registered[i]; w.Hash != access.Hash(string(w.Source)) {
			c.add(0, "version %d of the registered workflow %s is not what its hash says", w.Version, w.Name)
		}
	}
	return err
}

// auditLog looks for entries that are missing between others.
func (c *Checked) auditLog(ctx context.Context, st store.Store) error {
	later := int64(0)
	return eachAudit(ctx, st, store.AuditFilter{}, func(es []store.AuditEntry) error {
		for i := range es {
			if seq := es[i].Seq; later != 0 && seq != later-1 {
				c.add(0, "entries %d to %d of the audit log are missing", seq+1, later-1)
			}
			later = es[i].Seq
		}
		return nil
	})
}

func (c *Checked) add(id run.ID, format string, args ...any) {
	c.Damaged = append(c.Damaged, Damage{id, fmt.Sprintf(format, args...)})
}

func (c *Checked) below(ctx context.Context, st store.Store) error {
	if d, ok := st.(schemaChecker); ok {
		if err := c.note(ctx, 0, d.Check(ctx)); err != nil {
			return err
		}
	}
	d, ok := st.(dataChecker)
	if !ok {
		return nil
	}
	found, err := d.Damage(ctx)
	for _, problem := range found {
		c.Damaged = append(c.Damaged, Damage{Problem: problem})
	}
	return c.note(ctx, 0, err)
}

// note records an error that is about damage, and returns any other.
func (c *Checked) note(ctx context.Context, id run.ID, err error) error {
	if err == nil {
		return nil
	}
	switch code := fault.CodeOf(err); {
	case ctx.Err() != nil, code == fault.Cancelled:
		return err
	case code == fault.Unavailable, code == fault.Internal:
		c.Damaged = append(c.Damaged, Damage{id, err.Error()})
		return nil
	default:
		return err
	}
}

func (c *Checked) check(ctx context.Context, st store.Store, o *store.Outline, whole map[string]string) error {
	c.Runs++
	a, err := st.Export(ctx, o.ID)
	if fault.CodeOf(err) == fault.NotFound {
		return nil // it was removed meanwhile
	}
	if err != nil {
		return c.note(ctx, o.ID, err)
	}
	c.Transitions += int64(len(a.Transitions))
	for _, p := range problems(&a) {
		c.Damaged = append(c.Damaged, Damage{o.ID, p})
	}
	if last := a.Run.Attempt.State; o.State != last {
		now, err := st.Outlines(ctx, o.ID-1, 1) // it may have moved on between the two
		if err != nil {
			return c.note(ctx, o.ID, err)
		}
		if len(now) > 0 && now[0].ID == o.ID && now[0].State != last {
			c.add(o.ID, "lists show it as %s, its last attempt is %s", now[0].State, last)
		}
	}
	for hash, body := range a.Workflows {
		problem, ok := whole[hash]
		if !ok {
			problem = checkWorkflow(hash, body)
			whole[hash] = problem
		}
		if problem != "" {
			c.Damaged = append(c.Damaged, Damage{o.ID, problem})
		}
	}
	return nil
}

// problems compares what the attempts say with what their transitions lead to.
func problems(a *store.Archive) (all []string) {
	replayed := make([]store.Attempt, len(a.Attempts))
	for i := range replayed {
		replayed[i].Counts.Total = a.Attempts[i].Counts.Total
	}
	for i := range a.Transitions {
		t := &a.Transitions[i]
		r := &replayed[t.Attempt-1]
		r.Counts.Apply(t)
		r.Move(*t)
	}
	for i := range replayed {
		is, want := &a.Attempts[i], &replayed[i]
		if is.Counts != want.Counts {
			all = append(all, fmt.Sprintf("attempt %d counts its jobs as %+v, its transitions lead to %+v", i+1, is.Counts, want.Counts))
		}
		if is.State != want.State || is.Reason != want.Reason || is.Detail != want.Detail {
			all = append(all, fmt.Sprintf("attempt %d is %s (%s), its transitions lead to %s (%s)", i+1, is.State, is.Reason, want.State, want.Reason))
		}
		if !is.StartedAt.Equal(want.StartedAt) || !is.EndedAt.Equal(want.EndedAt) {
			all = append(all, fmt.Sprintf("attempt %d began or ended at another time than its transitions say", i+1))
		}
	}
	return all
}

// checkWorkflow compares a stored workflow with its hash, which is of all but the last
// field, the file's name.
func checkWorkflow(hash string, body []byte) string {
	if _, err := workflow.Decode(body); err != nil && fault.CodeOf(err) != fault.Unsupported {
		return fmt.Sprintf("workflow %s can't be read", hash)
	}
	end := bytes.LastIndex(body, []byte(`,"file":`))
	if end >= 0 && sumOf(body[:end]) == hash || len(body) > 0 && sumOf(body[:len(body)-1]) == hash {
		return ""
	}
	return fmt.Sprintf("workflow %s is not what its hash says", hash)
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// each calls do with all runs, by id.
func each(ctx context.Context, st store.Store, do func(*store.Outline) error) error {
	after := run.ID(0)
	for {
		part, err := st.Outlines(ctx, after, page)
		if err != nil {
			return err
		}
		for i := range part {
			if err := do(&part[i]); err != nil {
				return err
			}
			after = part[i].ID
		}
		if len(part) < page {
			return nil
		}
	}
}
