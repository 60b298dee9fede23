package workflow

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// meant guesses which of the candidates was meant by name: `did you mean "x"?`, or
// nothing. It gives up when a file has so many mistakes that guessing takes long.
func (d *decoder) meant(name string, candidates iter.Seq[string]) string {
	best, bestDistance := "", 3
	switch utf8.RuneCountInString(name) {
	case 0, 1: // any other letter is one change away
		bestDistance = 1
	case 2, 3:
		bestDistance = 2
	}
	for c := range candidates {
		if d.budget--; d.budget < 0 {
			return ""
		}
		if strings.EqualFold(c, name) {
			best = c
			break
		}
		if dist := distance(name, c, bestDistance); dist < bestDistance {
			best, bestDistance = c, dist
		}
	}
	if best == "" {
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

// distance counts the changes (insert, delete, replace, swap neighbours) from a to
// b, or returns bound when there are at least so many. Long names are compared by
// bytes; being off by a little does no harm in a guess.
func distance(a, b string, bound int) int {
	if len(a)-len(b) >= bound || len(b)-len(a) >= bound || len(b) > maxName {
		return bound
	}
	var rows [3][maxName + 1]int
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+unequal(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least >= bound {
			return bound
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], bound)
}

func unequal(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}
