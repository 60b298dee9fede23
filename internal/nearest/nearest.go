// Package nearest finds the word that somebody probably meant.
package nearest

import (
	"strings"
	"unicode/utf8"
)

// Of returns the candidate that is nearest to word, or "" when none is near enough:
// within a third of the word's length in edits (insert, delete, replace, swap of
// neighbours), at least one. Case does not count. Among equals the first wins.
func Of(word string, candidates []string) string {
	word = strings.ToLower(word)
	limit := max(1, utf8.RuneCountInString(word)/3)
	best := ""
	for _, c := range candidates {
		if d := distance([]rune(word), []rune(strings.ToLower(c)), limit); d <= limit {
			best, limit = c, d-1
		}
	}
	return best
}

// distance is the optimal string alignment distance, or limit+1 when it is above limit.
func distance(a, b []rune, limit int) int {
	if abs(len(a)-len(b)) > limit {
		return limit + 1
	}
	before, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := row[0]
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least > limit {
			return limit + 1
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
