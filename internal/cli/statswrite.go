package cli

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/stats"
)

// part is one table of what is shown.
type part struct {
	title string
	head  []string // of the first columns
	names [][]string
	of    []stats.Summary
}

// numbers are the columns that each table ends with.
var numbers = [...]string{"ENDED", "FAILED", "RATE", "RETRIES", "FLAKY", "MEDIAN", "P95", "MAX", "QUEUED", "CPU", "MEMORY"}

// columns are the numbers of a summary, for people.
func columns(s *stats.Summary) []string {
	bad := s.States[run.Failed] + s.States[run.Timeout]
	cpu, memory := "-", "-"
	if s.CPU != nil {
		cpu = inWords(s.CPU)
		if *s.Memory > 0 {
			memory = bytesOf(*s.Memory)
		}
	}
	return []string{
		count(s.Ended), count(bad), percent(s.FailureRate), count(s.Retries), count(s.Flaky),
		inWords(s.Durations.Median), inWords(s.Durations.P95), inWords(s.Durations.Max), inWords(s.Queued.Median), cpu, memory,
	}
}

func count(n int64) string { return strconv.FormatInt(n, 10) }

func percent(rate float64) string { return fmt.Sprintf("%.1f %%", 100*rate) }

// inWords tells seconds, of which there may be none.
func inWords(seconds *float64) string {
	if seconds == nil {
		return "-"
	}
	return runs.Short(time.Duration(*seconds * float64(time.Second)))
}

// parts are the tables of a view. That of all jobs is shown for one application only.
func (v *statisticsJSON) parts() []part {
	var all []part
	if v.Job == "" {
		all = append(all, partOf("", []string{"APPLICATION"}, v.Applications))
	}
	if v.Trend != nil {
		p := part{title: "by " + string(v.By), head: []string{strings.ToUpper(string(v.By))}}
		for _, b := range *v.Trend {
			p.names, p.of = append(p.names, []string{b.From.Format(time.DateOnly)}), append(p.of, b.Summary)
		}
		all = append(all, p)
	}
	both := []string{"APPLICATION", "JOB"}
	if v.Application != "" {
		both = both[1:]
	}
	if v.Application != "" && v.Slowest == nil && v.Flakiest == nil || v.Job != "" {
		all = append(all, partOf("jobs", both, v.Jobs))
	}
	if v.Slowest != nil {
		all = append(all, partOf("slowest", both, *v.Slowest))
	}
	if v.Flakiest != nil {
		all = append(all, partOf("flakiest", both, *v.Flakiest))
	}
	return all
}

func partOf(title string, head []string, list []namedJSON) part {
	p := part{title: title, head: head}
	for i := range list {
		names := []string{oneLine(list[i].Application), oneLine(string(list[i].Job))}
		if head[0] == "JOB" {
			names = names[1:]
		}
		p.names, p.of = append(p.names, names[:len(head)]), append(p.of, list[i].Summary)
	}
	return p
}

// period says from when on things are counted.
func (v *statisticsJSON) period() string {
	if v.Since == nil {
		return "all that ended"
	}
	return "what began since " + v.Since.Format(time.DateOnly)
}

// writeStatistics writes for a person.
func (c *command) writeStatistics(v *statisticsJSON) error {
	out := bufio.NewWriterSize(c.Out, 1<<16)
	paint := c.paint()
	fmt.Fprintln(out, v.period())
	for _, p := range v.parts() {
		fmt.Fprintln(out)
		if p.title != "" {
			fmt.Fprintln(out, p.title)
		}
		if len(p.of) == 0 {
			fmt.Fprintln(out, "  nothing")
			continue
		}
		var t table
		t.add(append(p.head, numbers[:]...)...)
		for i := range p.of {
			t.add(append(p.names[i], columns(&p.of[i])...)...)
		}
		t.write(out, "", func(row, _ int, padded string) string {
			if row == 0 {
				return paint.bold(padded)
			}
			return padded
		})
	}
	return fault.Wrap(out.Flush(), fault.Unavailable, "the output can't be written")
}

// writeStatisticsMarkdown writes the same tables for a report.
func (c *command) writeStatisticsMarkdown(v *statisticsJSON) error {
	out := bufio.NewWriterSize(c.Out, 1<<16)
	fmt.Fprintf(out, "Statistics of %s\n", v.period())
	for _, p := range v.parts() {
		if p.title != "" {
			fmt.Fprintf(out, "\n## %s\n", p.title)
		}
		head := append(p.head, numbers[:]...)
		fmt.Fprintf(out, "\n| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat(" --- |", len(head)))
		for i := range p.of {
			cells := make([]string, 0, len(head))
			for _, name := range p.names[i] {
				cells = append(cells, strings.ReplaceAll(codeSpan(name), "|", `\|`))
			}
			fmt.Fprintf(out, "| %s |\n", strings.Join(append(cells, columns(&p.of[i])...), " | "))
		}
	}
	return fault.Wrap(out.Flush(), fault.Unavailable, "the output can't be written")
}

// csvHead are the columns of stats --csv. They are documented in docs/statistics.md.
var csvHead = [...]string{
	"kind", "application", "job", "from", "ended", "success", "failed", "timeout", "cancelled", "skipped", "failure_rate", "resumed",
	"tries", "retries", "flaky", "flaky_rate", "duration_count", "duration_mean", "duration_median", "duration_p95", "duration_max",
	"queue_count", "queue_mean", "queue_median", "queue_p95", "queue_max", "cpu_seconds", "max_rss_bytes",
}

// writeStatisticsCSV writes everything in one table; kind says what a row is.
func (c *command) writeStatisticsCSV(v *statisticsJSON) error {
	out := csv.NewWriter(c.Out)
	_ = out.Write(csvHead[:]) // Flush keeps the error
	rows := func(kind string, list []namedJSON) {
		for i := range list {
			_ = out.Write(csvRow(kind, list[i].Application, string(list[i].Job), "", &list[i].Summary))
		}
	}
	rows("application", v.Applications)
	rows("job", v.Jobs)
	if v.Trend != nil {
		for _, b := range *v.Trend {
			_ = out.Write(csvRow(string(v.By), v.Application, string(v.Job), b.From.Format(time.DateOnly), &b.Summary))
		}
	}
	if v.Slowest != nil {
		rows("slowest", *v.Slowest)
	}
	if v.Flakiest != nil {
		rows("flakiest", *v.Flakiest)
	}
	out.Flush()
	return fault.Wrap(out.Error(), fault.Unavailable, "the output can't be written")
}

func csvRow(kind, application, job, from string, s *stats.Summary) []string {
	row := []string{kind, application, job, from, count(s.Ended)}
	for _, state := range []run.State{run.Success, run.Failed, run.Timeout, run.Cancelled, run.Skipped} {
		row = append(row, count(s.States[state]))
	}
	row = append(row, decimal(&s.FailureRate), count(s.Resumed), count(s.Tries), count(s.Retries), count(s.Flaky), decimal(&s.FlakyRate))
	for _, d := range []stats.Spread{s.Durations, s.Queued} {
		row = append(row, count(d.Count), decimal(d.Mean), decimal(d.Median), decimal(d.P95), decimal(d.Max))
	}
	memory := ""
	if s.Memory != nil {
		memory = count(*s.Memory)
	}
	return append(row, decimal(s.CPU), memory)
}

// decimal writes a number, and nothing for none.
func decimal(n *float64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatFloat(*n, 'f', -1, 64)
}
