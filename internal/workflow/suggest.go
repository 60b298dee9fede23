package workflow

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/executionerhq/executioner/internal/nearest"
)

// meant guesses which of the candidates was meant by name: `did you mean "x"?`, or
// nothing. It gives up when a file has so many mistakes that guessing takes long.
func (d *decoder) meant(name string, candidates iter.Seq[string]) string {
	best := nearest.In(name, func(yield func(string) bool) {
		for c := range candidates {
			if d.budget--; d.budget < 0 || !yield(c) {
				return
			}
		}
	})
	if best == "" || d.budget < 0 {
		return ""
	}
	return fmt.Sprintf("did you mean %s?", quote(best))
}

// sortedKeys yields the keys of m in order. It sorts only when it is used.
func sortedKeys[V any](m map[string]V) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key) {
				return
			}
		}
	}
}
