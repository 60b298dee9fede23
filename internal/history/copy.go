package history

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// Proof is what a history holds, in a form in which two can be compared: Hash is the
// SHA-256 over the hashes of the canonical JSON of all runs, by id.
type Proof struct {
	Runs        int64  `json:"runs"`
	Attempts    int64  `json:"attempts"`
	Transitions int64  `json:"transitions"`
	Overrides   int64  `json:"overrides"`
	Hash        string `json:"hash"`
	Rest        Rest   `json:"rest"`
}

// Copied is what became of a copy.
type Copied struct {
	From   Proof    `json:"from"`
	To     Proof    `json:"to"`
	Copied int64    `json:"copied"` // the rest was there already
	Active []run.ID `json:"active"` // runs that go on, which were left out; never null
}

// Copy copies all runs that have ended from one history into another, with all that there
// is beside them. The target must be empty or have nothing but what an earlier copy
// brought there; to repeat it goes on where it was interrupted, and brings up to date what
// is not a run. It proves it: it reads both and compares. The error is a Conflict when the
// target has something else, and Internal when the two are not the same in the end.
func Copy(ctx context.Context, from, to store.Store) (Copied, error) {
	c := Copied{Active: []run.ID{}}
	wanted, err := c.choose(ctx, from, to)
	if err != nil {
		return c, err
	}
	ours := prover{sum: sha256.New()}
	kept := wanted[:0]
	for _, id := range wanted {
		copied, err := copyRun(ctx, from, to, id, &ours)
		if fault.CodeOf(err) == fault.NotFound {
			continue // it was removed meanwhile
		}
		if err != nil {
			return c, err
		}
		if copied {
			c.Copied++
		}
		kept = append(kept, id)
	}
	c.From = ours.proof()
	if c.To, err = Prove(ctx, to, kept); err != nil {
		return c, err
	}
	if c.From != c.To {
		return c, errDifferent(c.From, c.To)
	}
	c.From.Rest, c.To.Rest, err = copyRest(ctx, from, to, kept)
	return c, err
}

// choose returns the runs that are to be copied, by id, after a look at what the target has.
func (c *Copied) choose(ctx context.Context, from, to store.Store) (wanted []run.ID, err error) {
	others := map[run.ID]bool{}
	err = each(ctx, to, func(o *store.Outline) error {
		others[o.ID] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = each(ctx, from, func(o *store.Outline) error {
		if o.Held || !o.State.Ended() {
			c.Active = append(c.Active, o.ID)
			return nil
		}
		wanted = append(wanted, o.ID)
		delete(others, o.ID)
		return nil
	})
	if err == nil && len(others) > 0 {
		err = errOthers(others)
	}
	return wanted, err
}

func copyRun(ctx context.Context, from, to store.Store, id run.ID, ours *prover) (copied bool, err error) {
	a, err := from.Export(ctx, id)
	if err != nil {
		return false, err
	}
	ours.add(&a)
	as, copied, err := to.Import(ctx, a)
	if err == nil && as != id {
		err = fault.New(fault.Conflict, "run %d is there already, as run %d", id, as).
			WithHint("copy into an empty database")
	}
	return copied, err
}

// Prove reads runs, by id, and returns what they are.
func Prove(ctx context.Context, st store.Store, ids []run.ID) (Proof, error) {
	p := prover{sum: sha256.New()}
	for _, id := range ids {
		a, err := st.Export(ctx, id)
		if err != nil {
			return Proof{}, err
		}
		p.add(&a)
	}
	return p.proof(), nil
}

// prover makes a proof of one run after the other.
type prover struct {
	sum hash.Hash
	p   Proof
}

func (p *prover) add(a *store.Archive) {
	p.p.Runs++
	p.p.Attempts += int64(len(a.Attempts))
	p.p.Transitions += int64(len(a.Transitions))
	p.p.Overrides += int64(len(a.Overrides))
	fmt.Fprintln(p.sum, a.Hash())
}

func (p *prover) proof() Proof {
	p.p.Hash = hex.EncodeToString(p.sum.Sum(nil))
	return p.p
}

func errOthers(ids map[run.ID]bool) error {
	first := slices.Min(slices.Collect(maps.Keys(ids)))
	return fault.New(fault.Conflict, "the database that is copied into has other runs, such as run %d", first).
		WithHint("copy into an empty database")
}
