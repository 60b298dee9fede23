package cli

import (
	"bufio"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/runs"
)

// maxValue is how much of a value is shown to people, in characters.
const maxValue = 60

// showValues shows what jobs handed on, a line for each job.
func showValues(w *bufio.Writer, jobs []runs.JobView) {
	first := true
	for i := range jobs {
		values := jobs[i].Values
		if len(values) == 0 {
			continue
		}
		if first {
			fmt.Fprint(w, "\nvalues\n")
			first = false
		}
		pairs := make([]string, 0, len(values))
		for _, name := range slices.Sorted(maps.Keys(values)) {
			pairs = append(pairs, name+"="+shortened(oneLine(values[name])))
		}
		fmt.Fprintf(w, "  %s: %s\n", oneLine(string(jobs[i].ID)), strings.Join(pairs, " "))
	}
}

// shortened returns the beginning of a text.
func shortened(text string) string {
	all := []rune(text)
	if len(all) <= maxValue {
		return text
	}
	return string(all[:maxValue-1]) + "…"
}
