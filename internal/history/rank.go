package history

import (
	"context"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// kind is which runs of an application are counted together.
type kind int

const (
	ofAll  kind = iota
	ofGood      // that succeeded
	ofBad       // that ended in another way
)

// states returns the states of a kind, none for all.
func (k kind) states() (all []run.State) {
	if k == ofAll {
		return nil
	}
	for _, s := range run.States() {
		if s.Ended() && s.Good() == (k == ofGood) {
			all = append(all, s)
		}
	}
	return all
}

// ranks knows of applications which run has so many newer ones, each of which is asked
// for once. Not safe for concurrent use.
type ranks struct {
	st       store.Store
	imported bool // imported runs are counted, too
	known    map[rankKey]run.ID
}

type rankKey struct {
	application string
	kind        kind
}

// of returns the n-th newest run of a kind: those with lower ids have n newer ones. It
// is 0 when there are fewer. n is always the same for a kind.
func (r *ranks) of(ctx context.Context, application string, k kind, n int) (run.ID, error) {
	key := rankKey{application, k}
	if id, ok := r.known[key]; ok {
		return id, nil
	}
	id, err := r.st.Nth(ctx, store.Rank{Application: application, States: k.states(), Imported: r.imported, N: n})
	if err == nil {
		r.known[key] = id
	}
	return id, err
}
