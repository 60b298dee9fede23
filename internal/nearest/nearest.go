// Package nearest finds the word that somebody probably meant.
package nearest

import (
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// longest is the length in bytes above which words are not compared: who writes one
// that long did not mistype a shorter one.
const longest = 255

// Of is In for a slice.
func Of(word string, candidates []string) string { return In(word, slices.Values(candidates)) }

// In returns the candidate that is nearest to word, or "" when none is near enough:
// two changes (insert, delete, replace, swap of neighbours) away, one for a word of
// two or three letters, none for one letter, which is near to everything. Words that
// differ in case only are the nearest. Among equals the first wins.
func In(word string, candidates iter.Seq[string]) string {
	best, bound := "", 3
	switch utf8.RuneCountInString(word) {
	case 0, 1:
		bound = 1
	case 2, 3:
		bound = 2
	}
	for c := range candidates {
		if strings.EqualFold(c, word) {
			return c
		}
		if d := distance(word, c, bound); d < bound {
			best, bound = c, d
		}
	}
	return best
}

// distance counts the changes from a to b, or returns bound when there are at least so
// many. It compares bytes; being off by a little does no harm in a guess.
func distance(a, b string, bound int) int {
	if len(a)-len(b) >= bound || len(b)-len(a) >= bound || len(b) > longest {
		return bound
	}
	var rows [3][longest + 1]int
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
