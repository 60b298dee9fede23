package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// table collects results by name, in the order in which they come first.
type table struct {
	names  []string
	values map[string][]float64
}

func newTable() *table { return &table{values: make(map[string][]float64)} }

func (t *table) add(name string, value float64) {
	if _, known := t.values[name]; !known {
		t.names = append(t.names, name)
	}
	t.values[name] = append(t.values[name], value)
}

// latency adds the middle and the slow end of how long something took.
func (t *table) latency(name string, took []time.Duration) {
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	t.add(name+" p50, ms", ms(took[len(took)/2]))
	t.add(name+" p99, ms", ms(took[len(took)*99/100]))
}

func ms(d time.Duration) float64 { return d.Seconds() * 1000 }

func (t *table) print(w io.Writer) {
	fmt.Fprintln(w, "| | median | least | most |")
	fmt.Fprintln(w, "| --- | --- | --- | --- |")
	for _, name := range t.names {
		v := t.values[name]
		slices.Sort(v)
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", name, number(v[len(v)/2]), number(v[0]), number(v[len(v)-1]))
	}
}

func number(v float64) string {
	if v >= 1000 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
